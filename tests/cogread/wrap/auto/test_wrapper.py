"""Auto against GDAL's mask and the stored tile, for each tile of masked files and of those with padding."""

import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from cogread.errors import TileDamaged
from cogread.image import Level
from cogread.refusal import Refusal
from cogread.wrap import AUTO, CUT_OUT_WEBP, JPEG_PNG, USUAL, Wrapper, Wrapping, wrappers_of
from cogread.wrap.tile import Tile
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.corpus import CORPUS, corpus_folder, served
from tests.support.decode import decoded
from tests.support.pictures import is_same_jpeg
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff
from tests.support.tiles import Place, places, run, tile_at

ROOT: Final = Path(__file__).resolve().parents[4]
MASK: Final = np.where(np.arange(110) + 1.5 * np.arange(70)[:, np.newaxis] < 105, 255, 0).astype(np.uint8)
"""The upper left half: a tile within it, some on its edge, some without it."""
HALF: Final = np.where(np.arange(110) < 20, 255, 0).astype(np.uint8) * np.ones((70, 1), np.uint8)
"""A column of tiles with a part, others without any visible pixel, whose tiles of the mask are not stored."""
RGBA: Final = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
LOSSY: Final = {"compress": "WEBP", "webp_level": "60"}
LOSSLESS: Final = {"compress": "WEBP", "webp_lossless": "TRUE"}
JPEG: Final = {"compress": "JPEG", "photometric": "YCBCR"}
JPEG_RGB: Final = {"compress": "JPEG", "photometric": "RGB"}


def form_of(data: bytes, place: Place, wrapper: Wrapper = AUTO) -> Wrapping | None:
    """The form of a tile."""
    wrapping = run(data, wrapper.prepare(place.cog, place.level, USUAL))
    return wrapping if wrapping.choose is None else wrapping.choose(place.tile._replace(planes=()))


def picture(data: bytes, place: Place, wrapper: Wrapper = AUTO) -> bytes:
    form = form_of(data, place, wrapper)
    assert form is not None
    planes = tuple(place.tile.planes[plane] for plane in form.planes)
    return form.wrap(place.tile._replace(planes=planes))


def stored_picture(data: bytes, place: Place) -> bytes:
    """The tile in the format of its codec, which other tests compare with GDAL."""
    wrapping = run(data, wrappers_of(place.level)[0].prepare(place.cog, place.level, USUAL))
    return wrapping.wrap(place.tile)


def alpha_of(place: Place) -> NDArray[np.uint8]:
    """The expected alpha of a whole tile by GDAL, without that of a band."""
    image, (_, height, width) = place.level.image, place.pixels.shape
    alpha = np.zeros((image.tile_height, image.tile_width), np.uint8)
    alpha[:height, :width] = 255 if place.visible is None else place.visible
    return alpha


def check(data: bytes, wrapper: Wrapper = AUTO, *, is_jpeg: bool = False) -> Counter[str]:
    """Compare each tile with GDAL's; the number of tiles by what is visible, and media type."""
    kinds: Counter[str] = Counter()
    for place in places(data):
        assert wrapper.refusal(place.level) is None
        alpha, form = alpha_of(place), form_of(data, place, wrapper)
        if not alpha.any():
            assert form is None
            kinds["none"] += 1
            continue
        assert form is not None
        body = picture(data, place, wrapper)
        is_stored = place.level.image.compression in (7, 50001)
        kinds[("whole " if (alpha == 255).all() else "part ") + form.media_type.removeprefix("image/")] += 1
        if is_stored and (alpha == 255).all():
            assert body == stored_picture(data, place)
            assert form.work_bytes == 0, "nothing is decoded"
        else:
            check_pixels(body, place, alpha, is_jpeg=is_jpeg)
    return kinds


