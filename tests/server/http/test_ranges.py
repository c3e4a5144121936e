"""Ranges of tiles by RFC 9110 §14: which fields mean a part, which the whole, and which cannot be satisfied."""

from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from tests.support.app import client, layer, problem
from tests.support.tiffs import gdal_tiff

TILE: Final = "/layers/a/tiles/native/1/1/0.tif"
OGC: Final = "/collections/a/map/tiles/native/1/0/1?f=tif"
KVP: Final = (
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer=a&style=default&format=image/tiff;application=geotiff"
    "&tilematrixset=native.a&tilematrix=1&tilerow=0&tilecol=1"
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("app")
    (folder / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(folder, layer("a", "a.tif"))


@pytest.mark.parametrize("url", [TILE, OGC])
@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=0-", slice(0, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-99999999", slice(0, None)),
        ("bytes=50-99999999", slice(50, None)),
        ("BYTES=0-9", slice(0, 10)),
        ("bytes= 0-9 ", slice(0, 10)),
        ("bytes=007-009", slice(7, 10)),
        ("bytes=5-18446744073709551615", slice(5, None)),
        ("bytes=-18446744073709551615", slice(0, None)),
        ("bytes=,0-9, ,", slice(0, 10)),
    ],
)
def test_a_range_is_a_part(field: str, part: slice, url: str, app: FlaskClient) -> None:
    whole = app.get(url).data
    reply = app.get(url, headers={"Range": field})
    first, last, _ = part.indices(len(whole))
    assert (reply.status_code, reply.data) == (206, whole[part])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole)}"
    assert reply.content_length == len(reply.data)


@pytest.mark.parametrize("url", [TILE, OGC])
@pytest.mark.parametrize(
    "field",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-0", "bytes=0", "bytes=0-9-", "bytes=+0-9"),
        *("bytes=0x0-9", "bytes=\u00b2-9", "bytes 0-9", "bytes=0-9;x", "bytes=" + "9" * 5000 + "-"),
        *("bytes=0-9,20-29", "bytes=0-0, -1", "bytes=," * 500, "rows=0-9", "none"),
    ],
    ids=lambda field: field[:12],
)
def test_what_is_no_single_range_is_the_whole(field: str, url: str, app: FlaskClient) -> None:
    whole = app.get(url)
    reply = app.get(url, headers={"Range": field})
    assert (reply.status_code, reply.data, dict(reply.headers)) == (200, whole.data, dict(whole.headers))


@pytest.mark.parametrize("url", [TILE, OGC])
@pytest.mark.parametrize("field", ["bytes={size}-", "bytes={size}-{size}", "bytes=999999999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(field: str, url: str, app: FlaskClient) -> None:
    size_bytes = len(app.get(url).data)
    reply = app.get(url, headers={"Range": field.format(size=size_bytes)})
    assert f"within {size_bytes} bytes" in problem(reply, 416)
    assert reply.headers.getlist("Content-Range") == [f"bytes */{size_bytes}"]
    as_report = app.get(KVP, headers={"Range": "bytes=99999999-"})
    assert (as_report.status_code, as_report.content_type) == (416, "application/xml")
    assert as_report.headers["Content-Range"].startswith("bytes */")


@pytest.mark.parametrize("url", [TILE, OGC])
@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("{etag}", 206),
        (" {etag} ", 206),
        ("W/{etag}", 200),
        ('"other"', 200),
        ("*", 200),
        ("", 200),
        ('{etag}, "other"', 200),
        ("Sat, 28 Nov 2026 12:00:00 GMT", 200),
    ],
)
def test_a_part_is_never_of_another_version(if_range: str, status: int, url: str, app: FlaskClient) -> None:
    whole = app.get(url)
    field = if_range.format(etag=whole.headers["ETag"])
    for wanted in ("bytes=0-9", "bytes=99999999-"):
        reply = app.get(url, headers={"Range": wanted, "If-Range": field})
        assert reply.status_code == (416 if status == 206 and "999" in wanted else status)
        if reply.status_code == 200:
            assert reply.data == whole.data


@pytest.mark.parametrize("url", [TILE, OGC])
def test_a_client_that_has_the_tile_is_told_so_whatever_the_range(url: str, app: FlaskClient) -> None:
    etag = app.get(url).headers["ETag"]
    for wanted in ("bytes=0-9", "bytes=99999999-"):
        reply = app.get(url, headers={"Range": wanted, "If-None-Match": etag, "If-Range": etag})
        assert (reply.status_code, reply.data, "Content-Range" in reply.headers) == (304, b"", False)


@pytest.mark.parametrize("url", [TILE, OGC])
def test_head_knows_no_ranges(url: str, app: FlaskClient) -> None:
    """RFC 9110 §14.2: GET alone has them."""
    whole = app.get(url)
    for wanted in ("bytes=0-9", "bytes=99999999-"):
        head = app.head(url, headers={"Range": wanted})
        assert (head.status_code, head.data, dict(head.headers)) == (200, b"", dict(whole.headers))


@pytest.mark.parametrize("empty", ["204", "404", "transparent"])
def test_ranges_of_a_tile_that_is_left_out(empty: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("sparse"))
    app = client(tmp_path, layer("a", "a.tif", f"empty = '{empty}'"))
    reply = app.get("/layers/a/tiles/native/0/4/2.png", headers={"Range": "bytes=1-3"})
    assert (reply.status_code, reply.data) == {"204": (204, b""), "404": (404, b"")}.get(empty, (206, b"PNG"))


def test_a_part_of_a_coded_tile_is_of_the_coded_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("deflate"))
    app = client(tmp_path, layer("a", "a.tif"))
    url = "/layers/a/tiles/native/0/0/0.bin"
    coded, plain = (app.get(url, headers={"Accept-Encoding": coding}) for coding in ("deflate", "identity"))
    assert coded.data != plain.data
    range_of_coded = {"Range": "bytes=3-12", "If-Range": coded.headers["ETag"]}
    part = app.get(url, headers={"Accept-Encoding": "deflate", **range_of_coded})
    assert (part.status_code, part.data, part.headers["Content-Encoding"]) == (206, coded.data[3:13], "deflate")
    other = app.get(url, headers={"Accept-Encoding": "identity", **range_of_coded})
    assert (other.status_code, other.data) == (200, plain.data)
