from contextlib import suppress
from io import BytesIO

import pytest
from tifffile import TiffFile, TiffPage

from cogread.byterange import ByteRange
from cogread.errors import FormatError
from cogread.tiff.parse import (
    MAX_DIRECTORIES,
    MAX_ENTRIES,
    MAX_HEADER_BYTES,
    MAX_VALUE_BYTES,
    SMALL_INDEX_BYTES,
    drive,
    parse,
)
from cogread.tiff.tags import Tag
from tests.support import handmade as hm
from tests.support.cogs import parsed
from tests.support.tiffs import KINDS, gdal_tiff

LAYOUTS = pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])


def asked(data: bytes) -> list[ByteRange]:
    """Record the ranges that the parser asks for, until it returns or raises."""
    ranges: list[ByteRange] = []

    def read(wanted: ByteRange) -> bytes:
        ranges.append(wanted)
        return data[wanted.start : wanted.stop]

    with suppress(FormatError):
        drive(parse(len(data)), read)
    return ranges


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a TIFF: 0 bytes"),
        (b"II*\0\x08\0\0", "not a TIFF: 7 bytes"),
        (b"<!DOCTYPE html>", r"wanted II or MM at its start \(found b'<!DO'\)"),
        (b"IM*\0\x08\0\0\0", "wanted II or MM"),
        (b"II\0*\x08\0\0\0", "magic number 10752, wanted 42 or 43"),
        (b"MM\0\x2c\0\0\0\x08", "magic number 44"),
        (b"II*\0\0\0\0\0", "no IFD"),
        (b"II*\0\x08\0\0\0", r"IFD 0 at byte 8: the bytes \[8, 10\) are beyond the file's 8"),
        (b"II*\0\xff\xff\xff\xff", "IFD 0 at byte 4294967295"),
        (b"II*\0\x08\0\0\0\0\0", "IFD 0 at byte 8: 0 entries"),
        (b"II*\0\x08\0\0\0\x01\0", r"IFD 0 at byte 8: the bytes \[10, 26\)"),
        (b"II*\0\x08\0\0\0\xff\xff" + bytes(70000), "65535 entries, wanted 1 to 4096"),
        (b"II+\0\x08\0\0\0", "BigTIFF of 8 bytes: cut off in its header"),
        (b"II+\0\x04\0\0\0" + bytes(8), "BigTIFF with offsets of 4 bytes"),
        (b"II+\0\x08\0\x01\0" + bytes(8), "reserved 1, wanted 8 and 0"),
        (b"MM\0+\0\x08\0\0" + b"\xff" * 8, "IFD 0 at byte 18446744073709551615"),
        (b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10\x80\0\0\0\0\0\0\0", "9223372036854775808 entries"),
    ],
)
def test_says_why_a_file_is_no_tiff(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parsed(data)


@LAYOUTS
def test_reads_both_layouts_in_both_byte_orders(order: str, big: bool) -> None:
    data = hm.tiff(hm.image(70, 40, samples=3), hm.image(35, 20, samples=3, subfile=1), order=order, big=big)
    first, second = parsed(data)
    with TiffFile(BytesIO(data)) as oracle:
        assert [first.offset, second.offset] == [page.offset for page in oracle.pages]
    assert (first.order, first.layout.name) == (order, "BigTIFF" if big else "TIFF")
    assert first.integer(Tag.IMAGE_WIDTH) == 70
    assert second.integer(Tag.NEW_SUBFILE_TYPE) == 1
    assert first.integers(Tag.BITS_PER_SAMPLE) == (8, 8, 8)  # inline in a BigTIFF, elsewhere in a TIFF
    assert second.where == f"IFD 1 at byte {second.offset}"


@pytest.mark.parametrize("kind", KINDS)
def test_reads_the_integers_that_tifffile_reads(kind: str) -> None:
    data = gdal_tiff(kind)
    compared = 0
    with TiffFile(BytesIO(data)) as oracle:
        for directory, page in zip(parsed(data), oracle.pages, strict=True):
            assert isinstance(page, TiffPage)
            for tag in page.tags:
                if tag.dtype in (3, 4, 16) and tag.code in directory.entries and tag.code not in (320, 324, 325):
                    wanted = tag.value if isinstance(tag.value, tuple) else (tag.value,)
                    assert directory.integers(Tag(tag.code)) == tuple(int(value) for value in wanted)
                    compared += 1
    assert compared > 10


@LAYOUTS
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (hm.BYTE, [7]),
        (hm.SHORT, [7, 8]),
        (hm.LONG, [70000]),
        (hm.LONG, [1, 2, 70000]),
        (hm.IFD, [2**32 - 1]),
        (hm.LONG8, [2**63]),
        (hm.IFD8, [1, 2]),
        (hm.SHORT, []),
    ],
)
def test_integers_of_any_width_within_the_entry_or_elsewhere(
    kind: int, values: list[int], order: str, big: bool
) -> None:
    [directory] = parsed(hm.tiff(hm.Ifd({hm.GEO_KEYS: (kind, values)}), order=order, big=big))
    assert directory.integers(Tag.GEO_KEY_DIRECTORY) == tuple(values)