def check_pixels(body: bytes, place: Place, alpha: NDArray[np.uint8], *, is_jpeg: bool) -> None:
    actual, (bands, opacity) = decoded(body).astype(int), place.channels
    scale = 257 if place.pixels.dtype == np.uint16 else 1
    expected_alpha = alpha.astype(int) * scale
    _, height, width = place.pixels.shape
    if opacity is not None:
        expected_alpha[:height, :width] = np.minimum(expected_alpha[:height, :width], place.pixels[opacity])
    if len(actual) in (1, 3):
        assert expected_alpha.min() == 255 * scale
    else:
        np.testing.assert_array_equal(actual[-1], expected_alpha)
    colors = place.pixels[bands].astype(int)
    shown = actual[: 3 if len(actual) > 2 else 1, :height, :width]
    is_visible = expected_alpha[:height, :width] > 0
    is_same = is_same_jpeg if is_jpeg else np.array_equal
    assert is_same(shown[:, is_visible], np.broadcast_to(colors, shown.shape)[:, is_visible])


FILES: Final[dict[str, tuple[dict[str, Any], set[str]]]] = {
    "webp-lossy": ({"pixels": noise(3, "uint8"), "mask": MASK, "options": LOSSY}, {"whole webp", "part webp", "none"}),
    "webp-lossless": (
        {"pixels": noise(3, "uint8"), "mask": MASK, "options": LOSSLESS},
        {"whole webp", "part webp", "none"},
    ),
    "webp-padding": ({"pixels": noise(3, "uint8"), "options": LOSSY}, {"whole webp", "part webp"}),
    "webp-rgba": (
        {"pixels": noise(4, "uint8"), "interpretation": RGBA, "options": LOSSY},
        {"whole webp", "part webp"},
    ),
    "webp-rgba-mask": (
        {"pixels": noise(4, "uint8"), "mask": MASK, "interpretation": RGBA, "options": LOSSLESS},
        {"whole webp", "part webp", "none"},
    ),
    "jpeg-rgb": (
        {"pixels": noise(3, "uint8"), "mask": MASK, "options": JPEG_RGB},
        {"whole jpeg", "part webp", "none"},
    ),
    "jpeg-grey": (
        {"pixels": noise(1, "uint8"), "mask": MASK, "options": {"compress": "JPEG"}},
        {"whole jpeg", "part webp", "none"},
    ),
    "jpeg-padding": ({"pixels": noise(3, "uint8"), "options": JPEG_RGB}, {"whole jpeg", "part webp"}),
    "sparse-mask": (
        {"pixels": noise(3, "uint8"), "mask": HALF, "options": {**JPEG_RGB, "sparse_ok": "TRUE"}},
        {"part webp", "none"},
    ),
    "deflate": (
        {"pixels": noise(3, "uint16"), "mask": MASK, "options": {"compress": "DEFLATE"}},
        {"whole png", "part png", "none"},
    ),
    "planar": (
        {"pixels": noise(3, "uint8"), "mask": MASK, "options": {"compress": "LZW", "interleave": "BAND"}},
        {"whole png", "part png", "none"},
    ),
}
"""Name -> arguments of `raster`, and the forms of its tiles."""


@pytest.mark.parametrize("name", FILES)
def test_each_tile_is_as_stored_or_hides_exactly_what_gdal_hides(name: str) -> None:
    arguments, forms = FILES[name]
    for factors in ((), (2, 4)):
        kinds = check(raster(**arguments, factors=factors))
        assert kinds.keys() <= forms
        assert factors or kinds.keys() == forms
        assert kinds["none"] == 0 or "none" in forms


@pytest.mark.parametrize("kind", ["jpeg-mask", "jpeg-ycbcr", "jpeg-no-tables", "webp-rgba", "deflate-mask", "planar"])
def test_files_as_gdal_makes_them(kind: str) -> None:
    assert check(gdal_tiff(kind), is_jpeg=kind.startswith("jpeg"))


