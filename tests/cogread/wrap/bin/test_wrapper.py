import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cogread.errors import FormatNotOffered, TileDamaged
from cogread.image import Level
from cogread.wrap import USUAL, Options
from cogread.wrap.bin.wrapper import describe, prepare, refusal
from cogread.wrap.tile import Tile
from cogread.wrap.wrapper import Wrapping
from tests.support import handmade as hm
from tests.support.codecs import CODECS
from tests.support.cogs import cog_of, stored
from tests.support.oracle import HAS_HALF_FLOATS
from tests.support.rasters import noise, raster
from tests.support.samples import numbers
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.tiles import Place, places, run, tile_at

FILL_ORDER: Final = 266
PREDICTOR: Final = 317
T4_OPTIONS: Final = 292

ACCEPTED: Final = ((), ("deflate",), ("zstd",), ("zstd", "deflate"), ("identity", "deflate"))
"""Content codings that clients take, by preference."""
PASSED_ON: Final = {"NONE": "identity", "DEFLATE": "deflate", "DEFLATE_OLD": "deflate", "ZSTD": "zstd"}
"""Codec -> content coding of its stored bytes."""


def wrapping_of(data: bytes, place: Place, options: Options) -> Wrapping:
    return run(data, prepare(place.cog, place.level, options))


def samples_of(wrapping: Wrapping, place: Place) -> NDArray[Any]:
    """(height, width, bands) as a client reads them, whole."""
    planes = tuple(place.tile.planes[plane] for plane in wrapping.planes)
    body = wrapping.wrap(Tile(place.tile.col, place.tile.row, planes))
    if wrapping.added_bytes is not None:
        assert len(body) == len(planes[0] or b"") + wrapping.added_bytes
    return numbers(body, dict(wrapping.headers))


def differs(place: Place, samples: NDArray[Any], bands: list[int]) -> bool:
    """Compare with what GDAL reads of these bands, NaN included."""
    wanted = place.pixels[bands].transpose(1, 2, 0)
    actual = samples[: wanted.shape[0], : wanted.shape[1]]
    if wanted.dtype.kind in "ui" and actual.dtype != wanted.dtype:
        return True
    return not np.array_equal(actual.astype(wanted.dtype), wanted, equal_nan=wanted.dtype.kind in "fc")


def faults(data: bytes) -> Iterator[str]:
    """In what the samples of any tile differ from GDAL's, in any coding, with and without predictor, of any bands."""
    for number, place in enumerate(places(data)):
        image = place.level.image
        variants: dict[tuple[tuple[int, ...], str], bytes] = {}
        assert refusal(place.level) is None
        every = list(range(image.samples)) if image.planes == 1 else [0]
        bands_of = [(None, every), *((band, [band]) for band in range(image.samples))]
        wishes = list(itertools.product(bands_of, (False, True), ACCEPTED))
        for (band, bands), is_plain, codings in wishes[number :: 7 if number else 1]:  # all of them for the first tile
            if place.tile.planes[(band or 0) if image.planes > 1 else 0] is None:
                continue
            wrapping = wrapping_of(data, place, Options(band, is_plain, codings))
            fields = dict(wrapping.headers)
            told = f"{place.tile.col}, {place.tile.row}, band {band}, {is_plain}, {codings}: {fields}"
            body = wrapping.wrap(place.tile._replace(planes=tuple(place.tile.planes[n] for n in wrapping.planes)))
            if differs(place, numbers(body, fields), bands):
                yield f"other samples: {told}"
            if is_plain and fields["Rawcog-Predictor"] != "1":
                yield f"not plain: {told}"
            own = PASSED_ON.get(image.compression_name)
            wanted = own if not wrapping.work_bytes else (*codings, "identity")[0]
            if fields.get("Content-Encoding", "identity") != wanted or wanted not in (*codings, "identity"):
                yield f"coded otherwise: {told}"
            key = (wrapping.planes, wrapping.variant)
            if variants.setdefault(key, body) != body:
                yield f"one ETag for two bodies: {told}"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(("jpeg", "webp"))])
def test_every_tile_has_the_samples_that_gdal_reads(kind: str) -> None:
    assert not list(faults(gdal_tiff(kind)))


