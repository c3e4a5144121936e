import hashlib
import io
import lzma
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, Final, Literal

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.tiff.tags import Compression
from cogread.wrap.decode import pixels
from cogread.wrap.decode.support import undecodable
from cogread.wrap.tile import valid_size
from tests.support import handmade as hm
from tests.support.codecs import CODECS
from tests.support.cogs import cog_of, stored
from tests.support.corpus import CORPUS, Record, corpus_folder, manifest
from tests.support.decoder_worker import image_of
from tests.support.rasters import noise, raster
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.tiles import Place, places

ROOT: Final = Path(__file__).resolve().parents[4]
FILL_ORDER: Final = 266
PREDICTOR: Final = 317
T4_OPTIONS: Final = 292
T6_OPTIONS: Final = 293


def decoded(place: Place) -> NDArray[Any]:
    """(bands, height, width) of the part of a tile within the image, a sparse plane as zeros."""
    image, tile = place.level.image, place.tile
    width, height = valid_size(image, tile.col, tile.row)
    shape = (image.tile_height, image.tile_width, image.samples // image.planes)
    planes = [
        np.zeros(shape, pixels.sample_type(image)) if plane is None else pixels.samples(image, plane, height)
        for plane in tile.planes
    ]
    return np.concatenate(planes, axis=2)[:height, :width].transpose(2, 0, 1)


def check(data: bytes, is_close: bool = False) -> None:
    """Compare every tile with what GDAL reads; `is_close` for JPEG, whose libraries smooth colours as they like."""
    count = 0
    for place in places(data):
        actual = decoded(place)
        assert actual.dtype == place.pixels.dtype
        assert actual.dtype.isnative
        assert actual.shape == place.pixels.shape
        if is_close:
            assert np.abs(actual.astype(int) - place.pixels).mean() < 4
        else:
            assert np.array_equal(actual, place.pixels, equal_nan=actual.dtype.kind in "fc")
        count += 1
    assert count


@pytest.mark.parametrize("kind", KINDS)
def test_every_tile_of_every_kind_is_decoded_to_what_gdal_reads(kind: str) -> None:
    check(gdal_tiff(kind), is_close=kind.startswith("jpeg"))


DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "complex64")


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("compress", "predictor"),
    [
        ("NONE", 1),
        ("PACKBITS", 1),
        ("LZW", 2),
        ("DEFLATE", 1),
        ("DEFLATE", 2),
        ("ZSTD", 2),
        ("LZMA", 2),
        ("DEFLATE", 3),
    ],
)
def test_codecs_types_predictors_and_byte_orders(compress: str, predictor: int, dtype: str, endianness: str) -> None:
    if predictor == 3 and dtype[0] != "f":
        return
    bands = 3 if dtype in ("uint8", "uint16", "float32") else 1
    own = {"compress": compress, "endianness": endianness}
    for interleave in ("PIXEL", "BAND")[:bands]:
        options = own | {"interleave": interleave} | ({} if predictor == 1 else {"predictor": str(predictor)})
        data = raster(noise(bands, dtype, 71, 113), options=options)
        if undecodable(cog_of(data).full) is None:
            check(data)
        else:
            assert (predictor, dtype, endianness) == (2, "complex64", "BIG")


