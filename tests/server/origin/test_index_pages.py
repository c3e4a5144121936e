"""A tile index so large that all its values for one tile lie apart, at the origin: of three bands and a mask, eight."""

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.windows import Window

from server.logs.trace import trace
from server.origin.blocks import BLOCK_BYTES
from tests.support import faults
from tests.support import handmade as hm
from tests.support.app import client, layer
from tests.support.faults import Meet, Status
from tests.support.origin import EtagKind, Fault, Origin
from tests.support.wait import wait_until

PATH: Final = "/a.tif"
TILE: Final = 16
ACROSS, DOWN, BANDS = 129, 128, 3
COUNT: Final = ACROSS * DOWN
COL, ROW = 5, 64
"""Place of the only tile that is stored."""

MASK: Final = f"/layers/a/mask/native/0/{COL}/{ROW}.tif"
PICTURE: Final = f"/layers/a/tiles/native/0/{COL}/{ROW}"


@lru_cache
def huge_tiff(seed: int = 1) -> bytes:
    """Three bands that are stored apart, and a mask. Of each plane the offsets and the counts fill two blocks."""
    fields: dict[int, hm.Field] = {
        hm.PHOTOMETRIC: (hm.SHORT, [2]),
        hm.SCALE: (hm.DOUBLE, [1, 1, 0]),
        hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 0, DOWN * TILE, 0]),
        **index(BANDS, 0, BANDS),
    }
    mask_fields: dict[int, hm.Field] = {hm.PHOTOMETRIC: (hm.SHORT, [4]), **index(1, 2 * BANDS, 2 * BANDS + 1)}
    size = (ACROSS * TILE, DOWN * TILE, (TILE, TILE))
    picture = hm.image(*size, samples=BANDS, planar=2, tiles=()).having(fields)
    mask = hm.image(*size, subfile=hm.MASK, tiles=()).having(mask_fields)
    data = bytearray(hm.tiff(picture, mask).ljust(place(2 * BANDS + 2), b"\0"))
    for offsets, counts in ((0, 3), (1, 4), (2, 5), (6, 7)):
        number = ROW * ACROSS + COL
        struct.pack_into("<I", data, place(offsets) + 4 * number, len(data))
        struct.pack_into("<I", data, place(counts) + 4 * number, TILE * TILE)
        data += Random(seed + offsets).randbytes(TILE * TILE)
    return bytes(data)


def index(planes: int, offsets: int, counts: int) -> dict[int, hm.Field]:
    """An index whose arrays begin as the arrays of these numbers do."""
    arrays = {hm.OFFSETS: offsets, hm.COUNTS: counts}
    return {tag: hm.Claim(hm.LONG, planes * COUNT, place(number)) for tag, number in arrays.items()}


def place(number: int) -> int:
    """Return the start of the array of one plane."""
    return 4096 + 4 * COUNT * number


def pixels(file: bytes, col: int = 0, row: int = 0) -> NDArray[Any]:
    """GDAL's bands and masks of a tile."""
    window = Window(col * TILE, row * TILE, TILE, TILE)
    with MemoryFile(file) as memory, memory.open() as dataset:
        return np.concatenate([dataset.read(window=window), dataset.read_masks(window=window)])


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put(PATH, huge_tiff())
        yield running


@pytest.fixture
def app(origin: Origin, tmp_path: Path) -> FlaskClient:
    """Knows the header, and nothing of the index."""
    sources = '[sources.quick]\ntype = "http"\nread_timeout_s = 0.5\n'
    app = client(tmp_path, sources + layer("a", origin.url + PATH, 'source = "quick"'))
    assert app.get("/layers/a").status_code == 200
    assert origin.ranges(PATH) == [(0, BLOCK_BYTES)]
    return app


def pages(origin: Origin) -> list[tuple[int, int]]:
    """The blocks that were read but for the first."""
    return [read for read in origin.ranges(PATH) if read is not None and read[0] and read[0] % BLOCK_BYTES == 0]


@pytest.mark.parametrize(("url", "number"), [(MASK, 2), (f"{PICTURE}.tif", 8), (f"{PICTURE}.png", 8)])
def test_all_pages_that_a_tile_needs_are_read_at_the_same_time(
    url: str, number: int, app: FlaskClient, origin: Origin
) -> None:
    origin.fail(PATH, Meet(number), times=number)
    so_far = len(origin.ranges(PATH))
    reply = app.get(url)
    assert reply.status_code == 200, reply.text
    assert len(pages(origin)) == number
    assert trace.request.origin_reads == len(origin.ranges(PATH)) - so_far
    assert trace.request.tier == "origin"


def test_a_tile_whose_index_came_in_many_pages_is_right(app: FlaskClient) -> None:
    np.testing.assert_array_equal(pixels(app.get(f"{PICTURE}.tif").data), pixels(huge_tiff(), COL, ROW))
    neighbour = app.get(f"/layers/a/tiles/native/0/{COL + 1}/{ROW}.tif")
    assert neighbour.status_code == 204, "sparse"
    assert trace.request.origin_reads == 0, "all in the pages that are known"


def test_a_sparse_tile_whose_count_is_known_asks_for_no_offset(app: FlaskClient) -> None:
    assert app.get(MASK).status_code == 200
    assert app.get("/layers/a/mask/native/0/100/48.tif").status_code == 204  # its offset is in the page before
    assert trace.request.origin_reads == 0


@pytest.mark.parametrize(("fault", "status"), [(Status(404), 404), (faults.hang, 504)])
def test_a_page_that_cannot_be_read_is_the_error_and_the_other_one_is_kept(
    fault: Fault, status: int, app: FlaskClient, origin: Origin
) -> None:
    origin.fail(PATH, fault)
    assert app.get(MASK).status_code == status
    wait_until(lambda: app.get(MASK).status_code == 200)  # what failed is remembered for a moment
    assert len(pages(origin)) == 3


def test_a_page_of_another_version_has_the_tile_found_anew(app: FlaskClient, origin: Origin) -> None:
    origin.fail(PATH, Status(412))
    assert app.get(MASK).status_code == 200
    assert len(pages(origin)) == 3


@pytest.mark.parametrize("etag", ["strong", "none"])
def test_a_file_that_was_replaced_before_its_pages_were_read_is_served_anew(
    etag: EtagKind, app: FlaskClient, origin: Origin
) -> None:
    origin.put(PATH, huge_tiff(seed=2), etag, 1_800_000_000)
    reply = app.get(f"{PICTURE}.tif")
    assert reply.status_code == 200
    np.testing.assert_array_equal(pixels(reply.data), pixels(huge_tiff(seed=2), COL, ROW))
