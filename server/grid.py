"""(grid, z, x, y) of a URL <-> (level, col, row) in a file.

`native` is the file's own grid: z counts its levels from the coarsest, x and y are column and row from the upper left.
"""

from typing import Final, NamedTuple

from cogread.errors import TileOutOfRange
from cogread.image import Cog
from server.errors import UnknownGrid

NATIVE: Final = "native"


class Place(NamedTuple):
    """A tile in a file."""

    level: int
    """0 = full resolution."""
    col: int
    row: int


def place_of(cog: Cog, grid: str, z: int, x: int, y: int) -> Place:
    """Find the tile in the file.

    Raises:
        UnknownGrid: the layer has no such grid.
        TileOutOfRange: the grid has no such tile.
    """
    if grid != NATIVE:
        raise UnknownGrid(f"grid {grid!r}: wanted one of: {NATIVE}")
    count = len(cog.levels)
    if not 0 <= z < count:
        raise TileOutOfRange(f"z {z}: wanted 0 to {count - 1}")
    image = cog.levels[count - 1 - z].image
    if not (0 <= x < image.tiles_across and 0 <= y < image.tiles_down):
        raise TileOutOfRange(
            f"tile {z}/{x}/{y}: at z {z}, x is 0 to {image.tiles_across - 1} and y 0 to {image.tiles_down - 1}"
        )
    return Place(count - 1 - z, x, y)