def test_a_mask_of_bytes_hides_in_part() -> None:
    """Tiles are whole only where all of its bytes are 255."""
    mask = np.full((64, 96), 255, np.uint8)
    mask[:32, :48], mask[32:, :48], mask[5, 60] = 100, 0, 254
    image = raster(noise(3, "uint8", 64, 96), options=LOSSLESS)
    (level,) = cog_of(image).levels
    stored = [tile_at(image, level, col, row).planes[0] for row in (0, 1) for col in (0, 1)]
    webp: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50001]), hm.PHOTOMETRIC: (hm.SHORT, [2])}
    tiles = [mask[row : row + 32, col : col + 48].tobytes() for row in (0, 32) for col in (0, 48)]
    data = hm.tiff(
        hm.image(96, 64, (48, 32), samples=3, tiles=stored).having(webp),
        hm.image(96, 64, (48, 32), subfile=hm.MASK, tiles=tiles),
    )
    assert check(data) == {"part webp": 2, "none": 1, "whole webp": 1}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("bits", [1, 8])
def test_rows_of_a_mask_that_end_within_a_byte(bits: int) -> None:
    """Tiles of 20 pixels; the file format wants multiples of 16, and GDAL reads others."""
    pixels, mask = noise(3, "uint8", 16, 60), np.full((16, 60), 255, np.uint8)
    mask[3:5, 25:30], mask[:, 40:] = 0, 0
    columns = [slice(left, left + 20) for left in (0, 20, 40)]
    stored = [encoded(pixels[:, :, part]) for part in columns]
    rows = [np.packbits(mask[:, part] // 255, axis=1) if bits == 1 else mask[:, part] for part in columns]
    webp: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50001]), hm.PHOTOMETRIC: (hm.SHORT, [2])}
    data = hm.tiff(
        hm.image(60, 16, (20, 16), samples=3, tiles=stored).having(webp),
        hm.image(60, 16, (20, 16), subfile=hm.MASK, tiles=[row.tobytes() for row in rows]).having(
            {hm.BITS: (hm.SHORT, [bits])}
        ),
    )
    assert check(data) == {"whole webp": 1, "part webp": 1, "none": 1}


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """A lossless WebP file of (bands, height, width), by GDAL."""
    with MemoryFile() as memory:
        profile = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2], "dtype": "uint8"}
        with memory.open(driver="WEBP", LOSSLESS="YES", **profile) as dataset:
            dataset.write(pixels)
        return bytes(memory.read())


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of a WebP file's chunks; its sizes and its padding are checked."""
    assert (file[:4], file[8:12]) == (b"RIFF", b"WEBP")
    assert struct.unpack_from("<I", file, 4)[0] == len(file) - 8
    actual, at = [], 12
    while at < len(file):
        name, (size,) = file[at : at + 4], struct.unpack_from("<I", file, at + 4)
        actual.append((name, file[at + 8 : at + 8 + size]))
        assert size % 2 == 0 or file[at + 8 + size] == 0
        at += 8 + size + size % 2
    assert at == len(file)
    return actual


@pytest.mark.parametrize(("bands", "before"), [(3, [b"VP8 "]), (4, [b"VP8X", b"ALPH", b"VP8 "])])
def test_the_colours_of_a_lossy_webp_stay_bit_by_bit(bands: int, before: list[bytes]) -> None:
    """RFC 9649 §2.7: VP8X has the flag of alpha and the sizes; ALPH is before the colours."""
    pixels = noise(bands, "uint8")
    data = raster(pixels, mask=MASK, options=LOSSY, interpretation=RGBA if bands == 4 else ())
    cut = 0
    for place in places(data):
        stored, body = stored_picture(data, place), picture(data, place) if alpha_of(place).any() else b""
        if body and body != stored:
            assert [name for name, _ in chunks(stored)] == before
            names = [name for name, _ in chunks(body)]
            assert names == [b"VP8X", b"ALPH", b"VP8 "]
            assert dict(chunks(body))[b"VP8 "] == dict(chunks(stored))[b"VP8 "]
            assert dict(chunks(body))[b"VP8X"] == bytes((0x10, 0, 0, 0, 47, 0, 0, 31, 0, 0))
            cut += 1
    assert cut > 3


