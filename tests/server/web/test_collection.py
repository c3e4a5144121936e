"""Collections by HTTP: every document of a layer for a member, and the lists of members."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import rasterio
from flask.testing import FlaskClient

from tests.support.app import ROOT, client, layer, problem
from tests.support.gunicorn import Gunicorn
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

MEMBER: Final = "files:sub~web"
FILES: Final = ("a", "b", "broken", "sub/mask", "sub/web", "z")
NAMES: Final = [f"files:{name.replace('/', '~')}" for name in FILES]
CONFIG: Final = """
[collections.files]
folder = "files"
wmts = true
[collections.any]
uri = "files/{name}.tif"
match = { name = "[a-z]+" }
title = "File {name}"
"""
_KVP: Final = (
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer={}&style=default&format=image/png"
    "&tilematrixset=native.{}&tilematrix=1&tilerow=0&tilecol=1"
)
URLS: Final = (
    *("/layers/{}", "/layers/{}?f=html", "/layers/{}/tilejson.json", "/layers/{}/gdal.vrt", "/layers/{}/gdal.xml"),
    *(
        "/layers/{}/wmts.xml",
        "/layers/{}/cog.tif",
        "/layers/{}/tiles/native/1/1/0.png",
        "/layers/{}/tiles/native/1/1/0",
    ),
    *("/layers/{}/tiles/native/1/1/0.tif", "/wmts/1.0.0/{}/default/native.{}/1/0/1.png", _KVP),
    *("/wmts/1.0.0/{}/default/WebMercatorQuad/14/5968/8432.png", "/tms/1.0.0/{}", "/tms/1.0.0/{}/14/8432/10415.png"),
    *("/collections/{}", "/collections/{}/map/tiles", "/collections/{}/map/tiles/WebMercatorQuad"),
    *("/collections/{}/map/tiles/native/1/0/1?f=png", "/tileMatrixSets/native.{}"),
)
"""URLs of a layer that is aligned to web maps."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collections")
    (folder / "files" / "sub").mkdir(parents=True)
    data = {"sub/web": web_mercator_tiff(compress="DEFLATE", width=700, height=500), "sub/mask": gdal_tiff("jpeg-mask")}
    for name in FILES:
        (folder / "files" / f"{name}.tif").write_bytes(data.get(name) or (ROOT / "data" / "valley.tif").read_bytes())
    (folder / "files" / "broken.tif").write_text("This is no image.")
    return folder


@pytest.fixture
def app(folder: Path) -> FlaskClient:
    return client(folder, layer("layer1", folder / "files/sub/web.tif", "title = 'sub/web'") + CONFIG)


@pytest.mark.parametrize("url", URLS)
def test_a_member_has_every_document_and_tile_of_a_layer(url: str, app: FlaskClient) -> None:
    wanted, actual = (app.get(url.replace("{}", name)) for name in ("layer1", MEMBER))
    assert (wanted.status_code, actual.status_code) == (200, 200), actual.text[:300]
    assert actual.content_type == wanted.content_type
    if actual.content_type.startswith("image/"):
        assert actual.data == wanted.data
    else:
        assert comparable(actual.text, MEMBER) == comparable(wanted.text, "layer1")


def comparable(text: str, name: str) -> str:
    """A document without its name, collection, place of capabilities, and quotes, which shells need for '~'."""
    text = re.sub(rf"{re.escape(name)}(?![a-z.])", "NAME", text)
    text = text.replace("/layers/NAME/wmts.xml", "/wmts/1.0.0/WMTSCapabilities.xml").replace(
        "this layer alone", "all layers"
    )
    text = text.replace('<li><a href="/layers/files">files</a></li>', "")
    return re.sub(r'updateSequence="[0-9]*"|&#39;', "", text)


def test_masks_and_versions_of_a_member_have_urls(app: FlaskClient) -> None:
    assert app.get("/layers/files:sub~mask/mask/native/0/0/0.png").status_code == 200
    version = app.get("/layers/files:a").get_json()["version"]
    for rest in ("/tiles/native/0/0/0.webp", "/gdal.vrt", "/wmts.xml", "/cog.tif"):
        assert "immutable" in app.get(f"/layers/files:a@{version}{rest}").headers["Cache-Control"]
        assert app.get(f"/layers/files:a@0{rest}").headers["Location"] == f"/layers/files:a{rest}"


