"""The tiles of a selection as the server sends them, read in large ranges.

Each tile has the representation that a request for it gets; the places of many tiles are found and read at once.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

from cogread.byterange import ByteRange
from cogread.copy.places import TilePlace, TilePlaces, read_whole
from cogread.copy.reads import BATCH_BYTES, BATCH_TILES, Batch, read_batches
from cogread.errors import TileDamaged, TileError
from cogread.image import Image
from cogread.sources import Source
from cogread.tile_index import tile_number
from cogread.wrap import TERRAIN
from cogread.wrap.tile import Tile
from server.export.selection import Block, Box, Selection
from server.layers.catalog import Layer
from server.layers.layer_version import LayerVersion, Representation
from server.tiles.plan import representation_of
from server.tiles.request import XYZ, XYZ_AUTO, TileAddress

AUTO: Final = "auto"
"""The format of URLs without an extension."""
_CHUNK: Final = 64
"""Tiles of a batch of pictures: a MB or so, which is still in the processor's cache when it is written."""
_CPUS: Final = len(os.sched_getaffinity(0))


class Picture(NamedTuple):
    """A tile of an export."""

    id: int
    """Its number in PMTiles; see `tile_ids`."""
    z: int
    x: int
    y: int
    media_type: str
    body: bytes
    """The file, as the server sends it."""


class _Planned(NamedTuple):
    id: int
    x: int
    y: int
    damage: TileDamaged | None
    """The error of its place in the file."""


class _Work(NamedTuple):
    """The tiles of a batch; all are of one level."""

    box: Box
    representation: Representation
    tiles: list[_Planned]


def stop(damage: TileError) -> None:
    """Raise the error of a damaged tile."""
    raise damage