DTYPES: Final = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
LERC_DTYPES: Final = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def small(dtype: str, compress: str, predictor: int, interleave: str, endianness: str) -> bytes:
    """A file of two bands in four tiles, none of them like another."""
    options = {"compress": compress, "interleave": interleave, "endianness": endianness}
    options |= {} if predictor == 1 else {"predictor": str(predictor)}
    options |= {"nbits": "16"} if dtype == "float16" else {}
    pixels = noise(2, dtype.replace("float16", "float32"), 40, 60)
    if dtype.startswith("complex"):
        pixels = (pixels + 1j * pixels[:, ::-1]).astype(dtype)
    return raster(pixels, options=options)


@pytest.mark.parametrize(
    ("compress", "predictor"),
    [
        *((compress, 1) for compress in ("NONE", "PACKBITS", "LZMA", "LERC", "LERC_DEFLATE", "LERC_ZSTD")),
        *itertools.product(("LZW", "DEFLATE", "ZSTD"), (1, 2, 3)),
    ],
)
def test_every_type_codec_predictor_interleaving_and_byte_order(compress: str, predictor: int) -> None:
    dtypes = [dtype for dtype in DTYPES if predictor != 3 or dtype.startswith("float")]
    if compress.startswith("LERC"):
        dtypes = list(LERC_DTYPES)
    if compress == "LZMA":
        dtypes = dtypes[::3]  # its encoder takes long to begin
    if predictor == 2:
        dtypes = [dtype for dtype in dtypes if dtype not in ("float16", "complex128")]  # GDAL writes none
    for dtype, interleave, endianness in itertools.product(dtypes, ("PIXEL", "BAND"), ("LITTLE", "BIG")):
        data = small(dtype, compress, predictor, interleave, endianness)
        if predictor == 2 and dtype.startswith("complex") and endianness == "BIG":
            assert refusal(cog_of(data).levels[0]) is not None
        else:
            assert list(faults(data)) == [], (dtype, interleave, endianness)


MORE_FORMATS: Final = [(3, 24), (4, 8), (4, 16), (4, 32), (5, 32), (5, 64), (6, 32)]
"""SampleFormat and bits: floats of 24 bits, untyped samples, and complex numbers of types that numpy lacks."""
if not HAS_HALF_FLOATS:
    MORE_FORMATS.remove((6, 32))


@pytest.mark.parametrize("codec", CODECS)
def test_rare_types_are_those_in_which_gdal_reads_them(codec: int) -> None:
    random = np.random.default_rng(codec)
    formats = [*((1, bits) for bits in range(1, 32)), *((2, bits) for bits in (1, 4, 12, 31)), *MORE_FORMATS]
    if codec not in (1, 8):
        formats = formats[codec % 5 :: 5]  # the layout of the samples does not depend on the codec
    for (kind, bits), bands, order in itertools.product(formats, (1, 3), "<>"):
        values = random.integers(0, 256, -(-32 * bits * bands // 8) * 16, np.uint8)
        tile = (values & 0x3B if kind in (3, 6) else values).tobytes()  # floats of small exponents
        fields: dict[int, hm.Field] = {
            hm.BITS: (hm.SHORT, [bits] * bands),
            hm.SAMPLE_FORMAT: (hm.SHORT, [kind] * bands),
            hm.COMPRESSION: (hm.SHORT, [codec]),
        }
        data = hm.tiff(hm.image(32, 16, samples=bands, tiles=[CODECS[codec](tile)]).having(fields), order=order)
        if order == ">" and (bits == 24 or (kind, bits) == (6, 32)):
            assert refusal(cog_of(data).levels[0]) is not None
            continue
        assert list(faults(data)) == [], (kind, bits, bands, order)


def test_a_predictor_counts_with_lzma_too() -> None:
    """GDAL reads it, though it writes none."""
    pixels = noise(1, "uint16", 16, 32)[0]
    tile = np.diff(pixels, axis=1, prepend=np.uint16(0)).astype("<u2").tobytes()
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [16]),
        hm.COMPRESSION: (hm.SHORT, [34925]),
        PREDICTOR: (hm.SHORT, [2]),
    }
    data = hm.tiff(hm.image(32, 16, tiles=[CODECS[34925](tile)]).having(fields))
    assert list(faults(data)) == []


