"""The reply of a tile but for its pixels, which are in `test_oracle`."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from rasterio.io import MemoryFile

from tests.support.app import ROOT, client, layer, problem
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

URL = "/layers/a/tiles/native/1/1/0.jpg"
TILE = {"jpg": "jpeg-ycbcr", "webp": "webp-lossy"}
"""Extension -> a kind of file with such tiles."""
SPARSE = ROOT / "tests" / "data" / "usda_naip_512_webp_z5.tif"


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(tmp_path, layer("a", "a.tif", "max_age_s = 77"))


def first_sparse(app: FlaskClient) -> str:
    """Path of a sparse tile of layer a."""
    finest = app.get("/layers/a").get_json()["levels"][-1]
    urls = [f"/layers/a/tiles/native/{finest['z']}/{x}/0.webp" for x in range(finest["tiles_across"])]
    return next(url for url in urls if app.get(url).status_code != 200)


@pytest.mark.parametrize(("extension", "media_type"), [("jpg", "image/jpeg"), ("webp", "image/webp")])
def test_a_tile_says_all_that_a_client_and_a_cache_need(extension: str, media_type: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff(TILE[extension]))
    reply = client(tmp_path, layer("a", "a.tif", "max_age_s = 77")).get(f"/layers/a/tiles/native/0/0/0.{extension}")
    assert (reply.status, reply.content_type) == ("200 OK", media_type)
    assert reply.headers["Cache-Control"] == "public, max-age=77"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in reply.headers["Access-Control-Expose-Headers"]
    assert int(reply.headers["Content-Length"]) == len(reply.data) > 100
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', reply.headers["ETag"])
    assert not {"Set-Cookie", "Vary", "Server"} & set(reply.headers.keys())


def test_each_layer_has_a_cache_control_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = "[defaults]\nmax_age_s = 0\n" + layer("a", "a.tif", "max_age_s = 5") + layer("b", "a.tif")
    app = client(tmp_path, config)
    replies = [app.get(URL), app.get(URL.replace("/a/", "/b/"))]
    assert [reply.headers["Cache-Control"] for reply in replies] == ["public, max-age=5", "public, max-age=0"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("field", ["{etag}", "W/{etag}", '"x", {etag}', "*", '  "a,b" ,W/{etag},'])
def test_a_known_tile_is_not_sent_again(app: FlaskClient, method: str, field: str) -> None:
    etag = app.get(URL).headers["ETag"]
    not_modified = app.open(URL, method=method, headers={"If-None-Match": field.format(etag=etag)})
    assert (not_modified.status_code, not_modified.data, not_modified.headers["ETag"]) == (304, b"", etag)
    assert not_modified.headers["Cache-Control"] == "public, max-age=77"
    assert not_modified.headers["Access-Control-Allow-Origin"] == "*"
    assert not {"Content-Type", "Content-Length"} & set(not_modified.headers.keys())


@pytest.mark.parametrize("field", ['"x"', "nonsense", "", '"', "W/", '"\xff"'])
def test_another_tile_is_sent(app: FlaskClient, field: str) -> None:
    reply = app.get(URL, headers={"If-None-Match": field})
    assert (reply.status_code, reply.data) == (200, app.get(URL).data)


def test_every_tile_and_format_has_an_etag_of_its_own_that_outlives_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    urls = [
        f"/layers/a/tiles/native/{z}/{x}/{y}.jpg" for z, x, y in ((0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 0, 1))
    ]
    first, second = client(tmp_path, layer("a", "a.tif")), client(tmp_path, layer("a", "a.tif"))
    etags = [first.get(url).headers["ETag"] for url in urls]
    assert len(set(etags)) == len(urls)
    assert [second.head(url).headers["ETag"] for url in urls] == etags


@pytest.mark.parametrize("kind", ["jpeg-ycbcr", "jpeg-rgb", "jpeg-grey", "jpeg-no-tables", "jpeg-mask", "webp-lossy"])
def test_head_says_what_get_says(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff(kind))
    app = client(tmp_path, layer("a", "a.tif"))
    url = f"/layers/a/tiles/native/0/0/0.{'webp' if kind.startswith('webp') else 'jpg'}"
    got, head = app.get(url), app.head(url)
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(got.headers)


def test_head_and_304_read_no_byte_of_the_tile(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif", "cache_tiles = false"))
        etag = app.head(URL).headers["ETag"]
        header = origin.ranges("/a.tif")
        for _ in range(3):
            assert app.head(URL).status_code == 200
            assert app.get(URL, headers={"If-None-Match": etag}).status_code == 304
        assert origin.ranges("/a.tif") == header
        tile = app.get(URL)
        (read,) = origin.ranges("/a.tif")[len(header) :]
        assert read is not None
        assert read[1] - read[0] <= len(tile.data)


def test_a_cold_tile_is_one_read_and_a_hot_one_none(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        assert app.get("/layers/a").status_code == 200
        for url in (URL, URL.replace("/1/1/0.", "/2/0/1.")):
            before = len(origin.requests)
            tiles = {app.get(url).data for _ in range(4)}
            assert len(tiles) == 1
            assert len(origin.requests) == before + 1


@pytest.mark.parametrize("path", [URL, "/layers", "/layers/a", "/", "/health/live", "/layers/a/tiles/native/0/0/x.jpg"])
def test_browsers_may_ask_from_everywhere(app: FlaskClient, path: str) -> None:
    headers = {"Origin": "https://map.example", "Access-Control-Request-Method": "GET"}
    asked = app.options(path, headers=headers | {"Access-Control-Request-Headers": "If-None-Match"})
    assert asked.status_code in (200, 204)
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "HEAD"} <= set(asked.headers["Access-Control-Allow-Methods"].split(", "))
    assert "if-none-match" in asked.headers["Access-Control-Allow-Headers"].lower()
    assert {"GET", "HEAD", "OPTIONS"} <= set(asked.headers["Allow"].split(", "))
    for header in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Methods"):
        assert len(asked.headers.getlist(header)) == 1
    assert app.get(path).headers.getlist("Access-Control-Allow-Origin") == ["*"]


def test_the_query_does_not_matter(app: FlaskClient) -> None:
    plain, other = app.get(URL), app.get(f"{URL}?v=1&x=%00")
    assert (other.status_code, other.data, other.headers["ETag"]) == (200, plain.data, plain.headers["ETag"])


@pytest.mark.parametrize(("empty", "status"), [("", 204), ("empty = '204'", 204), ("empty = '404'", 404)])
def test_a_sparse_tile_is_what_the_layer_says(empty: str, status: int, tmp_path: Path) -> None:
    app = client(tmp_path, layer("a", SPARSE, f"{empty}\nmax_age_s = 9"))
    url = first_sparse(app)
    for method in ("GET", "HEAD"):
        reply = app.open(url, method=method)
        assert (reply.status_code, reply.data) == (status, b"")
        assert reply.headers["Cache-Control"] == "public, max-age=9"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Type" not in reply.headers
    assert ("Content-Length" in app.get(url).headers) == (status == 404)


def test_a_sparse_tile_may_be_a_transparent_picture_where_the_format_can_be_transparent(tmp_path: Path) -> None:
    app = client(tmp_path, layer("a", SPARSE) + layer("b", SPARSE, "empty = 'transparent'"))
    url = first_sparse(app).replace("/a/", "/b/")
    reply, head = app.get(url), app.head(url)
    assert (reply.status_code, reply.content_type) == (200, "image/webp")
    assert dict(head.headers) == dict(reply.headers)
    with MemoryFile(reply.data) as memory, memory.open() as picture:
        assert (picture.count, picture.width, picture.height) == (4, 512, 512)
        assert not picture.read(4).any()
    assert app.get(url, headers={"If-None-Match": reply.headers["ETag"]}).status_code == 304


def test_a_condition_is_heeded_where_the_reply_would_be_a_success(tmp_path: Path) -> None:
    """RFC 9110 §13.2.1: of another reply it is ignored."""
    both = layer("a", SPARSE) + layer("b", SPARSE, "empty = '404'")
    app = client(tmp_path, both)
    url = first_sparse(app)
    etag = app.get(url).headers["ETag"]
    for field in (etag, "*"):
        assert app.get(url, headers={"If-None-Match": field}).status_code == 304
        assert app.get(url.replace("/a/", "/b/"), headers={"If-None-Match": field}).status_code == 404


@pytest.mark.parametrize(
    ("kind", "extension", "reason"),
    [
        ("deflate", "jpg", "DEFLATE, not JPEG"),
        ("lzw", "webp", "LZW, not WebP"),
        ("jpeg-ycbcr", "webp", "JPEG, not WebP; these tiles are offered as: jpg"),
        ("jpeg-ycbcr", "gif", "no such format; these tiles are offered as: jpg"),
    ],
)
def test_a_format_that_a_layer_has_not(kind: str, extension: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff(kind))
    detail = problem(client(tmp_path, layer("a", "a.tif")).get(f"/layers/a/tiles/native/0/0/0.{extension}"), 404)
    assert reason in detail
    assert f"format {extension!r}" in detail
