import struct
from collections.abc import Iterator

import numpy as np
import pytest
from rasterio.io import MemoryFile

from cogread.errors import FormatError, TileDamaged
from cogread.image import Image
from cogread.tiff.tags import Compression
from cogread.tile_index import tile_number
from cogread.wrap.jpeg import prepare, refusal
from tests.support import handmade as hm
from tests.support.cogs import cog_of, stored
from tests.support.decode import block, decoded
from tests.support.tiffs import KINDS, gdal_tiff, open_level

JPEGS = [kind for kind in KINDS if kind.startswith("jpeg")]
JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
ADOBE_YCC = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"
COMMENT = b"\xff\xfe\x00\x04hi"


def first_tile(kind: str) -> tuple[Image, bytes]:
    data = gdal_tiff(kind)
    image = cog_of(data).full
    tile = stored(data, image, 0)
    assert tile is not None
    return image, tile


def wrapped(image: Image, tile: bytes) -> bytes:
    return prepare(image).wrap(tile)


def with_component_ids(jpeg: bytes, ids: bytes) -> bytes:
    """The same picture with other names of its three components in SOF0 and SOS (ITU-T T.81 §B.2.2, §B.2.3)."""
    changed = bytearray(jpeg)
    frame, scan = jpeg.index(b"\xff\xc0\x00\x11"), jpeg.index(b"\xff\xda\x00\x0c\x03")
    changed[frame + 10 : frame + 19 : 3] = ids
    changed[scan + 5 : scan + 11 : 2] = ids
    return bytes(changed)


def tiles(image: Image) -> Iterator[tuple[int, int]]:
    return ((col, row) for row in range(image.tiles_down) for col in range(image.tiles_across))


@pytest.mark.parametrize("kind", JPEGS)
def test_every_tile_of_every_level_has_the_pixels_that_gdal_reads(kind: str) -> None:
    data = gdal_tiff(kind)
    with MemoryFile(data) as memory:
        for number, level in enumerate(cog_of(data).levels):
            image, wrapping = level.image, prepare(level.image)
            with open_level(memory, number) as oracle:
                for col, row in tiles(image):
                    tile = stored(data, image, tile_number(image, col, row))
                    assert tile is not None
                    jpeg = wrapping.wrap(tile)
                    pixels, wanted = decoded(jpeg), block(oracle, col, row)
                    assert pixels.shape == (image.samples, image.tile_height, image.tile_width)
                    assert np.array_equal(pixels[:, : wanted.shape[1], : wanted.shape[2]], wanted)
                    assert len(jpeg) == len(tile) + wrapping.added_bytes


@pytest.mark.parametrize("ids", [b"RGB", b"\0\1\2"])
def test_rgb_without_a_marker_is_shown_in_its_own_colours(ids: bytes) -> None:
    data = gdal_tiff("jpeg-rgb")
    image, tile = first_tile("jpeg-rgb")
    assert b"Adobe" not in tile  # the premise: nothing in the tile tells that it is no YCbCr, but the ids may
    jpeg = wrapped(image, with_component_ids(tile, ids))
    assert jpeg[2:18] == b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    with MemoryFile(data) as memory, memory.open() as oracle:
        assert np.array_equal(decoded(jpeg), block(oracle, 0, 0))


@pytest.mark.parametrize("kind", ["jpeg-ycbcr", "jpeg-grey", "jpeg-mask", "jpeg-no-tables"])
def test_other_tiles_get_no_adobe_marker(kind: str) -> None:
    assert b"Adobe" not in wrapped(*first_tile(kind))


@pytest.mark.parametrize("markers", [JFIF, ADOBE_YCC, JFIF + ADOBE_YCC, COMMENT + JFIF, JFIF * 50_000])
def test_markers_that_lie_about_rgb_are_disarmed(markers: bytes) -> None:
    image, tile = first_tile("jpeg-rgb")
    lying = tile[:2] + markers + tile[2:]
    assert np.array_equal(decoded(wrapped(image, lying)), decoded(wrapped(image, tile)))
    assert len(wrapped(image, lying)) == len(lying) + prepare(image).added_bytes


