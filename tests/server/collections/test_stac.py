"""A collection by STAC, as clients see it."""

import json
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.app import ROOT, client, layer, problem
from tests.support.stac import item, items

VALLEY = ROOT / "data" / "valley.tif"
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
