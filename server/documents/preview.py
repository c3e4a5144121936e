"""A small picture of a layer, which the browser composes of stored tiles, so that the server decodes nothing.

Layers of values have none: browsers draw them from samples, as on their pages.
"""

import re
from typing import Final, NamedTuple

from cogread.wrap import PICTURES
from cogread.wrap.bin.wrapper import SAMPLES
from server.documents.pictures import tiles_suffix
from server.layers.grids import NATIVE
from server.layers.layer_version import IMAGE, LayerVersion

MOST_TILES: Final = 4
"""Bound of tiles; a level with more is represented by the one in its middle."""
LEAST_SIDE: Final = 192
"""Pixels of the longer side that a preview has at least, if the image has them and MOST_TILES allow it."""
OVERLAP: Final = 0.5
"""Pixels by which tiles reach below the next ones: where tiles only meet, the page shines through."""
MOST_STRETCHED: Final = 8.0
"""Largest ratio of height and width of the pixels of a preview."""


_EIGHT_BITS: Final = re.compile("uint[1-8]")
"""Types of which a picture shows every bit."""


class Tile(NamedTuple):
    """A tile and its place in the picture."""

    path: str
    """URL of the tile, relative to the layer."""
    x: float
    """Place of the upper left corner, in pixels of the level, from that of the preview."""
    y: float
    width: float
    height: float


class Preview(NamedTuple):
    """Size of the visible part, without the padding of edge tiles, in pixels of the level."""

    width: float
    height: float
    tiles: tuple[Tile, ...]
    is_whole: bool
    """False: it is a tile in the middle of the image."""

    @property
    def may_be_transparent(self) -> bool:
        """True unless the pictures are JPEG."""
        return not any(tile.path.endswith(".jpg") for tile in self.tiles)


def is_picture(opened: LayerVersion) -> bool:
    """Tell whether browsers show a layer by its stored pictures; false: by its samples, or not at all."""
    is_shown = any(_suffix(opened, number) is not None for number in range(len(opened.cog.levels)))
    has_samples = opened.refusals(IMAGE)[SAMPLES.extension] is None
    return is_shown and (not has_samples or _EIGHT_BITS.fullmatch(opened.cog.full.dtype) is not None)


def preview_of(opened: LayerVersion) -> Preview | None:
    """A preview of the coarsest level that has pixels enough; None: the layer is not shown by pictures."""
    if not is_picture(opened):
        return None
    numbers = reversed(range(len(opened.cog.levels)))
    shown = {number: suffix for number in numbers if (suffix := _suffix(opened, number)) is not None}
    images = {number: opened.cog.levels[number].image for number in shown}
    small = [number for number, image in images.items() if image.tiles_across * image.tiles_down <= MOST_TILES]
    large = [number for number in small if max(images[number].width, images[number].height) >= LEAST_SIDE]
    number = (large or small[::-1] or list(shown))[0]
    return _of_level(opened, number, shown[number])


def _suffix(opened: LayerVersion, number: int) -> str | None:
    """The end of the URLs of a level's tiles; None: browsers do not show them.

    Without a mask it is that of the stored pictures, which are lighter: a preview ends where the image does.
    """
    if opened.cog.levels[number].mask is not None:
        return tiles_suffix(opened, [number])
    return next((f".{extension}" for extension in opened.offered(IMAGE, number) if extension in PICTURES), None)


def _of_level(opened: LayerVersion, number: int, suffix: str) -> Preview:
    image = opened.cog.levels[number].image
    cols, rows = range(image.tiles_across), range(image.tiles_down)
    if len(cols) * len(rows) > MOST_TILES:
        cols, rows = cols[len(cols) // 2 :][:1], rows[len(rows) // 2 :][:1]
    down = _stretch(opened)
    left, top = cols[0] * image.tile_width, rows[0] * image.tile_height
    right = min(image.width, (cols[-1] + 1) * image.tile_width)
    bottom = min(image.height, (rows[-1] + 1) * image.tile_height)
    tiles = tuple(
        Tile(
            f"{IMAGE}/{NATIVE}/{len(opened.cog.levels) - 1 - number}/{col}/{row}{suffix}",
            col * image.tile_width - left,
            (row * image.tile_height - top) * down,
            image.tile_width + OVERLAP,
            image.tile_height * down + OVERLAP,
        )
        for row in rows
        for col in cols
    )
    return Preview(right - left, (bottom - top) * down, tiles, len(tiles) == image.tiles_across * image.tiles_down)


def _stretch(opened: LayerVersion) -> float:
    """Height of a pixel over its width."""
    transform = opened.cog.geo.transform
    if transform is None or not transform[1] or not transform[5]:
        return 1.0
    return min(MOST_STRETCHED, max(1 / MOST_STRETCHED, abs(transform[5] / transform[1])))
