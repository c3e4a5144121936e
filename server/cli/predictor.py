"""The effect of a predictor on a file's size, estimated by compressing one tile with and without it."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import imagecodecs
from numpy.typing import NDArray

from cogread.conversion import predictor_option
from cogread.errors import TileError
from cogread.image import Image
from cogread.tiff.tags import Compression, SampleFormat
from cogread.wrap.decode.pixels import samples
from cogread.wrap.decode.support import predictor, undecodable

MAX_TILE_BYTES: Final = 16 << 20
"""Largest decoded tile that is compressed for an estimate."""

_COMPRESSORS: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    Compression.DEFLATE: zlib.compress,
    Compression.DEFLATE_OLD: zlib.compress,
    Compression.LZW: lambda data: bytes(imagecodecs.lzw_encode(data)),
    Compression.ZSTD: lambda data: bytes(imagecodecs.zstd_encode(data)),
}


class Estimate(NamedTuple):
    """Size with a predictor divided by the size without it, and the predictor as GDAL's option."""

    ratio: float
    option: str


def predicted_ratio(image: Image, stored: bytes) -> Estimate | None:
    """Estimate by a stored tile; None if the image has a predictor, or its codec or type has none.

    A tile that is damaged gives no estimate either.
    """
    compress = _COMPRESSORS.get(image.compression)
    if compress is None or undecodable(image) is not None or image.tile_bytes > MAX_TILE_BYTES:
        return None
    is_float = image.sample_format == SampleFormat.FLOAT
    is_integer = image.sample_format in (SampleFormat.UINT, SampleFormat.INT)
    if (
        predictor(image) != 1
        or image.bits not in ((32, 64) if is_float else (8, 16, 32, 64))
        or not (is_float or is_integer)
    ):
        return None
    try:
        pixels = samples(image, stored, image.tile_height)
    except TileError:
        return None
    ratio = len(compress(_predicted(pixels))) / len(compress(pixels.tobytes()))
    return Estimate(ratio, predictor_option(image.sample_format))


def _predicted(pixels: NDArray[Any]) -> bytes:
    """The differences of neighbours in a row, as libtiff stores them; pixels are (height, width, bands)."""
    encode = imagecodecs.floatpred_encode if pixels.dtype.kind == "f" else imagecodecs.delta_encode
    predicted: NDArray[Any] = encode(pixels, axis=1)
    return predicted.tobytes()
