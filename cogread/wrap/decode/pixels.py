"""Stored bytes -> bytes and arrays of samples. Loads numpy and the decoders; the raw path never imports it.

No tile is trusted. Decoders of bytes may write one byte more than a tile has, so that longer output is noticed and
costs nothing. Decoders of pictures write to an array, and compare its shape with the header before they decode. Their
errors become TileDamaged here.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.tiff.tags import Compression, Photometric, SampleFormat
from cogread.wrap.decode import ccitt, lerc
from cogread.wrap.decode.decompressors import DECOMPRESSORS, FAILURES
from cogread.wrap.decode.support import (
    CCITTS,
    JXLS,
    PREDICTOR_FLOATING,
    PREDICTOR_HORIZONTAL,
    is_lsb_first,
    predictor,
)
from cogread.wrap.jpeg import decodable

_NATIVE: Final = "<" if sys.byteorder == "little" else ">"
_FLOAT24_BYTES: Final = 3
"""Width of a type that numpy does not have."""
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def decompress(image: Image, stored: bytes, rows: int) -> bytes:
    """Decompress a tile of one plane and leave the predictor.

    Args:
        image: one whose codec is among `support.BYTE_CODECS`.
        stored: the tile.
        rows: number of its rows within the image. A few writers leave out the others; zeros replace them.

    Returns:
        image.tile_bytes bytes.

    Raises:
        TileDamaged: the tile is too long, too short or not a stream of its codec.
    """
    size = image.tile_bytes
    with _as_damage(image, stored):
        data = DECOMPRESSORS[image.compression](_msb_first(image, stored), size + 1)
    if not size // image.tile_height * rows <= len(data) <= size:
        length = f"more than {size}" if len(data) > size else f"{len(data)}"
        raise TileDamaged(f"{_name(image, stored)} has {length} bytes when decompressed, wanted {size}")
    return data.ljust(size, b"\0")


def without_predictor(image: Image, stored: bytes, rows: int) -> bytes:
    """Decode a tile of one plane to samples in the file's byte order; see `decompress`."""
    data, kind = decompress(image, stored, rows), predictor(image)
    if kind == PREDICTOR_HORIZONTAL:
        return _undo_horizontal(image, data).tobytes()
    return _undo_floating(image, data).tobytes() if kind == PREDICTOR_FLOATING else data


def samples(image: Image, stored: bytes, rows: int) -> NDArray[Any]:
    """Decode a tile of one plane.

    Args:
        image: one that `undecodable` accepts.
        stored: the tile.
        rows: see `decompress`.

    Returns:
        (tile height, tile width, samples of the plane) in native byte order; odd widths are in the next larger type.

    Raises:
        TileDamaged: the stored bytes are not a tile of this image.
    """
    shape = (image.tile_height, image.tile_width, image.plane_samples)
    decode = _PICTURES.get(image.compression)
    if decode is None:
        return _numbers(image, without_predictor(image, stored, rows)).reshape(shape)
    with _as_damage(image, stored):
        return decode(image, stored).reshape(shape)


def sample_type(image: Image) -> np.dtype[Any]:
    """Choose numpy's type for the samples, in native byte order."""
    kinds = {SampleFormat.INT: "i", SampleFormat.FLOAT: "f", SampleFormat.COMPLEX_FLOAT: "c"}
    width = next(width for width in (8, 16, 32, 64, 128) if image.bits <= width)
    return np.dtype(f"{kinds.get(SampleFormat(image.sample_format), 'u')}{width // 8}")


def _numbers(image: Image, data: bytes) -> NDArray[Any]:
    native = sample_type(image)
    if native.itemsize * 8 == image.bits:
        return np.frombuffer(data, native.newbyteorder(image.directory.order)).astype(native, copy=False)
    if image.sample_format == SampleFormat.FLOAT:
        return imagecodecs.float24_decode(data, byteorder=image.directory.order)
    return imagecodecs.packints_decode(data, native, image.bits, runlen=image.tile_width * image.plane_samples)


def _undo_horizontal(image: Image, data: bytes) -> NDArray[Any]:
    """Sum up differences of neighbours in a row, stored as integers even for floats (TIFF 6.0 §14)."""
    rows = _rows(image, data, f"{image.directory.order}u{image.bits // 8}")
    values: NDArray[Any] = imagecodecs.delta_decode(rows, axis=1)
    return values


def _undo_floating(image: Image, data: bytes) -> NDArray[Any]:
    """Sum up differences of bytes; a row stores all most significant bytes first (TIFF Technical Note 3)."""
    order, width = image.directory.order, image.bits // 8
    if width != _FLOAT24_BYTES:
        return imagecodecs.floatpred_decode(_rows(image, data, f"{order}f{width}"), axis=1)
    values: NDArray[Any] = imagecodecs.floatpred_decode(_rows(image, data, f"V{width}"), axis=1)  # little-endian
    return values.view(np.uint8).reshape(-1, width)[:, :: -1 if order == ">" else 1]


def _rows(image: Image, data: bytes, dtype: str) -> NDArray[Any]:
    return np.frombuffer(data, dtype).reshape(image.tile_height, image.tile_width, image.plane_samples)


def _jpeg(image: Image, stored: bytes) -> NDArray[Any]:
    """Decode in the colours that the TIFF states; the stream's own may be missing or wrong."""
    colors, output = "GRAYSCALE", "GRAYSCALE"
    if image.plane_samples > 1:
        colors, output = Photometric(image.photometric).name, "RGB"
    file = decodable(image, stored)
    return imagecodecs.jpeg8_decode(file, colorspace=colors, outcolorspace=output, out=_canvas(image))


def _webp(image: Image, stored: bytes) -> NDArray[Any]:
    """Decode to the image's bands: opaque tiles of an image with alpha are stored without it."""
    return imagecodecs.webp_decode(stored, hasalpha=image.plane_samples == 4, out=_canvas(image))


def _jxl(image: Image, stored: bytes) -> NDArray[Any]:
    return imagecodecs.jpegxl_decode(stored, numthreads=1, out=_canvas(image))


def _lerc(image: Image, stored: bytes) -> NDArray[Any]:
    """Decode and swap bytes: libtiff swaps those of a big-endian file before it encodes them."""
    values = lerc.decode(image, _msb_first(image, stored), sample_type(image))
    return values if image.directory.order == _NATIVE else values.byteswap()


def _ccitt(image: Image, stored: bytes) -> NDArray[Any]:
    return ccitt.decode(image, _msb_first(image, stored))


_PICTURES: Final[dict[int, Callable[[Image, bytes], NDArray[Any]]]] = {
    Compression.JPEG: _jpeg,
    Compression.WEBP: _webp,
    Compression.LERC: _lerc,
    **dict.fromkeys(CCITTS, _ccitt),
    **dict.fromkeys(JXLS, _jxl),
}
"""Codecs of pixels."""


def _canvas(image: Image) -> NDArray[Any]:
    """Make the array that a picture is decoded to; the decoders expect no axis for a single sample."""
    depth = image.plane_samples
    size = (image.tile_height, image.tile_width)
    return np.zeros((*size, depth) if depth > 1 else size, sample_type(image))


def _msb_first(image: Image, stored: bytes) -> bytes:
    return stored.translate(_REVERSED) if is_lsb_first(image) else stored


def _name(image: Image, stored: bytes) -> str:
    return f"{image.compression_name} tile of {len(stored)} stored bytes"


@contextmanager
def _as_damage(image: Image, stored: bytes) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise TileDamaged(f"{_name(image, stored)} cannot be decoded", str(error).encode()) from error
