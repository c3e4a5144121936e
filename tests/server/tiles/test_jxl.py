"""JPEG XL as it is served: by the switch of the layer, once for the fleet, of the current version, under limits."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import imagecodecs
import pytest
from flask.testing import FlaskClient
from redis import Redis

from cogread.wrap.jxl import repack
from tests.support.app import ROOT, client, layer, problem
from tests.support.jxl import jxl_tiff
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

TILE: Final = "/layers/a/tiles/native/1/1/0.jxl"
JXL: Final = "jxl = true"


class Repacks:
    """Counts what is repacked, by this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._mutex = threading.Lock()
        self._repack = repack.repack
        monkeypatch.setattr(repack, "repack", self._counted)

    def _counted(self, file: bytes) -> bytes:
        with self._mutex:
            self.number += 1
        return self._repack(file)


@pytest.fixture
def repacks(monkeypatch: pytest.MonkeyPatch) -> Repacks:
    return Repacks(monkeypatch)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        yield running


def app_of(folder: Path, uri: str | Path, more: str = JXL, redis_url: str = "") -> FlaskClient:
    return client(folder, layer("a", uri, more), {"REDIS_URL": redis_url} if redis_url else {})


def local(folder: Path, data: bytes, more: str = JXL) -> FlaskClient:
    (folder / "a.tif").write_bytes(data)
    os.utime(folder / "a.tif", (1e9, 1e9))  # long ago: a file modified just now is not cached
    return app_of(folder, "a.tif", more)


def restored(jxl: bytes) -> bytes:
    return bytes(imagecodecs.jpegxl_decode_jpeg(jxl, numthreads=1))


def test_a_jpeg_layer_with_the_switch_is_offered_as_jxl_everywhere(tmp_path: Path) -> None:
    app = local(tmp_path, gdal_tiff("jpeg-ycbcr"))
    about = app.get("/layers/a").get_json()
    assert about["formats"][:2] == ["jpg", "jxl"]
    assert all("jxl" in level["formats"] for level in about["levels"])
    (link,) = [link for link in about["links"] if link.get("type") == "image/jxl"]
    reply = app.get(link["href"].format(z=1, x=1, y=0))
    assert (reply.status_code, reply.content_type) == (200, "image/jxl")
    assert restored(reply.data) == app.get(TILE.replace("jxl", "jpg")).data
    assert reply.headers["ETag"] != app.get(TILE.replace("jxl", "jpg")).headers["ETag"]
    capabilities = ElementTree.fromstring(app.get("/wmts/1.0.0/WMTSCapabilities.xml").data)
    formats = [element.text for element in capabilities.iter() if element.tag.endswith("}Format")]
    assert formats.index("image/jpeg") < formats.index("image/jxl")
    wmts = app.get("/wmts/1.0.0/a/default/native.a/1/0/1.jxl")
    accepted = app.get("/collections/a/map/tiles/native/1/0/1", headers={"Accept": "image/jxl"})
    assert wmts.data == accepted.data == reply.data
    assert accepted.content_type == "image/jxl"


def test_without_the_switch_it_is_not(tmp_path: Path) -> None:
    app = local(tmp_path, gdal_tiff("jpeg-ycbcr"), "")
    assert "the tiles are JPEG, not JPEG XL" in problem(app.get(TILE), 404)
    assert "jxl" not in app.get("/layers/a").get_json()["formats"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    by_default = client(tmp_path / "b", f"[defaults]\n{JXL}\n" + layer("a", "a.tif"))
    assert by_default.get(TILE).status_code == 200


def test_stored_jpeg_xl_needs_no_switch_and_is_not_touched(tmp_path: Path, repacks: Repacks) -> None:
    for more in ("", JXL):
        app = local(tmp_path, jxl_tiff(3), more)
        about = app.get("/layers/a").get_json()
        assert about["formats"] == ["png", "jxl", "tif"]
        reply = app.get("/layers/a/tiles/native/0/1/0.jxl")
        assert (reply.status_code, reply.content_type) == (200, "image/jxl")
        assert reply.data in (tmp_path / "a.tif").read_bytes()
        assert app.head("/layers/a/tiles/native/0/1/0.jxl").headers["ETag"] == reply.headers["ETag"]
        auto = app.get("/layers/a/tiles/native/0/1/0")
        assert (auto.data, auto.content_type) == (reply.data, "image/jxl")
        assert app.get("/layers/a/tiles/native/0/2/1").content_type == "image/webp", "it is transparent at the edge"
    assert repacks.number == 0


def test_the_fleet_repacks_a_tile_once(tmp_path: Path, origin: Origin, repacks: Repacks) -> None:
    with RedisServer() as redis:
        first, second = (app_of(tmp_path, f"{origin.url}/a.tif", JXL, redis.url) for _ in range(2))
        bodies = {first.get(TILE).data for _ in range(3)}
        requests = len(origin.requests)
        assert second.get("/layers/a").status_code == 200
        with Redis.from_url(redis.url) as shared:
            tiles = list(shared.scan_iter("rawcog:*:tile:*"))
            assert len(tiles) == 2
            shared.delete(*(key for key in tiles if b"jxl" not in key.rpartition(b":")[2]))
        bodies |= {second.get(TILE).data for _ in range(3)}
        etag = second.get(TILE).headers["ETag"]
        assert second.get(TILE, headers={"If-None-Match": etag}).status_code == 304
    assert len(bodies) == 1
    assert repacks.number == 1
    assert len(origin.requests) == requests, "nothing is read that the first worker has read"


def test_threads_that_want_the_same_tile_repack_it_once(tmp_path: Path, origin: Origin, repacks: Repacks) -> None:
    app = app_of(tmp_path, f"{origin.url}/a.tif")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: app.application.test_client().get(TILE), range(16)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.data for reply in replies}) == 1
    assert repacks.number == 1


