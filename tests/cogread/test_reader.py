from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from rasterio.io import MemoryFile
from tifffile import TiffFile, TiffPage

from cogread.byterange import ByteRange
from cogread.errors import (
    FormatError,
    FormatNotOffered,
    SourceChanged,
    SourceError,
    SourceNotFound,
    TileOutOfRange,
    UriError,
)
from cogread.reader import BLOCK_BYTES, CogReader, choose, open_cog, read_cog
from tests.support import handmade as hm
from tests.support.counting_source import CountingSource
from tests.support.decode import block, decoded
from tests.support.memory_source import MemorySource
from tests.support.tiffs import KINDS, gdal_tiff, open_level


@pytest.mark.parametrize("kind", ["jpeg-mask", "webp-rgba", "jpeg-rgb"])
def test_three_lines_give_a_tile_as_stored_and_as_a_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(gdal_tiff(kind))
    with open_cog(str(path)) as reader:
        stored = reader.tile(level=1, col=1, row=0)
        picture = reader.wrapped(level=1, col=1, row=0)
    with TiffFile(path) as oracle:
        page = next(page for page in oracle.pages if isinstance(page, TiffPage) and page.subfiletype == 1)
        oracle.filehandle.seek(page.dataoffsets[1])
        assert stored == oracle.filehandle.read(page.databytecounts[1])
    assert picture is not None
    with MemoryFile(gdal_tiff(kind)) as memory, open_level(memory, 1) as oracle_level:
        wanted = block(oracle_level, 1, 0)
    pixels = decoded(picture.data)[:, : wanted.shape[1], : wanted.shape[2]]
    assert np.array_equal(pixels, wanted[: len(pixels)])
    assert picture.wrapper.media_type == ("image/webp" if kind == "webp-rgba" else "image/jpeg")


@pytest.mark.parametrize("kind", KINDS)
def test_the_stored_bytes_are_those_that_tifffile_reads(kind: str) -> None:
    data = gdal_tiff(kind)
    reader = CogReader(MemorySource(data))
    with TiffFile(BytesIO(data)) as oracle:
        pages = {page.offset: page for page in oracle.pages}
    for number, level in enumerate(reader.cog.levels):
        page, image = pages[level.image.directory.offset], level.image
        last = (image.tiles_across - 1, image.tiles_down - 1, image.planes - 1)
        for col, row, plane in [(0, 0, 0), (image.tiles_across - 1, 0, 0), (0, image.tiles_down - 1, 0), last]:
            index = (plane * image.tiles_down + row) * image.tiles_across + col
            offset, count = page.dataoffsets[index], page.databytecounts[index]
            assert reader.tile(number, col, row, plane) == (data[offset : offset + count] or None)


def test_masks_are_read_beside_their_level() -> None:
    data = gdal_tiff("deflate-mask")
    reader = CogReader(MemorySource(data))
    with TiffFile(BytesIO(data)) as oracle:
        masks = [page for page in oracle.pages if page.subfiletype & 4]
    for level, page in enumerate(masks):
        assert reader.mask(level, 0, 0) == data[page.dataoffsets[0] :][: page.databytecounts[0]]
    assert reader.mask(0, 3, 2) == data[masks[0].dataoffsets[13] :][: masks[0].databytecounts[13]]
    assert CogReader(MemorySource(gdal_tiff("deflate"))).mask(0, 0, 0) is None
    with pytest.raises(TileOutOfRange, match="level 4: wanted 0 to 3"):
        reader.mask(4, 0, 0)


def test_a_sparse_tile_is_none_in_every_form() -> None:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [7])}
    reader = CogReader(MemorySource(hm.tiff(hm.image(tiles=(None,) * 9).having(fields))))
    assert reader.tile(0, 0, 0) is None
    assert reader.wrapped(0, 0, 0) is None
    assert CogReader(MemorySource(gdal_tiff("sparse"))).tile(0, 4, 2) is None


@pytest.mark.parametrize("level", [-1, 4, 2**70])
def test_names_the_levels_that_there_are(level: int) -> None:
    with pytest.raises(TileOutOfRange, match=f"level {level}: wanted 0 to 3"):
        CogReader(MemorySource(gdal_tiff("webp-lossy"))).tile(level, 0, 0)


@pytest.mark.parametrize(("col", "row"), [(5, 0), (0, 3), (-1, 0)])
def test_a_tile_outside_of_the_grid_is_out_of_range(col: int, row: int) -> None:
    with pytest.raises(TileOutOfRange, match=f"col {col}, row {row}"):
        CogReader(MemorySource(gdal_tiff("webp-lossy"))).wrapped(0, col, row)


def test_a_small_header_is_one_read_and_a_tile_another() -> None:
    source = CountingSource(gdal_tiff("webp-lossy"))
    assert len(source.data) < BLOCK_BYTES
    reader = CogReader(source)
    assert source.reads == [ByteRange(0, BLOCK_BYTES)]
    stored = reader.tile(0, 3, 1)
    assert stored is not None
    assert [wanted.size_bytes for wanted in source.reads[1:]] == [len(stored)]
    assert source.probes == 0