def test_types_that_gdal_does_not_read_are_refused() -> None:
    for kind, bits in ((1, 33), (1, 63), (2, 48), (3, 12), (3, 128), (4, 12), (5, 16), (6, 16)):
        fields: dict[int, hm.Field] = {hm.BITS: (hm.SHORT, [bits]), hm.SAMPLE_FORMAT: (hm.SHORT, [kind])}
        level = cog_of(hm.tiff(hm.image(32, 16, tiles=[bytes(8192)]).having(fields))).levels[0]
        reason = refusal(level)
        assert reason is not None
        assert "are not read by GDAL" in reason.reason
        assert describe(level) is None
        with pytest.raises(FormatNotOffered):
            run(b"", prepare(cog_of(hm.tiff(hm.image())), level, USUAL))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("codec", [1, 5, 8])
def test_bits_in_reverse_order_are_put_right(codec: int, order: str) -> None:
    tile = noise(1, "uint16", 16, 32)[0].astype(f"{order}u2").tobytes()
    coded = CODECS[codec](tile)
    stored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in coded)
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [16]),
        hm.COMPRESSION: (hm.SHORT, [codec]),
        FILL_ORDER: (hm.SHORT, [2]),
    }
    assert list(faults(hm.tiff(hm.image(32, 16, tiles=[stored]).having(fields), order=order))) == []


@pytest.mark.parametrize("photometric", ["MINISWHITE", "MINISBLACK"])
@pytest.mark.parametrize("compress", ["CCITTRLE", "CCITTFAX3", "CCITTFAX4"])
def test_ccitt_has_the_bits_that_gdal_reads(compress: str, photometric: str) -> None:
    pixels = np.concatenate((noise(1, "uint8") > 140, np.zeros((1, 20, 110)), np.ones((1, 20, 110))), 1).astype(
        np.uint8
    )
    data = raster(pixels, options={"compress": compress, "nbits": "1", "photometric": photometric})
    assert list(faults(data)) == []


def fax(codes: str, compression: int, width: int = 32, options: int = 0) -> bytes:
    """A file of one tile of 16 rows of these bits."""
    size = -(-len(codes) // 8)
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [1]),
        hm.COMPRESSION: (hm.SHORT, [compression]),
        T4_OPTIONS: (hm.LONG, [options]),
    }
    tile = int(codes.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    return hm.tiff(hm.image(width, 16, (width, 16), tiles=[tile]).having(fields))


def test_rows_of_group_3_that_refer_to_the_row_above() -> None:
    """Four stripes: their first row in runs of eight (T.4 §4.1), the others with its changes (§4.2)."""
    end_of_line, runs, above = "000000000001", ("10011" + "000101") * 2, "1111"
    codes = f"{end_of_line}1{runs}" + f"{end_of_line}0{above}" * 15
    assert list(faults(fax(codes, 3, options=1))) == []
    incomplete = fax(codes.replace(f"0{above}", f"0{above[1:]}", 1), 3, options=1)
    with pytest.raises(TileDamaged):
        list(faults(incomplete))


def test_ccitt_that_takes_long_is_refused() -> None:
    """Runs of no pixels, each of which makes the decoder look through the row above."""
    data = fax("001" + "00110101" + "0000110111" * 160_000, 4, width=8192)
    cog = cog_of(data)
    wrapping = run(data, prepare(cog, cog.levels[0], USUAL))
    with pytest.raises(TileDamaged):
        wrapping.wrap(tile_at(data, cog.levels[0], 0, 0))
    data = fax("1" * 8 * 600_000, 4, width=8192)
    with pytest.raises(TileDamaged, match="too long"):
        run(data, prepare(cog_of(data), cog_of(data).levels[0], USUAL)).wrap(
            tile_at(data, cog_of(data).levels[0], 0, 0)
        )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("compress", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
def test_pixels_that_lerc_hides_are_those_that_gdal_reads(compress: str, dtype: str) -> None:
    pixels = noise(2, dtype)
    if np.dtype(dtype).kind == "f":
        pixels[:, 5:30, 20:60] = np.nan
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    for interleave, options in itertools.product(("PIXEL", "BAND"), ({}, {"MAX_Z_ERROR": "0.5"})):
        own = {"compress": compress, "interleave": interleave, **options}
        assert list(faults(raster(pixels, mask=mask, nodata=7, options=own))) == []


@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "ZSTD", "LZW", "PACKBITS", "LZMA"])
def test_a_mask_has_a_byte_for_each_pixel(compress: str) -> None:
    """As GDAL reads it: 0 or 255."""
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    data = raster(noise(1, "uint8"), mask=mask, options={"compress": compress})
    for place in places(data):
        assert place.level.mask is not None
        assert place.visible is not None
        alone = Level(place.level.mask, None)
        assert refusal(alone) is None
        described = describe(alone)
        assert described is not None
        assert (described["typestr"], described["shape"], described["predictor"]) == ("|u1", (32, 48, 1), 1)
        for codings in ACCEPTED:
            wrapping = run(data, prepare(place.cog, alone, Options(codings=codings)))
            body = wrapping.wrap(Tile(place.tile.col, place.tile.row, (place.tile.mask,)))
            height, width = place.visible.shape
            samples = numbers(body, dict(wrapping.headers))
            assert np.array_equal(samples[:height, :width, 0], place.visible)


