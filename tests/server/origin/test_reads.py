"""Reads at the origin and memory for a tile: of a file whose index alone has 60 MB, and of a tile with its mask."""

import re
import struct
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import requests
from flask.testing import FlaskClient

from tests.support import handmade as hm
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

SIDES: Final = (1_000_000, 500_000, 250_000, 977)
"""Sizes of the levels, in pixels."""
TILE: Final = 512

Key = tuple[int, int, int]
"""Level, column and row."""

TILES: Final[Mapping[Key, bytes]] = {
    key: zlib.compress(bytes([number + 1]) * TILE * TILE)
    for number, key in enumerate([(0, 0, 0), (0, 1000, 3), (0, 1001, 3), (0, 1953, 1953), (1, 976, 0), (3, 1, 1)])
}
"""The stored tiles; all others are sparse."""


def huge_tiff() -> bytes:
    """A BigTIFF of 1,000,000 × 1,000,000 pixels: directories, five million places in the index, a handful of tiles."""
    counts = [(-(-side // TILE)) ** 2 for side in SIDES]
    at = 65536
    ifds: list[hm.Ifd] = []
    arrays: list[tuple[int, int]] = []
    for side, count in zip(SIDES, counts, strict=True):
        arrays.append((at, at + 8 * count))
        small = hm.image(16, 16, (16, 16), subfile=hm.REDUCED if ifds else 0)
        claims: dict[int, hm.Field] = {
            hm.OFFSETS: hm.Claim(hm.LONG8, count, arrays[-1][0]),
            hm.COUNTS: hm.Claim(hm.LONG, count, arrays[-1][1]),
        }
        size: dict[int, hm.Field] = {tag: (hm.LONG, [side]) for tag in (hm.WIDTH, hm.LENGTH)}
        tile: dict[int, hm.Field] = {tag: (hm.SHORT, [TILE]) for tag in (hm.TILE_WIDTH, hm.TILE_LENGTH)}
        ifds.append(small.having({**size, **tile, **claims, hm.COMPRESSION: (hm.SHORT, [8])}).but(tiles=()))
        at += 12 * count
    data = bytearray(at)
    header = hm.tiff(*ifds, big=True)
    data[: len(header)] = header
    for (level, col, row), stored in TILES.items():
        number = row * -(-SIDES[level] // TILE) + col
        struct.pack_into("<Q", data, arrays[level][0] + 8 * number, len(data))
        struct.pack_into("<I", data, arrays[level][1] + 4 * number, len(stored))
        data += stored
    return bytes(data)


@pytest.fixture(scope="module")
def huge() -> bytes:
    return huge_tiff()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/mask.tif", gdal_tiff("jpeg-mask"))
        yield running


def url_of(key: Key) -> str:
    level, col, row = key
    return f"/layers/huge/tiles/native/{len(SIDES) - 1 - level}/{col}/{row}.bin"


def served(server: Gunicorn, key: Key) -> bytes:
    """The samples of a tile, which requests has decompressed."""
    reply = requests.get(server.url + url_of(key), timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.content


@pytest.mark.parametrize("key", [(0, 1000, 3), (0, 1953, 1953), (3, 1, 1)])
def test_the_first_tile_of_a_huge_file_costs_a_few_small_reads(
    key: Key, huge: bytes, origin: Origin, tmp_path: Path
) -> None:
    origin.put("/huge.tif", huge)
    app = client(tmp_path, layer("huge", f"{origin.url}/huge.tif"))
    reply = app.get(url_of(key), headers={"Accept-Encoding": "deflate"})
    assert reply.data == TILES[key]
    start = huge.index(TILES[key])
    ranges = origin.ranges("/huge.tif")
    assert ranges.pop() == (start, start + len(TILES[key])), "the tile itself"
    assert len(ranges) <= 4
    assert sum(read[1] - read[0] for read in ranges if read) <= 128 << 10


def test_a_huge_file_adds_little_to_the_memory_of_a_worker(huge: bytes, origin: Origin, tmp_path: Path) -> None:
    origin.put("/huge.tif", huge)
    app = client(tmp_path, layer("mask", f"{origin.url}/mask.tif") + layer("huge", f"{origin.url}/huge.tif"))
    assert app.get("/layers/mask/tiles/native/0/0/0.tif").status_code == 200  # loads what all layers need
    tracemalloc.start()
    try:
        for key, stored in TILES.items():
            assert app.get(url_of(key), headers={"Accept-Encoding": "deflate"}).data == stored
            _, peak_bytes = tracemalloc.get_traced_memory()
            assert peak_bytes < 2 << 20
    finally:
        tracemalloc.stop()


def test_with_redis_the_header_of_a_huge_file_is_read_by_one_worker_for_all(huge: bytes, origin: Origin) -> None:
    origin.put("/huge.tif", huge)
    config = layer("huge", f"{origin.url}/huge.tif")
    with RedisServer() as redis:
        environment = {"WEB_CONCURRENCY": "1", "REDIS_URL": redis.url}
        with Gunicorn(environment, config) as server:
            assert served(server, (0, 1000, 3)) == zlib.decompress(TILES[0, 1000, 3])
        so_far = len(origin.ranges("/huge.tif"))
        with Gunicorn(environment, config) as server:
            assert served(server, (0, 1000, 3)) == zlib.decompress(TILES[0, 1000, 3])
            assert set(origin.ranges("/huge.tif")[so_far:]) <= {(0, 1)}, "but for a look at the version"
            so_far = len(origin.ranges("/huge.tif"))
            assert served(server, (0, 1001, 3)) == zlib.decompress(TILES[0, 1001, 3])
            start = huge.index(TILES[0, 1001, 3])
            assert origin.ranges("/huge.tif")[so_far:] == [(start, start + len(TILES[0, 1001, 3]))]


@pytest.fixture
def masked(origin: Origin, tmp_path: Path) -> FlaskClient:
    """A client of a JPEG file whose masks lie behind the tiles, with its header known and no tile."""
    assert re.search(rb"MASK_INTERLEAVED_WITH_IMAGERY=YES", gdal_tiff("jpeg-mask")[:1000])
    app = client(tmp_path, layer("mask", f"{origin.url}/mask.tif"))
    assert app.get("/layers/mask").status_code == 200
    return app


@pytest.mark.parametrize("suffix", [".tif", ".png", ""])
def test_a_tile_and_its_mask_are_one_read(suffix: str, masked: FlaskClient, origin: Origin) -> None:
    so_far = len(origin.ranges("/mask.tif"))
    for number, place in enumerate(["2/1/1", "2/1/2", "1/0/0"], start=1):
        assert masked.get(f"/layers/mask/tiles/native/{place}{suffix}").status_code in (200, 204)
        assert len(origin.ranges("/mask.tif")) - so_far == number


@pytest.mark.parametrize("place", ["3/1/1", "3/0/0", "3/2/4"])
def test_the_form_of_a_tile_is_chosen_once(place: str, masked: FlaskClient, origin: Origin, tmp_path: Path) -> None:
    """Tiles that are whole, hidden in part and hidden as a whole."""
    path = f"/layers/mask/tiles/native/{place}"
    so_far = len(origin.ranges("/mask.tif"))
    first = masked.get(path)
    assert len(origin.ranges("/mask.tif")) - so_far == 1
    for method in ("GET", "HEAD", "GET"):
        again = masked.open(path, method=method)
        assert (again.status_code, again.headers["ETag"]) == (first.status_code, first.headers["ETag"])
        assert again.content_type == first.content_type
    not_modified = masked.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (not_modified.status_code, len(origin.ranges("/mask.tif")) - so_far) == (304, 1)


@pytest.mark.parametrize("place", ["3/1/1", "3/0/0", "3/2/4"])
def test_a_tile_that_the_client_has_is_not_read_to_choose_its_form(
    place: str, masked: FlaskClient, origin: Origin, tmp_path: Path
) -> None:
    """By a worker that has the header and no tile."""
    path = f"/layers/mask/tiles/native/{place}"
    etag = masked.get(path).headers["ETag"]
    other = client(tmp_path, layer("mask", f"{origin.url}/mask.tif"))
    assert other.get("/layers/mask").status_code == 200
    so_far = len(origin.ranges("/mask.tif"))
    for _ in range(2):
        assert other.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert len(origin.ranges("/mask.tif")) == so_far


def test_a_picture_without_its_mask_reads_the_tile_alone(masked: FlaskClient, origin: Origin) -> None:
    so_far = len(origin.ranges("/mask.tif"))
    assert masked.get("/layers/mask/tiles/native/2/1/1.jpg").status_code == 200
    ((start, stop),) = [read for read in origin.ranges("/mask.tif")[so_far:] if read]
    assert gdal_tiff("jpeg-mask")[stop - 2 : stop] == b"\xff\xd9"
    assert gdal_tiff("jpeg-mask")[start : start + 2] == b"\xff\xd8"
