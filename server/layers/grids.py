"""Grids: coordinates of tiles in URLs. (grid, z, x, y) <-> (level, col, row), and the same as tile matrices.

`native` is the file's own grid: z counts its levels from the coarsest, x and y are column and row from the upper left.
`WebMercatorQuad` is the grid of web maps (OGC 17-083r4, D.1), for the levels of a file whose tiles lie on it. Every
document and the tile route use these same descriptions.
"""

from dataclasses import dataclass
from functools import cached_property
from math import pi
from typing import Final, NamedTuple

from cogread.errors import TileOutOfRange
from server.http.errors import UnknownGrid

NATIVE: Final = "native"
WEB_MERCATOR: Final = "WebMercatorQuad"

HALF_WORLD_M: Final = pi * 6378137
"""Half of a side of the web mercator square, in metres."""

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