@pytest.mark.parametrize("first_read_bytes", [0, 1, 16, 300, 16384, 10**9])
def test_the_size_of_the_first_read_changes_nothing_but_the_reads(first_read_bytes: int) -> None:
    source = CountingSource(gdal_tiff("webp-lossless"))
    reader = CogReader(source, first_read_bytes)
    assert source.reads[0] == ByteRange(0, max(first_read_bytes, 16))
    assert len(source.reads) <= 2
    assert reader.cog == CogReader(MemorySource(source.data)).cog
    assert reader.tile(1, 2, 1) == CogReader(MemorySource(source.data)).tile(1, 2, 1)


def test_a_large_index_is_read_in_blocks_and_each_once() -> None:
    tiles = [n.to_bytes(4, "big") for n in range(40_000)]
    source = CountingSource(hm.tiff(hm.image(200 * 16, 200 * 16, (16, 16), tiles=tiles)))
    reader = CogReader(source)
    for col, row in [(7, 100), (8, 100), (9, 100), (199, 199)]:
        assert reader.tile(0, col, row) == (row * 200 + col).to_bytes(4, "big")
    blocks = [wanted for wanted in source.reads[1:] if wanted.size_bytes != 4]
    assert len(blocks) == len(set(blocks)) == 4
    assert all(wanted.start % BLOCK_BYTES == 0 and wanted.size_bytes <= BLOCK_BYTES for wanted in blocks)


def test_a_header_far_behind_the_start_is_found() -> None:
    start = 3 * BLOCK_BYTES - 20  # the directory lies on both sides of the edge of a block
    ifd = hm.image(30, 16, tiles=()).having({hm.OFFSETS: (hm.LONG, [8]), hm.COUNTS: (hm.LONG, [5])})
    written = hm.tiff(ifd, first=start)
    source = CountingSource(written[:8] + b"tile!" + bytes(start - 13) + written[8:])
    reader = CogReader(source, first_read_bytes=16)
    assert reader.tile(0, 0, 0) == b"tile!"
    assert source.reads[1:3] == [
        ByteRange(2 * BLOCK_BYTES, 3 * BLOCK_BYTES),
        ByteRange(3 * BLOCK_BYTES, len(source.data)),
    ]


def test_a_source_that_is_replaced_is_noticed() -> None:
    source = MemorySource(gdal_tiff("webp-lossy"))
    reader = CogReader(source)
    source.data = gdal_tiff("webp-rgba")
    with pytest.raises(SourceChanged):
        reader.tile(0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "extension", "message"),
    [
        ("deflate", "jpg", "format 'jpg': the tiles are DEFLATE, not JPEG"),
        ("jpeg-ycbcr", "webp", "format 'webp': the tiles are JPEG, not WebP"),
        ("jpeg-ycbcr", "gif", "format 'gif': wanted one of jpg"),
        ("jpeg-ycbcr", "", "format '': wanted one of"),
    ],
)
def test_names_what_a_tile_is_not_to_be_had_in(kind: str, extension: str | None, message: str) -> None:
    with pytest.raises(FormatNotOffered, match=message):
        CogReader(MemorySource(gdal_tiff(kind))).wrapped(0, 0, 0, extension)


def test_the_preferred_representation_is_that_of_the_codec() -> None:
    for kind, extension in [("jpeg-rgb", "jpg"), ("webp-rgba", "webp")]:
        level = CogReader(MemorySource(gdal_tiff(kind))).cog.levels[0]
        assert choose(level, None) is choose(level, extension)


def test_reading_over_a_cache_gives_the_same_cog() -> None:
    source = MemorySource(gdal_tiff("jpeg-mask"))
    cog = read_cog(source)
    assert cog == CogReader(source).cog
    assert cog.version == source.version()
    replaced = MemorySource(gdal_tiff("webp-rgba"))
    with pytest.raises(SourceChanged):
        read_cog(replaced, expect=cog.version)


def test_errors_of_opening_are_cogreads(tmp_path: Path) -> None:
    text = tmp_path / "text.tif"
    text.write_bytes(b"This is no TIFF at all.")
    empty = tmp_path / "empty.tif"
    empty.write_bytes(b"")
    with pytest.raises(FormatError, match="not a TIFF"):
        open_cog(str(text))
    with pytest.raises(SourceError):
        open_cog(str(empty))
    with pytest.raises(SourceNotFound):
        open_cog(str(tmp_path / "absent.tif"))
    with pytest.raises(UriError):
        open_cog("gopher://example.org/a.tif")


def test_a_source_that_holds_no_cog_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Closing(MemorySource):
        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr("cogread.reader.open_source", lambda *_: Closing(b"This is no TIFF at all."))
    with pytest.raises(FormatError):
        open_cog("anything")
    assert closed == [True]
