"""Grids: coordinates of tiles in URLs. (grid, z, x, y) <-> (level, col, row), and the same as tile matrices.

`native` is the file's own grid: z counts its levels from the coarsest, x and y are column and row from the upper left.
`WebMercatorQuad` is the grid of web maps (OGC 17-083r4, D.1), for the levels of a file whose tiles lie on it. Every
document and the tile route use these same descriptions.
"""

from dataclasses import dataclass
from functools import cached_property
from math import hypot, log2, pi
from typing import Final, NamedTuple

from cogread.crs.lookup import PROJ, CrsResolver
from cogread.crs.web_mercator import is_web_mercator
from cogread.errors import TileOutOfRange
from cogread.image import Cog, Image
from server.http.errors import UnknownGrid

NATIVE: Final = "native"
WEB_MERCATOR: Final = "WebMercatorQuad"

HALF_WORLD_M: Final = pi * 6378137
"""Half of a side of the web mercator square, in metres."""

NOMINAL_PX: Final = 1.5
"""Tolerance of an overview's size against a whole fraction of the full one: writers round up or down."""
TOLERANCE_PX: Final = 0.01
"""Tolerance of a pixel's place in a grid of square pixels, or in that of web maps."""
MAX_Z: Final = 30
WEB_TILE_SIDES: Final = (256, 512)


class Place(NamedTuple):
    """A tile in a file."""

    level: int
    """0 = full resolution."""
    col: int
    row: int


def native_set_name(layer: str) -> str:
    """The name of a layer's native grid among the tile matrix sets of all layers, where names are unique."""
    return f"{NATIVE}.{layer}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The tiles of one level, as a tile matrix."""

    z: int
    level: int
    """0 = full resolution."""
    cell_size: float | None
    """Width and height of a pixel in units of the CRS; None if the pixels are not square or not georeferenced."""
    tile_width: int
    """Pixels."""
    tile_height: int
    width: int
    """Columns of the matrix."""
    height: int
    min_x: int
    """The columns and rows that the layer fills; all of them in its own grid."""
    min_y: int
    max_x: int
    max_y: int


@dataclass(frozen=True)
class Grid:
    """A tile matrix set. It has no slots, for its cached properties."""

    name: str
    origin: tuple[float, float] | None
    """x, y of the upper left corner of all its matrices; None without a georeference."""
    matrices: tuple[Matrix, ...]
    """Coarse to fine."""

    @cached_property
    def by_z(self) -> dict[int, Matrix]:
        """The matrices by their z."""
        return {matrix.z: matrix for matrix in self.matrices}

    def place(self, z: int, x: int, y: int) -> Place:
        """Find a tile in the file.

        Raises:
            TileOutOfRange: the layer has no such tile.
        """
        matrix = self.by_z.get(z)
        if matrix is None:
            least, most = self.matrices[0].z, self.matrices[-1].z
            raise TileOutOfRange(f"z {z}: wanted {least} to {most}")
        if not (matrix.min_x <= x <= matrix.max_x and matrix.min_y <= y <= matrix.max_y):
            raise TileOutOfRange(
                f"tile {z}/{x}/{y}: at z {z}, x is {matrix.min_x} to {matrix.max_x} "
                f"and y {matrix.min_y} to {matrix.max_y}"
            )
        return Place(matrix.level, x - matrix.min_x, y - matrix.min_y)


@dataclass(frozen=True, slots=True)
class Grids:
    """The grids of a file."""

    native: Grid
    web_mercator: Grid | None
    """None: no level lies on the grid of web maps."""
    why_not_square: str | None
    """The reason why its pixels have no size that is one number, as standards need it; None: they have."""

    def named(self, name: str) -> Grid:
        """The grid of this name.

        Raises:
            UnknownGrid: the layer has no such grid.
        """
        if name == NATIVE:
            return self.native
        if name == WEB_MERCATOR and self.web_mercator is not None:
            return self.web_mercator
        names = NATIVE if self.web_mercator is None else f"{NATIVE}, {WEB_MERCATOR}"
        raise UnknownGrid(f"grid {name!r}: wanted one of: {names}")


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
