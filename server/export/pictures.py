"""The tiles of a selection as the server sends them, read in large ranges.

Each tile has the representation that a request for it gets; the places of many tiles are found and read at once.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from cogread.byterange import ByteRange
from cogread.copy.places import read_whole, stop
from cogread.copy.reads import Batch, read_batches
from cogread.errors import TileDamaged, TileError
from cogread.sources import Source
from cogread.wrap import TERRAIN
from cogread.wrap.tile import Tile
from cogread.wrap.wrapper import Wrapping
from server.export.picture import Picture
from server.export.reading_plan import PlannedTile, ReadingPlan, Work, rest_of
from server.export.selection import Box, Selection
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion, Representation
from server.tiles.plan import representation_of
from server.tiles.request import XYZ, XYZ_AUTO, TileAddress

AUTO: Final = "auto"
"""The format of URLs without an extension."""
_CHUNK: Final = 32
"""Tiles of a batch of pictures: a MB or so, which is still in the processor's cache when it is written at once."""
_CPUS: Final = len(os.sched_getaffinity(0))


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
                for start in range(0, len(work.tiles), _CHUNK):
                    tiles = work.tiles[start : start + _CHUNK]
                    pictures = []
                    for result in _results(pool, work._replace(tiles=tiles), stored):
                        if isinstance(result, Picture):
                            pictures.append(result)
                        elif result is not None:
                            on_damage(result)
                    yield len(tiles), pictures

    def skipped(self, batches: int) -> int:
        """Number of positions in the first batches."""
        positions = 0
        for batch in self._plan().batches() if batches else ():
            count = len(batch.use.tiles)
            positions += min(count, batches * _CHUNK)
            batches -= -(-count // _CHUNK)
            if batches <= 0:
                break
        return positions

    def _read(self, wanted: ByteRange) -> bytes:
        return read_whole(self.source, wanted, self.opened.cog.version)

    def _plan(self) -> ReadingPlan:
        return ReadingPlan(self.opened, self.source, self.selection, self.representation)

    def _planned(self, skip: int) -> Iterator[Batch[Work]]:
        """The reads for all batches but the first ones."""
        for batch in self._plan().batches():
            tiles = len(batch.use.tiles)
            first = min(skip * _CHUNK, tiles)
            skip -= -(-first // _CHUNK)
            if first < tiles:
                yield rest_of(batch, first) if first else batch


def _results(
    pool: ThreadPoolExecutor, work: Work, stored: Iterator[bytes | None]
) -> Iterator[Picture | TileError | None]:
    """Make tiles of the next stored parts; decoders work at the same time."""
    parts = list(islice(stored, len(work.tiles) * work.width))
    parts_of_tiles = zip(*(parts[at :: work.width] for at in range(work.width)), strict=True)
    make = partial(_picture, work.box, work.representation.wrapping)
    run = pool.map if work.representation.wrapping.work_bytes else map
    return run(make, work.tiles, parts_of_tiles)


def _picture(
    box: Box, wrapping: Wrapping, tile: PlannedTile, stored: tuple[bytes | None, ...]
) -> Picture | TileError | None:
    """Make a tile as the server makes it; None where it sends nothing."""
    number, x, y, damage = tile
    planes = len(wrapping.planes)
    try:
        if damage is not None:
            raise damage
        if not any(stored[:planes]):
            return None
        mask = stored[planes] if len(stored) > planes else None
        whole = Tile(x - box.matrix.min_x, y - box.matrix.min_y, stored[:planes], mask)
        form = wrapping.form(whole)
        if form is None:
            return None
        return Picture(number, box.matrix.z, x, y, form.media_type, form.pieces_of(whole))
    except TileDamaged as error:
        return TileDamaged(f"tile {box.matrix.z}/{x}/{y}: {error.message}", error.evidence)
