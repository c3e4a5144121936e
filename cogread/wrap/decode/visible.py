"""Visible pixels of a tile: those that are within the image and that the mask does not hide. Loads numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cogread.image import Level
from cogread.wrap.decode import pixels
from cogread.wrap.decode.support import is_mask
from cogread.wrap.tile import Tile, is_inside, valid_size


def visible_pixels(level: Level, tile: Tile) -> NDArray[Any] | None:
    """Make the alpha of a tile, (height, width) of 0 to 255; None: all of it is visible.

    Raises:
        TileDamaged: the stored bytes of the mask are not a tile.
    """
    image, mask = level.image, level.mask
    if is_mask(image) or (mask is None and is_inside(image, tile)):
        return None
    width, height = valid_size(image, tile.col, tile.row)
    visible = np.zeros((image.tile_height, image.tile_width), np.uint8)
    if mask is None:
        visible[:height, :width] = 255
    elif tile.mask is not None:
        valid = pixels.samples(mask, tile.mask, height)[:height, :width, 0]
        visible[:height, :width] = valid * np.uint8(255) if mask.bits == 1 else valid
    return visible