def test_local_files_are_repacked_once_too_and_anew_when_they_are_replaced(tmp_path: Path, repacks: Repacks) -> None:
    app = local(tmp_path, gdal_tiff("jpeg-ycbcr"))
    before = {app.get(TILE).data for _ in range(4)}
    assert app.head(TILE).status_code == 200
    assert repacks.number == 1
    (tmp_path / "new").write_bytes(gdal_tiff("jpeg-rgb"))
    os.utime(tmp_path / "new", (1e9 + 1, 1e9 + 1))
    os.replace(tmp_path / "new", tmp_path / "a.tif")
    after = {app.get(TILE).data for _ in range(4)}
    assert (len(before), len(after), before & after) == (1, 1, set())
    assert restored(after.pop()) == app.get(TILE.replace("jxl", "jpg")).data
    assert repacks.number == 2


def test_tiles_too_large_for_cached_replies_come_from_the_tiers_of_the_current_file(
    tmp_path: Path, repacks: Repacks
) -> None:
    def put(name: str, modified_s: float) -> None:
        (tmp_path / "new").write_bytes((ROOT / "data" / f"{name}.tif").read_bytes())
        os.utime(tmp_path / "new", (modified_s, modified_s))
        os.replace(tmp_path / "new", tmp_path / "a.tif")

    put("netherlands", 1e9)
    app = client(tmp_path, "[server]\nmemory_bytes = 1048576\n" + layer("a", "a.tif", JXL))
    url = "/layers/a/tiles/native/1/0/0"
    (before,) = {app.get(f"{url}.jxl").data for _ in range(4)}
    assert len(before) > 16384, "the bound of a cached reply"
    assert repacks.number == 1
    put("world", 1e9 + 1)
    (after,) = {app.get(f"{url}.jxl").data for _ in range(4)}
    assert restored(after) == app.get(f"{url}.jpg").data != restored(before)


def test_tiles_that_may_not_be_cached_are_repacked_each_time(tmp_path: Path, repacks: Repacks) -> None:
    app = local(tmp_path, gdal_tiff("jpeg-ycbcr"), f"{JXL}\ncache_tiles = false")
    assert len({app.get(TILE).data for _ in range(3)}) == 1
    assert repacks.number == 3


def test_head_says_what_get_says_and_304_costs_nothing(tmp_path: Path, origin: Origin, repacks: Repacks) -> None:
    app = app_of(tmp_path, f"{origin.url}/a.tif")
    head, got = app.head(TILE), app.get(TILE)
    assert dict(head.headers) == dict(got.headers)
    fresh = app_of(tmp_path, f"{origin.url}/a.tif")
    assert fresh.get("/layers/a").status_code == 200
    requests, number = len(origin.requests), repacks.number
    assert fresh.get(TILE, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304
    assert (len(origin.requests), repacks.number) == (requests, number)
    part = app.get(TILE, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.data) == (206, b"JXL ")


def test_a_broken_jpeg_is_a_bad_gateway_and_others_are_served(tmp_path: Path) -> None:
    data = bytearray(gdal_tiff("jpeg-ycbcr"))
    app = local(tmp_path, bytes(data))
    jpg = app.get(TILE.replace("jxl", "jpg")).data
    scan = jpg[jpg.index(b"\xff\xda") + 14 :]
    at = data.index(scan[:200])
    data[at : at + 200] = b"\xfe" * 200
    app = local(tmp_path, bytes(data))
    for _ in range(2):
        assert "cannot be repacked" in problem(app.get(TILE), 502)
    assert app.get(TILE.replace("/1/1/0", "/1/0/0")).status_code == 200
