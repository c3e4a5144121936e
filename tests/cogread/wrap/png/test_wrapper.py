import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from cogread.errors import FormatError, TileDamaged
from cogread.image import Level
from cogread.wrap import USUAL, webp, wrappers_of
from cogread.wrap.png import wrapper as png
from cogread.wrap.png.file import transparent
from cogread.wrap.tile import Tile
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.corpus import CORPUS, corpus_folder, served
from tests.support.decode import decoded
from tests.support.pictures import is_same_jpeg
from tests.support.rasters import named_raster, noise, raster
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.tiles import Place, places, run, tile_at

ROOT: Final = Path(__file__).resolve().parents[4]
GREY_ALPHA: Final = (ColorInterp.gray, ColorInterp.alpha)
RGBA: Final = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
COLOR_MAP, EXTRA_SAMPLES = 320, 338


def drawn(data: bytes, place: Place) -> bytes:
    """The PNG of a tile."""
    wrapping = run(data, png.prepare(place.cog, place.level, USUAL))
    planes = tuple(place.tile.planes[plane] for plane in wrapping.planes)
    return wrapping.wrap(place.tile._replace(planes=planes))


def inks(picture: bytes) -> NDArray[np.uint8]:
    """(4, height, width) of what a PNG with a palette shows."""
    with MemoryFile(picture) as memory, memory.open() as dataset:
        table = dataset.colormap(1)
        indices = dataset.read(1)
    assert indices.max() < len(table)
    return looked_up(table, indices)


