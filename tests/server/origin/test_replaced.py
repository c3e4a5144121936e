"""A file that is replaced while it is served: always a tile of one version, and of the new one at once."""

import os
from pathlib import Path
from threading import Event

import pytest

from tests.support.app import client, layer
from tests.support.counting_source import run_threads
from tests.support.origin import EtagKind, Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

OLD, NEW = "jpeg-ycbcr", "jpeg-rgb"
"""Two kinds of files that have a tile at URL, and whose headers do not fit each other."""
URL = "/layers/a/tiles/native/0/0/0.jpg"


def put(path: Path, data: bytes) -> None:
    """Replace the file as careful programs do."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    os.replace(fresh, path)


def tile_of(kind: str, folder: Path) -> bytes:
    (folder / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    reply = client(folder, layer("a", f"{kind}.tif")).get(URL)
    assert reply.status_code == 200
    return bytes(reply.data)


@pytest.mark.parametrize("cache_tiles", ["false", "true"])
def test_the_next_request_after_a_replacement_gets_the_new_tile(cache_tiles: str, tmp_path: Path) -> None:
    old, new = tile_of(OLD, tmp_path), tile_of(NEW, tmp_path)
    path = tmp_path / "a.tif"
    put(path, gdal_tiff(OLD))
    app = client(tmp_path, layer("a", path, f"cache_tiles = {cache_tiles}"))
    before = app.get(URL)
    version = app.get("/layers/a").get_json()["version"]
    put(path, gdal_tiff(NEW))
    after = app.get(URL, headers={"If-None-Match": before.headers["ETag"]})
    assert (before.data, after.status_code, after.data) == (old, 200, new)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert app.get(URL, headers={"If-None-Match": after.headers["ETag"]}).status_code == 304
    assert app.get("/layers/a").get_json()["version"] != version


@pytest.mark.parametrize("cache_tiles", ["false", "true"])
def test_a_tile_is_not_kept_while_one_long_write_goes_through_its_file(cache_tiles: str, tmp_path: Path) -> None:
    """Such a write changes the modification time before any byte, and then no more."""
    path = tmp_path / "a.tif"
    path.write_bytes(gdal_tiff("deflate"))
    app = client(tmp_path, layer("a", path, f"cache_tiles = {cache_tiles}"))
    tile = "/layers/a/tiles/native/0/0/0"
    stored = app.get(f"{tile}.bin", headers={"Accept-Encoding": "deflate"}).data
    for _ in range(4):
        assert stored in app.get(f"{tile}.tif").data
    fresh = stored[:2] + bytes(reversed(stored[2:]))  # the header of zlib is looked at
    begun_ns = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(stored))
        file.write(fresh)
    os.utime(path, ns=(begun_ns, begun_ns))
    assert fresh in app.get(f"{tile}.tif").data


def test_a_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    old, new = tile_of(OLD, tmp_path), tile_of(NEW, tmp_path)
    path = tmp_path / "a.tif"
    put(path, gdal_tiff(OLD))
    app = client(tmp_path, layer("a", path))
    assert app.get(URL).data == old
    path.unlink()
    assert app.get(URL).status_code == 404
    put(path, gdal_tiff(NEW))
    wait_until(lambda: app.get(URL).status_code == 200)
    assert app.get(URL).data == new


def test_no_tile_is_of_two_versions_while_the_file_is_replaced(tmp_path: Path) -> None:
    tiles = {tile_of(kind, tmp_path) for kind in (OLD, NEW)}
    path = tmp_path / "a.tif"
    put(path, gdal_tiff(OLD))
    app = client(tmp_path, layer("a", path)).application
    done = Event()
    seen: dict[str, set[bytes]] = {}
    statuses: list[int] = []

    def replace_or_read(number: int) -> None:
        if number == 0:
            for turn in range(50):
                put(path, gdal_tiff(NEW if turn % 2 == 0 else OLD))
                wait_until(lambda turn=turn: len(statuses) > turn)  # type: ignore[misc]
            done.set()
            return
        reader = app.test_client()
        while not done.is_set():
            reply = reader.get(URL)
            statuses.append(reply.status_code)
            if reply.status_code == 200:
                seen.setdefault(reply.headers["ETag"], set()).add(reply.data)

    run_threads(5, replace_or_read)
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > statuses.count(503)
    assert set.union(*seen.values()) <= tiles
    assert all(len(bodies) == 1 for bodies in seen.values()), "one ETag for two contents"
    assert app.test_client().get(URL).status_code == 200


@pytest.mark.parametrize("etag", ["strong", "weak", "none"])
@pytest.mark.parametrize("revalidate_s", [0, 3600])
def test_an_object_that_is_replaced_at_its_origin(etag: EtagKind, revalidate_s: int, tmp_path: Path) -> None:
    """Even while the old version is trusted: the read of a tile that is not cached yet finds out."""
    old, new = tile_of(OLD, tmp_path), tile_of(NEW, tmp_path)
    other = URL.replace("0/0/0", "1/1/0")
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff(OLD), etag, modified=1_700_000_000)
        config = f"[server]\nrevalidate_s = {revalidate_s}\n" + layer("a", f"{origin.url}/a.tif")
        app = client(tmp_path, config)
        before = app.get(URL)
        origin.put("/a.tif", gdal_tiff(NEW), etag, modified=1_700_000_001)
        assert app.get(other).status_code == 200
        after = app.get(URL, headers={"If-None-Match": before.headers["ETag"]})
        assert (before.data, after.status_code, after.data) == (old, 200, new)


def test_an_object_that_is_gone_is_404_within_the_time_that_it_is_trusted(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff(OLD))
        app = client(tmp_path, "[server]\nrevalidate_s = 0\n" + layer("a", f"{origin.url}/a.tif"))
        assert app.get(URL).status_code == 200
        origin.remove("/a.tif")
        assert app.get(URL).status_code == 404
        origin.put("/a.tif", gdal_tiff(OLD))
        wait_until(lambda: app.get(URL).status_code == 200)
