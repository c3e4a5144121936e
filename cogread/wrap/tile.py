"""A tile as stored: the bytes of its planes and of its mask."""

from typing import NamedTuple

from cogread.image import Image, Level
from cogread.refusal import Refusal


class Tile(NamedTuple):
    """Stored bytes of a tile, with its position in the level."""

    col: int
    row: int
    planes: tuple[bytes | None, ...]
    """The planes of `Wrapping.planes`, None where sparse; a pixel-interleaved image has one plane."""
    mask: bytes | None = None
    """None: the level has no mask, or the mask's tile is sparse."""


def valid_size(image: Image, col: int, row: int) -> tuple[int, int]:
    """Compute width and height in pixels of the part of a tile that lies within the image."""
    width = min(image.tile_width, image.width - col * image.tile_width)
    return width, min(image.tile_height, image.height - row * image.tile_height)


def is_inside(image: Image, tile: Tile) -> bool:
    """Check that all of a tile lies within the image."""
    return valid_size(image, tile.col, tile.row) == image.tile_size


def mask_mismatch(level: Level) -> Refusal | None:
    """Refuse a level whose mask is cut into tiles of another size than its image."""
    image, mask = level.image, level.mask
    if mask is None or mask.tile_size == image.tile_size:
        return None
    return Refusal(
        f"the mask has tiles of {mask.tile_width} × {mask.tile_height} pixels, "
        f"the image of {image.tile_width} × {image.tile_height}"
    )
