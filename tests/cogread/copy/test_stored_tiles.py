"""All stored tiles of a file in the order of the file, in few reads; places are those that tifffile finds."""

from io import BytesIO
from typing import Any

import pytest
import tifffile

from cogread.byterange import ByteRange
from cogread.copy.stored_tiles import stored_tiles
from cogread.errors import SourceChanged, TileDamaged
from cogread.reader import CogReader
from tests.support.counting_source import CountingSource
from tests.support.handmade import COUNTS, LONG, SHORT, image, tiff
from tests.support.memory_source import MemorySource
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff

FILES = {
    **{kind: gdal_tiff(kind) for kind in ("jpeg-mask", "webp-lossy", "lerc")},
    "planes": raster(noise(3, "uint8"), options={"compress": "LZW", "interleave": "BAND"}),
    "big-endian": tiff(
        image(tiles=[b"a" * 512, None, b"c" * 512, b"d" * 512, None, b"f" * 512, *[b""] * 3]), order=">"
    ),
}


def by_tifffile(data: bytes) -> list[tuple[int, int]]:
    """Offsets and sizes of all tiles."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage)]
        places = {place for page in pages for place in zip(page.dataoffsets, page.databytecounts, strict=True)}
    return sorted((offset, size) for offset, size in places if size)


@pytest.mark.parametrize("name", FILES)
def test_all_tiles_come_once_in_the_order_of_the_file(name: str) -> None:
    data = FILES[name]
    source = MemorySource(data)
    reader = CogReader(source)
    tiles = list(stored_tiles(source, reader.cog))
    assert [(tile.place.start, len(tile.data)) for tile in tiles] == by_tifffile(data)
    for tile in tiles:
        level = reader.cog.levels[tile.level]
        stored = level.mask if tile.is_mask else level.image
        assert stored is not None
        assert tile.data == data[tile.place.start : tile.place.stop] != b""
        assert reader.place(stored, tile.col, tile.row, tile.plane) == tile.place


def test_neighbours_are_read_at_once_and_of_one_version() -> None:
    data = gdal_tiff("jpeg-mask")
    source = CountingSource(data)
    cog = CogReader(source).cog
    source.reads.clear()
    tiles = list(stored_tiles(source, cog))
    assert len(tiles) > 40
    assert len(source.reads) < 5

    def replace(wanted: ByteRange) -> None:
        source.data = data + b"\0"

    source.on_read = replace
    with pytest.raises(SourceChanged):
        list(stored_tiles(source, cog))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({COUNTS: (LONG, [512] * 8 + [10**6])}, "tile 8: the bytes .* are not within the file's"),
        ({COUNTS: (SHORT, [512] * 4)}, "tile 4: COUNTS|TILE_BYTE_COUNTS has only 4 values"),
    ],
)
def test_a_tile_outside_of_the_file_is_an_error_that_names_it(fields: Any, error: str) -> None:
    source = MemorySource(tiff(image().having(fields)))
    with pytest.raises(TileDamaged, match=error):
        list(stored_tiles(source, CogReader(source).cog))
