"""A collection by STAC, as clients see it."""

import json
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.app import ROOT, client, layer, problem
from tests.support.faults import Status, redirect
from tests.support.origin import Origin
from tests.support.stac import item, items, put_all
from tests.support.wait import wait_until

VALLEY = ROOT / "data" / "valley.tif"
RGB = ROOT / "tests" / "data" / "cog_rgb.tif"
TILE = "tiles/native/0/0/0.webp"


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    folder = tmp_path / "stac"
    folder.mkdir()
    shutil.copy(VALLEY, folder / "a.tif")
    properties = {"title": "The valley", "datetime": "2024-05-01T00:00:00Z", "license": "CC0 <b>"}
    features = items(
        item("north/1", "a.tif", properties=properties), item("gone", "gone.tif"), item("out", "../../secret.tif")
    )
    (folder / "items.json").write_text(json.dumps(features))
    config = "[collections.s]\nstac = 'stac/items.json'\ntitle = '{title} {year}'\n"
    return client(tmp_path, layer("valley", VALLEY) + config)


def test_an_item_is_a_layer(app: FlaskClient) -> None:
    reply = app.get(f"/layers/s:north~1/{TILE}")
    assert (reply.status_code, reply.data) == (200, app.get(f"/layers/valley/{TILE}").data)
    about = app.get("/layers/s:north~1").get_json()
    assert (about["title"], about["attribution"]) == ("The valley 2024", "CC0 <b>")
    assert about["attribution_html"] == "CC0 &lt;b&gt;"


def test_a_refused_item_and_a_missing_file_say_so(app: FlaskClient) -> None:
    assert "has no member 'nothing'" in problem(app.get(f"/layers/s:nothing/{TILE}"), 404)
    assert "is not there" in problem(app.get(f"/layers/s:gone/{TILE}"), 404)
    assert "is no layer: its link leads out of the folder" in problem(app.get("/layers/s:out"), 404)
    rows = {row["name"]: row for row in app.get("/layers/s").get_json()["layers"]}
    assert "leads out of the folder" in rows["s:out"]["reason"]


def test_a_changed_item_is_the_layer_of_its_new_file_at_once(tmp_path: Path) -> None:
    shutil.copy(VALLEY, tmp_path / "old.tif")
    (tmp_path / "new.tif").write_bytes(RGB.read_bytes())
    config = "[collections.s]\nstac = 'items.json'\nrefresh_s = 1\n"
    (tmp_path / "items.json").write_text(json.dumps(items(item("a", "old.tif"))))
    app = client(tmp_path, layer("valley", VALLEY) + layer("rgb", RGB) + config)
    old, new = (app.get(f"/layers/{name}/tiles/native/0/0/0.tif") for name in ("valley", "rgb"))
    for _ in range(3):  # in all caches
        assert app.get("/layers/s:a/tiles/native/0/0/0.tif").data == old.data
    (tmp_path / "items.json").write_text(json.dumps(items(item("a", "new.tif"), item("b", "old.tif"))))
    wait_until(lambda: app.get("/layers/s:a/tiles/native/0/0/0.tif").data == new.data)
    assert app.get("/layers/s:a").get_json()["width"] == app.get("/layers/rgb").get_json()["width"]
    (tmp_path / "items.json").write_text(json.dumps(items(item("b", "old.tif"))))
    wait_until(lambda: app.get("/layers/s:a/tiles/native/0/0/0.tif").status_code == 404)
    assert "no member 'a'" in problem(app.get("/layers/s:a/tiles/native/0/0/0.tif"), 404)


def test_a_file_that_redirects_elsewhere_is_not_followed(origin: Origin, other: Origin, tmp_path: Path) -> None:
    put_all(origin.put, {"/items.json": items(item("a", "a.tif"), item("b", "b.tif"))})
    origin.put("/a.tif", VALLEY.read_bytes())
    other.put("/b.tif", VALLEY.read_bytes())
    origin.fail("/b.tif", redirect(f"{other.url}/b.tif"), times=9)
    app = client(tmp_path, f"[collections.s]\nstac = '{origin.url}/items.json'\n")
    assert app.get(f"/layers/s:a/{TILE}").status_code == 200
    detail = problem(app.get(f"/layers/s:b/{TILE}"), 502)
    assert other.host not in detail


def test_a_list_that_cannot_be_read_is_the_error_of_its_collection(origin: Origin, tmp_path: Path) -> None:
    """Not of a layer, and without the path of the list."""
    (tmp_path / "private.json").write_text('{"type": "Topology"}')
    origin.fail("/busy.json", Status(503, {"Retry-After": "7"}), times=99)
    lists = {"lost": "lost.json", "wrong": "private.json", "busy": f"{origin.url}/busy.json"}
    config = "".join(f"[collections.{name}]\nstac = '{place}'\n" for name, place in lists.items())
    app, list_ = client(tmp_path, config), "the list of its members"
    for path in ("/layers/{}", "/layers/{}:a", f"/layers/{{}}:a/{TILE}"):
        assert problem(app.get(path.format("lost")), 404) == f"collection 'lost': {list_} is not there"
        reason = f"collection 'wrong': the origin of {list_} gave a reply that cannot be used"
        assert problem(app.get(path.format("wrong")), 502) == reason
        reply = app.get(path.format("busy"))
        assert problem(reply, 503) == f"collection 'busy': the origin of {list_} is busy"
        assert reply.headers["Retry-After"] == "7"
