from io import BytesIO

import pytest
from tifffile import TiffFile

from cogread.byterange import ByteRange
from cogread.errors import TileDamaged, TileOutOfRange
from cogread.image import Image
from cogread.tiff.parse import drive
from cogread.tile_index import index_places, largest_tile, locate, tile_number
from tests.support import handmade as hm
from tests.support.cogs import cog_of, stored
from tests.support.tiffs import KINDS, gdal_tiff


def place(data: bytes, number: int, image: Image | None = None) -> ByteRange | None:
    actual = locate(image or cog_of(data).full, number, len(data))
    return drive(actual, lambda wanted: data[wanted.start : wanted.stop])


@pytest.mark.parametrize(
    ("width", "height", "col", "row", "plane", "number"),
    [
        (80, 40, 0, 0, 0, 0),
        (80, 40, 2, 0, 0, 2),
        (160, 32, 0, 1, 0, 5),  # five across, two down: tiles *across* count
        (160, 32, 4, 1, 0, 9),
        (32, 160, 0, 7, 0, 7),  # one across, ten down
        (160, 32, 0, 0, 1, 10),
        (160, 32, 3, 1, 2, 28),
        (161, 33, 5, 2, 2, 53),
    ],
)
def test_tiles_are_numbered_by_rows_within_planes(
    width: int, height: int, col: int, row: int, plane: int, number: int
) -> None:
    image = cog_of(hm.tiff(hm.image(width, height, samples=3, planar=2))).full
    assert tile_number(image, col, row, plane) == number


@pytest.mark.parametrize(
    ("col", "row", "plane"), [(5, 0, 0), (0, 2, 0), (-1, 0, 0), (0, -1, 0), (0, 0, 3), (0, 0, -1), (2**70, 0, 0)]
)
def test_a_tile_outside_of_the_grid_is_out_of_range(col: int, row: int, plane: int) -> None:
    image = cog_of(hm.tiff(hm.image(160, 32, samples=3, planar=2))).full
    with pytest.raises(TileOutOfRange, match=f"col {col}, row {row}, plane {plane}: wanted less than 5, 2, 3"):
        tile_number(image, col, row, plane)


def test_planes_of_interleaved_bands_are_one() -> None:
    image = cog_of(hm.tiff(hm.image(160, 32, samples=3))).full
    with pytest.raises(TileOutOfRange):
        tile_number(image, 0, 0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_finds_every_tile_where_tifffile_finds_it(kind: str) -> None:
    data = gdal_tiff(kind)
    images = [image for level in cog_of(data).levels for image in (level.image, level.mask) if image]
    with TiffFile(BytesIO(data)) as oracle:
        pages = {page.offset: page for page in oracle.pages}
        assert len(pages) == len(images)
        for image in images:
            page = pages[image.directory.offset]
            index = list(zip(page.dataoffsets, page.databytecounts, strict=True))
            assert len(index) == image.tiles_across * image.tiles_down * image.planes
            for number, (offset, count) in enumerate(index):
                assert place(data, number, image) == (ByteRange(offset, offset + count) if count else None)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])