@pytest.mark.parametrize("interleave", ["PIXEL", "BAND"])
@pytest.mark.parametrize("compress", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
def test_lerc_of_masked_bands(compress: str, interleave: str) -> None:
    own = {"compress": compress, "interleave": interleave}
    for dtype in ("uint8", "uint16", "int32", "float64"):
        check(raster(noise(3, dtype), options={**own, "endianness": "BIG"}))
    for hidden in (np.s_[0, 20:40], np.s_[:, 20:40], np.s_[:, :, :48]):  # of one band, of all, of whole tiles
        holes = noise(3, "float32")
        holes[hidden] = np.nan
        check(raster(holes, options=own))
        check(raster(holes, options={**own, "endianness": "BIG"}))
    for alpha in (0, 100, 255):  # 0 and 255 are kept as LERC's own mask, anything else as a band
        colors = noise(4, "uint8")
        colors[3] = np.where(colors[3] > 150, 255, alpha)
        check(raster(colors, options={**own, "photometric": "RGB", "alpha": "YES"}))


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "LZW", "PACKBITS"])
def test_samples_of_odd_widths_are_unpacked(bits: int, compress: str) -> None:
    actual = (noise(1, "uint16") % 2**bits).astype("uint16" if bits > 8 else "uint8")
    check(raster(actual, options={"compress": compress, "nbits": str(bits)}))


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_bits_in_reverse_order_are_turned_round(bits: int, compression: int) -> None:
    """FillOrder 2 holds for the stored bytes, compressed ones too, as in libtiff."""
    packed = np.random.default_rng(bits).integers(0, 256, 16 * 32 * bits // 8, np.uint8).tobytes()
    reversed_ = imagecodecs.bitorder_encode(CODECS[compression](packed))
    fields: dict[int, hm.Field] = {
        FILL_ORDER: (hm.SHORT, [2]),
        hm.BITS: (hm.SHORT, [bits]),
        hm.COMPRESSION: (hm.SHORT, [compression]),
    }
    check(hm.tiff(hm.image(32, 16, tiles=[bytes(reversed_)]).having(fields)))


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_jpeg_xl(bands: int, dtype: str) -> None:
    """GDAL's wheels lack the codec; lossless pixels are their own oracle."""
    wanted = noise(bands, dtype, 32, 48).transpose(1, 2, 0)
    stream = imagecodecs.jpegxl_encode(np.ascontiguousarray(wanted.squeeze()), lossless=True)
    fields: dict[int, hm.Field] = {
        hm.COMPRESSION: (hm.SHORT, [50002]),
        hm.BITS: (hm.SHORT, [wanted.itemsize * 8] * bands),
    }
    image = cog_of(hm.tiff(hm.image(48, 32, (48, 32), samples=bands, tiles=[bytes(stream)]).having(fields))).full
    assert np.array_equal(pixels.samples(image, bytes(stream), 32), wanted)


SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4))


@settings(max_examples=40, deadline=None)
@given(st.data(), SHAPES, st.sampled_from([(2, "u1"), (2, "i2"), (2, "u4"), (2, "u8"), (3, "f4"), (3, "f8")]))
def test_predictors_are_undone_whatever_the_samples(
    data: st.DataObject, shape: tuple[int, int, int], kind: tuple[int, str]
) -> None:
    predictor, dtype = kind
    wanted = data.draw(hnp.arrays(dtype, shape))
    for order in "<>":
        target = io.BytesIO()
        tifffile.imwrite(
            target,
            wanted if shape[2] > 1 else wanted[:, :, 0],
            byteorder=order,
            tile=(16, 32),
            predictor=predictor,
            compression="zlib",
            photometric="minisblack",
            planarconfig="contig",
        )
        cog = cog_of(target.getvalue())
        tile = stored(target.getvalue(), cog.full, 0)
        assert tile is not None
        actual = pixels.samples(cog.full, tile, 16)[: shape[0], : shape[1]]
        assert actual.tobytes() == wanted[:16, :32].tobytes()  # NaNs with their bits


@pytest.mark.parametrize("order", "<>")
def test_differences_of_floats_of_24_bits(order: Literal["<", ">"]) -> None:
    """Written by hand: neither GDAL nor tifffile writes them, and GDAL reads them as floats of 32 bits."""
    height, width, bands = 16, 48, 3
    random = np.random.default_rng(24)
    exponents, rest = random.integers(1, 127, (height, width * bands)), random.integers(0, 1 << 17, width * bands)
    numbers = rest >> 16 << 23 | exponents << 16 | rest & 0xFFFF
    triples = numbers.astype(">u4").view("u1").reshape(height, -1, 4)[:, :, 1:]
    rows = triples.transpose(0, 2, 1).reshape(height, -1)
    rows[:, bands:] = rows[:, bands:] - rows[:, :-bands].copy()
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [24] * bands),
        hm.COMPRESSION: (hm.SHORT, [8]),
        hm.PHOTOMETRIC: (hm.SHORT, [2]),
        hm.SAMPLE_FORMAT: (hm.SHORT, [3] * bands),
        PREDICTOR: (hm.SHORT, [3]),
    }
    tile = zlib.compress(rows.tobytes())
    data = hm.tiff(hm.image(width, height, (width, height), samples=bands, tiles=[tile]).having(fields), order=order)
    [place] = places(data)
    wanted = place.pixels.transpose(1, 2, 0).reshape(-1)
    actual = np.frombuffer(pixels.without_predictor(cog_of(data).full, tile, height), "u1").reshape(-1, 3)
    high, middle, low = (actual if order == ">" else actual[:, ::-1]).astype(int).T
    magnitudes = (1 + (middle << 8 | low) / 65536) * 2.0 ** ((high & 127) - 63)
    assert np.array_equal(np.where(high & 128, -magnitudes, magnitudes).astype("f4"), wanted)


