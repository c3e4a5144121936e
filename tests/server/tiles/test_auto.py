"""Tiles at URLs without a format: status, headers and body by what is visible of them."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from flask.testing import FlaskClient

from cogread.image import Level
from cogread.wrap.auto import cut_out
from cogread.wrap.tile import Tile
from tests.support.app import client, layer, problem
from tests.support.decode import decoded
from tests.support.origin import Origin
from tests.support.rasters import noise, raster
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

WHOLE, PART, HIDDEN = "3/1/1", "3/0/0", "3/2/4"
"""Tiles of the kind jpeg-mask by what GDAL's mask leaves of them."""
EMPTY: Final = {"204": (204, None), "404": (404, None), "transparent": (200, "image/webp")}
"""Setting -> status and media type of a tile that is hidden as a whole."""


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    for kind in ("jpeg-mask", "webp-lossy", "deflate-mask", "lerc"):
        (tmp_path / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    cmyk = raster(noise(4, "uint8"), options={"compress": "JPEG", "photometric": "CMYK"})
    (tmp_path / "cmyk.tif").write_bytes(cmyk)
    names = ("jpeg-mask", "webp-lossy", "deflate-mask", "lerc", "cmyk")
    config = "".join(layer(name, f"{name}.tif") for name in names)
    return client(tmp_path, config + "".join(layer(empty, "jpeg-mask.tif", f"empty = '{empty}'") for empty in EMPTY))


def url(name: str, place: str) -> str:
    return f"/layers/{name}/tiles/native/{place}"


@pytest.mark.parametrize(
    ("name", "place", "media_type"),
    [
        ("jpeg-mask", WHOLE, "image/jpeg"),
        ("jpeg-mask", PART, "image/webp"),
        ("webp-lossy", "3/0/0", "image/webp"),
        ("webp-lossy", "3/4/2", "image/webp"),
        ("deflate-mask", "3/0/0", "image/png"),
    ],
)
def test_each_reply_has_its_own_media_type_and_is_not_negotiated(
    name: str, place: str, media_type: str, app: FlaskClient
) -> None:
    for accept in ("*/*", "image/png", "text/html"):
        reply = app.get(url(name, place), headers={"Accept": accept})
        assert (reply.status_code, reply.content_type) == (200, media_type)
        assert "Vary" not in reply.headers
        assert reply.headers["Cache-Control"] == "public, max-age=3600"
    head = app.head(url(name, place))
    assert (head.status_code, head.content_length, head.headers["ETag"]) == (
        200,
        len(reply.data),
        reply.headers["ETag"],
    )
    part = app.get(url(name, place), headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.data) == (206, reply.data[4:10])


def test_a_whole_tile_is_the_stored_one_under_an_etag_of_its_own(app: FlaskClient) -> None:
    auto, stored = app.get(url("jpeg-mask", WHOLE)), app.get(url("jpeg-mask", f"{WHOLE}.jpg"))
    assert auto.data == stored.data
    assert auto.headers["ETag"] != stored.headers["ETag"]
    assert app.get(url("jpeg-mask", WHOLE), headers={"If-None-Match": auto.headers["ETag"]}).status_code == 304
    assert app.get(url("jpeg-mask", WHOLE), headers={"If-None-Match": stored.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("empty", EMPTY)
def test_a_tile_that_is_hidden_as_a_whole_is_what_the_config_says(empty: str, app: FlaskClient) -> None:
    for method in ("GET", "HEAD", "GET", "HEAD", "GET"):
        reply = app.open(url(empty, HIDDEN), method=method)
        assert (reply.status_code, reply.content_type) == EMPTY[empty]
    assert app.get(url(empty, f"{HIDDEN}.jpg")).status_code == 200, "which does not look at the mask"
    if empty == "transparent":
        assert not decoded(reply.data).any()
    not_modified = app.get(url(empty, HIDDEN), headers={"If-None-Match": reply.headers["ETag"]})
    assert not_modified.status_code == (404 if empty == "404" else 304)


@pytest.mark.parametrize("name", ["webp-lossy", "jpeg-mask", "deflate-mask", "jpeg-whole"])
def test_a_tile_that_is_not_stored_is_transparent_if_the_config_says_so(name: str, tmp_path: Path) -> None:
    """Even of JPEG, which has no transparency, and where no stored tile has a hidden pixel."""
    codec = {"webp": "WEBP", "jpeg": "JPEG", "deflate": "DEFLATE"}[name.partition("-")[0]]
    pixels = np.zeros((3, 64, 96), np.uint8)
    pixels[:, :32, :48] = noise(3, "uint8", 32, 48)
    mask = np.full((64, 96), 255, np.uint8) if name.endswith("mask") else None
    options = {"compress": codec, "sparse_ok": "TRUE", "photometric": "RGB"}
    (tmp_path / "a.tif").write_bytes(raster(pixels, mask=mask, options=options))
    app = client(tmp_path, layer("a", "a.tif", "empty = 'transparent'"))
    assert app.get(url("a", "0/0/0")).status_code == 200
    reply = app.get(url("a", "0/1/1"))
    assert (reply.status_code, reply.content_type) == (200, "image/png" if codec == "DEFLATE" else "image/webp")
    assert decoded(reply.data).shape == (4, 32, 48)
    assert not decoded(reply.data).any()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cmyk", "no picture: CMYK of 8 bits a sample has no place in a PNG; these tiles are offered as: tif"),
        ("lerc", "no picture: PNG has no samples of float32; these tiles are offered as: tif, bin"),
    ],
)
def test_tiles_that_make_no_picture_are_not_found(name: str, reason: str, app: FlaskClient) -> None:
    assert problem(app.get(url(name, "0/0/0")), 404) == reason


@pytest.mark.parametrize("path", ["0/0/0.", "0/0/0.auto", "0/0", "0/0/0/", "0/00/0", "0/0/0/0", "0/0/-1"])
def test_a_tile_has_one_url_without_a_format(path: str, app: FlaskClient) -> None:
    problem(app.get(url("jpeg-mask", path)), 404)


def test_a_version_is_immutable_and_an_old_one_leads_to_the_plain_url(app: FlaskClient) -> None:
    version = app.get("/layers/jpeg-mask").get_json()["version"]
    for place in (WHOLE, PART, HIDDEN):
        plain, immutable = app.get(url("jpeg-mask", place)), app.get(url(f"jpeg-mask@{version}", place))
        assert (immutable.data, immutable.headers["ETag"]) == (plain.data, plain.headers["ETag"])
        assert "immutable" in immutable.headers["Cache-Control"]
        assert app.get(url("jpeg-mask@0", place)).headers["Location"] == url("jpeg-mask", place)


def test_the_fleet_makes_a_transparent_tile_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And reads it and its mask once; the second worker has all from the tiers."""
    calls, make = [], cut_out.cut_out

    def counted(level: Level, tile: Tile) -> bytes:
        calls.append(tile)
        return make(level, tile)

    monkeypatch.setattr(cut_out, "cut_out", counted)
    with Origin() as origin, RedisServer() as redis:
        origin.put("/a.tif", gdal_tiff("jpeg-mask"))
        workers = [client(tmp_path, layer("a", f"{origin.url}/a.tif"), {"REDIS_URL": redis.url}) for _ in range(2)]
        bodies = {workers[0].get(url("a", PART)).data for _ in range(3)}
        reads = len(origin.ranges("/a.tif"))
        bodies |= {workers[1].get(url("a", PART)).data for _ in range(3)}
        assert workers[1].head(url("a", PART)).content_length == len(min(bodies))
        assert set(origin.ranges("/a.tif")[reads:]) <= {(0, 1)}, "but for a look at the version"
    assert (len(bodies), len(calls)) == (1, 1)
