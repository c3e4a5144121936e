"""Collections by a template: the names that there are, and the files that they stand for."""

import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.app import ROOT, client, layer, problem

VALLEY = ROOT / "data" / "valley.tif"
TILE = "tiles/native/0/0/0.webp"
CONFIG = """
[collections.ortho]
uri = "ortho/{year}/{sheet}.tif"
match = { year = "20[0-9]{2}", sheet = "[A-Za-z0-9/._-]+" }
title = "Ortho {year}, sheet {sheet}"
max_age_s = 77
"""


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    for path in ("ortho/2024/AX31.tif", "ortho/2024/north/AX32.tif", "ortho/2024/.hidden.tif", "secret.tif"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(VALLEY, tmp_path / path)
    (tmp_path / "ortho" / "2024" / "text.tif").write_text("no TIFF")
    return client(tmp_path, layer("valley", VALLEY) + CONFIG)


def test_a_member_is_the_layer_of_its_file(app: FlaskClient) -> None:
    expected = app.get(f"/layers/valley/{TILE}")
    for name in ("ortho:2024:AX31", "ortho%3A2024%3aAX31", "ortho:2024:north~AX32", "ortho:2024:north%7EAX32"):
        reply = app.get(f"/layers/{name}/{TILE}")
        assert (reply.status_code, reply.data) == (200, expected.data), name
        assert reply.headers["Cache-Control"] == "public, max-age=77"
    about = app.get("/layers/ortho:2024:AX31").get_json()
    assert (about["name"], about["title"]) == ("ortho:2024:AX31", "Ortho 2024, sheet AX31")
    versioned = app.get(f"/layers/ortho:2024:AX31@{about['version']}/{TILE}")
    assert "immutable" in versioned.headers["Cache-Control"]


@pytest.mark.parametrize(
    "name",
    [
        "1999:AX31",
        "2024",
        "2024:AX31:more",
        "2024:",
        "2024:..~..~secret",
        "2024:%2e%2e~%2e%2e~secret",
        "2024:../../secret",
        "2024:~AX31",
        "2024:north~~AX32",
        "2024:.hidden",
        "2024:a~.hidden",
        "2024:AX31%00",
        "2024:AX31%0a",
        "२०२४:AX31",
        "2024:" + "A" * 150,
        "2024:" + "A" * 5000,
        "2024:AX 31",
        "2024:AX%5c31",
    ],
)
def test_a_name_that_the_template_does_not_allow_is_nothing(name: str, app: FlaskClient) -> None:
    for rest in ("", f"/{TILE}", "/gdal.vrt"):
        reply = app.get(f"/layers/ortho:{name}{rest}")
        assert reply.status_code == 404, rest
        assert "secret" not in reply.headers.get("Location", "")


def test_an_allowed_name_without_a_file_is_not_there_until_the_file_is(app: FlaskClient, tmp_path: Path) -> None:
    url = f"/layers/ortho:2023:AX31/{TILE}"
    assert problem(app.get(url), 404) == "the layer's file is not there"
    assert app.get(f"/layers/ortho:2024:text/{TILE}").status_code == 502
    (tmp_path / "ortho" / "2022").mkdir()
    shutil.copy(VALLEY, tmp_path / "ortho" / "2022" / "AX31.tif")
    assert app.get(url.replace("2023", "2022")).status_code == 200


def test_a_template_with_lists_of_values_is_listed(tmp_path: Path) -> None:
    config = "[collections.o]\nuri = '{year}/{kind}.tif'\nmatch = { year = '2024|2018', kind = 'rgb|dem' }\n"
    app = client(tmp_path, config)
    rows = app.get("/layers/o?limit=3").get_json()
    assert [row["name"] for row in rows["layers"]] == ["o:2018:dem", "o:2018:rgb", "o:2024:dem"]
    assert [row["name"] for row in app.get("/layers/o?q=2024+rgb").get_json()["layers"]] == ["o:2024:rgb"]
    assert rows["numberMatched"] == 4
