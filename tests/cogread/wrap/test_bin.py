import zlib
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.image import Level
from cogread.refusal import Refusal
from cogread.wrap import USUAL, Options
from cogread.wrap import bin as samples
from cogread.wrap.tile import Tile
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.rasters import noise, raster
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.tiles import Place, places, run, tile_at

FILL_ORDER: Final = 266
SERVED: Final = (
    "bigtiff",
    "big-endian",
    "deflate",
    "deflate-mask",
    "odd-factors",
    "pixel-is-point",
    "planar",
    "sparse",
)
SERVED_TOO: Final = ("zstd-float",)

UNDONE: Final = {"deflate": zlib.decompress, "zstd": lambda data: bytes(imagecodecs.zstd_decode(data))}
"""Content coding -> how a client undoes it."""


def reply(data: bytes, place: Place, options: Options = USUAL) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a plane's samples; the content coding, if any, is undone."""
    wrapping = run(data, samples.prepare(place.cog, place.level, options))
    assert wrapping.planes == (options.plane,)
    planes = tuple(place.tile.planes[plane] for plane in wrapping.planes)
    headers = dict(wrapping.headers)
    body = wrapping.wrap(Tile(place.tile.col, place.tile.row, planes))
    coding = headers.get("Content-Encoding")
    if coding is not None:
        assert body == planes[0]
        assert wrapping.added_bytes == 0
        body = UNDONE[coding](body)
    return body, headers


def as_described(body: bytes, described: dict[str, str]) -> NDArray[Any]:
    """(height, width, bands), by nothing but the description."""
    shape = tuple(map(int, described["shape"].split(",")))
    dtype = np.dtype(described["typestr"])
    assert dtype.itemsize == 1 or {"<": "little", ">": "big"}[described["typestr"][0]] == described["byte-order"]
    assert dtype.newbyteorder("=").name == described["dtype"]
    return np.frombuffer(body, dtype).reshape(shape)


def of_plane(place: Place, plane: int) -> NDArray[Any]:
    """(height, width, bands) of what GDAL reads of a plane."""
    bands = place.pixels if place.level.image.planes == 1 else place.pixels[plane : plane + 1]
    return bands.transpose(1, 2, 0)


def check(data: bytes) -> set[str]:
    """Compare the samples of every tile with what GDAL reads; the content codings that there are."""
    codings = set()
    for place in places(data):
        image = place.level.image
        assert samples.refusal(place.level) is None
        for plane in range(image.planes):
            if place.tile.planes[plane] is None:
                continue
            wanted = of_plane(place, plane)
            coded, headers = reply(data, place, Options(plane))
            same, _ = reply(data, place, Options(plane, is_identity=True))
            assert coded == same
            plain, of_plain = reply(data, place, Options(plane, is_plain=True, is_identity=True))
            assert of_plain["Rawcog-Predictor"] == "1"
            actual = as_described(plain, samples.describe(image))[: wanted.shape[0], : wanted.shape[1]]
            assert np.array_equal(actual, wanted, equal_nan=actual.dtype.kind in "fc")
            if headers["Rawcog-Predictor"] == "1":
                assert coded == plain
            codings.add(headers.get("Content-Encoding", "identity"))
    return codings


@pytest.mark.parametrize("kind", [*SERVED, *SERVED_TOO])
def test_every_plane_of_every_tile_has_the_samples_that_gdal_reads(kind: str) -> None:
    codings = {"zstd-float": {"zstd"}, "pixel-is-point": {"identity"}}
    assert check(gdal_tiff(kind)) == codings.get(kind, {"deflate"})


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {*SERVED, *SERVED_TOO}))
def test_other_codecs_are_refused_by_name(kind: str) -> None:
    actual = samples.refusal(cog_of(gdal_tiff(kind)).levels[0])
    assert actual is not None
    assert actual.reason.endswith(" is no content coding of HTTP")


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64", "float32", "float64", "complex64"])
@pytest.mark.parametrize(("compress", "predictor"), [("NONE", 1), ("DEFLATE", 2), ("ZSTD", 1), ("ZSTD", 3)])
def test_types_byte_orders_and_predictors(compress: str, predictor: int, dtype: str, endianness: str) -> None:
    if (predictor, dtype[0]) in ((3, "u"), (3, "i"), (3, "c"), (2, "c")):
        return
    own = {"compress": compress, "endianness": endianness, "interleave": "PIXEL"}
    own |= {} if predictor == 1 else {"predictor": str(predictor)}
    assert check(raster(noise(2, dtype), factors=(2,), options=own)) == {
        {"NONE": "identity"}.get(compress, compress.lower())
    }


