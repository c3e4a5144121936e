"""Stored pictures with hidden pixels -> WebP files in which these are transparent. Loads numpy and the decoders.

Visible pixels have the colours that GDAL reads, to the bit.
"""

from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.image import Level
from cogread.tiff.tags import Compression
from cogread.wrap.auto.alpha_chunk import chunks, with_alpha
from cogread.wrap.decode import pixels
from cogread.wrap.decode.visible import visible_pixels
from cogread.wrap.tile import Tile

_METHOD: Final = 1
"""Effort of lossless compression, 0 to 6. More takes twice the time or more for some per cent of the bytes; 0 does not
find what repeats, such as large areas of one colour."""


def cut_out(level: Level, tile: Tile) -> bytes:
    """Make the WebP file of a tile.

    Args:
        level: one of 8 bits with a tile of one plane.
        tile: a tile that is not sparse.

    Raises:
        TileDamaged: the stored bytes of the tile, or of the mask, are not a tile.
    """
    image, stored, visible = level.image, tile.planes[0] or b"", visible_pixels(level, tile)
    values = pixels.samples(image, stored, image.tile_height)
    height, width, bands = values.shape
    opacity = values[:, :, -1] if bands in (2, 4) else np.full((height, width), 255, np.uint8)
    alpha = opacity if visible is None else np.minimum(opacity, visible)
    is_webp = image.compression == Compression.WEBP
    if is_webp and np.array_equal(alpha, opacity):
        return stored
    parts = chunks(stored) if is_webp else {}
    if b"VP8 " in parts:
        return with_alpha(parts, width, height, _lossless(np.repeat(alpha[:, :, np.newaxis], 3, axis=2)))
    rgba = np.empty((height, width, 4), np.uint8)
    rgba[:, :, :3] = values[:, :, : 3 if bands > 2 else 1]
    rgba[:, :, 3] = alpha
    rgba[alpha == 0] = 0
    return _lossless(rgba)


def _lossless(values: NDArray[Any]) -> bytes:
    """Compress (height, width, red green blue alpha or without alpha) of 8 bit."""
    return bytes(imagecodecs.webp_encode(values, level=0, lossless=True, method=_METHOD, numthreads=1))