def test_a_profile_stays_and_metadata_goes() -> None:
    data = raster(noise(3, "uint8"), mask=MASK, options=LOSSY)
    place = next(place for place in places(data) if 0 < alpha_of(place).mean() < 255)
    colors = dict(chunks(place.tile.planes[0] or b""))[b"VP8 "]
    parts = [(b"VP8X", bytes((0x28, 0, 0, 0, 47, 0, 0, 31, 0, 0))), (b"ICCP", b"profile"), (b"VP8 ", colors)]
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in [*parts, (b"EXIF", b"MM\0*")]
    )
    extended = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    form = form_of(data, place)
    assert form is not None
    own_chunks = chunks(form.wrap(place.tile._replace(planes=(extended,))))
    assert [name for name, _ in own_chunks] == [b"VP8X", b"ICCP", b"ALPH", b"VP8 "]
    assert dict(own_chunks)[b"VP8X"][0] == 0x30


def test_alpha_that_is_stored_already_is_sent_as_stored() -> None:
    """GDAL stores the padding of RGBA tiles as it finds it: here transparent."""
    pixels = noise(4, "uint8", 64, 96)
    pixels[3, 20:], pixels[3, :, 50:] = 0, 0
    data = raster(pixels, options=LOSSLESS, interpretation=RGBA)
    tiles = [tile_at(data, cog_of(data).levels[0], col, row).planes[0] for row in (0, 1) for col in (0, 1)]
    webp: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50001]), hm.PHOTOMETRIC: (hm.SHORT, [2])}
    fields = webp | {338: (hm.SHORT, [2])}
    smaller = hm.tiff(hm.image(50, 20, (48, 32), samples=4, tiles=tiles[:2]).having(fields))
    for place in places(smaller):
        assert picture(smaller, place) == place.tile.planes[0]


def test_jpeg_and_png_alone() -> None:
    """For clients of WMTS, by `image/vnd.jpeg-png`."""
    data = raster(noise(3, "uint8"), mask=MASK, factors=(2,), options=JPEG_RGB)
    assert check(data, JPEG_PNG).keys() == {"whole jpeg", "part png", "none"}
    webp = cog_of(raster(noise(3, "uint8"), mask=MASK, options=LOSSY)).levels[0]
    assert JPEG_PNG.refusal(webp) == Refusal("the tiles are WEBP, not JPEG")


def test_webp_alone() -> None:
    data = raster(noise(3, "uint8"), mask=MASK, factors=(2,), options=LOSSY)
    assert check(data, CUT_OUT_WEBP).keys() == {"whole webp", "part webp", "none"}


def level_of(fields: dict[int, hm.Field], samples: int = 3, size: tuple[int, int] = (80, 40), **more: Any) -> Level:
    return cog_of(hm.tiff(hm.image(*size, samples=samples, **more).having(fields))).levels[0]


CODEC: Final = hm.COMPRESSION


@pytest.mark.parametrize(
    ("fields", "samples", "reason"),
    [
        ({CODEC: (hm.SHORT, [7]), hm.PHOTOMETRIC: (hm.SHORT, [5])}, 4, "CMYK of 8 bits a sample has no place in a PNG"),
        (
            {CODEC: (hm.SHORT, [7]), hm.PHOTOMETRIC: (hm.SHORT, [6]), hm.BITS: (hm.SHORT, [12] * 3)},
            3,
            "YCBCR of 12 bits a sample has no place in a PNG",
        ),
        (
            {CODEC: (hm.SHORT, [7]), hm.PHOTOMETRIC: (hm.SHORT, [2]), hm.PLANAR: (hm.SHORT, [2])},
            3,
            "the tiles are JPEG, and there is no mask to be shown with them",
        ),
        ({hm.SAMPLE_FORMAT: (hm.SHORT, [3]), hm.BITS: (hm.SHORT, [32])}, 1, "PNG has no samples of float32"),
    ],
)
def test_refuses_what_makes_no_picture(fields: dict[int, hm.Field], samples: int, reason: str) -> None:
    assert AUTO.refusal(level_of(fields, samples)) == Refusal(reason)