@LAYOUTS
def test_reads_floats_and_texts(order: str, big: bool) -> None:
    fields: dict[int, hm.Field] = {
        hm.SCALE: (hm.DOUBLE, [0.1, -2.5e300, 0]),
        hm.TIEPOINT: (hm.FLOAT, [1.5]),
        hm.NODATA: (hm.ASCII, b"-9999\0nonsense"),
        hm.GEO_ASCII: (hm.ASCII, b"\xff"),
    }
    [directory] = parsed(hm.tiff(hm.Ifd(fields), order=order, big=big))
    assert directory.floats(Tag.MODEL_PIXEL_SCALE) == (0.1, -2.5e300, 0)
    assert directory.floats(Tag.MODEL_TIEPOINT) == (1.5,)
    assert directory.text(Tag.GDAL_NODATA) == "-9999"
    assert directory.text(Tag.GEO_ASCII_PARAMS) == "\N{REPLACEMENT CHARACTER}"
    assert directory.floats(Tag.MODEL_TRANSFORMATION) == ()
    assert directory.text(Tag.GDAL_METADATA) is None


@pytest.mark.parametrize("kind", [hm.ASCII, hm.RATIONAL, hm.UNDEFINED, hm.DOUBLE])
def test_names_the_field_whose_type_is_wrong(kind: int) -> None:
    [directory] = parsed(hm.tiff(hm.Ifd({hm.WIDTH: hm.Claim(kind, 1, 8)})))
    with pytest.raises(FormatError, match=r"IFD 0 at byte 8: IMAGE_WIDTH is of type .*, wanted .*LONG"):
        directory.integer(Tag.IMAGE_WIDTH)


def test_names_the_field_that_is_missing() -> None:
    [directory] = parsed(hm.tiff(hm.Ifd({hm.LENGTH: (hm.LONG, [])})))
    with pytest.raises(FormatError, match="IFD 0 at byte 8: no IMAGE_WIDTH"):
        directory.integer(Tag.IMAGE_WIDTH)
    with pytest.raises(FormatError, match="no IMAGE_LENGTH"):
        directory.integer(Tag.IMAGE_LENGTH)
    assert directory.integer(Tag.IMAGE_LENGTH, 5) == 5


def test_skips_field_types_and_tags_that_are_not_known() -> None:
    fields: dict[int, hm.Field] = {
        hm.NODATA: hm.Claim(99, 2**32 - 1, 2**32 - 1),
        hm.LENGTH: (hm.LONG, [40]),
        60000: hm.Claim(hm.DOUBLE, 2**32 - 1, 2**32 - 1),
    }
    [directory] = parsed(hm.tiff(hm.Ifd(fields)))
    assert set(directory.entries) == {Tag.IMAGE_LENGTH}


def test_the_first_of_two_entries_of_a_tag_counts() -> None:
    ifd = hm.Ifd({hm.WIDTH: (hm.LONG, [70])}, repeated=((hm.WIDTH, (hm.LONG, [90])), (hm.LENGTH, (hm.LONG, [40]))))
    [directory] = parsed(hm.tiff(ifd))
    assert directory.integer(Tag.IMAGE_WIDTH) == 70
    assert directory.integer(Tag.IMAGE_LENGTH) == 40


