"""A small picture of a layer, which the browser composes of stored tiles, so that the server decodes nothing."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cogread.wrap import PICTURES
from server.layers.grids import NATIVE
from server.layers.layer_version import IMAGE, LayerVersion

MOST_TILES: Final = 4
"""Bound of tiles; a level with more is represented by the one in its middle."""
MOST_STRETCHED: Final = 8.0
"""Largest ratio of height and width of the pixels of a preview."""


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


def shown_as(opened: LayerVersion, levels: Iterable[int]) -> str | None:
    """The format in which browsers show all of some levels of a layer; None without a common one.

    It is the cheapest format, or PNG if any of the levels has a mask, because only PNG leaves out masked pixels. JPEG
    without a mask is not offered as PNG: if only some levels have masks, all are shown in the stored form.
    """
    numbers = tuple(levels)
    is_masked = any(opened.cog.levels[number].mask is not None for number in numbers)
    offered = [opened.offered(IMAGE, number) for number in numbers]
    wanted = ("png", *PICTURES) if is_masked else PICTURES
    return next((extension for extension in wanted if all(extension in these for these in offered)), None)


def preview_of(opened: LayerVersion) -> Preview | None:
    """A preview of a layer's coarsest level that browsers can show; None if there is no such level."""
    for number in reversed(range(len(opened.cog.levels))):
        extension = shown_as(opened, [number])
        if extension is not None:
            return _of_level(opened, number, extension)
    return None


def _of_level(opened: LayerVersion, number: int, extension: str) -> Preview:
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
            f"{IMAGE}/{NATIVE}/{len(opened.cog.levels) - 1 - number}/{col}/{row}.{extension}",
            col * image.tile_width - left,
            (row * image.tile_height - top) * down,
            image.tile_width,
            image.tile_height * down,
        )
        for row in rows
        for col in cols
    )
    return Preview(right - left, (bottom - top) * down, tiles)


def _stretch(opened: LayerVersion) -> float:
    """Height of a pixel over its width."""
    transform = opened.cog.geo.transform
    if transform is None or not transform[1] or not transform[5]:
        return 1.0
    return min(MOST_STRETCHED, max(1 / MOST_STRETCHED, abs(transform[5] / transform[1])))