def test_a_mask_of_other_tiles_refuses_a_level_rather_than_show_what_it_hides() -> None:
    image = hm.image(80, 40, samples=3).having({CODEC: (hm.SHORT, [50001]), hm.PHOTOMETRIC: (hm.SHORT, [2])})
    level = cog_of(hm.tiff(image, hm.image(80, 40, (48, 16), subfile=hm.MASK))).levels[0]
    assert AUTO.refusal(level) == Refusal("the mask has tiles of 48 × 16 pixels, the image of 32 × 16")
    assert CUT_OUT_WEBP.refusal(level) is None, "as `webp`, which has no mask either"


@pytest.mark.parametrize(
    ("codec", "size", "form"),
    [
        (50001, (2048, 2048), "image/webp"),
        (50001, (2048, 2064), "image/png"),
        (50001, (16400, 16), "image/png"),
        (7, (1024, 1024), "image/webp"),
        (7, (1024, 1040), "image/png"),
    ],
)
def test_large_tiles_are_not_compressed_as_webp(codec: int, size: tuple[int, int], form: str) -> None:
    fields: dict[int, hm.Field] = {CODEC: (hm.SHORT, [codec]), hm.PHOTOMETRIC: (hm.SHORT, [2])}
    data = hm.tiff(hm.image(size[0] + 1, size[1], size, samples=3).having(fields))
    cog = cog_of(data)
    wrapping = run(data, AUTO.prepare(cog, cog.levels[0], USUAL))
    assert wrapping.choose is not None
    whole, part = (wrapping.choose(Tile(col, 0, ())) for col in (0, 1))
    assert whole is not None
    assert part is not None
    assert (whole.media_type, part.media_type) == ("image/webp" if codec == 50001 else "image/jpeg", form)


@pytest.mark.parametrize("options", [LOSSY, LOSSLESS, JPEG_RGB], ids=["lossy", "lossless", "jpeg"])
def test_a_damaged_tile_or_mask_is_an_error(options: dict[str, str]) -> None:
    data = raster(noise(3, "uint8"), mask=MASK, options=options)
    place = next(place for place in places(data) if 0 < alpha_of(place).mean() < 255)
    form = form_of(data, place)
    assert form is not None
    stored, mask = place.tile.planes[0] or b"", place.tile.mask or b""
    for stop in (0, 10, 30, len(stored) // 3):
        with pytest.raises(TileDamaged):
            form.wrap(place.tile._replace(planes=(stored[:stop],)))
    wrapping = run(data, AUTO.prepare(place.cog, place.level, USUAL))
    assert wrapping.choose is not None
    with pytest.raises(TileDamaged):
        wrapping.choose(place.tile._replace(mask=mask[:9]))


def test_levels_without_a_mask_load_no_decoder_for_whole_tiles() -> None:
    script = (
        "import sys; from cogread.reader import open_cog; from cogread.wrap import AUTO, USUAL\n"
        "from cogread.tiff.parse import drive; from cogread.wrap.tile import Tile\n"
        "cog = open_cog('data/valley.tif').cog; wrapping = drive(AUTO.prepare(cog, cog.levels[0], USUAL), None)\n"
        "assert wrapping.choose(Tile(3, 2, ())).media_type == 'image/webp'; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# The corpus


def corpus_faults(path: Path) -> list[str]:
    data = path.read_bytes()
    levels = cog_of(data).levels
    if all(AUTO.refusal(level) is None for level in levels) and levels[0].image.compression in (7, 50001):
        try:
            check(data, is_jpeg=levels[0].image.compression == 7)
        except AssertionError as error:
            return [f"{path.name}: {error}"]
    return []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside this checkout")
def test_stored_pictures_of_the_corpus_hide_what_gdal_hides(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folders = (corpus_folder("data", pytestconfig.cache.mkdir("corpus")), CORPUS / "real")
    assert [fault for folder in folders for path in served(folder) for fault in corpus_faults(path)] == []