def test_a_small_tile_index_is_read_with_the_header() -> None:
    data = hm.tiff(hm.Ifd({hm.OFFSETS: (hm.LONG, [9] * (SMALL_INDEX_BYTES // 4))}))
    assert parsed(data)[0].raw(Tag.TILE_OFFSETS) == bytes([9, 0, 0, 0]) * (SMALL_INDEX_BYTES // 4)


def test_never_asks_for_a_large_tile_index() -> None:
    data = hm.tiff(hm.Ifd({hm.OFFSETS: (hm.LONG8, [9] * 100_000), hm.COUNTS: hm.Claim(hm.LONG, 2**32 - 1, 2**32 - 1)}))
    offsets, counts = parsed(data)[0].entries.values()
    assert sum(wanted.size_bytes for wanted in asked(data)) < 100
    assert (offsets.data, offsets.count, offsets.place) == (None, 100_000, ByteRange(38, 38 + 800_000))
    assert (counts.data, counts.count) == (None, 2**32 - 1)  # beyond the end: judged when a tile is wanted


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tag", [hm.WIDTH, hm.BITS, hm.SCALE, hm.GEO_KEYS, hm.JPEG_TABLES, hm.NODATA, hm.SUB_IFDS])
def test_a_claimed_count_allocates_nothing(tag: int, big: bool) -> None:
    most = 2**64 - 1 if big else 2**32 - 1
    for count, pointer in [(most, 8), (most, most), (MAX_VALUE_BYTES, most), (MAX_VALUE_BYTES + 1, 8)]:
        data = hm.tiff(hm.Ifd({tag: hm.Claim(hm.BYTE, count, pointer)}), big=big) + bytes(MAX_VALUE_BYTES + 100)
        with pytest.raises(FormatError, match=f"IFD 0 at byte {16 if big else 8}: {Tag(tag).name}"):
            parsed(data)
        assert sum(wanted.size_bytes for wanted in asked(data)) < 100


@pytest.mark.parametrize("tag", [320, 42112])
def test_what_is_read_on_demand_lies_within_the_file(tag: int) -> None:
    entry = parsed(hm.tiff(hm.Ifd({tag: hm.Claim(hm.SHORT, 10, 0)})))[0].entries[tag]
    assert (entry.data, entry.place) == (None, ByteRange(0, 20))
    with pytest.raises(FormatError, match=f"IFD 0 at byte 8: {Tag(tag).name}: the bytes .* are beyond the file's"):
        parsed(hm.tiff(hm.Ifd({tag: hm.Claim(hm.SHORT, 2**32 - 1, 8)})))


def test_entries_that_share_a_large_value_do_not_multiply_it() -> None:
    shared = hm.Claim(hm.BYTE, MAX_VALUE_BYTES, 8)
    again = tuple((hm.JPEG_TABLES, shared) for _ in range(MAX_ENTRIES - 1))
    one = hm.tiff(hm.Ifd({hm.JPEG_TABLES: shared}, repeated=again)) + bytes(MAX_VALUE_BYTES)
    assert sum(wanted.size_bytes for wanted in asked(one)) < MAX_VALUE_BYTES + 20 * MAX_ENTRIES
    tags = [hm.JPEG_TABLES, hm.GEO_KEYS, hm.BITS, hm.SAMPLE_FORMAT, hm.NODATA]
    chain = [hm.Ifd(dict.fromkeys(tags, shared)) for _ in range(100)]
    many = hm.tiff(*chain) + bytes(MAX_VALUE_BYTES)
    assert sum(wanted.size_bytes for wanted in asked(many)) <= MAX_HEADER_BYTES
    with pytest.raises(FormatError, match=f"the header is larger than {MAX_HEADER_BYTES} bytes"):
        parsed(many)


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_a_loop_of_directories_ends(back_to: int) -> None:
    chain = [hm.image(), hm.image(40, 20), hm.image(20, 10)]
    offsets = [directory.offset for directory in parsed(hm.tiff(*chain))]
    chain[2] = chain[2].but(following=offsets[back_to])
    with pytest.raises(FormatError, match=f"IFD 3 at byte {offsets[back_to]}: the chain is a loop"):
        parsed(hm.tiff(*chain))


def test_a_chain_without_end_is_refused() -> None:
    tiny = hm.Ifd({hm.WIDTH: (hm.LONG, [1])})
    assert len(parsed(hm.tiff(*[tiny] * MAX_DIRECTORIES))) == MAX_DIRECTORIES
    with pytest.raises(FormatError, match=f"IFD {MAX_DIRECTORIES} at byte .* at most {MAX_DIRECTORIES} IFDs"):
        parsed(hm.tiff(*[tiny] * (MAX_DIRECTORIES + 1)))


@LAYOUTS
def test_sub_ifds_follow_the_main_chain(order: str, big: bool) -> None:
    subs = (hm.image(40, 20, subfile=1), hm.image(20, 10, subfile=1))
    data = hm.tiff(hm.image().but(sub_ifds=subs), hm.image(50, 50, subfile=2), order=order, big=big)
    assert [directory.integer(Tag.IMAGE_WIDTH) for directory in parsed(data)] == [80, 50, 40, 20]
    with TiffFile(BytesIO(data)) as oracle:
        pages = oracle.pages[0].pages
        assert pages is not None
        assert [directory.offset for directory in parsed(data)[2:]] == [page.offset for page in pages]


def test_sub_ifds_that_are_chained_or_listed_twice_count_once() -> None:
    parent = hm.image().but(sub_ifds=(hm.image(40, 20, subfile=1), hm.image(20, 10, subfile=1)))
    main, first, second = (directory.offset for directory in parsed(hm.tiff(parent)))
    linked = parent.but(sub_ifds=(parent.sub_ifds[0].but(following=second), parent.sub_ifds[1]))
    assert [directory.offset for directory in parsed(hm.tiff(linked))] == [main, first, second]
    doubled = parent.having({hm.SUB_IFDS: (hm.IFD, [first, 0, first])})
    assert len(parsed(hm.tiff(doubled))) == 2
    own_parent = hm.image().having({hm.SUB_IFDS: (hm.IFD, [8] * 60000)})
    assert len(parsed(hm.tiff(own_parent))) == 1


def test_a_sub_ifd_beyond_the_end_is_named() -> None:
    with pytest.raises(FormatError, match="IFD 1 at byte 4294967280"):
        parsed(hm.tiff(hm.image().having({hm.SUB_IFDS: (hm.LONG, [2**32 - 16])})))
