import numpy as np
import pytest
from rasterio.io import MemoryFile

from cogread.errors import TileDamaged
from cogread.refusal import Refusal
from cogread.tile_index import tile_number
from cogread.wrap.webp import prepare, refusal
from tests.support import handmade as hm
from tests.support.cogs import cog_of, stored
from tests.support.decode import block, decoded
from tests.support.tiffs import KINDS, gdal_tiff, open_level

WEBPS = [kind for kind in KINDS if kind.startswith("webp")]


def first_tile(kind: str) -> bytes:
    data = gdal_tiff(kind)
    tile = stored(data, cog_of(data).full, 0)
    assert tile is not None
    return tile


def wrapped(tile: bytes, width: int = 128, height: int = 128) -> bytes:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50001])}
    image = cog_of(hm.tiff(hm.image(300, 200, (width, height), samples=3).having(fields))).full
    return prepare(image).wrap(tile)


@pytest.mark.parametrize("kind", WEBPS)
def test_every_tile_of_every_level_has_the_pixels_that_gdal_reads(kind: str) -> None:
    data = gdal_tiff(kind)
    bands = set()
    with MemoryFile(data) as memory:
        for number, level in enumerate(cog_of(data).levels):
            image, wrapping = level.image, prepare(level.image)
            with open_level(memory, number) as oracle:
                for row in range(image.tiles_down):
                    for col in range(image.tiles_across):
                        tile = stored(data, image, tile_number(image, col, row))
                        assert tile is not None
                        assert wrapping.wrap(tile) == tile
                        assert wrapping.added_bytes == 0
                        pixels, wanted = decoded(tile), block(oracle, col, row)
                        assert pixels.shape[1:] == (image.tile_height, image.tile_width)
                        pixels = pixels[:, : wanted.shape[1], : wanted.shape[2]]
                        assert np.array_equal(pixels, wanted[: len(pixels)])
                        assert (wanted[len(pixels) :] == 255).all()  # an opaque tile is stored without its alpha
                        bands.add(len(pixels))
    assert bands == ({3, 4} if kind == "webp-rgba" else {3})


@pytest.mark.parametrize(
    ("kind", "chunk"), [("webp-lossy", b"VP8 "), ("webp-lossless", b"VP8L"), ("webp-rgba", b"VP8X")]
)
def test_reads_the_size_of_every_kind_of_frame(kind: str, chunk: bytes) -> None:
    tile = first_tile(kind)
    assert tile[12:16] == chunk
    assert wrapped(tile) == tile
    for width, height in [(64, 128), (128, 64), (256, 256)]:
        with pytest.raises(TileDamaged, match=rf"height\) \(128, 128\), wanted \({width}, {height}\)"):
            wrapped(tile, width, height)


def test_sides_that_differ_are_not_swapped() -> None:
    lossy = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\x40\x81\xf0\x40"  # scaling bits set, RFC 6386 §9.1
    assert wrapped(lossy, 320, 240) == lossy
    lossless = b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f" + (319 | 239 << 14).to_bytes(4, "little") + b"\0"
    assert wrapped(lossless, 320, 240) == lossless
    extended = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
    assert wrapped(extended, 320, 240) == extended


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        (b"", "WebP tile: wanted RIFF and WEBP at its start"),
        (b"RIFF", r"WebP tile: wanted RIFF and WEBP at its start \(found b'RIFF'\)"),
        (b"RIFX\x16\0\0\0WEBP", "wanted RIFF and WEBP"),
        (b"RIFF\x16\0\0\0WAVE", "wanted RIFF and WEBP"),
        (b"\xff\xd8\xff\xe0", "wanted RIFF and WEBP"),
        (b"RIFF\x04\0\0\0WEBP", r"\(width, height\) None"),
        (b"RIFF\xff\xff\xff\xffWEBP", "WebP tile of 12 bytes, wanted the 4294967303 that its header states"),
        (b"RIFF\x0c\0\0\0WEBPJUNK\0\0\0\0", r"\(width, height\) None, wanted \(128, 128\)"),
        (b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x10\0\0\0\0\0\x80\0\x80\0", r"\(width, height\) None"),
        (b"RIFF\x0c\0\0\0WEBPVP8L\0\0\0\0", r"\(width, height\) None"),
    ],
)
def test_names_what_is_wrong_with_a_tile(tile: bytes, message: str) -> None:
    with pytest.raises(TileDamaged, match=message):
        wrapped(tile)


@pytest.mark.parametrize("kind", WEBPS)
def test_a_tile_cut_off_anywhere_is_damaged(kind: str) -> None:
    tile = first_tile(kind)
    for stop in [*range(60), *range(60, len(tile), 997), len(tile) - 1]:
        with pytest.raises(TileDamaged):
            wrapped(tile[:stop])


@pytest.mark.parametrize(
    ("samples", "changes", "reason"),
    [
        (3, {}, None),
        (4, {}, None),
        (1, {}, "WebP of 1 bands of 8 bits"),
        (5, {}, "WebP of 5 bands of 8 bits"),
        (3, {hm.BITS: (hm.SHORT, [16])}, "WebP of 3 bands of 16 bits"),
        (3, {hm.PLANAR: (hm.SHORT, [2])}, "WebP of 3 bands of 8 bits"),
        (3, {hm.COMPRESSION: (hm.SHORT, [7])}, "the tiles are JPEG, not WebP"),
    ],
)
def test_offers_only_what_is_webp(samples: int, changes: dict[int, hm.Field], reason: str | None) -> None:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50001])}
    assert refusal(cog_of(hm.tiff(hm.image(samples=samples).having({**fields, **changes}))).full) == (
        reason and Refusal(reason)
    )
