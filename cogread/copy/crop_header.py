"""The header of a crop: ghost area, directories with their values, tile index.

The ghost area states the order of the tiles, as GDAL's COG driver does (gdal.org/drivers/raster/cog.html, "File format
details").
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cogread.byterange import ByteRange
from cogread.copy.fields import Field
from cogread.copy.window import TileBox
from cogread.image import Cog, Image
from cogread.tiff.fields import CLASSIC, FieldType
from cogread.tiff.tags import Tag

_GHOST: Final = (
    "LAYOUT=IFDS_BEFORE_DATA\n"
    "BLOCK_ORDER=ROW_MAJOR\n"
    "BLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n"
    "KNOWN_INCOMPATIBLE_EDITION=NO\n "  # room for YES
)
_INTERLEAVED: Final = "MASK_INTERLEAVED_WITH_IMAGERY=YES\n"


@dataclass(frozen=True, slots=True)
class CropPart:
    """An image or a mask of the crop."""

    image: Image
    box: TileBox
    fields: dict[int, Field]
    places: list[ByteRange | None]
    """Stored bytes of its tiles in the source, row by row, plane by plane."""
    offsets: list[int]
    """The same in the crop, 0 of sparse ones."""
    counts: list[int]


def is_interleaved(level: Sequence[CropPart]) -> bool:
    """Tell whether each tile of a mask lies behind that of its image."""
    return len({(part.box.cols, part.box.rows, len(part.places)) for part in level}) == 1


def crop_header(cog: Cog, levels: Sequence[Sequence[CropPart]]) -> bytes:
    """Write all bytes before the first tile.

    Args:
        cog: the header of the source, which has the byte order and the layout.
        levels: image and mask of each level, with the places of their tiles in the crop; their number sets the length.
    """
    directory = cog.full.directory
    order, layout = directory.order, directory.layout
    header = bytearray(b"II" if order == "<" else b"MM")
    first = layout.header_bytes + len(_ghost(levels))
    first += first % 2
    header += (
        struct.pack(f"{order}HI", 42, first) if layout is CLASSIC else struct.pack(f"{order}HHHQ", 43, 8, 0, first)
    )
    header = (header + _ghost(levels)).ljust(first, b"\0")
    parts = [part for level in levels for part in level]
    values_bytes = sum(_directory_bytes(part) for part in parts)
    index = bytearray()
    for part in parts:
        is_last = part is parts[-1]
        header += _directory(part, len(header), first + values_bytes, index, is_last=is_last)
    return bytes(header + index)


def _ghost(levels: Sequence[Sequence[CropPart]]) -> bytes:
    """GDAL's ghost area; empty where the order of the tiles is not one that it states."""
    has_masks = {len(level) > 1 for level in levels}
    if len(has_masks) > 1 or not all(map(is_interleaved, levels)) or levels[0][0].image.planes > 1:
        return b""
    text = _GHOST + (_INTERLEAVED if True in has_masks else "")
    return f"GDAL_STRUCTURAL_METADATA_SIZE={len(text):06} bytes\n{text}".encode()


def _directory_bytes(part: CropPart) -> int:
    """Size of a directory with its values, without the tile index."""
    layout = part.image.directory.layout
    table = layout.entry_count_bytes + (len(part.fields) + 2) * layout.entry_bytes + layout.offset_bytes
    return table + sum(_padded(field) for field in part.fields.values() if len(field.data) > layout.offset_bytes)


def _padded(field: Field) -> int:
    return len(field.data) + len(field.data) % 2


def _directory(part: CropPart, start: int, index_start: int, index: bytearray, *, is_last: bool) -> bytes:
    """Write a directory at a byte of the file; its arrays of the tile index are appended to the index."""
    layout, order = part.image.directory.layout, part.image.directory.order
    offset_type = FieldType.LONG if layout is CLASSIC else FieldType.LONG8
    count = len(part.offsets)
    arrays: dict[int, Field] = {
        Tag.TILE_OFFSETS: Field(offset_type, count, struct.pack(f"{order}{count}{layout.offset}", *part.offsets)),
        Tag.TILE_BYTE_COUNTS: Field(FieldType.LONG, count, struct.pack(f"{order}{count}I", *part.counts)),
    }
    fields = {**part.fields, **arrays}
    table = bytearray(struct.pack(order + layout.entry_count, len(fields)))
    values = bytearray()
    values_start = start + layout.entry_count_bytes + len(fields) * layout.entry_bytes + layout.offset_bytes
    for tag, field in sorted(fields.items()):
        table += struct.pack(f"{order}HH{layout.offset}", tag, field.type, field.values)
        if len(field.data) <= layout.offset_bytes:
            table += field.data.ljust(layout.offset_bytes, b"\0")
        elif tag in arrays:
            table += struct.pack(order + layout.offset, index_start + len(index))
            index += field.data
        else:
            table += struct.pack(order + layout.offset, values_start + len(values))
            values += field.data.ljust(_padded(field), b"\0")
    following = 0 if is_last else values_start + len(values)
    return bytes(table + struct.pack(order + layout.offset, following) + values)
