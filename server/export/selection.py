"""The tiles of an export: rectangles of the grid of web maps, in the order of PMTiles.

That order is the Hilbert curve of each zoom, coarse zooms first. A block, a square of 2^n tiles on a side, is a piece
of the curve; so the tiles of a block are neighbours in the file too, and are read in few ranges.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import asinh, ceil, floor, pi, radians, tan
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cogread.copy.window import Window, window_of
from cogread.crs.georeference import Bounds
from cogread.errors import TileOutOfRange
from cogread.image import Cog
from server.documents.web_maps import lonlat_bounds, web_mercator
from server.layers.grids import NATIVE, WEB_MERCATOR, Grid, Matrix
from server.layers.layer_version import LayerVersion

_BLOCK: Final = 6
"""A block has 2^6 tiles on a side."""


class Box(NamedTuple):
    """The tiles of one zoom, both ends included."""

    matrix: Matrix
    min_x: int
    min_y: int
    max_x: int
    max_y: int

    @property
    def size(self) -> int:
        """Number of tiles, with sparse ones."""
        return (self.max_x - self.min_x + 1) * (self.max_y - self.min_y + 1)


class Block(NamedTuple):
    """A part of a box."""

    box: Box
    cols: range
    """x of the grid."""
    rows: range

    def in_order(self) -> tuple[list[int], list[int]]:
        """The ids of PMTiles in ascending order, and the positions of their tiles in the block, row by row.

        In a file's own grid, whose zooms have any number of tiles, they are those of a zoom that has as many.
        """
        y, x = np.meshgrid(np.array(self.rows), np.array(self.cols), indexing="ij")
        ids = tile_ids(_zoom(self.box), x.ravel(), y.ravel())
        order = np.argsort(ids)
        return ids[order].tolist(), order.tolist()


@dataclass(frozen=True, slots=True)
class Selection:
    """The tiles of an export."""

    boxes: tuple[Box, ...]
    """Coarse to fine."""
    bounds: Bounds
    """West, south, east, north in degrees."""
    grid: str = WEB_MERCATOR

    @property
    def count(self) -> int:
        """Number of tiles, with sparse ones."""
        return sum(box.size for box in self.boxes)

    @property
    def name(self) -> str:
        """The selection as text, the same for the same tiles."""
        return " ".join(f"{box.matrix.z}/{box.min_x}-{box.max_x}/{box.min_y}-{box.max_y}" for box in self.boxes)

    def blocks(self) -> Iterator[Block]:
        """All tiles in order."""
        for box in self.boxes:
            yield from _blocks(box)


def select(opened: LayerVersion, zooms: tuple[int, int] | None = None, bbox: Bounds | None = None) -> Selection:
    """Select tiles of a layer.

    Args:
        opened: the layer.
        zooms: the coarsest and the finest; None: all that it has.
        bbox: west, south, east, north in degrees; None: all of it.

    Raises:
        UnknownGrid: the layer is not aligned to web maps; the message has the line that aligns the file.
        TileOutOfRange: no tile is selected.
    """
    matrices, bounds = _in_zooms(web_mercator(opened), zooms), lonlat_bounds(opened)
    if bbox is not None:
        shared = (*map(max, bbox[:2], bounds[:2]), *map(min, bbox[2:], bounds[2:]))
        if shared[0] >= shared[2] or shared[1] >= shared[3]:
            has = ", ".join(f"{number:.6g}" for number in bounds)
            raise TileOutOfRange(f"no tile within the bounding box: the file has (west, south, east, north) {has}")
        bounds = shared[0], shared[1], shared[2], shared[3]
    boxes = (Box(each, each.min_x, each.min_y, each.max_x, each.max_y) for each in matrices)
    return Selection(tuple(box if bbox is None else _cut(box, bounds) for box in boxes), bounds)


def select_native(opened: LayerVersion, zooms: tuple[int, int] | None = None, bbox: Bounds | None = None) -> Selection:
    """Select tiles of a layer in the file's own grid, whose zooms count its levels; the bounds are not those of tiles.

    Args:
        opened: see `select`.
        zooms: see `select`.
        bbox: see `select`.

    Raises:
        TileOutOfRange: no tile is selected.
        UndefinedCrs: there is a bounding box, and the file has no CRS or no transform.
    """
    matrices, full = _in_zooms(opened.grids.native, zooms), opened.cog.full
    window = Window(0, 0, full.width, full.height) if bbox is None else window_of(opened.cog, bbox)
    boxes = [_cut_native(opened.cog, each, window) for each in matrices]
    if any(box.size <= 0 for box in boxes):
        raise TileOutOfRange(f"no tile within the bounding box: it has the pixels {window}, which are not in the file")
    return Selection(tuple(boxes), bbox or (0.0, 0.0, 0.0, 0.0), NATIVE)


def tile_ids(z: int, x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """The numbers of tiles in PMTiles (specification, version 3, §4.1)."""
    ids = np.full(x.shape, ((1 << 2 * z) - 1) // 3, np.int64)
    for bit in reversed(range(z)):
        right, lower = x >> bit & 1, y >> bit & 1
        ids += (3 * right ^ lower) << 2 * bit
        is_turned, is_mirrored = lower == 0, (lower == 0) & (right == 1)
        x, y = np.where(is_mirrored, ~x, x), np.where(is_mirrored, ~y, y)
        x, y = np.where(is_turned, y, x), np.where(is_turned, x, y)
    return ids


def _in_zooms(grid: Grid, zooms: tuple[int, int] | None) -> list[Matrix]:
    """The matrices of these zooms; raises TileOutOfRange where there are none."""
    matrices = [each for each in grid.matrices if zooms is None or zooms[0] <= each.z <= zooms[1]]
    if not matrices:
        has = f"{grid.matrices[0].z} to {grid.matrices[-1].z}"
        raise TileOutOfRange(f"no tile in the zooms {zooms and zooms[0]} to {zooms and zooms[1]}: the file has {has}")
    return matrices


def _cut_native(cog: Cog, matrix: Matrix, window: Window) -> Box:
    """The tiles of a level with pixels of a window of the full resolution; without one, a box of no size."""
    full, image = cog.full, cog.levels[matrix.level].image
    across = image.width / (full.width * image.tile_width)
    down = image.height / (full.height * image.tile_height)
    min_x, min_y = max(0, floor(window.col * across)), max(0, floor(window.row * down))
    max_x = min(matrix.max_x, ceil((window.col + window.width) * across) - 1)
    max_y = min(matrix.max_y, ceil((window.row + window.height) * down) - 1)
    return Box(matrix, min_x, min_y, max(max_x, min_x - 1), max(max_y, min_y - 1))


def _cut(box: Box, bounds: Bounds) -> Box:
    """The tiles that lie within the bounds, as a whole or in part."""
    west, south, east, north = bounds
    side = 2**box.matrix.z
    x = [(longitude / 360 + 0.5) * side for longitude in (west, east)]
    y = [(0.5 - asinh(tan(radians(latitude))) / (2 * pi)) * side for latitude in (north, south)]
    min_x, min_y = max(box.min_x, floor(x[0])), max(box.min_y, floor(y[0]))
    max_x, max_y = min(box.max_x, ceil(x[1]) - 1), min(box.max_y, ceil(y[1]) - 1)
    return Box(box.matrix, min_x, min_y, max(min_x, max_x), max(min_y, max_y))


def _zoom(box: Box) -> int:
    """The zoom of the web maps' pyramid that has a box."""
    return max(box.matrix.z, max(box.max_x, box.max_y).bit_length())


def _blocks(box: Box) -> Iterator[Block]:
    """The blocks of a box along the curve, whose order among them is that of the tiles of a coarser zoom."""
    zoom = _zoom(box)
    exponent = min(_BLOCK, zoom)
    size = 1 << exponent
    cols, rows = range(box.min_x // size, box.max_x // size + 1), range(box.min_y // size, box.max_y // size + 1)
    y, x = np.meshgrid(np.array(rows), np.array(cols), indexing="ij")
    order = np.argsort(tile_ids(zoom - exponent, x.ravel(), y.ravel()))
    for at in order.tolist():
        row, col = divmod(at, len(cols))
        start_x, start_y = cols[col] * size, rows[row] * size
        yield Block(
            box,
            range(max(box.min_x, start_x), min(box.max_x + 1, start_x + size)),
            range(max(box.min_y, start_y), min(box.max_y + 1, start_y + size)),
        )
