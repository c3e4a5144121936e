"""Structural fields of any type and count: what GDAL refuses is refused, what is read says what GDAL reads of it."""

import struct
import zlib
from typing import Final

import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile

from cogread.errors import FormatError, UnsupportedFormat
from cogread.tiff.tags import Tag
from tests.support import handmade as hm
from tests.support.cogs import cog_of

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

IMAGE: Final = hm.image(
    80, 40, (32, 16), samples=3, tiles=[zlib.compress(bytes(32 * 16 * 6)) for _ in range(9)]
).having({hm.COMPRESSION: (hm.SHORT, [8]), hm.BITS: (hm.SHORT, [16] * 3), hm.PHOTOMETRIC: (hm.SHORT, [2])})

VALUES: Final = {
    Tag.IMAGE_WIDTH: 80,
    Tag.IMAGE_LENGTH: 40,
    Tag.IMAGE_DEPTH: 1,
    Tag.TILE_WIDTH: 32,
    Tag.TILE_LENGTH: 16,
    Tag.TILE_DEPTH: 1,
    Tag.SAMPLES_PER_PIXEL: 3,
    Tag.PLANAR_CONFIGURATION: 1,
    Tag.BITS_PER_SAMPLE: 16,
    Tag.SAMPLE_FORMAT: 1,
    Tag.COMPRESSION: 8,
    Tag.EXTRA_SAMPLES: 0,
}
"""Fields without which GDAL opens nothing, and what they say of the image."""

WITH_A_DEFAULT: Final = {Tag.NEW_SUBFILE_TYPE: 0, Tag.PHOTOMETRIC: 2, Tag.FILL_ORDER: 1, Tag.PREDICTOR: 2}
"""Fields that GDAL replaces by a default where it cannot read them."""

CODES: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
TYPES: Final = (*range(20), 99, 65535)


def field(kind: int, values: list[int]) -> hm.Field:
    """The values in a type, or as LONG in one that has no numbers."""
    data = struct.pack(f"<{len(values)}{CODES.get(kind, 'I')}", *values)
    return hm.Packed(kind, len(values), data)


def facts_of_gdal(data: bytes) -> tuple[object, ...] | None:
    """Size, bands, type and block of a file; None: GDAL refuses it."""
    try:
        with MemoryFile(data) as memory, memory.open() as dataset:
            return (dataset.width, dataset.height, dataset.count, dataset.dtypes[0], dataset.block_shapes[0])
    except RasterioIOError:
        return None


def facts(data: bytes, tag: Tag) -> tuple[object, ...] | None:
    """The same of ours; a refusal names the field."""
    try:
        image = cog_of(data).full
    except FormatError as error:
        reason = str(error)
    else:
        return image.width, image.height, image.samples, image.dtype, (image.tile_height, image.tile_width)
    assert tag.name in reason
    return None


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tag", VALUES)
def test_a_field_is_read_where_gdal_reads_it_and_refused_where_gdal_refuses_it(tag: Tag, big: bool) -> None:
    read: set[int] = set()
    for kind in TYPES:
        data = hm.tiff(IMAGE.having({tag: field(kind, [VALUES[tag]])}), big=big)
        wanted = facts_of_gdal(data)
        assert facts(data, tag) == wanted, f"type {kind}"
        read.update({kind} if wanted else ())
    assert read == {1, 3, 4, 6, 8, 9, 16, 17}
    if not big:
        for count in (0, 2, 3, 4, 100):
            data = hm.tiff(IMAGE.having({tag: field(hm.SHORT, [VALUES[tag]] * count)}))
            assert facts(data, tag) == facts_of_gdal(data), f"{count} values"


@pytest.mark.parametrize("tag", WITH_A_DEFAULT)
def test_a_damaged_field_is_refused_rather_than_replaced_by_a_default(tag: Tag) -> None:
    value = WITH_A_DEFAULT[tag]
    for kind in TYPES:
        data = hm.tiff(IMAGE.having({tag: field(kind, [value])}))
        assert (facts(data, tag) is not None) == (kind in (1, 3, 4, 6, 8, 9, 16, 17)), f"type {kind}"
    for count in (0, 2):
        assert facts(hm.tiff(IMAGE.having({tag: field(hm.SHORT, [value] * count)})), tag) is None


def test_a_field_of_another_codec_may_be_damaged() -> None:
    """GDAL ignores it."""
    fields: dict[int, hm.Field] = {Tag.T4_OPTIONS: hm.Claim(99, 1, 0), hm.JPEG_TABLES: (hm.DOUBLE, [1.0])}
    assert cog_of(hm.tiff(IMAGE.having(fields))).full.dtype == "uint16"


@pytest.mark.parametrize("values", [[3], [1000], [0, 0, 0, 0], [-1]])
def test_extra_samples_that_libtiff_does_not_know(values: list[int]) -> None:
    data = hm.tiff(IMAGE.having({Tag.EXTRA_SAMPLES: field(8, values)}))
    assert facts_of_gdal(data) is None
    assert facts(data, Tag.EXTRA_SAMPLES) is None


def test_the_number_of_corel_for_alpha() -> None:
    ifd = hm.image(samples=4).having({hm.PHOTOMETRIC: (hm.SHORT, [2]), Tag.EXTRA_SAMPLES: (hm.SHORT, [999])})
    with MemoryFile(hm.tiff(ifd)) as memory, memory.open() as dataset:
        assert dataset.colorinterp[3] == rasterio.enums.ColorInterp.alpha
    assert cog_of(hm.tiff(ifd)).full.extra_samples == (2,)


@pytest.mark.parametrize("tag", [Tag.IMAGE_DEPTH, Tag.TILE_DEPTH])
@pytest.mark.parametrize("depth", [0, 2, 4])
def test_images_of_several_slices_are_refused(tag: Tag, depth: int) -> None:
    with pytest.raises(UnsupportedFormat, match=f"{tag.name} {depth}, wanted 1"):
        cog_of(hm.tiff(IMAGE.having({tag: (hm.SHORT, [depth])})))