@pytest.mark.parametrize("kind", ["jpeg-ycbcr", "jpeg-grey"])
@pytest.mark.parametrize("markers", [JFIF, COMMENT, b"\xff" + COMMENT, b"\xff\xff\xff" + COMMENT])
def test_other_markers_and_fill_bytes_are_left_alone(kind: str, markers: bytes) -> None:
    image, tile = first_tile(kind)
    marked = wrapped(image, tile[:2] + markers + tile[2:])
    assert markers in marked
    assert np.array_equal(decoded(marked), decoded(wrapped(image, tile)))


def test_a_tile_that_is_padded_with_zeros_is_whole() -> None:
    image, tile = first_tile("jpeg-ycbcr")
    assert np.array_equal(decoded(wrapped(image, tile + bytes(7))), decoded(wrapped(image, tile)))


def test_tables_stand_before_the_tile_and_its_own_win() -> None:
    image, tile = first_tile("jpeg-ycbcr")
    assert image.jpeg_tables is not None
    assert wrapped(image, tile) == tile[:2] + image.jpeg_tables[2:-2] + tile[2:]
    whole, own = first_tile("jpeg-no-tables")
    assert whole.jpeg_tables is None
    assert wrapped(whole, own) == own


def quantization(stream: bytes) -> list[bytes]:
    """The segments of quantization tables before the frame."""
    parts = stream[: stream.index(b"\xff\xc0")].split(b"\xff\xdb")[1:]
    return [part[:67] for part in parts]


def test_quantization_tables_that_the_tile_replaces_are_disarmed() -> None:
    """Decoders take the last ones, but JPEG XL repacks no file with four. The length of all files stays the same."""
    image, tile = first_tile("jpeg-ycbcr")
    tables = image.jpeg_tables
    assert tables is not None
    luminance, chrominance = tables[2:71], tables[71:-2]
    coarser = luminance[:5] + bytes(min(255, 2 * value) for value in luminance[5:])
    for own, numbers in (
        (luminance + chrominance, [0, 1]),
        (coarser + chrominance, [0, 1]),
        (COMMENT + chrominance + coarser, [1, 0]),
        (coarser, [0, 1, 0]),
        (b"", [0, 1]),
    ):
        with_own = tile[:2] + own + tile[2:]
        jpeg = wrapped(image, with_own)
        assert [table[2] for table in quantization(jpeg)] == numbers
        assert len(jpeg) == len(with_own) + prepare(image).added_bytes
        assert np.array_equal(decoded(jpeg), decoded(tile[:2] + tables[2:-2] + own + tile[2:]))


def test_tables_of_another_directory_are_not_taken() -> None:
    data = gdal_tiff("jpeg-ycbcr")
    levels = cog_of(data).levels
    other = hm.tiff(
        hm.image(300, 200, (128, 128), tiles=()).having(_jpeg_fields(b"\xff\xd8" + COMMENT + b"\xff\xd9")),
        hm.image(150, 100, (128, 128), subfile=1, tiles=()).having(_jpeg_fields(b"\xff\xd8\xff\xd9")),
        hm.image(75, 50, (128, 128), subfile=1, tiles=()).having(_jpeg_fields(b"")),
    )
    tile = stored(data, levels[0].image, 0)
    assert tile is not None
    added = [prepare(level.image).added_bytes for level in cog_of(other).levels]
    assert added == [len(COMMENT), 0, 0]


def _jpeg_fields(tables: bytes) -> dict[int, hm.Field]:
    return {
        hm.COMPRESSION: (hm.SHORT, [Compression.JPEG]),
        hm.JPEG_TABLES: (hm.UNDEFINED, tables),
        hm.OFFSETS: (hm.LONG, [8]),
        hm.COUNTS: (hm.LONG, [8]),
    }


