"""The fields of a directory as they are stored, with those that this package does not read, to write them elsewhere."""

import re
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from cogread.byterange import ByteRange
from cogread.errors import FormatError
from cogread.tiff.directory import Directory
from cogread.tiff.fields import FIELD_BYTES, ByteOrder, FieldType
from cogread.tiff.tags import Tag

MAX_VALUE_BYTES: Final = 64 << 20
"""Largest value of a field that is copied."""
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_POSITIONS: Final = frozenset(
    {
        *(Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS, Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS, Tag.SUB_IFDS),
        *(_EXIF, _GPS, _INTEROPERABILITY),
    }
)
"""Fields whose values are places in the file."""
_RPC: Final = 50844
"""RPCCoefficientTag (geotiff.maptools.org/rpc_prop.html); its third and fourth number are a line and a sample."""
_STATISTICS: Final = re.compile(rb'\s*<Item name="STATISTICS_[^>]*>[^<]*</Item>')


class Field(NamedTuple):
    """A field."""

    type: int
    values: int
    """Number of values."""
    data: bytes
    """The values as they are stored."""


def stored_fields(directory: Directory, size_bytes: int, read: Callable[[ByteRange], bytes]) -> dict[int, Field]:
    """Read all fields of a directory but those with places in the file.

    Raises:
        FormatError: a value is outside of the file, or larger than `MAX_VALUE_BYTES`.
        SourceError: it cannot be read.
    """
    layout, order, start = directory.layout, directory.order, directory.offset
    head = read(ByteRange(start, start + layout.entry_count_bytes))
    (count,) = struct.unpack(order + layout.entry_count, head)
    start += layout.entry_count_bytes
    table = read(ByteRange(start, start + count * layout.entry_bytes))
    fields: dict[int, Field] = {}
    for at in range(0, len(table), layout.entry_bytes):
        tag, kind, values = struct.unpack_from(f"{order}HH{layout.offset}", table, at)
        if kind not in FIELD_BYTES or tag in _POSITIONS or tag in fields:
            continue
        value_bytes = values * FIELD_BYTES[kind]
        data = table[at + layout.entry_bytes - layout.offset_bytes :][: min(value_bytes, layout.offset_bytes)]
        if value_bytes > layout.offset_bytes:
            (offset,) = struct.unpack(order + layout.offset, data)
            if value_bytes > MAX_VALUE_BYTES or offset + value_bytes > size_bytes:
                raise FormatError(f"{directory.where}: field {tag} of {value_bytes} bytes at byte {offset}")
            data = read(ByteRange(offset, offset + value_bytes))
        fields[tag] = Field(kind, values, data)
    return fields


def moved(fields: dict[int, Field], order: ByteOrder, col: int, row: int) -> dict[int, Field]:
    """The fields of the part of an image that begins at a column and row: places are moved, statistics are left out."""
    result = dict(fields)
    scale = _doubles(fields, order, Tag.MODEL_PIXEL_SCALE)
    points = _doubles(fields, order, Tag.MODEL_TIEPOINT)
    if len(points) == 6 and len(scale) >= 2:
        points[3] += col * scale[0]
        points[4] -= row * scale[1]
    else:
        points[0::6] = [position - col for position in points[0::6]]
        points[1::6] = [position - row for position in points[1::6]]
    matrix = _doubles(fields, order, Tag.MODEL_TRANSFORMATION)
    if len(matrix) == 16:
        matrix[3] += col * matrix[0] + row * matrix[1]
        matrix[7] += col * matrix[4] + row * matrix[5]
    rpc = _doubles(fields, order, _RPC)
    rpc[2:4] = [number - start for number, start in zip(rpc[2:4], (row, col), strict=False)]
    for tag, values in ((Tag.MODEL_TIEPOINT, points), (Tag.MODEL_TRANSFORMATION, matrix), (_RPC, rpc)):
        if values:
            result[tag] = fields[tag]._replace(data=struct.pack(f"{order}{len(values)}d", *values))
    if Tag.GDAL_METADATA in result:
        text = _STATISTICS.sub(b"", result[Tag.GDAL_METADATA].data)
        result[Tag.GDAL_METADATA] = Field(FieldType.ASCII, len(text), text)
    return result


def _doubles(fields: dict[int, Field], order: ByteOrder, tag: int) -> list[float]:
    field = fields.get(tag)
    if field is None or field.type != FieldType.DOUBLE:
        return []
    return list(struct.unpack(f"{order}{field.values}d", field.data))