def looked_up(table: dict[int, tuple[int, ...]], indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(4, height, width) of what indices stand for; those that stand for nothing are transparent."""
    colors = np.array([table.get(index, (0, 0, 0, 0)) for index in range(256)], np.uint8)
    actual: NDArray[np.uint8] = colors[indices].transpose(2, 0, 1)
    return actual


def alpha_of(place: Place, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """The expected alpha of the whole tile, None if the PNG is to have none."""
    most = np.iinfo(dtype).max
    image, (_, height, width) = place.level.image, place.pixels.shape
    _, band = place.channels
    if place.inside and place.visible is None and band is None:
        return None
    alpha = np.zeros((image.tile_height, image.tile_width), dtype)
    alpha[:height, :width] = most if band is None else place.pixels[band]
    if place.visible is not None:
        alpha[:height, :width][place.visible == 0] = 0
    return alpha


def check(data: bytes, is_jpeg: bool = False) -> int:
    """Compare the PNG of every tile with what GDAL reads of the source; how many there are."""
    count = 0
    for place in places(data):
        if png.refusal(place.level) is not None:
            assert place.number > 0
            continue
        actual, wanted = decoded(drawn(data, place)), place.pixels
        _, height, width = wanted.shape
        wanted, alpha = wanted[place.channels[0]], alpha_of(place, actual.dtype)
        colors = len(wanted)
        assert actual.dtype == wanted.dtype
        assert len(actual) == colors + (alpha is not None)
        if place.level.image.photometric == 0:
            wanted = 2**place.level.image.bits - 1 - wanted
        if place.level.image.bits == 1 and alpha is not None:
            wanted = wanted * 255
        stored = np.argsort(place.channels[0])
        is_same = is_same_jpeg if is_jpeg else np.array_equal
        assert is_same(actual[stored, :height, :width], wanted[stored])
        if alpha is not None:
            assert np.array_equal(actual[-1], alpha)
        count += 1
    assert count
    return count


PNG_KINDS: Final = (
    "deflate",
    "deflate-mask",
    "bigtiff",
    "sparse",
    "planar",
    "oblong-tiles",
    "odd-factors",
    "jpeg-mask",
    "big-endian",
)


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_every_tile_of_every_level_shows_what_gdal_reads(kind: str) -> None:
    check(gdal_tiff(kind), is_jpeg=kind == "jpeg-mask")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - set(PNG_KINDS)))
def test_other_kinds_are_refused_with_a_reason(kind: str) -> None:
    reasons = {
        "jpeg": "the tiles are JPEG, and there is no mask to be shown with them",
        "webp": "the tiles are WEBP, and there is no mask to be shown with them",
        "lzw": "PNG has no samples of int16",
        "zstd-float": "PNG has no samples of float32",
        "lerc": "PNG has no samples of float32",
        "pixel-is-point": None,
        "big-endian-bigtiff": None,
    }
    stem = kind if kind in reasons else kind.partition("-")[0]
    refusal = png.refusal(cog_of(gdal_tiff(kind)).levels[0])
    assert (None if refusal is None else refusal.reason) == reasons[stem]


SPLIT: Final = [{"interleave": "PIXEL"}, {"interleave": "BAND"}]


@pytest.mark.parametrize("layout", SPLIT, ids=["pixel", "band"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "LZW", "ZSTD", "LZMA", "PACKBITS", "LERC", "LERC_ZSTD"])
def test_bands_codecs_and_layouts(compress: str, dtype: str, layout: dict[str, str]) -> None:
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    for bands, options, interpretation in (
        (1, {}, ()),
        (2, {"alpha": "YES"}, GREY_ALPHA),
        (3, {"photometric": "RGB"}, ()),
        (4, {"photometric": "RGB", "alpha": "YES"}, RGBA),
    ):
        if "LERC" in compress and interpretation:
            continue  # colours of hidden pixels are lost
        own = {"compress": compress, **layout, **options}
        pixels = noise(bands, dtype)
        assert check(raster(pixels, interpretation=interpretation, options=own)) == 9
        check(raster(pixels, interpretation=interpretation, mask=mask, factors=(2,), options=own))


NAMED: Final = {
    "blue green red undefined": 3,
    "blue green red alpha": 4,
    "alpha red green blue": 4,
    "red nir green blue": 3,
    "red green blue undefined": 3,
    "gray undefined undefined undefined": 1,
    "undefined gray undefined alpha": 2,
    "undefined undefined gray": 1,
    "alpha red": 2,
    "nir alpha": 2,
    "pan": 1,
}
"""GDAL's names of the bands -> channels of the picture of a tile that is whole."""


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("names", NAMED)
def test_channels_are_the_bands_that_gdal_names_so(names: str, planar: str) -> None:
    """Whatever TIFF's own tags say: of four bands red, green, blue and alpha."""
    count = len(names.split())
    data = named_raster(noise(count, "uint8"), names.split(), planar=planar, compression="deflate")
    check(data)
    whole = next(place for place in places(data) if place.inside)
    assert len(decoded(drawn(data, whole))) == NAMED[names]


@pytest.mark.parametrize("compression", ["webp", "jpeg"])
def test_stored_pictures_of_other_colors_than_gdal_names_are_decoded(compression: str) -> None:
    """A JPEG has no fourth band here, so that it is right where only that is not alpha."""
    pixels, is_jpeg = noise(3 if compression == "jpeg" else 4, "uint8"), compression == "jpeg"
    for names in ("red green blue undefined", "blue green red alpha", "gray undefined undefined alpha"):
        data = named_raster(pixels, names.split()[: len(pixels)], compression=compression)
        offers = {wrapper.extension for wrapper in wrappers_of(cog_of(data).levels[0])} & {"jpg", "webp", "png"}
        is_right = names.startswith("gray") or (is_jpeg and names.startswith("red"))
        assert offers == ({"jpg" if is_jpeg else "webp"} if is_right else {"png"})
        if not is_right:
            check(data, is_jpeg=is_jpeg)


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_predictors(dtype: str, bands: int, endianness: str) -> None:
    options = {"compress": "DEFLATE", "predictor": "2", "endianness": endianness, "interleave": "PIXEL"}
    check(raster(noise(bands, dtype), options=options | ({"photometric": "RGB"} if bands == 3 else {})))


def test_rows_with_predictor_2_become_those_of_the_png_as_they_are() -> None:
    options = {"compress": "DEFLATE", "predictor": "2", "photometric": "RGB", "interleave": "PIXEL"}
    data = raster(noise(3, "uint8", 32, 48), options=options)
    (place,) = places(data)
    picture = drawn(data, place)
    stored = zlib.decompress(place.tile.planes[0] or b"")
    rows = [stored[at : at + 3 * 48] for at in range(0, len(stored), 3 * 48)]
    assert zlib.decompress(chunks(picture)[b"IDAT"]) == b"".join(b"\1" + row for row in rows)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_is_zero(dtype: str) -> None:
    check(raster(noise(1, dtype), options={"compress": "LZW", "photometric": "MINISWHITE"}))


@pytest.mark.parametrize("photometric", ["MINISWHITE", "MINISBLACK"])
def test_one_bit(photometric: str) -> None:
    bits = (noise(1, "uint8") // 7 % 2).astype(np.uint8)
    check(raster(bits, options={"compress": "DEFLATE", "nbits": "1", "photometric": photometric}))


def test_a_plane_that_is_not_stored_is_nodata() -> None:
    for nodata, wanted in ((None, 0), (200, 200), (-9999, 0), (3.5, 4), (float("nan"), 0), (1e9, 255)):
        stated = {} if nodata is None else {hm.NODATA: (hm.ASCII, str(nodata).encode() + b"\0")}
        fields: dict[int, hm.Field] = {hm.PHOTOMETRIC: (hm.SHORT, [2])}
        tiles = [b"\1" * 512, None, b"\3" * 512]
        data = hm.tiff(hm.image(32, 16, samples=3, planar=2, tiles=tiles).having(fields | stated))
        (place,) = places(data)
        actual = decoded(drawn(data, place))
        assert [np.unique(band).tolist() for band in actual] == [[1], [wanted], [3]]
        if nodata is None or not 0 < nodata % 1 < 1:
            assert np.array_equal(actual, place.pixels)


def test_a_tile_of_a_mask_that_is_not_stored_hides_all() -> None:
    data = raster(noise(1, "uint8", 32, 48), mask=np.zeros((32, 48), np.uint8), options={"compress": "DEFLATE"})
    cog = cog_of(data)
    tile = tile_at(data, cog.levels[0], 0, 0)
    actual = decoded(run(data, png.prepare(cog, cog.levels[0], USUAL)).wrap(Tile(0, 0, tile.planes, None)))
    assert actual.shape == (2, 32, 48)
    assert not actual[1].any()


@pytest.mark.parametrize("bits", ["1", "8"])
def test_a_mask_is_white_where_the_image_is_valid(bits: str) -> None:
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    data = raster(noise(1, "uint8"), mask=mask, options={"compress": "DEFLATE"})
    if bits == "8":
        data = with_byte_mask(mask)
    for place in places(data):
        assert place.level.mask is not None
        assert place.tile.mask is not None
        alone = Level(place.level.mask, None)
        assert png.refusal(alone) is None
        picture = run(data, png.prepare(place.cog, alone, USUAL)).wrap(
            Tile(place.tile.col, place.tile.row, (place.tile.mask,))
        )
        actual = decoded(picture)
        wanted = np.zeros((1, 32, 48), np.uint8)
        assert place.visible is not None
        wanted[0, : place.visible.shape[0], : place.visible.shape[1]] = place.visible
        assert np.array_equal(actual, wanted // (255 if bits == "1" else 1))
        assert chunks(picture)[b"IHDR"][8:10] == bytes([int(bits), 0])  # grey


def with_byte_mask(mask: NDArray[np.uint8]) -> bytes:
    """An image with a mask of bytes."""
    height, width = mask.shape
    padded = np.zeros((96, 144), np.uint8)
    padded[:height, :width] = mask
    tiles = [padded[row : row + 32, col : col + 48].tobytes() for row in (0, 32, 64) for col in (0, 48, 96)]
    image = hm.image(width, height, (48, 32))
    return hm.tiff(image, hm.image(width, height, (48, 32), subfile=hm.MASK, tiles=tiles))


def test_a_mask_of_bytes_hides_as_gdal_says() -> None:
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    check(with_byte_mask(mask))


# Palettes


def colors_of(size: int, clear: Sequence[int] = ()) -> dict[int, tuple[int, int, int, int]]:
    return {n: (n * 7 % 256, 255 - n % 256, n // 2, 0 if n in clear else 255) for n in range(size)}


def check_palette(data: bytes) -> set[str]:
    """Compare what PNGs of a palette image show with GDAL's view of it; the kinds of PNG that there are."""
    kinds = set()
    with warnings.catch_warnings(), MemoryFile(data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as dataset:
            table = dataset.colormap(1)
    for place in places(data):
        assert png.refusal(place.level) is None
        picture = drawn(data, place)
        _, height, width = place.pixels.shape
        wanted = np.zeros((4, place.level.image.tile_height, place.level.image.tile_width), np.uint8)
        wanted[:, :height, :width] = looked_up(table, place.pixels[0])
        if place.visible is not None:
            wanted[3, :height, :width][place.visible == 0] = 0
        is_palette = b"PLTE" in chunks(picture)
        actual = inks(picture) if is_palette else decoded(picture)
        assert np.array_equal(actual[3], wanted[3])
        shown = wanted[3] > 0
        assert np.array_equal(actual[:3, shown], wanted[:3, shown])
        kinds.add("palette" if is_palette else "rgba")
    return kinds


INDICES: Final = (noise(1, "uint16") * 3 % 200).astype(np.uint8)
MASK: Final = np.where(INDICES[0] % 3 > 0, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_a_palette_is_kept_and_lends_an_index_to_what_is_hidden(bits: int, mask: NDArray[np.uint8] | None) -> None:
    options = {"compress": "DEFLATE", "photometric": "PALETTE"} | ({"nbits": str(bits)} if bits < 8 else {})
    indices = INDICES & np.uint8(2**bits - 1)
    data = raster(indices, colors=colors_of(2**bits), mask=mask, factors=(2,), options=options)
    assert check_palette(data) == {"palette"}


def test_nodata_of_a_palette_is_transparent() -> None:
    options = {"compress": "ZSTD", "photometric": "PALETTE"}
    assert check_palette(raster(INDICES, colors=colors_of(256), nodata=9, options=options)) == {"palette"}
    assert check_palette(raster(INDICES, colors=colors_of(256), mask=MASK, nodata=9, options=options)) == {"palette"}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_overview_without_a_palette_has_that_of_the_image() -> None:
    """GDAL writes such files where the palette is added after the pixels."""
    grey = hm.image(16, 16, (16, 16), tiles=[bytes(range(256))], subfile=1)
    colors: dict[int, hm.Field] = {320: (hm.SHORT, [257 * (255 - n) for n in range(256)] * 3)}
    full = hm.image(32, 32, (16, 16), tiles=[bytes(range(256))] * 4).having(colors)
    data = hm.tiff(full, grey)
    cog = cog_of(data)
    tile = run(data, png.prepare(cog, cog.levels[1], USUAL)).wrap(Tile(0, 0, (bytes(range(256)),), None))
    with MemoryFile(tile) as memory, memory.open() as picture:
        colors_of = picture.colormap(1)
        shown = [colors_of[index][:3] for index in picture.read(1).ravel()]
    assert shown == [(255 - n,) * 3 for n in range(256)]


def test_colours_are_looked_up_where_no_index_is_free() -> None:
    indices = (np.arange(64 * 64).reshape(1, 64, 64) % 256).astype(np.uint8)
    mask = np.full((64, 64), 255, np.uint8)
    mask[60:, 60:] = 0
    options = {"compress": "NONE", "photometric": "PALETTE"}
    assert check_palette(raster(indices, colors=colors_of(256), mask=mask, tile=(64, 64), options=options)) == {"rgba"}
    assert check_palette(raster(indices, colors=colors_of(256), tile=(64, 64), options=options)) == {"palette"}


def palette_image(values: Sequence[int], index: int = 0, kind: int = hm.SHORT) -> bytes:
    fields: dict[int, hm.Field] = {hm.PHOTOMETRIC: (hm.SHORT, [3]), COLOR_MAP: (kind, list(values))}
    return hm.tiff(hm.image(32, 16, tiles=[bytes([index]) * 512]).having(fields))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([n * 257 for n in range(256)], list(range(256))),
        ([n * 256 for n in range(256)], list(range(256))),
        (list(range(256)), list(range(256))),
        ([min(n * 250 + 7, 65535) for n in range(256)], [min(n * 250 + 7, 65535) // 257 for n in range(256)]),
        ([0] * 256, [0] * 256),
    ],
    ids=["257", "256", "bytes", "neither", "black"],
)
def test_sixteen_bits_of_a_colour_become_eight_as_in_gdal(values: list[int], wanted: list[int]) -> None:
    data = palette_image(values * 3, 200)
    assert check_palette(data) == {"palette"}
    (place,) = places(data)
    assert chunks(drawn(data, place))[b"PLTE"] == bytes(value for value in wanted for _ in range(3))


def test_an_index_beyond_the_palette_is_damage() -> None:
    data = palette_image([0] * 30, 10)
    cog = cog_of(data)
    with pytest.raises(TileDamaged, match="the index 10 of a palette of 10 colours"):
        run(data, png.prepare(cog, cog.levels[0], USUAL)).wrap(tile_at(data, cog.levels[0], 0, 0))


@pytest.mark.parametrize("kind", ["none", "odd", "long", "huge"])
def test_a_palette_that_is_none_is_a_damaged_format(kind: str) -> None:
    data = {
        "none": hm.tiff(hm.image(32, 16).having({hm.PHOTOMETRIC: (hm.SHORT, [3])})),
        "odd": palette_image([0] * 100),
        "long": palette_image([0] * 768, kind=hm.LONG),
        "huge": palette_image([0] * 3 * 257),
    }[kind]
    cog = cog_of(data)
    with pytest.raises(FormatError, match="COLOR_MAP"):
        run(data, png.prepare(cog, cog.levels[0], USUAL))


# What is refused


def reason(fields: dict[int, hm.Field], samples: int = 1, mask: hm.Ifd | None = None) -> str | None:
    image = hm.image(80, 40, samples=samples).having(fields)
    refusal = png.refusal(cog_of(hm.tiff(image, *([] if mask is None else [mask]))).levels[0])
    return None if refusal is None else refusal.reason


def test_what_a_png_would_lie_about_is_refused_by_name() -> None:
    rgb: dict[int, hm.Field] = {hm.PHOTOMETRIC: (hm.SHORT, [2])}
    assert reason(rgb | {EXTRA_SAMPLES: (hm.SHORT, [2])}, 4) is None
    assert reason(rgb | {EXTRA_SAMPLES: (hm.SHORT, [1])}, 4) == (
        "the colours are multiplied with alpha, those of a picture must not be"
    )
    assert reason(rgb | {EXTRA_SAMPLES: (hm.SHORT, [0, 2])}, 5) == "5 bands, and a picture is made of at most 4"
    unnamed = "bands named {}: wanted red, green and blue, or a grey one, and at most one alpha"
    assert reason(rgb, 2) == unnamed.format("red, green")
    assert reason({EXTRA_SAMPLES: (hm.SHORT, [2, 2])}, 3) == unnamed.format("gray, alpha, alpha")
    assert reason({hm.BITS: (hm.SHORT, [1, 1])}, 2) == "2 bands of 1 bits as MINISBLACK have no place in a picture"
    item = '<Item name="C" sample="{}" role="colorinterp">{}</Item>'
    items = "".join(item.format(*named) for named in enumerate(("Red", "Green", "Blue")))
    palette: dict[int, hm.Field] = {hm.PHOTOMETRIC: (hm.SHORT, [3]), COLOR_MAP: (hm.SHORT, [0] * 768)}
    named: dict[int, hm.Field] = {42112: (hm.ASCII, f"<GDALMetadata>{items}</GDALMetadata>\0".encode())}
    assert reason(palette | named, 3) == "3 bands of 8 bits as PALETTE have no place in a picture"
    assert reason({hm.PHOTOMETRIC: (hm.SHORT, [5])}, 4) == "CMYK of 8 bits a sample has no place in a PNG"
    assert reason({hm.PHOTOMETRIC: (hm.SHORT, [32844])}) == "32844 of 8 bits a sample has no place in a PNG"
    assert reason({hm.BITS: (hm.SHORT, [32])}) == "MINISBLACK of 32 bits a sample has no place in a PNG"
    assert reason({hm.SAMPLE_FORMAT: (hm.SHORT, [2])}) == "PNG has no samples of int8"
    assert reason({hm.COMPRESSION: (hm.SHORT, [34712])}) == "tiles of compression JPEG2000 are not decoded"
    assert reason({}, mask=hm.image(80, 40, (48, 16), subfile=hm.MASK)) == (
        "the mask has tiles of 48 × 16 pixels, the image of 32 × 16"
    )
    fax: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [4]), hm.BITS: (hm.SHORT, [8])}
    assert (reason({}, mask=hm.image(80, 40, subfile=hm.MASK).having(fax)) or "").startswith("the mask: ")


@pytest.mark.parametrize("part", ["image", "mask"])
def test_a_damaged_tile_of_the_image_or_of_its_mask_is_an_error(part: str) -> None:
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    data = raster(noise(1, "uint8"), mask=mask, options={"compress": "DEFLATE"})
    cog = cog_of(data)
    tile = tile_at(data, cog.levels[0], 0, 0)
    cut = (tile.planes[0] or b"")[:40], (tile.mask or b"")[:9]
    bad = Tile(0, 0, (cut[0],), tile.mask) if part == "image" else Tile(0, 0, tile.planes, cut[1])
    with pytest.raises(TileDamaged, match=r"DEFLATE tile of (40|9) stored bytes cannot be decoded"):
        run(data, png.prepare(cog, cog.levels[0], USUAL)).wrap(bad)


# Files


def chunks(picture: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG by their type, their checksums verified."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    actual, at = {}, 8
    while at < len(picture):
        (size,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        assert picture[at + 8 + size : at + 12 + size] == zlib.crc32(kind + data).to_bytes(4, "big")
        actual[kind] = data
        at += 12 + size
    return actual


@pytest.mark.parametrize("size", [(256, 256), (48, 80), (1, 1), (512, 16), (4096, 300)])
@pytest.mark.parametrize("make", [transparent, webp.transparent])
def test_a_picture_of_nothing_is_transparent_and_small(make: Any, size: tuple[int, int]) -> None:
    picture = make(*size)
    actual = decoded(picture)
    assert actual.shape == (4, size[1], size[0])
    assert not actual.any()
    assert len(picture) < 6000


def test_the_decoders_are_loaded_with_the_first_tile() -> None:
    script = "import sys, cogread.wrap.png.wrapper, cogread.wrap.bin; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# The corpus


def corpus_faults(path: Path) -> list[str]:
    data = path.read_bytes()
    image = cog_of(data).full
    if png.refusal(cog_of(data).levels[0]) is None:
        try:
            if image.photometric == 3:
                check_palette(data)
            else:
                check(data, is_jpeg=image.compression == 7)
        except AssertionError as error:
            return [f"{path.name}: {error}"]
    return []


@pytest.mark.parametrize("path", served(CORPUS / "real") if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_real_files_show_what_gdal_reads(path: Path) -> None:
    assert corpus_faults(path) == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside this checkout")
def test_files_of_every_kind_show_what_gdal_reads(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folder = corpus_folder("data", pytestconfig.cache.mkdir("corpus"))
    assert [fault for path in served(folder) for fault in corpus_faults(path)] == []