def sof(height: int, width: int, bands: int, marker: int = 0xC0, length: int | None = None) -> bytes:
    size = 8 + 3 * bands if length is None else length
    return struct.pack(">BBHBHHB", 0xFF, marker, size, 8, height, width, bands) + b"\1\x11\0" * bands


SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\x34"


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        (b"", "JPEG tile: wanted ffd8 at its start and ffd9 at its end"),
        (b"\xff", "JPEG tile: wanted ffd8 at its start and ffd9 at its end"),
        (b"\xff\xd8", "JPEG tile: wanted ffd8 at its start and ffd9 at its end"),
        (b"\xff\xd8\xff", "JPEG tile: wanted ffd8 at its start and ffd9 at its end"),
        (b"\0" * 200, r"JPEG tile: wanted ffd8 at its start and ffd9 at its end \(found b'\\x00\\x00\\x00\\x00'\)"),
        (b"RIFF\0\0\0\0WEBP\xff\xd9", r"\(found b'RI\\xff\\xd9'\)"),
        (b"\xff\xd8\xff\xd9", "JPEG tile without a scan"),
        (b"\xff\xd8\xd9\0\0\0\xff\xd9", "wanted a marker at byte 2"),
        (b"\xff\xd8\xff\xd8" + sof(16, 32, 1) + SCAN + b"\xff\xd9", "the marker ffd8 at byte 2"),
        (b"\xff\xd8\xff\xd0" + sof(16, 32, 1) + SCAN + b"\xff\xd9", "the marker ffd0 at byte 2"),
        (b"\xff\xd8" + sof(16, 32, 1) + b"\xff\xd9", "without a scan"),
        (
            b"\xff\xd8" + sof(16, 32, 1, length=60000) + SCAN + b"\xff\xd9",
            "the marker ffc0 at byte 2 begins no segment",
        ),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xd9", "the marker ffc0 at byte 2 begins no segment that is whole"),
        (b"\xff\xd8\xff\xc0\x00\x00\xff\xd9", "the marker ffc0 at byte 2 begins no segment that is whole"),
        (b"\xff\xd8\xff\xc0\x00\x03\x08" + SCAN + b"\xff\xd9", "the frame SOF0"),
        (b"\xff\xd8" + SCAN + b"\xff\xd9", r"\(height, width, bands\) None, wanted \(16, 32, 1\)"),
        (b"\xff\xd8" + sof(16, 16, 1) + SCAN + b"\xff\xd9", r"\(16, 16, 1\), wanted \(16, 32, 1\)"),
        (b"\xff\xd8" + sof(0, 32, 1) + SCAN + b"\xff\xd9", r"\(0, 32, 1\), wanted"),
        (b"\xff\xd8" + sof(16, 32, 3) + SCAN + b"\xff\xd9", r"\(16, 32, 3\), wanted"),
        (b"\xff\xd8" + sof(16, 32, 1, 0xC3) + SCAN + b"\xff\xd9", "SOF3, wanted SOF0, SOF1 or SOF2"),
        (b"\xff\xd8" + sof(16, 32, 1, 0xC9) + SCAN + b"\xff\xd9", "SOF9"),
        (b"\xff\xd8" + sof(16, 32, 1) + SCAN, "and ffd9 at its end"),
    ],
)
def test_names_what_is_wrong_with_a_tile(tile: bytes, message: str) -> None:
    image = cog_of(hm.tiff(hm.image().having({hm.COMPRESSION: (hm.SHORT, [7])}))).full
    with pytest.raises(TileDamaged, match=message):
        wrapped(image, tile)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
def test_frames_that_web_clients_decode_are_taken(marker: int) -> None:
    image = cog_of(hm.tiff(hm.image().having({hm.COMPRESSION: (hm.SHORT, [7])}))).full
    tile = b"\xff\xd8" + sof(16, 32, 1, marker) + SCAN + b"\xff\xd9"
    assert wrapped(image, tile) == tile


