"""The grids of a file, from its header: its own, and that of web maps where the tiles of a level lie on it."""

from math import hypot, log2
from typing import Final

from cogread.crs.lookup import PROJ, CrsResolver
from cogread.crs.web_mercator import is_web_mercator
from cogread.image import Cog, Image
from server.layers.grids import HALF_WORLD_M, MAX_Z, NATIVE, WEB_MERCATOR, WEB_TILE_SIDES, Grid, Grids, Matrix

NOMINAL_PX: Final = 1.5
"""Tolerance of an overview's size against a whole fraction of the full one: writers round up or down."""
TOLERANCE_PX: Final = 0.01
"""Tolerance of a pixel's place in a grid of square pixels, or in that of web maps."""


def grids_of(cog: Cog, resolver: CrsResolver = PROJ) -> Grids:
    """Describe the grids of a file, from its header alone."""
    why_not = _why_not_square(cog)
    sizes = _cell_sizes(cog, None if why_not or cog.geo.transform is None else cog.geo.transform[1])
    origin = None if cog.geo.transform is None else (cog.geo.transform[0], cog.geo.transform[3])
    native = Grid(NATIVE, origin, tuple(_native(cog, level, sizes[level]) for level in reversed(range(len(sizes)))))
    return Grids(native, _web_mercator(cog, sizes, resolver), why_not)


def _native(cog: Cog, level: int, cell_size: float | None) -> Matrix:
    image = cog.levels[level].image
    across, down = image.tiles_across, image.tiles_down
    z = len(cog.levels) - 1 - level
    return Matrix(
        z, level, cell_size, image.tile_width, image.tile_height, across, down, 0, 0, across - 1, down - 1
    )  # fmt: skip


def _why_not_square(cog: Cog) -> str | None:
    if cog.geo.transform is None:
        return "it has no transform"
    _, dx, rx, _, ry, dy = cog.geo.transform
    side = max(cog.full.width, cog.full.height)
    if (abs(rx) + abs(ry)) * side > TOLERANCE_PX * hypot(dx, dy):
        return "it is rotated"
    if dx < 0 or dy > 0:
        return "it is south-up: its rows run upwards" if dx > 0 else "it is mirrored: its columns run to the left"
    if abs(dx + dy) * side > TOLERANCE_PX * dx:
        return f"its pixels are not square, but {dx!r} x {-dy!r}"
    return None


def _cell_sizes(cog: Cog, full: float | None) -> list[float | None]:
    """Pixel size of each level: the full one times its overview factor, a whole number if that fits its size."""
    factors = [1.0]
    for level in cog.levels[1:]:
        factors.append(_factor(cog.full, level.image, factors[-1]))
    return [None if full is None else full * factor for factor in factors]


def _factor(full: Image, image: Image, finer: float) -> float:
    """The overview factor of a level. A few pixels fit several: half of the next finer level is tried first."""
    ratios = full.width / image.width, full.height / image.height
    for factor in (2 * finer, *(round(ratio) for ratio in ratios)):
        off = max(abs(image.width - full.width / factor), abs(image.height - full.height / factor))
        if off <= NOMINAL_PX:
            return float(factor)
    return max(ratios)


def _web_mercator(cog: Cog, sizes: list[float | None], resolver: CrsResolver) -> Grid | None:
    if cog.full.tile_width not in WEB_TILE_SIDES or not is_web_mercator(cog.geo, resolver):
        return None
    candidates = (_on_web_mercator(cog, level, size) for level, size in enumerate(sizes) if size is not None)
    matrices = [matrix for matrix in candidates if matrix is not None]
    return Grid(WEB_MERCATOR, (-HALF_WORLD_M, HALF_WORLD_M), tuple(reversed(matrices))) if matrices else None


def _on_web_mercator(cog: Cog, level: int, cell_size: float) -> Matrix | None:
    """The matrix of a level; None if one of its tiles is off the grid by more than `TOLERANCE_PX`."""
    image, side = cog.levels[level].image, cog.full.tile_width
    if image.tile_size != (side, side) or cog.geo.transform is None:
        return None
    z = round(log2(2 * HALF_WORLD_M / (side * cell_size)))
    if not 0 <= z <= MAX_Z:
        return None
    exact = 2 * HALF_WORLD_M / side / 2**z
    left, top = cog.geo.transform[0] + HALF_WORLD_M, HALF_WORLD_M - cog.geo.transform[3]
    col, row = round(left / exact / side), round(top / exact / side)
    edges = (  # the actual and the required ones
        (left / exact, col * side),
        (top / exact, row * side),
        ((left + image.width * cell_size) / exact, col * side + image.width),
        ((top + image.height * cell_size) / exact, row * side + image.height),
    )
    right, lower = col + image.tiles_across - 1, row + image.tiles_down - 1
    is_inside = col >= 0 and row >= 0 and max(right, lower) < 2**z
    if not is_inside or any(abs(is_at - wanted) > TOLERANCE_PX for is_at, wanted in edges):
        return None
    return Matrix(z, level, exact, side, side, 2**z, 2**z, col, row, right, lower)