def test_codecs_that_may_change_values_are_refused() -> None:
    for codec in (6, 7, 50001, 50002, 52546, 34712):
        fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [codec])}
        level = Level(cog_of(hm.tiff(hm.image().having(fields))).full, None)
        reason = refusal(level)
        assert reason is not None
        assert "not keep samples" in reason.reason if codec in (6, 7) else "does not say" in reason.reason
        assert describe(level) is None


def test_the_description_has_all_that_a_client_needs() -> None:
    def described(fields: dict[int, hm.Field], samples: int = 1, planar: int = 1, order: str = "<") -> dict[str, Any]:
        ifd = hm.image(samples=samples, planar=planar).having(fields)
        return describe(cog_of(hm.tiff(ifd, order=order)).levels[0]) or {}

    bits, kind = hm.BITS, hm.SAMPLE_FORMAT
    assert described({}) == {
        "dtype": "uint8",
        "typestr": "|u1",
        "byte_order": "little",
        "shape": (16, 32, 1),
        "interleave": "pixel",
        "predictor": 1,
        "coding": "identity",
    }
    floats: dict[int, hm.Field] = {bits: (hm.SHORT, [32]), kind: (hm.SHORT, [3])}
    assert described(floats, order=">")["typestr"] == "<f4"
    assert described(floats, order=">")["coding"] is None  # its bytes are exchanged
    assert (described({}, 5)["shape"], described({}, 5)["interleave"]) == ((16, 32, 5), "pixel")
    assert (described({}, 5, 2)["shape"], described({}, 5, 2)["interleave"]) == ((16, 32, 1), "band")
    assert described({bits: (hm.SHORT, [12])})["dtype"] == "uint16"
    assert described({bits: (hm.SHORT, [32]), kind: (hm.SHORT, [5])})["shape"] == (16, 32, 1, 2)
    deflated: dict[int, hm.Field] = {PREDICTOR: (hm.SHORT, [2]), hm.COMPRESSION: (hm.SHORT, [8])}
    assert (described(deflated)["predictor"], described(deflated)["coding"]) == (2, "deflate")
    assert described({PREDICTOR: (hm.SHORT, [2])})["predictor"] == 1  # without a codec there is none
    assert described({hm.COMPRESSION: (hm.SHORT, [50000])})["coding"] == "zstd"
    assert described({hm.COMPRESSION: (hm.SHORT, [5])})["coding"] is None


CHOICES: Final = (USUAL, Options(codings=("deflate",)), Options(codings=("zstd",)), Options(is_plain=True))
FAXES: Final = (2, 3, 4)


@pytest.mark.parametrize("options", CHOICES)
@pytest.mark.parametrize("compression", [1, *FAXES, 5, 8, 32773, 34887, 34925, 50000])
def test_what_is_no_tile_is_damage(compression: int, options: Options) -> None:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [compression])}
    if compression in FAXES:
        fields[hm.BITS] = (hm.SHORT, [1])
    for junk in (b"no tile", b"\0", b"\x80", b"\xff" * 9):
        data = hm.tiff(hm.image(32, 16, tiles=[junk]).having(fields))
        cog = cog_of(data)
        with pytest.raises(TileDamaged):
            run(data, prepare(cog, cog.levels[0], options)).wrap(tile_at(data, cog.levels[0], 0, 0))


UNDONE: Final = ("LZW", "PACKBITS", "LZMA", "LERC", "LERC_DEFLATE", "LERC_ZSTD", "CCITTRLE", "CCITTFAX3", "CCITTFAX4")
"""Codecs that the server undoes."""


