"""Visible pixels of a tile: those that are within the image and that the mask does not hide. Loads numpy."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cogread.image import Image, Level
from cogread.wrap.decode import pixels
from cogread.wrap.decode.support import BYTE_CODECS
from cogread.wrap.tile import Tile, is_inside, valid_size

T = TypeVar("T")


def by_visibility(level: Level, tile: Tile, whole: T, part: T) -> T | None:
    """Choose by the visible part of a tile: all of it, some of it, or None for nothing. It does not need the planes.

    Most tiles of masks are of one value: bits are compared before they are unpacked.

    Raises:
        TileDamaged: the stored bytes of the mask are not a tile.
    """
    image, mask = level.image, level.mask
    if mask is not None and tile.mask is not None and mask.compression in BYTE_CODECS and _has_whole_bytes(mask):
        bits = pixels.decompress(mask, tile.mask, valid_size(image, tile.col, tile.row)[1])
        if bits == bytes(len(bits)):
            return None
        if is_inside(image, tile):
            return whole if bits == b"\xff" * len(bits) else part
    visible = visible_pixels(level, tile)
    if visible is None or visible.min() == 255:
        return whole
    return part if visible.any() else None


def visible_pixels(level: Level, tile: Tile) -> NDArray[Any] | None:
    """Make the alpha of a tile, (height, width) of 0 to 255; None: all of it is visible.

    Raises:
        TileDamaged: the stored bytes of the mask are not a tile.
    """
    image, mask = level.image, level.mask
    if image.is_mask or (mask is None and is_inside(image, tile)):
        return None
    width, height = valid_size(image, tile.col, tile.row)
    visible = np.zeros((image.tile_height, image.tile_width), np.uint8)
    if mask is None:
        visible[:height, :width] = 255
    elif tile.mask is not None:
        valid = pixels.samples(mask, tile.mask, height)[:height, :width, 0]
        visible[:height, :width] = valid * np.uint8(255) if mask.bits == 1 else valid
    return visible


def _has_whole_bytes(mask: Image) -> bool:
    """Check for bits in rows without padding."""
    return mask.bits == 1 and mask.tile_width % 8 == 0