# What no tile is

TILE_BYTES: Final = 64 * 64
GOOD: Final = np.random.default_rng(0).integers(0, 30, TILE_BYTES, np.uint8).tobytes()


@pytest.mark.parametrize("compression", CODECS)
def test_a_tile_of_another_length_is_damaged(compression: int) -> None:
    encode, image = CODECS[compression], image_of(compression)
    assert pixels.decompress(image, bytes(encode(GOOD)), 64) == GOOD
    for wrong in (GOOD[:-1], GOOD + b"1", GOOD * 2, b""):
        with pytest.raises(
            TileDamaged, match=rf"has .* bytes when decompressed, wanted {TILE_BYTES}|cannot be decoded"
        ):
            pixels.decompress(image, bytes(encode(wrong)), 64)


@pytest.mark.parametrize("compression", CODECS)
def test_a_tile_may_end_with_the_last_row_of_the_image(compression: int) -> None:
    encode, image = CODECS[compression], image_of(compression, height=70)
    short = GOOD[: 6 * 64]
    assert pixels.decompress(image, bytes(encode(short)), 6) == short.ljust(TILE_BYTES, b"\0")
    with pytest.raises(TileDamaged):
        pixels.decompress(image, bytes(encode(short[:-1])), 6)


@pytest.mark.parametrize("compression", CODECS)
def test_a_tile_that_is_cut_off_is_damaged(compression: int) -> None:
    image, whole = image_of(compression), bytes(CODECS[compression](GOOD))
    for length in (0, 1, 7, len(whole) // 2, len(whole) - 5):
        with pytest.raises(TileDamaged):
            pixels.decompress(image, whole[:length], 64)


@pytest.mark.parametrize("compression", [8, 34925, 50000])
def test_padding_may_follow_a_stream_but_nothing_longer(compression: int) -> None:
    image, whole = image_of(compression), bytes(CODECS[compression](GOOD))
    if compression != 50000:  # libzstd wants the last byte to be a frame's
        assert pixels.decompress(image, whole + b"\0\0\0", 64) == GOOD
    with pytest.raises(TileDamaged):
        pixels.decompress(image, whole + b"another tile's bytes" * 10, 64)


def pictures() -> dict[int, bytes]:
    """A good tile of 64 x 64 RGB for each codec of pictures."""
    rgb = np.frombuffer(GOOD * 3, np.uint8).reshape(64, 64, 3)
    return {
        7: bytes(imagecodecs.jpeg8_encode(rgb, level=90, subsampling="444")),
        34887: bytes(imagecodecs.lerc_encode(rgb)),
        50001: bytes(imagecodecs.webp_encode(rgb, lossless=True)),
        50002: bytes(imagecodecs.jpegxl_encode(rgb, lossless=True)),
    }


PICTURES: Final = pictures()


@pytest.mark.parametrize("compression", PICTURES)
def test_a_picture_of_another_size_is_damaged(compression: int) -> None:
    tile, image = PICTURES[compression], image_of(compression, bands=3)
    assert pixels.samples(image, tile, 64).shape == (64, 64, 3)
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [compression]), hm.PHOTOMETRIC: (hm.SHORT, [2])}
    for size, bands in (((64, 80), 3), ((32, 64), 3), ((64, 64), 4))[: 2 if compression == 50001 else 3]:
        other = cog_of(hm.tiff(hm.image(*size, size, samples=bands).having(fields))).full
        with pytest.raises(TileDamaged):
            pixels.samples(other, tile, 64)