@lru_cache
def one_tile(compress: str, coding: str) -> tuple[Wrapping, bytes]:
    """A file of a tile of 16 x 32, prepared; and its stored bytes."""
    pixels = (noise(1, "uint8", 16, 32) > 140).astype(np.uint8)
    own = {"compress": compress} | ({"nbits": "1"} if compress.startswith("CCITT") else {})
    data = raster(pixels, tile=(16, 32), options=own)
    cog = cog_of(data)
    return run(data, prepare(cog, cog.levels[0], Options(codings=(coding,)))), stored(data, cog.full, 0) or b""


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(UNDONE),
    st.sampled_from(["identity", "deflate", "zstd"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_whatever_is_stored_the_samples_are_whole_or_an_error(
    compress: str, coding: str, edits: list[tuple[float, bytes]]
) -> None:
    wrapping, whole = one_tile(compress, coding)
    tile = bytearray(whole)
    for place, edit in edits:
        at = int(place * len(tile))
        tile[at : at + len(edit)] = edit
    try:
        body = wrapping.wrap(Tile(0, 0, (bytes(tile),)))
    except TileDamaged:
        return
    assert numbers(body, dict(wrapping.headers)).shape == (16, 32, 1)


def test_tiles_that_are_cut_off_or_too_long_are_damage() -> None:
    for compress in UNDONE:
        wrapping, whole = one_tile(compress, "zstd")
        wrapping.wrap(Tile(0, 0, (whole,)))
        for size in range(0, len(whole) - 1, 5):
            with pytest.raises(TileDamaged):
                wrapping.wrap(Tile(0, 0, (whole[:size],)))
        if compress != "LZW":  # whose end is a code, behind which libtiff reads nothing
            with pytest.raises(TileDamaged):
                wrapping.wrap(Tile(0, 0, (whole + b"\x12\x34" * 40,)))


# Zstandard's window (RFC 8878 §3.1.1.1, RFC 9659)


def zstd_file(stored: bytes, side: int = 64) -> tuple[bytes, Level]:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [50000])}
    data = hm.tiff(hm.image(side, side, (side, side), tiles=[stored]).having(fields))
    return data, cog_of(data).levels[0]


def raw_frame(content: bytes, window_descriptor: int | None) -> bytes:
    """A frame of one raw block, with a Window_Descriptor or as a single segment."""
    head = bytes([0x20 | 0x40]) + (len(content) - 256).to_bytes(2, "little")
    if window_descriptor is not None:
        head = bytes([0x00, window_descriptor])
    return b"\x28\xb5\x2f\xfd" + head + (len(content) << 3 | 1).to_bytes(3, "little") + content


ZSTD: Final = Options(codings=("zstd",))


@pytest.mark.parametrize("window_descriptor", [None, 0x10, 0x50, 0x68, 0x69, 0x88, 0xA8], ids=str)
def test_no_client_is_asked_for_a_larger_window_than_http_allows(window_descriptor: int | None) -> None:
    content = bytes(range(256)) * 16
    frame = raw_frame(content, window_descriptor)
    data, level = zstd_file(frame)
    wrapping = run(data, prepare(cog_of(data), level, ZSTD))
    assert ("Content-Encoding", "zstd") in wrapping.headers
    body = wrapping.wrap(tile_at(data, level, 0, 0))
    assert imagecodecs.zstd_decode(body) == content
    is_small = window_descriptor is None or window_descriptor <= 0x68  # exponent 13, mantissa 0: 8 MiB
    assert (body == frame) == is_small
    if not is_small:
        assert body == raw_frame(content, 0x68)


def test_a_frame_that_wants_a_dictionary_is_damage() -> None:
    data, level = zstd_file(b"\x28\xb5\x2f\xfd\x01\x00\x07" + bytes(20))
    with pytest.raises(TileDamaged, match="dictionary"):
        run(data, prepare(cog_of(data), level, ZSTD)).wrap(tile_at(data, level, 0, 0))


def test_a_tile_that_needs_a_larger_window_is_coded_anew() -> None:
    content = np.random.default_rng(1).integers(0, 9, 4096 * 4096, np.uint8).tobytes()
    data, level = zstd_file(bytes(imagecodecs.zstd_encode(content)), 4096)
    assert (describe(level) or {})["coding"] is None
    wrapping = run(data, prepare(cog_of(data), level, ZSTD))
    body = wrapping.wrap(tile_at(data, level, 0, 0))
    assert ("Content-Encoding", "zstd") in wrapping.headers
    assert imagecodecs.zstd_decode(body) == content
    assert not body[4] & 0x20  # no single segment, whose window is its size
    assert body[5] >> 3 <= 13
