"""Tiles of any codec -> samples in a content coding. Loads numpy and the decoders; stored codings never come here."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.image import Image
from cogread.wrap.bin.layout import SampleType
from cogread.wrap.decode import pixels
from cogread.wrap.decode.support import BYTE_CODECS, PREDICTOR_FLOATING, predictor

_LEVEL: Final = 1
"""Compression level of both codecs."""

Samples = NDArray[Any] | bytes

_CODERS: Final[Mapping[str, Callable[[Samples], bytes]]] = {
    "identity": bytes,
    "deflate": lambda samples: bytes(imagecodecs.deflate_encode(samples, _LEVEL)),
    "zstd": lambda samples: bytes(imagecodecs.zstd_encode(samples, _LEVEL)),
}
"""Content coding -> its encoder; the window of level 1 is below HTTP's bound, whatever the size."""


def coded(
    image: Image, kind: SampleType, stored: bytes, rows: int, *, band: int | None, is_plain: bool, coding: str
) -> bytes:
    """Decode a tile of one plane, and encode its samples.

    Args:
        image: an image that `refusal` accepts.
        kind: type of its samples.
        stored: the tile.
        rows: number of its rows within the image; see `pixels.decompress`.
        band: the band of a pixel-interleaved tile, from 0; None: all bands.
        is_plain: undo the predictor; necessary for one band.
        coding: content coding.

    Raises:
        TileDamaged: the stored bytes are not a tile of this image.
    """
    samples = _samples(image, kind, stored, rows, is_plain=is_plain)
    if band is not None:
        samples = np.ascontiguousarray(_array(image, kind, samples)[:, :, band])
    return _CODERS[coding](samples)


def _samples(image: Image, kind: SampleType, stored: bytes, rows: int, *, is_plain: bool) -> Samples:
    """Decode to samples of the type, least significant byte first."""
    if kind.is_widened or image.compression not in BYTE_CODECS:
        values = pixels.samples(image, stored, rows)
        if image.is_mask and image.bits == 1:
            values *= np.uint8(255)
        return values.astype(kind.typestr, copy=False)
    if not is_plain and predictor(image) == PREDICTOR_FLOATING:  # its bytes have one order in all files
        return pixels.decompress(image, stored, rows)
    data = (pixels.without_predictor if is_plain else pixels.decompress)(image, stored, rows)
    if image.directory.order == "<":
        return data
    return np.frombuffer(data, f">{kind.code}").astype(kind.typestr, copy=False)


def _array(image: Image, kind: SampleType, samples: Samples) -> NDArray[Any]:
    """View samples as (height, width, bands, parts)."""
    if isinstance(samples, bytes):
        samples = np.frombuffer(samples, kind.typestr)
    return samples.reshape(image.tile_height, image.tile_width, image.plane_samples, kind.parts)