@pytest.mark.parametrize("types", [(hm.LONG, hm.LONG), (hm.LONG, hm.SHORT), (hm.SHORT, hm.SHORT), (hm.LONG8, hm.LONG8)])
@pytest.mark.parametrize("width", [30, 60, 80])
def test_index_arrays_of_any_type_within_the_entry_or_elsewhere(
    width: int, types: tuple[int, int], order: str, big: bool
) -> None:
    data = hm.tiff(hm.image(width, 16).but(index_types=types), order=order, big=big)
    for number in range(-(-width // 32)):
        assert stored(data, cog_of(data).full, number) == bytes([number + 1]) * 512


def test_a_sparse_tile_is_told_by_its_count() -> None:
    whole = bytes(512)
    data = hm.tiff(hm.image(80, 16, tiles=(whole, None, whole)))
    assert [stored(data, cog_of(data).full, number) for number in range(3)] == [whole, None, whole]
    misled = hm.image(80, 16).having({hm.OFFSETS: (hm.LONG, [2**32 - 1] * 3), hm.COUNTS: (hm.SHORT, [0] * 3)})
    assert place(hm.tiff(misled), 1) is None


def test_tiles_beyond_both_arrays_are_sparse() -> None:
    data = hm.tiff(hm.image(80, 16, tiles=(b"x" * 512,)))
    assert [stored(data, cog_of(data).full, number) for number in range(3)] == [b"x" * 512, None, None]
    empty = hm.image(tiles=()).having({hm.OFFSETS: (hm.LONG, []), hm.COUNTS: (hm.LONG, [])})
    assert place(hm.tiff(empty), 0) is None


@pytest.mark.parametrize(
    ("offsets", "counts", "message"),
    [
        ([8, 8], [512] * 3, "IFD 0 at byte 8: tile 2: TILE_OFFSETS has only 2 values"),
        ([8] * 3, [512], "tile 2: TILE_BYTE_COUNTS has only 1 values"),
        ([], [512] * 3, "TILE_OFFSETS has only 0 values"),
    ],
)
def test_a_tile_that_only_one_of_the_arrays_knows_is_damaged(
    offsets: list[int], counts: list[int], message: str
) -> None:
    ifd = hm.image(80, 16, tiles=()).having({hm.OFFSETS: (hm.LONG, offsets), hm.COUNTS: (hm.LONG, counts)})
    with pytest.raises(TileDamaged, match=message):
        place(hm.tiff(ifd), 2)


def test_a_shorter_array_is_sparse_where_the_other_one_says_so() -> None:
    ifd = hm.image(80, 16, tiles=())
    short_offsets = ifd.having({hm.OFFSETS: (hm.LONG, [8]), hm.COUNTS: (hm.LONG, [512, 0, 0])})
    short_counts = ifd.having({hm.OFFSETS: (hm.LONG, [8, 0, 0]), hm.COUNTS: (hm.LONG, [512])})
    assert place(hm.tiff(short_offsets), 2) is None
    assert place(hm.tiff(short_counts), 2) is None


@pytest.mark.parametrize(
    ("offset", "count", "message"),
    [
        (2**32 - 1, 512, r"the bytes \[4294967295, 4294967807\) are not within the file's"),
        (2**64 - 8, 64, r"the bytes \[18446744073709551608, 18446744073709551672\)"),
        (0, 5, r"the bytes \[0, 5\) are not within"),
        (7, 5, r"the bytes \[7, 12\) are not within"),
        (8, 2**32 - 1, "4294967295 bytes, wanted at most"),
        (8, 2**64 - 1, "18446744073709551615 bytes, wanted at most"),
    ],
)
def test_a_tile_that_cannot_be_is_damaged(offset: int, count: int, message: str) -> None:
    fields: dict[int, hm.Field] = {hm.OFFSETS: (hm.LONG8, [offset]), hm.COUNTS: (hm.LONG8, [count])}
    with pytest.raises(TileDamaged, match=f"IFD 0 at byte 16: tile 0: {message}"):
        place(hm.tiff(hm.image(30, 16, tiles=()).having(fields), big=True), 0)


@pytest.mark.parametrize("kind", [hm.ASCII, hm.FLOAT, hm.DOUBLE, hm.RATIONAL])
@pytest.mark.parametrize("tag", [hm.OFFSETS, hm.COUNTS])
def test_an_index_of_another_type_is_a_tile_error(tag: int, kind: int) -> None:
    name = {hm.OFFSETS: "TILE_OFFSETS", hm.COUNTS: "TILE_BYTE_COUNTS"}[tag]
    with pytest.raises(TileDamaged, match=f"IFD 0 at byte 8: tile 1: {name} is of type .*, wanted SHORT"):
        place(hm.tiff(hm.image().having({tag: hm.Claim(kind, 9, 8)})), 1)


@pytest.mark.parametrize("tag", [hm.OFFSETS, hm.COUNTS])
def test_an_index_that_the_file_cuts_off_is_a_tile_error(tag: int) -> None:
    size_bytes = len(hm.tiff(hm.image().having({tag: hm.Claim(hm.LONG, 9, 0)})))
    data = hm.tiff(hm.image().having({tag: hm.Claim(hm.LONG, 9, size_bytes - 8)}))
    with pytest.raises(TileDamaged, match=f"tile 2: its .* at byte {size_bytes} is beyond the file's {size_bytes}"):
        place(data, 2)


def test_a_huge_index_costs_the_bytes_of_one_tile() -> None:
    columns = 1_000_000 // 512 + 1
    ifd = hm.image(1_000_000, 1_000_000, (512, 512), tiles=())
    claimed = ifd.having(
        {hm.OFFSETS: hm.Claim(hm.LONG8, columns**2, 1000), hm.COUNTS: hm.Claim(hm.LONG, columns**2, 600)}
    )
    data = hm.tiff(claimed, big=True)
    asked: list[ByteRange] = []
    image = cog_of(data).full

    def read(wanted: ByteRange) -> bytes:
        asked.append(wanted)
        return (1000).to_bytes(wanted.size_bytes, "little")

    number = tile_number(image, 1000, 1900)
    assert drive(locate(image, number, 2**40), read) == ByteRange(1000, 2000)
    assert asked == [
        ByteRange(600 + 4 * (1900 * columns + 1000), 604 + 4 * (1900 * columns + 1000)),
        ByteRange(1000 + 8 * (1900 * columns + 1000), 1008 + 8 * (1900 * columns + 1000)),
    ]
    assert index_places(image, number, 2**40) == asked, "to be brought at once"


def test_nothing_is_brought_of_an_index_that_came_with_the_header() -> None:
    data = hm.tiff(hm.image())
    assert index_places(cog_of(data).full, 1, len(data)) == []


def test_the_bound_of_a_tile_leaves_room_for_codecs_that_expand() -> None:
    bilevel = cog_of(hm.tiff(hm.image(tile=(4096, 4096), tiles=(b"",)).having({hm.BITS: (hm.SHORT, [1])}))).full
    assert largest_tile(bilevel) >= 6 * 4096 * 4096 // 8  # CCITT G4 of dots
    with_tables = bytes(3 * 512)
    data = hm.tiff(hm.image(30, 16, tiles=(with_tables,)))
    assert stored(data, cog_of(data).full, 0) == with_tables
