"""A window of an image -> the whole tiles that cover it, at all levels worth keeping.

A tile of an overview covers many tiles of the full resolution. So that the overviews of a crop are whole tiles too, the
crop begins and ends on the grid of its coarsest level, or at the edge of the image. Levels whose tiles are larger than
the window are left out: with them, the crop would be the whole image.
"""

from dataclasses import dataclass
from math import ceil, floor, lcm
from typing import Final, NamedTuple

from cogread.crs.georeference import Bounds
from cogread.crs.lookup import crs_of, why_no_crs
from cogread.crs.transform import transformer
from cogread.errors import TileOutOfRange, UndefinedCrs
from cogread.image import Cog, Image

_SMALL_PX: Final = 512
"""Side up to which a COG needs no overviews."""


class Window(NamedTuple):
    """Pixels of the full resolution."""

    col: int
    row: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.col},{self.row},{self.width},{self.height}"


class TileBox(NamedTuple):
    """Whole tiles of an image: columns and rows, and the size in pixels of the part of the image that they are."""

    cols: range
    rows: range
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CropPlan:
    """The window of a crop."""

    window: Window
    """Pixels of the crop, on the grid."""
    factors: tuple[int, ...]
    """Overview factor of each level that is kept."""
    unit: tuple[int, int]
    """Width and height of the grid."""

    def box(self, level: int, image: Image) -> TileBox:
        """The tiles of a level's image or mask."""
        factor, window = self.factors[level], self.window
        start_x, start_y = window.col // factor, window.row // factor
        stop_x = min(image.width, -(-(window.col + window.width) // factor))
        stop_y = min(image.height, -(-(window.row + window.height) // factor))
        return TileBox(
            range(start_x // image.tile_width, -(-stop_x // image.tile_width)),
            range(start_y // image.tile_height, -(-stop_y // image.tile_height)),
            stop_x - start_x,
            stop_y - start_y,
        )


def plan_crop(cog: Cog, window: Window) -> CropPlan:
    """Choose levels, and the whole tiles that cover a window.

    Raises:
        TileOutOfRange: nothing of the window is within the image.
    """
    full = cog.full
    col, row = max(0, window.col), max(0, window.row)
    width, height = min(full.width, window.col + window.width) - col, min(full.height, window.row + window.height) - row
    if width <= 0 or height <= 0:
        raise TileOutOfRange(f"window {window}: nothing of it is within the image of {full.width} x {full.height} px")
    wanted = Window(col, row, width, height)
    factors: tuple[int, ...] = (1,)
    plan = _plan(cog, wanted, factors)
    for level in range(1, len(cog.levels)):
        factor = _factor(cog, level)
        if factor is None:
            break
        factors = (*factors, factor)
        coarser = _plan(cog, wanted, factors)
        is_without_overviews = level == 1 and max(plan.window.width, plan.window.height) > _SMALL_PX
        if max(coarser.unit) > max(width, height) and coarser.window != plan.window and not is_without_overviews:
            break
        plan = coarser
    return plan


def window_of(cog: Cog, bbox: Bounds) -> Window:
    """The pixels within west, south, east, north in degrees.

    Raises:
        UndefinedCrs: the file has no CRS or no transform.
    """
    geo = cog.geo
    crs = crs_of(geo)
    if crs is None or geo.transform is None:
        raise UndefinedCrs(f"no bounding box in a file without place: {why_no_crs(geo) or 'it has no transform'}")
    left, bottom, right, top = transformer(crs.placed_definition).transform_bounds(
        *bbox, densify_pts=21, direction="INVERSE"
    )
    x0, dx, rx, y0, ry, dy = geo.transform
    determinant = dx * dy - rx * ry
    corners = [(x - x0, y - y0) for x in (left, right) for y in (bottom, top)]
    cols = [(dy * x - rx * y) / determinant for x, y in corners]
    rows = [(dx * y - ry * x) / determinant for x, y in corners]
    col, row = floor(min(cols)), floor(min(rows))
    return Window(col, row, ceil(max(cols)) - col, ceil(max(rows)) - row)


def _plan(cog: Cog, wanted: Window, factors: tuple[int, ...]) -> CropPlan:
    images = [
        (factor, image)
        for factor, level in zip(factors, cog.levels, strict=False)
        for image in (level.image, level.mask)
        if image is not None
    ]
    across = lcm(*(factor * image.tile_width for factor, image in images))
    down = lcm(*(factor * image.tile_height for factor, image in images))
    col, row = wanted.col // across * across, wanted.row // down * down
    right = min(cog.full.width, -(-(wanted.col + wanted.width) // across) * across)
    lower = min(cog.full.height, -(-(wanted.row + wanted.height) // down) * down)
    return CropPlan(Window(col, row, right - col, lower - row), factors, (across, down))


def _factor(cog: Cog, level: int) -> int | None:
    """The overview factor of a level; None: it is no whole number, the same for both sides."""
    full, image = cog.full, cog.levels[level].image
    factor = round(max(full.width / image.width, full.height / image.height))
    for size, reduced in ((full.width, image.width), (full.height, image.height)):
        if reduced not in (size // factor, -(-size // factor)):
            return None
    return factor
