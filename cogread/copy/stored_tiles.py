"""All stored tiles of a file, in the order in which the file has them.

with open_cog("scene.tif") as reader:
    for tile in stored_tiles(reader.source, reader.cog):
        print(tile.level, tile.col, tile.row, len(tile.data))
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cogread.byterange import ByteRange
from cogread.copy.places import TilePlaces, stop
from cogread.copy.reads import BATCH_BYTES, BATCH_TILES, Batch, read_batches
from cogread.errors import TileDamaged
from cogread.image import Cog, Image
from cogread.sources import Source

_CHUNK: Final = 1 << 16
"""Tiles whose places are found at once."""
_RECORD: Final = np.dtype([("start", "<u8"), ("size", "<u4"), ("image", "<u2"), ("number", "<u4")])


class StoredTile(NamedTuple):
    """A tile as it is stored."""

    level: int
    """0 = full resolution."""
    col: int
    row: int
    plane: int
    """The set of tiles, 0 where a tile has all bands."""
    is_mask: bool
    """It is a tile of the level's mask."""
    place: ByteRange
    data: bytes


class _Part(NamedTuple):
    level: int
    image: Image
    is_mask: bool


def stored_tiles(source: Source, cog: Cog, on_damage: Callable[[TileDamaged], None] = stop) -> Iterator[StoredTile]:
    """Read all tiles that are not sparse, with those of masks; takes 18 bytes of memory for each tile of the file.

    Args:
        source: the file.
        cog: its header.
        on_damage: gets the error of a tile whose place is damaged, which is left out; by default it is raised.

    Raises:
        TileDamaged: the index of a tile points outside of the file, or to more bytes than a tile can have.
        SourceError: it cannot be read; `SourceChanged` if it was replaced since the header was read.
    """
    parts = [_Part(number, level.image, False) for number, level in enumerate(cog.levels)]
    parts += [_Part(number, level.mask, True) for number, level in enumerate(cog.levels) if level.mask is not None]
    records = np.concatenate([_records(source, cog, number, part, on_damage) for number, part in enumerate(parts)])
    for tiles, stored in read_batches(source, cog.version, _batches(parts, records[np.argsort(records["start"])])):
        for tile, data in zip(tiles, stored, strict=True):
            yield tile._replace(data=bytes(data or b""))


def _records(source: Source, cog: Cog, at: int, part: _Part, on_damage: Callable[[TileDamaged], None]) -> NDArray[Any]:
    image = part.image
    total, places = image.tiles_across * image.tiles_down * image.planes, TilePlaces(source, cog.version, image)
    chunks = [np.empty(0, _RECORD)]
    for first in range(0, total, _CHUNK):
        rows = []
        for number, place in enumerate(places.places(range(first, min(first + _CHUNK, total))), first):
            if isinstance(place, TileDamaged):
                on_damage(place)
            elif place is not None:
                rows.append((place.start, place.size_bytes, at, number))
        chunks.append(np.array(rows, _RECORD))
    return np.concatenate(chunks)


def _batches(parts: list[_Part], records: NDArray[Any]) -> Iterator[Batch[list[StoredTile]]]:
    tiles: list[StoredTile] = []
    size_bytes = 0
    for start in range(0, len(records), _CHUNK):
        for offset, size, at, number in records[start : start + _CHUNK].tolist():
            if tiles and (size_bytes + size > BATCH_BYTES or len(tiles) == BATCH_TILES):
                yield Batch(tiles, [tile.place for tile in tiles])
                tiles, size_bytes = [], 0
            tiles.append(_tile(parts[at], number, ByteRange(offset, offset + size)))
            size_bytes += size
    if tiles:
        yield Batch(tiles, [tile.place for tile in tiles])


def _tile(part: _Part, number: int, place: ByteRange) -> StoredTile:
    rest, col = divmod(number, part.image.tiles_across)
    plane, row = divmod(rest, part.image.tiles_down)
    return StoredTile(part.level, col, row, plane, part.is_mask, place, b"")