def test_the_lists_name_collections_and_page_through_their_members(app: FlaskClient) -> None:
    assert [each["name"] for each in app.get("/layers").get_json()["collections"]] == ["files", "any"]
    assert [each["name"] for each in app.get("/layers?q=file+…").get_json()["collections"]] == ["any"]
    pages = list(pages_of(app, "/layers/files?limit=4"))
    assert [page["numberMatched"] for page in pages] == [len(FILES)] * 2
    rows = {row["name"]: row for page in pages for row in page["layers"]}
    assert list(rows) == NAMES
    assert (rows["files:a"]["width"], rows["files:a"]["status"]) == (1024, "ok")
    assert rows["files:broken"]["status"] == "error"
    assert "not a TIFF" in rows["files:broken"]["reason"]
    assert [row["name"] for row in app.get("/layers/files?q=SUB").get_json()["layers"]] == NAMES[3:5]
    listed = [each["id"] for page in pages_of(app, "/collections/files?limit=4") for each in page["collections"]]
    assert listed == [name for name in NAMES if name != "files:broken"]
    assert [each["id"] for each in app.get("/collections").get_json()["collections"]] == ["layer1", "files", "any"]


def pages_of(app: FlaskClient, url: str) -> Iterator[dict[str, Any]]:
    """The pages from this one on, by their links."""
    following: str | None = url
    while following:
        page = app.get(following).get_json()
        yield page
        following = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)


def test_a_list_opens_the_files_of_its_page_alone(app: FlaskClient) -> None:
    for url in ("/", "/layers", "/collections", "/layers/files?limit=2", "/layers/files?limit=2&f=html"):
        assert app.get(url).status_code == 200
    rows = app.get("/layers/files?limit=1000").get_json()["layers"]
    assert [row["status"] for row in rows] == ["ok", "ok", *["not opened yet"] * 4]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "bbox=1,2,3", "bbox=a,b,c,d", "datetime=x", "bbox=0,9,1,8"])
def test_an_invalid_query_is_refused(query: str, app: FlaskClient) -> None:
    assert query.partition("=")[0] in problem(app.get(f"/layers/files?{query}"), 400)


def test_the_page_of_a_collection_has_its_members_or_explains_their_names(app: FlaskClient) -> None:
    text = app.get("/layers/files?limit=3", headers={"Accept": "text/html"}).text
    assert 'href="/layers/files:a"' in text
    assert "not a TIFF" in text
    assert 'rel="next" href="/layers/files?limit=3&amp;after=broken"' in text
    text = app.get("/layers/any", headers={"Accept": "text/html"}).text
    assert "<code>any:{name}</code>" in text
    assert "<code>[a-z]+</code>" in text
    for url in ("/layers/any", "/collections/any"):
        assert app.get(url).status_code == 200
    assert problem(app.get("/layers/any/wmts.xml"), 404).startswith("collection 'any' cannot be listed")


def test_the_page_of_a_member_leads_back_to_its_collection(app: FlaskClient) -> None:
    text = app.get("/layers/files:a", headers={"Accept": "text/html"}).text
    assert '<a href="/layers/files">files</a>' in text.partition("</nav>")[0]


def test_gdal_opens_the_capabilities_of_one_layer_of_a_page_of_members_and_of_all(folder: Path) -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, CONFIG.replace('"files', f'"{folder}/files')) as server:
        documents = {
            "any:a": "/layers/any:a/wmts.xml",
            "files:sub~web": "/layers/files/wmts.xml?limit=2&after=sub~mask",
            "files:a": "/wmts/1.0.0/WMTSCapabilities.xml",
        }
        for name, path in documents.items():
            file = folder / "files" / f"{name.partition(':')[2].replace('~', '/')}.tif"
            place = f"WMTS:{quote(server.url + path, safe=':/?=&~')},layer={name},tilematrixset=native.{name}"
            with (
                rasterio.Env(GDAL_ENABLE_WMS_CACHE="NO"),
                rasterio.open(place) as actual,
                rasterio.open(file) as wanted,
            ):
                assert (actual.width, actual.height, actual.crs) == (wanted.width, wanted.height, wanted.crs)
                assert (actual.read([1, 2, 3]) == wanted.read([1, 2, 3])).all()