def test_a_client_can_undo_horizontal_differencing_by_the_description() -> None:
    data = raster(noise(3, "uint16"), options={"compress": "DEFLATE", "predictor": "2", "interleave": "PIXEL"})
    for place in places(data):
        body, headers = reply(data, place)
        assert headers["Rawcog-Predictor"] == "2"
        differences = as_described(body, samples.describe(place.level.image))
        wanted = of_plane(place, 0)
        assert np.array_equal(np.cumsum(differences, 1, np.uint16)[: wanted.shape[0], : wanted.shape[1]], wanted)


def test_a_mask_is_given_in_packed_rows() -> None:
    mask = np.where(noise(1, "uint8")[0] % 5 > 1, 255, 0).astype(np.uint8)
    data = raster(noise(1, "uint8"), mask=mask, options={"compress": "DEFLATE"})
    for place in places(data):
        assert place.level.mask is not None
        assert place.visible is not None
        alone = Level(place.level.mask, None)
        assert samples.refusal(alone) is None
        stored = place.tile.mask
        assert stored is not None
        described = samples.describe(place.level.mask)
        assert described == {"dtype": "uint1", "byte-order": "little", "shape": "32,48,1", "predictor": "1"}
        wrapping = run(data, samples.prepare(place.cog, alone, Options(is_identity=True)))
        body = wrapping.wrap(Tile(place.tile.col, place.tile.row, (stored,)))
        assert body == zlib.decompress(stored)
        bits = np.unpackbits(np.frombuffer(body, np.uint8).reshape(32, -1), axis=1)
        height, width = place.visible.shape
        assert np.array_equal(bits[:height, :width] * 255, place.visible)


def test_the_description_is_fit_for_headers() -> None:
    def described(fields: dict[int, hm.Field], samples_: int = 1, planar: int = 1, order: str = "<") -> dict[str, str]:
        ifd = hm.image(samples=samples_, planar=planar).having(fields)
        return samples.describe(cog_of(hm.tiff(ifd, order=order)).full)

    bits, kind, predictor = hm.BITS, hm.SAMPLE_FORMAT, 317
    assert described({}) == {
        "dtype": "uint8",
        "byte-order": "little",
        "shape": "16,32,1",
        "predictor": "1",
        "typestr": "|u1",
    }
    assert described({bits: (hm.SHORT, [32]), kind: (hm.SHORT, [3])}, order=">")["typestr"] == ">f4"
    assert described({}, samples_=5)["shape"] == "16,32,5"
    assert described({}, samples_=5, planar=2)["shape"] == "16,32,1"
    assert "typestr" not in described({bits: (hm.SHORT, [12])})
    assert "typestr" not in described({bits: (hm.SHORT, [32]), kind: (hm.SHORT, [5])})
    assert described({predictor: (hm.SHORT, [2])})["predictor"] == "1"  # without a codec there is none
    assert described({predictor: (hm.SHORT, [2]), hm.COMPRESSION: (hm.SHORT, [8])})["predictor"] == "2"


def test_bits_in_reverse_order_are_refused() -> None:
    data = hm.tiff(hm.image().having({FILL_ORDER: (hm.SHORT, [2])}))
    assert samples.refusal(cog_of(data).levels[0]) == Refusal("the bits of each byte are in reverse order")


@pytest.mark.parametrize("options", [USUAL, Options(is_identity=True), Options(is_plain=True)])
@pytest.mark.parametrize("compression", [1, 8, 50000])
def test_what_is_no_tile_is_damage(compression: int, options: Options) -> None:
    data = hm.tiff(hm.image(32, 16, tiles=[b"no tile"]).having({hm.COMPRESSION: (hm.SHORT, [compression])}))
    cog = cog_of(data)
    with pytest.raises(TileDamaged):
        run(data, samples.prepare(cog, cog.levels[0], options)).wrap(tile_at(data, cog.levels[0], 0, 0))


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


@pytest.mark.parametrize("window_descriptor", [None, 0x10, 0x50, 0x68, 0x69, 0x88, 0xA8], ids=str)
def test_no_client_is_asked_for_a_larger_window_than_http_allows(window_descriptor: int | None) -> None:
    content = bytes(range(256)) * 16
    frame = raw_frame(content, window_descriptor)
    data, level = zstd_file(frame)
    wrapping = run(data, samples.prepare(cog_of(data), level, USUAL))
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
        run(data, samples.prepare(cog_of(data), level, USUAL)).wrap(tile_at(data, level, 0, 0))


def test_a_tile_that_needs_a_larger_window_is_given_decompressed() -> None:
    content = bytes(4096 * 4096)
    data, level = zstd_file(bytes(imagecodecs.zstd_encode(content)), 4096)
    wrapping = run(data, samples.prepare(cog_of(data), level, USUAL))
    assert "Content-Encoding" not in dict(wrapping.headers)
    assert wrapping.wrap(tile_at(data, level, 0, 0)) == content