@pytest.mark.parametrize("kind", JPEGS)
def test_a_tile_cut_off_anywhere_is_damaged(kind: str) -> None:
    image, tile = first_tile(kind)
    wrapping = prepare(image)
    for stop in [*range(700), *range(700, len(tile), 97)]:
        with pytest.raises(TileDamaged):
            wrapping.wrap(tile[:stop] + b"\xff\xd9" if stop < 100 else tile[:stop])


DQT = b"\xff\xdb\x00\x05\x00\x01\x02"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (b"\xff", "IFD 0 at byte 8: JPEGTables: wanted ffd8 at its start"),
        (b"garbage", r"JPEGTables: wanted ffd8 at its start \(found b'ga'\)"),
        (DQT + b"\xff\xd9", "JPEGTables: wanted ffd8"),
        (b"\xff\xd8" + DQT, "JPEGTables has no end, wanted ffd9"),
        (b"\xff\xd8" + DQT[:5], "the marker ffdb at byte 2 begins no segment that is whole"),
        (b"\xff\xd8" + DQT[:5] + b"\xff\xd9", "JPEGTables has no end, wanted ffd9"),
        (b"\xff\xd8\xff\xdb\xff\xff" + bytes(99) + b"\xff\xd9", "the marker ffdb at byte 2"),
        (b"\xff\xd8" + DQT + SCAN + b"\xff\xd9", "JPEGTables holds the marker ffda of an image"),
        (b"\xff\xd8" + sof(16, 32, 1) + b"\xff\xd9", "JPEGTables holds the marker ffc0 of an image"),
        (b"\xff\xd8" + b"\0" + DQT + b"\xff\xd9", "wanted a marker at byte 2"),
    ],
)
def test_names_what_is_wrong_with_the_tables(tables: bytes, message: str) -> None:
    ifd = hm.image(tiles=()).having(_jpeg_fields(tables))
    with pytest.raises(FormatError, match=message):
        prepare(cog_of(hm.tiff(ifd)).full)


def test_what_follows_the_end_of_the_tables_is_padding() -> None:
    ifd = hm.image(tiles=()).having(_jpeg_fields(b"\xff\xd8" + DQT + b"\xff\xd9\0\0\0"))
    assert prepare(cog_of(hm.tiff(ifd)).full).added_bytes == len(DQT)


@pytest.mark.parametrize(
    ("samples", "photometric", "changes", "reason"),
    [
        (1, 1, {}, None),
        (3, 2, {}, None),
        (3, 6, {}, None),
        (1, 1, {hm.PLANAR: (hm.SHORT, [2])}, None),
        (1, 0, {}, "JPEG of 1 bands as MINISWHITE"),
        (1, 3, {}, "JPEG of 1 bands as PALETTE"),
        (2, 1, {}, "JPEG of 2 bands as MINISBLACK"),
        (3, 1, {}, "JPEG of 3 bands as MINISBLACK"),
        (3, 8, {}, "JPEG of 3 bands as CIELAB"),
        (4, 2, {}, "JPEG of 4 bands as RGB"),
        (4, 5, {}, "JPEG of 4 bands as CMYK"),
        (3, 6, {hm.PLANAR: (hm.SHORT, [2])}, "the bands are stored in tiles of their own"),
        (1, 1, {hm.BITS: (hm.SHORT, [12])}, "JPEG of 12 bits a sample"),
        (3, 6, {hm.COMPRESSION: (hm.SHORT, [6])}, "the tiles are OLD_JPEG, not JPEG"),
        (3, 2, {hm.COMPRESSION: (hm.SHORT, [8])}, "the tiles are DEFLATE, not JPEG"),
    ],
)
def test_offers_only_what_web_clients_show_rightly(
    samples: int, photometric: int, changes: dict[int, hm.Field], reason: str | None
) -> None:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [7]), hm.PHOTOMETRIC: (hm.SHORT, [photometric])}
    actual = refusal(cog_of(hm.tiff(hm.image(samples=samples).having({**fields, **changes}))).full)
    assert actual is None if reason is None else actual is not None and actual.reason.startswith(reason)
