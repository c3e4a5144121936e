"""JPEG XL tiles as they are stored: which are pictures for browsers, and what is no tile of its image."""

from io import BytesIO
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
import tifffile

from cogread.errors import TileDamaged
from cogread.reader import CogReader
from cogread.wrap import WRAPPERS
from cogread.wrap.jxl.wrapper import prepare
from tests.support import handmade as hm
from tests.support.cogs import cog_of, stored
from tests.support.jxl import LINEAR, PQ, SRGB, TILE, jxl_tiff, pixels, with_transfer
from tests.support.memory_source import MemorySource
from tests.support.tiffs import gdal_tiff

JXL: Final = WRAPPERS["jxl"]
EXTRA_SAMPLES, FILL_ORDER, PHOTOMETRIC, COMPRESSION = 338, 266, 262, 259
CODECS: Final = (50002, 52546)


def header(**fields: Any) -> bytes:
    """A file of three bands, or as the fields say; its tile is not read."""
    samples, order = fields.pop("samples", 3), fields.pop("order", "<")
    ifd = hm.image(64, 64, (64, 64), samples=samples, planar=fields.pop("planar", 1), tiles=[b"x"])
    tags: dict[int, hm.Field] = {COMPRESSION: (hm.SHORT, [50002]), PHOTOMETRIC: (hm.SHORT, [2])}
    for name, value in fields.items():
        tags[getattr(hm, name, 0) or globals()[name]] = (hm.SHORT, value if isinstance(value, list) else [value])
    return hm.tiff(ifd.having(tags), order=order)


@pytest.mark.parametrize("options", [{}, {"usecontainer": True}], ids=["codestream", "container"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_stored_tiles_are_sent_as_they_are_and_show_the_pixels(bands: int, dtype: str, options: dict[str, Any]) -> None:
    data = jxl_tiff(bands, dtype, **options)
    with CogReader(MemorySource(data)) as reader:
        for number in range(6):
            col, row = number % 3, number // 3
            tile = reader.wrapped(0, col, row, "jxl")
            assert tile is not None
            assert tile.data == reader.tile(0, col, row)
            assert tile.wrapper.media_type == "image/jxl"
            part = pixels(bands, dtype)[row * TILE :, col * TILE :][:TILE, :TILE]
            actual = imagecodecs.jpegxl_decode(tile.data).reshape(TILE, TILE, bands)
            np.testing.assert_array_equal(actual[: part.shape[0], : part.shape[1]], part)


@pytest.mark.parametrize("codec", CODECS)
def test_both_numbers_of_the_codec_are_known(codec: int) -> None:
    level = cog_of(header(COMPRESSION=codec)).levels[0]
    assert JXL.refusal(level) is None


REFUSED: Final[dict[str, dict[str, Any]]] = {
    "reverse order": {"FILL_ORDER": 2},
    "is not shown rightly": {"PHOTOMETRIC": 6},
    "JPEG XL of 1 bands as MINISWHITE": {"samples": 1, "PHOTOMETRIC": 0},
    "JPEG XL of 3 bands as MINISBLACK": {"PHOTOMETRIC": 1},
    "JPEG XL of 5 bands": {"samples": 5, "EXTRA_SAMPLES": [0, 0]},
    "as alpha that GDAL names undefined": {"samples": 4, "EXTRA_SAMPLES": [0]},
    "multiplied with alpha": {"samples": 4, "EXTRA_SAMPLES": [1]},
    "tiles of their own": {"planar": 2},
    "JPEG XL of int8": {"SAMPLE_FORMAT": [2, 2, 2]},
    "JPEG XL of float32": {"BITS": [32, 32, 32], "SAMPLE_FORMAT": [3, 3, 3]},
    "JPEG XL of uint12": {"BITS": [12, 12, 12]},
    "big-endian": {"BITS": [16, 16, 16], "order": ">"},
    "the tiles are ZSTD, not JPEG XL": {"COMPRESSION": 50000},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_browsers_would_show_otherwise_than_gdal_is_refused(reason: str) -> None:
    refusal = JXL.refusal(cog_of(header(**REFUSED[reason])).levels[0])
    assert refusal is not None
    assert reason in refusal.reason


def test_other_codecs_are_refused() -> None:
    refusal = JXL.refusal(cog_of(gdal_tiff("jpeg-rgb")).levels[0])
    assert refusal is not None
    assert refusal.reason == "the tiles are JPEG, not JPEG XL"


def test_16_bits_in_linear_colours_are_refused_when_the_file_is_opened() -> None:
    """Browsers convert them to sRGB; GDAL and the PNG have the numbers."""
    for transfer, is_offered in ((SRGB, True), (LINEAR, False)):
        with CogReader(MemorySource(jxl_tiff(3, "uint16", transfer=transfer))) as reader:
            refusal = JXL.refusal(reader.cog.levels[0])
            assert (refusal is None) == is_offered
            assert WRAPPERS["png"].refusal(reader.cog.levels[0]) is None
    assert refusal is not None
    assert "the first tile is a JPEG XL tile of" in refusal.reason
    assert "another space than sRGB" in refusal.reason


def encoded(bands: int, dtype: str = "uint8", *, side: int = 64, **options: Any) -> bytes:
    image = pixels(bands, dtype, side, side)
    return bytes(imagecodecs.jpegxl_encode(image[..., 0] if bands == 1 else image, lossless=True, effort=1, **options))


OTHERS: Final = {
    "of another size": encoded(3, side=128),
    "of another depth": with_transfer(encoded(3, "uint16"), SRGB),
    "grey": encoded(1),
    "with alpha": encoded(4),
    "JPEG": bytes(imagecodecs.jpeg8_encode(pixels(3, "uint8", 64, 64))),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_tile_that_contradicts_the_tags_is_damaged(kind: str) -> None:
    image = cog_of(header()).full
    assert prepare(image).wrap(encoded(3))
    with pytest.raises(TileDamaged, match="JPEG XL tile"):
        prepare(image).wrap(OTHERS[kind])


def test_a_tile_in_other_colours_than_the_first_one_is_damaged() -> None:
    image = cog_of(header(BITS=[16, 16, 16])).full
    linear = encoded(3, "uint16")
    assert prepare(image).wrap(with_transfer(linear, SRGB))
    for stream in (linear, with_transfer(linear, PQ)):
        with pytest.raises(TileDamaged, match="another space than sRGB"):
            prepare(image).wrap(stream)


def test_an_opaque_tile_of_an_image_with_alpha_may_lack_it() -> None:
    image = cog_of(header(samples=4, EXTRA_SAMPLES=[2])).full
    assert prepare(image).wrap(encoded(3)) == encoded(3)
    assert prepare(image).wrap(encoded(4)) == encoded(4)
    with pytest.raises(TileDamaged):
        prepare(image).wrap(encoded(1))


def test_lossy_tiles_are_as_near_as_their_writer_wanted() -> None:
    data = jxl_tiff(3, lossless=False, distance=1.0)
    tile = stored(data, cog_of(data).full, 0)
    assert tile is not None
    assert prepare(cog_of(data).full).wrap(tile) == tile
    shown = imagecodecs.jpegxl_decode(tile).astype(int)
    with tifffile.TiffFile(BytesIO(data)) as file:
        wanted = file.asarray()[:TILE, :TILE].astype(int)
    assert np.abs(shown - wanted).max() <= 1
