"""The stored bytes that the tiles of a selection are made of, cut into batches that are read at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cogread.byterange import ByteRange
from cogread.copy.places import TilePlace, TilePlaces
from cogread.copy.reads import BATCH_BYTES, BATCH_TILES, Batch
from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.sources import Source
from cogread.tile_index import tile_number
from server.export.selection import Block, Box, Selection
from server.layers.layer_version import LayerVersion, Representation


class PlannedTile(NamedTuple):
    """A tile before its bytes are read."""

    id: int
    """Its number in PMTiles."""
    x: int
    y: int
    damage: TileDamaged | None
    """The error of its place in the file."""


class Work(NamedTuple):
    """The tiles of a batch; all are of one level."""

    box: Box
    representation: Representation
    width: int
    """Stored parts of a tile: planes and mask."""
    tiles: list[PlannedTile]


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """The reads of all tiles of a selection, in its order; the same in each run."""

    opened: LayerVersion
    source: Source
    """The file, whose tile index is read."""
    selection: Selection
    representation: Callable[[Box], Representation]
    """The form of the tiles of a zoom."""

    def batches(self) -> Iterator[Batch[Work]]:
        """Plan the reads; the places of a batch are those of the stored parts of its first tile, of its second, …"""
        box, images, representation = None, [], None
        for block in self.selection.blocks():
            if block.box is not box or representation is None:
                box, representation = block.box, self.representation(block.box)
                images = self._images(representation)
            yield from _cut(block, representation, images)

    def _images(self, representation: Representation) -> list[tuple[Image, int, TilePlaces]]:
        """Images and planes with the stored bytes of a tile, as in `TilePlan.ranges`."""
        level, wrapping = representation.level, representation.wrapping
        parts = [(level.image, plane) for plane in wrapping.planes]
        if wrapping.wants_mask and level.mask is not None:
            parts.append((level.mask, 0))
        version = self.opened.cog.version
        places = {id(image): TilePlaces(self.source, version, image) for image, _ in parts}
        return [(image, plane, places[id(image)]) for image, plane in parts]


def rest_of(batch: Batch[Work], tiles: int) -> Batch[Work]:
    """A batch without its first tiles."""
    work = batch.use
    return Batch(work._replace(tiles=work.tiles[tiles:]), batch.places[tiles * work.width :])


def _cut(
    block: Block, representation: Representation, images: Sequence[tuple[Image, int, TilePlaces]]
) -> Iterator[Batch[Work]]:
    """Cut a block into batches."""
    stored = list(zip(*(_places(block, *image) for image in images), strict=True))
    tiles: list[PlannedTile] = []
    places: list[ByteRange | None] = []
    size_bytes, across = 0, len(block.cols)
    for number, position in zip(*block.in_order(), strict=True):
        damage = None
        if tiles and (size_bytes >= BATCH_BYTES or len(tiles) == BATCH_TILES):
            yield Batch(Work(block.box, representation, len(images), tiles), places)
            tiles, places, size_bytes = [], [], 0
        for place in stored[position]:
            if isinstance(place, ByteRange):
                places.append(place)
                size_bytes += place.stop - place.start
            else:
                places.append(None)
                damage = damage or place
        row, col = divmod(position, across)
        tiles.append(PlannedTile(number, block.cols[col], block.rows[row], damage))
    yield Batch(Work(block.box, representation, len(images), tiles), places)


def _places(block: Block, image: Image, plane: int, places: TilePlaces) -> list[TilePlace]:
    """Places of the tiles of a block, row by row."""
    matrix = block.box.matrix
    stored: list[TilePlace] = []
    for y in block.rows:
        first = tile_number(image, block.cols.start - matrix.min_x, y - matrix.min_y, plane)
        stored += places.places(range(first, first + len(block.cols)))
    return stored