@pytest.mark.parametrize("compression", PICTURES)
def test_a_picture_that_is_cut_off_is_damaged(compression: int) -> None:
    tile, image = PICTURES[compression], image_of(compression, bands=3)
    for length in (0, 2, 11, 40, len(tile) // 2, len(tile) - 3):
        with pytest.raises(TileDamaged):
            pixels.samples(image, tile[:length], 64)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*CODECS, *PICTURES]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4),
)
def test_whatever_the_bytes_a_tile_is_whole_or_damaged(compression: int, edits: list[tuple[float, bytes]]) -> None:
    bands = 3 if compression in PICTURES else 1
    tile = bytearray(PICTURES.get(compression) or CODECS[compression](GOOD))
    for place, edit in edits:
        at = int(place * len(tile))
        tile[at : at + len(edit)] = edit
    try:
        actual = pixels.samples(image_of(compression, bands=bands), bytes(tile), 64)
    except TileDamaged:
        return
    assert actual.shape == (64, 64, bands)


BOMB_BYTES: Final = 1 << 26


def lzw_of_zeros() -> bytes:
    """Every code stands for one zero more than the last, until the table is full (TIFF 6.0 §13); 7.4 MB each time."""
    cycle = [f"{0:09b}"]
    for code in range(258, 4094):
        width = next(width for width in (9, 10, 11, 12) if code < (1 << width) - 1)
        cycle.append(f"{code:0{width}b}")
    cleared = f"{256:012b}".join(["".join(cycle)] * (BOMB_BYTES // 7_363_203 + 1))
    bits = f"{256:09b}{cleared}{257:012b}"
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def picture_bombs() -> dict[str, tuple[int, bytes]]:
    """Tiles that state a large size: name -> (compression, bytes)."""
    jpeg, webp = bytearray(PICTURES[7]), bytearray(PICTURES[50001])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xf0\x00\xf0\x00"
    webp[21:25] = (0x2FFF | 0x2FFF << 14 | 1 << 28).to_bytes(4, "little")
    flat = np.zeros((8000, 8000), np.uint8)
    return {
        "jpeg": (7, bytes(jpeg)),
        "webp": (50001, bytes(webp)),
        "lerc": (34887, bytes(imagecodecs.lerc_encode(flat))),
        "lerc-of-many-bands": (34887, bytes(imagecodecs.lerc_encode(flat[:64, :64])) * 10000),
        "jxl": (50002, bytes(imagecodecs.jpegxl_encode(flat, level=100, effort=1))),
    }


@pytest.mark.parametrize(
    "bomb", ["jpeg", "webp", "lerc", "lerc-of-many-bands", "jxl", *map(str, sorted(CODECS.keys() - {1}))]
)
def test_a_bomb_costs_an_error_and_no_memory(bomb: str, tmp_path: Path) -> None:
    if bomb == "5":  # the encoders of imagecodecs take minutes for this and the next
        compression, tile = 5, lzw_of_zeros()
    elif bomb == "32773":
        compression, tile = 32773, b"\x81\0" * (BOMB_BYTES // 128)
    elif bomb.isdigit():
        compression, tile = int(bomb), bytes(CODECS[int(bomb)](bytes(BOMB_BYTES)))
    else:
        compression, tile = picture_bombs()[bomb]
    path = tmp_path / "tile"
    path.write_bytes(tile)
    bands = "3" if bomb in ("jpeg", "webp") else "1"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.decoder_worker", str(path), str(compression), bands],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, taken_kib = done.stdout.split()
    assert outcome == "damaged"
    assert int(taken_kib) < (24 << 10)


def test_a_dictionary_larger_than_any_writer_asks_for_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    tile = lzma.compress(GOOD, lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(TileDamaged, match=r"[Mm]emory"):
        pixels.decompress(image_of(34925), tile, 64)
    assert pixels.decompress(image_of(34925), lzma.compress(GOOD, lzma.FORMAT_XZ, preset=9), 64) == GOOD


def test_what_cannot_be_decoded_is_said_by_name() -> None:
    def reason(compression: int, fields: dict[int, hm.Field], bands: int = 1, side: int = 64) -> str | None:
        own: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [compression])}
        shape = hm.image(side, side, (side, side), samples=bands, tiles=[b""])
        refusal = undecodable(cog_of(hm.tiff(shape.having(own | fields))).full)
        return None if refusal is None else refusal.reason

    fax = "{} of more than one bit a pixel, or of a kind that GDAL does not write"
    assert reason(4, {}) == fax.format("CCITTFAX4")
    assert reason(4, {hm.BITS: (hm.SHORT, [1])}) is None
    assert reason(4, {hm.BITS: (hm.SHORT, [1]), T6_OPTIONS: (hm.LONG, [2])}) == fax.format("CCITTFAX4")
    assert reason(3, {hm.BITS: (hm.SHORT, [1]), T4_OPTIONS: (hm.LONG, [4])}) == fax.format("CCITTFAX3")
    assert reason(32771, {hm.BITS: (hm.SHORT, [1])}) == "tiles of compression CCITTRLEW are not decoded"
    assert reason(34712, {}) == "tiles of compression JPEG2000 are not decoded"
    assert reason(777, {}) == "tiles of compression 777 are not decoded"
    assert reason(8, {PREDICTOR: (hm.SHORT, [9])}) == "predictor 9 is not known"
    assert reason(8, {PREDICTOR: (hm.SHORT, [3])}) == "floating point differencing (predictor 3) of uint8 is not known"
    bits: dict[int, hm.Field] = {PREDICTOR: (hm.SHORT, [2]), hm.BITS: (hm.SHORT, [4])}
    assert reason(8, bits) == "horizontal differencing (predictor 2) of 4 bits a sample is not known"
    assert reason(32773, bits) is None  # libtiff leaves it aside there
    assert reason(8, {hm.PHOTOMETRIC: (hm.SHORT, [6])}, bands=3) == (
        "YCbCr samples, which may be subsampled, are not decoded from DEFLATE"
    )
    assert reason(7, {hm.PHOTOMETRIC: (hm.SHORT, [5])}, bands=4) == "JPEG of 4 bands of 8 bits as CMYK is not decoded"
    assert reason(8, {}, side=8192) is None
    assert reason(8, {}, side=8208) == "a decoded tile has 67371264 bytes, wanted at most 67108864"


# The corpus


def corpus_records() -> list[Any]:
    return manifest(CORPUS / "real")["files"] if CORPUS.is_dir() else []


def corpus_faults(data: bytes, record: Record) -> list[str]:
    """In what decoded tiles differ from those of the manifest; JPEG is left to a test with a tolerance."""
    cog, faults = cog_of(data), []
    for wanted in record["tiles"]:
        level = cog.levels[wanted["z_full"]]
        image = level.image if wanted["kind"] == "image" else level.mask
        assert image is not None
        tile = stored(data, image, wanted["index"])
        if tile is None or image.compression == Compression.JPEG or undecodable(image):
            continue
        _, _, width, height = wanted["window"]
        actual = pixels.samples(image, tile, height)[:height, :width].transpose(2, 0, 1)
        if hashlib.sha256(actual.tobytes()).hexdigest() != wanted["pixels"]["sha256"]:
            faults.append(f"{record['name']}: {wanted['kind']} {wanted['z_full']}/{wanted['x']}/{wanted['y']}")
    return faults


@pytest.mark.parametrize("record", corpus_records(), ids=lambda record: record["name"])
def test_real_files_have_the_pixels_of_the_manifest(record: Record) -> None:
    if record["expect"] == "serve":
        assert corpus_faults((CORPUS / "real" / record["path"]).read_bytes(), record) == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside this checkout")
def test_files_of_every_kind_have_the_pixels_of_the_manifest(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folder = corpus_folder("data", pytestconfig.cache.mkdir("corpus"))
    records = [record for record in manifest(folder)["files"] if record["expect"] == "serve"]
    wanted = [record for record in records if record["bytes"] < (16 << 20)]
    faults = [fault for record in wanted for fault in corpus_faults((folder / record["path"]).read_bytes(), record)]
    assert faults == []
