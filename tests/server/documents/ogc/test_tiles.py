"""Tiles by OGC API Tiles: those of the other URLs, in the format that the client wants."""

from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from tests.support.app import client, layer, problem
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

KINDS: Final = ("jpeg-mask", "jpeg-grey", "webp-lossy", "deflate", "lerc", "sparse")
JPG, WEBP, PNG, TIF = "image/jpeg", "image/webp", "image/png", "image/tiff;application=geotiff"
BROWSER: Final = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("layers")
    for kind in KINDS:
        (folder / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    (folder / "aligned.tif").write_bytes(web_mercator_tiff())
    config = "".join(layer(kind, f"{kind}.tif") for kind in (*KINDS, "aligned"))
    return client(
        folder, config + "".join(layer(f"sparse-{empty}", "sparse.tif", f"empty = '{empty}'") for empty in EMPTY)
    )


EMPTY: Final = {"204": 204, "404": 404, "transparent": 200}


def url(name: str, tile: str = "native/1/0/0") -> str:
    return f"/collections/{name}/map/tiles/{tile}"


@pytest.mark.parametrize(
    ("name", "accept", "media_type"),
    [
        ("jpeg-mask", None, WEBP),
        ("jpeg-mask", "*/*", WEBP),
        ("jpeg-mask", BROWSER, WEBP),
        ("jpeg-mask", "image/webp, image/jpeg", JPG),
        ("jpeg-mask", "image/png", PNG),
        ("jpeg-mask", "image/png, image/jpeg", JPG),
        ("jpeg-mask", "image/png, image/jpeg;q=0.9", PNG),
        ("jpeg-mask", "image/*, image/jpeg;q=0", PNG),
        ("jpeg-mask", "image/tiff", TIF),
        ("jpeg-mask", "image/tiff; application=geotiff", TIF),
        ("jpeg-mask", "application/json, image/tiff;application=geotiff, image/webp", TIF),
        ("webp-lossy", BROWSER, WEBP),
        ("webp-lossy", "image/tiff, */*;q=0.1", TIF),
        ("deflate", BROWSER, PNG),
        ("lerc", BROWSER, TIF),
    ],
)
def test_the_client_gets_what_it_wants_most(name: str, accept: str | None, media_type: str, app: FlaskClient) -> None:
    reply = app.get(url(name), headers={} if accept is None else {"Accept": accept})
    assert (reply.status_code, reply.content_type, reply.headers["Vary"]) == (200, media_type, "Accept")


@pytest.mark.parametrize(
    "accept", ["nonsense", "image", "*", "/", "image/", "/png", "*/png", "a b/c", "image/png;q=high", ",;,", '"', "é/é"]
)
def test_a_field_that_makes_no_sense_is_as_good_as_none(accept: str, app: FlaskClient) -> None:
    assert app.get(url("lerc"), headers={"Accept": accept}).content_type == TIF
    assert app.get("/wmts/1.0.0/WMTSCapabilities.xml", headers={"Accept": accept}).content_type == "application/xml"
    assert app.get("/", headers={"Accept": accept}).content_type == "application/json"


def test_what_makes_sense_of_a_field_counts(app: FlaskClient) -> None:
    """Java's own clients send the first."""
    for accept in ("text/html, image/gif, image/png, *; q=.2, */*; q=.2", "image, image/png"):
        assert app.get(url("jpeg-mask"), headers={"Accept": accept}).content_type == PNG


@pytest.mark.parametrize(("f", "media_type"), [("jpg", JPG), ("png", PNG), ("tif", TIF), ("auto", WEBP)])
def test_the_query_goes_before_what_the_client_accepts(f: str, media_type: str, app: FlaskClient) -> None:
    assert app.get(url("jpeg-mask") + f"?f={f}", headers={"Accept": "image/gif"}).content_type == media_type


@pytest.mark.parametrize(
    ("name", "query", "accept"),
    [
        ("lerc", "", "image/jpeg"),
        ("lerc", "", "image/png, image/webp;q=0.5"),
        ("lerc", "?f=png", "*/*"),
        ("jpeg-grey", "?f=webp", "*/*"),
        ("deflate", "", "application/json"),
        ("deflate", "", "*/*;q=0"),
        ("lerc", "", "nonsense, image/jpeg"),
    ],
)
def test_what_cannot_be_had_is_a_406_that_lists_what_can(name: str, query: str, accept: str, app: FlaskClient) -> None:
    said = problem(app.get(url(name) + query, headers={"Accept": accept}), 406)
    assert "image/tiff;application=geotiff (f=tif)" in said
    assert app.get(url(name) + "?f=tif", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("f", ["", "jpeg", "image/png", "bin", "JPG", "x" * 300])
def test_a_format_that_is_none_is_a_400(f: str, app: FlaskClient) -> None:
    assert "jpg, webp, png, jxl, tif" in problem(app.get(url("jpeg-mask") + f"?f={f}"), 400)


@pytest.mark.parametrize(
    ("name", "tile", "suffix"),
    [
        ("jpeg-mask", "native/3/1/4", ""),
        ("jpeg-mask", "native/3/2/4?f=jpg", ".jpg"),
        ("deflate", "native/3/4/1", ""),
        ("deflate", "native/3/4/1?f=png", ".png"),
        ("lerc", "native/0/0/0", ".tif"),
    ],
)
def test_it_is_the_tile_that_other_urls_give(name: str, tile: str, suffix: str, app: FlaskClient) -> None:
    """Here the row comes before the column."""
    place, mark, query = tile.partition("?")
    grid, z, x, y = place.split("/")
    other = app.get(f"/layers/{name}/tiles/{place}{suffix}")
    path = url(name, f"{grid}/{z}/{y}/{x}{mark}{query}")
    for _ in range(2):  # the second is known
        reply = app.get(path)
        assert (reply.status_code, reply.data) == (200, other.data)
        for field in ("ETag", "Cache-Control", "Content-Type", "Access-Control-Allow-Origin"):
            assert reply.headers[field] == other.headers[field]
    head = app.head(path)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", other.headers["ETag"])
    assert head.content_type == other.content_type
    for method in ("GET", "HEAD"):
        not_modified = app.open(path, method=method, headers={"If-None-Match": other.headers["ETag"]})
        assert (not_modified.status_code, not_modified.data, not_modified.headers["Vary"]) == (304, b"", "Accept")
        assert "Content-Type" not in not_modified.headers


def test_tiles_of_web_maps_are_numbered_as_everywhere(app: FlaskClient) -> None:
    limits = app.get("/collections/aligned/map/tiles/WebMercatorQuad").get_json()["tileMatrixSetLimits"][-1]
    z, x, y = limits["tileMatrix"], limits["minTileCol"], limits["maxTileRow"]
    assert x != y
    reply = app.get(url("aligned", f"WebMercatorQuad/{z}/{y}/{x}"))
    assert reply.data == app.get(f"/layers/aligned/tiles/WebMercatorQuad/{z}/{x}/{y}.webp").data
    assert reply.status_code == 200


@pytest.mark.parametrize("empty", EMPTY)
def test_a_tile_that_is_left_out_is_what_the_config_says(empty: str, app: FlaskClient) -> None:
    reply = app.get(url(f"sparse-{empty}", "native/0/2/4"))
    assert (reply.status_code, reply.headers["Vary"]) == (EMPTY[empty], "Accept")
    assert reply.headers.get("Content-Type") == (PNG if empty == "transparent" else None)


@pytest.mark.parametrize(
    "tile",
    [
        "native/9/0/0",
        "native/1/2/0",
        "native/1/0/3",
        "none/0/0/0",
        "WebMercatorQuad/0/0/0",
        "native/0/0/-1",
        "native/0/0/x",
        "native/0/0/1.5",
        "native/0/0/٣",
        "native/0/0/" + "9" * 30,
        "native/x/0/0",
        "native/0/0/0.jpg",
    ],
)
def test_a_tile_that_there_is_not_is_a_404(tile: str, app: FlaskClient) -> None:
    problem(app.get(url("jpeg-mask", tile)), 404)
    problem(app.get(url("none", tile)), 404)


def test_a_replaced_file_is_served_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-grey"))
    app = client(tmp_path, layer("a", "a.tif"))
    first = app.get(url("a", "native/3/0/0"))
    (tmp_path / "a.tif").write_bytes(gdal_tiff("webp-lossy"))
    second = app.get(url("a", "native/3/0/0"))
    assert (first.content_type, second.content_type) == (JPG, WEBP)
    assert first.headers["ETag"] != second.headers["ETag"]