def address_of(layer: str, grid: str, place: tuple[int, int, int], tile_format: str) -> TileAddress:
    """The address of a tile at z, x, y in a format of exports."""
    if tile_format == AUTO:
        return TileAddress(XYZ_AUTO, layer, None, grid, *place, "")
    if tile_format in TERRAIN:
        return TileAddress(XYZ, layer, None, grid, *place, "png", f"encoding={tile_format}")
    return TileAddress(XYZ, layer, None, grid, *place, tile_format)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The tiles of a selection of a layer."""

    layer: Layer
    opened: LayerVersion
    source: Source
    """The file; reads of it state the version."""
    selection: Selection
    format: str
    """`auto`, an extension, or an encoding of terrain."""

    def representation(self, box: Box) -> Representation:
        """The form of the tiles of a zoom.

        Raises:
            FormatNotOffered: the level does not offer it.
        """
        place = (box.matrix.z, box.min_x, box.min_y)
        address = address_of(self.layer.config.name, self.selection.grid, place, self.format)
        return representation_of(self.layer, self.opened, address, box.matrix.level, self._read)

    def batches(
        self, skip: int = 0, on_damage: Callable[[TileError], None] = stop
    ) -> Iterator[tuple[int, list[Picture]]]:
        """The tiles in order, in batches that are the same in each run: the number of positions, and their pictures.

        Tiles without a visible pixel, and those that are not stored, have no picture.

        Args:
            skip: batches that are left out at the start.
            on_damage: gets the error of a damaged tile, which is left out; by default it is raised.

        Raises:
            TileDamaged: of a damaged tile.
            SourceError: it cannot be read, or is no longer of this version.
        """
        with ThreadPoolExecutor(_CPUS, thread_name_prefix="encode") as pool:
            for work, stored in read_batches(self.source, self.opened.cog.version, self._planned(skip)):
                width = len(stored) // len(work.tiles)
                for start in range(0, len(work.tiles), _CHUNK):
                    tiles = work.tiles[start : start + _CHUNK]
                    parts = stored[start * width : (start + _CHUNK) * width]
                    results = list(_results(pool, work._replace(tiles=tiles), parts))
                    for damage in results:
                        if isinstance(damage, TileError):
                            on_damage(damage)
                    yield len(tiles), [picture for picture in results if isinstance(picture, Picture)]

    def skipped(self, batches: int) -> int:
        """Number of positions in the first batches."""
        positions = 0
        for batch in self._all_planned() if batches else ():
            count = len(batch.use.tiles)
            positions += min(count, batches * _CHUNK)
            batches -= -(-count // _CHUNK)
            if batches <= 0:
                break
        return positions

    def _read(self, wanted: ByteRange) -> bytes:
        return read_whole(self.source, wanted, self.opened.cog.version)

    def _planned(self, skip: int) -> Iterator[Batch[_Work]]:
        """The reads for all batches but the first ones."""
        for batch in self._all_planned():
            tiles = batch.use.tiles
            first = min(skip * _CHUNK, len(tiles))
            skip -= -(-first // _CHUNK)
            if first < len(tiles):
                start = first * (len(batch.places) // len(tiles))
                yield Batch(batch.use._replace(tiles=tiles[first:]), batch.places[start:])

    def _all_planned(self) -> Iterator[Batch[_Work]]:
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


def _results(
    pool: ThreadPoolExecutor, work: _Work, stored: Sequence[memoryview | None]
) -> Iterator[Picture | TileError | None]:
    """Make tiles; decoders work at the same time."""
    width = len(stored) // len(work.tiles)

    def make(at: int) -> Picture | TileError | None:
        return _picture(
            work, at, [None if part is None else bytes(part) for part in stored[at * width : (at + 1) * width]]
        )

    positions = range(len(work.tiles))
    return pool.map(make, positions) if work.representation.wrapping.work_bytes else map(make, positions)


def _picture(work: _Work, at: int, stored: Sequence[bytes | None]) -> Picture | TileError | None:
    """Make a tile as the server makes it; None where it sends nothing."""
    (box, representation, tiles) = work
    tile, wrapping = tiles[at], representation.wrapping
    planes = len(wrapping.planes)
    try:
        if tile.damage is not None:
            raise tile.damage
        if not any(stored[:planes]):
            return None
        col, row = tile.x - box.matrix.min_x, tile.y - box.matrix.min_y
        whole = Tile(col, row, tuple(stored[:planes]), stored[planes] if len(stored) > planes else None)
        form = wrapping.form(whole)
        if form is None:
            return None
        return Picture(tile.id, box.matrix.z, tile.x, tile.y, form.media_type, form.wrap(whole))
    except TileDamaged as error:
        return TileDamaged(f"tile {box.matrix.z}/{tile.x}/{tile.y}: {error.message}", error.evidence)


def _cut(
    block: Block, representation: Representation, images: Sequence[tuple[Image, int, TilePlaces]]
) -> Iterator[Batch[_Work]]:
    """Cut a block into batches."""
    stored = list(zip(*(_places(block, *image) for image in images), strict=True))
    tiles: list[_Planned] = []
    places: list[ByteRange | None] = []
    size_bytes, across = 0, len(block.cols)
    for number, position in zip(*block.in_order(), strict=True):
        damage = None
        if tiles and (size_bytes >= BATCH_BYTES or len(tiles) == BATCH_TILES):
            yield Batch(_Work(block.box, representation, tiles), places)
            tiles, places, size_bytes = [], [], 0
        for place in stored[position]:
            if isinstance(place, ByteRange):
                places.append(place)
                size_bytes += place.stop - place.start
            else:
                places.append(None)
                damage = damage or place
        row, col = divmod(position, across)
        tiles.append(_Planned(number, block.cols[col], block.rows[row], damage))
    yield Batch(_Work(block.box, representation, tiles), places)


def _places(block: Block, image: Image, plane: int, places: TilePlaces) -> list[TilePlace]:
    """Places of the tiles of a block, row by row."""
    matrix = block.box.matrix
    stored: list[TilePlace] = []
    for y in block.rows:
        first = tile_number(image, block.cols.start - matrix.min_x, y - matrix.min_y, plane)
        stored += places.places(range(first, first + len(block.cols)))
    return stored
