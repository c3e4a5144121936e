"""Classic TIFFs of one tile: a directory for the image, and another for its mask.

Byte order is the source's: samples, predictors and copied values depend on it. A classic TIFF has room for any tile.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cogread.image import Image
from cogread.tiff.fields import CLASSIC, ByteOrder
from cogread.tiff.tags import Tag
from cogread.wrap.stored import check_stored
from cogread.wrap.tiff.field import Field, longs
from cogread.wrap.tiff.placement import NOWHERE, Placement
from cogread.wrap.tile import Tile, valid_size

_Index = tuple[Sequence[int], Sequence[int]]
"""TileOffsets and TileByteCounts."""

SizeOfTile = Callable[[Image, int, int], tuple[int, int]]
"""(Image, column, row) -> width and height that the directory of a tile states."""

_MARKS: Final[dict[ByteOrder, bytes]] = {"<": b"II", ">": b"MM"}


@dataclass(frozen=True, slots=True)
class Part:
    """An image, and the fields that the directories of all its tiles share."""

    image: Image
    fields: tuple[Field, ...]
    placement: Placement = NOWHERE
    size: SizeOfTile = valid_size

    def directory(self, col: int, row: int, index: _Index, at: int, following: int) -> bytes:
        """Write the directory of a tile.

        Args:
            col: column of the tile.
            row: row of the tile.
            index: those of its planes.
            at: offset of the directory.
            following: offset of the next directory, 0 for none.
        """
        order, image = self.image.directory.order, self.image
        width, height = self.size(image, col, row)
        fields = [
            *self.fields,
            longs(order, Tag.IMAGE_WIDTH, [width]),
            longs(order, Tag.IMAGE_LENGTH, [height]),
            longs(order, Tag.TILE_OFFSETS, index[0]),
            longs(order, Tag.TILE_BYTE_COUNTS, index[1]),
            *self.placement.fields(order, col * image.tile_width, row * image.tile_height),
        ]
        return _directory(order, fields, at, following)


class OneTileTiff:
    """Writer of the files of one level; sizes of directories are the same for all tiles."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        order = parts[0].image.directory.order
        self._header = struct.pack(f"{order}2sHI", _MARKS[order], 42, CLASSIC.header_bytes)
        planes = [[0] * part.image.planes for part in parts]
        self._directory_bytes = [
            len(part.directory(0, 0, (zeros, zeros), 0, 0)) for part, zeros in zip(parts, planes, strict=True)
        ]
        self.added_bytes = CLASSIC.header_bytes + sum(self._directory_bytes)

    def wrap(self, tile: Tile) -> bytes:
        """See `Wrapping.wrap`."""
        head, body = [self._header], []
        at, data_at = CLASSIC.header_bytes, self.added_bytes
        for part, size, stored in zip(self._parts, self._directory_bytes, (tile.planes, (tile.mask,)), strict=False):
            offsets, counts = [], []
            for data in stored:
                if data is not None:
                    check_stored(part.image, data, tile.col, tile.row)
                    body.append(data)
                counts.append(len(data or b""))
                offsets.append(data_at if data else 0)
                data_at += counts[-1]
            following = 0 if part is self._parts[-1] else at + size
            head.append(part.directory(tile.col, tile.row, (offsets, counts), at, following))
            at += size
        return b"".join((*head, *body))


def _directory(order: ByteOrder, fields: Sequence[Field], at: int, following: int) -> bytes:
    """Write a directory with its values behind it (TIFF 6.0 §2)."""
    fields = sorted(fields, key=lambda field: field.tag)
    values_at = at + CLASSIC.entry_count_bytes + len(fields) * CLASSIC.entry_bytes + CLASSIC.offset_bytes
    table, values = [struct.pack(f"{order}H", len(fields))], []
    for field in fields:
        table.append(struct.pack(f"{order}HHI", field.tag, field.type, field.count))
        if len(field.data) <= CLASSIC.offset_bytes:
            table.append(field.data.ljust(CLASSIC.offset_bytes, b"\0"))
            continue
        table.append(struct.pack(f"{order}I", values_at))
        values.append(field.data + b"\0" * (len(field.data) % 2))  # values begin at even bytes
        values_at += len(values[-1])
    return b"".join((*table, struct.pack(f"{order}I", following), *values))
