"""Entries of a TIFF directory that are to be written: made of numbers, or copied from the source's directories."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cogread.errors import FormatError
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.fields import ByteOrder, FieldType
from cogread.tiff.parse import MAX_VALUE_BYTES, Steps
from cogread.tiff.tags import Tag

_LONG8: Final[Mapping[int, str]] = {FieldType.LONG8: "Q", FieldType.IFD8: "Q", FieldType.SLONG8: "q"}
"""`struct` codes of the types that only BigTIFF has."""


@dataclass(frozen=True, slots=True)
class Field:
    """A directory entry with its values in the file's byte order."""

    tag: int
    type: int
    count: int
    data: bytes


def longs(order: ByteOrder, tag: Tag, values: Sequence[int]) -> Field:
    """Make a field of type LONG."""
    return Field(tag, FieldType.LONG, len(values), struct.pack(f"{order}{len(values)}I", *values))


def doubles(order: ByteOrder, tag: Tag, values: Sequence[float]) -> Field:
    """Make a field of type DOUBLE."""
    return Field(tag, FieldType.DOUBLE, len(values), struct.pack(f"{order}{len(values)}d", *values))


def copied(directory: Directory, tags: Sequence[Tag]) -> Steps[list[Field]]:
    """Copy entries of a directory, with BigTIFF's integers as LONG; asks for values that the header left out.

    Raises:
        FormatError: a value is too large, or has no place in a classic TIFF.
    """
    fields = []
    for tag in tags:
        entry = directory.entries.get(tag)
        if entry is None or entry.count == 0:
            continue
        data = entry.data
        if data is None:
            if entry.place is None or entry.place.size_bytes > MAX_VALUE_BYTES:
                raise FormatError(f"{directory.where}: {tag.name} of {entry.count} values is too large")
            data = yield entry.place
        is_long8 = entry.type in _LONG8
        fields.append(_narrowed(directory, entry, data) if is_long8 else Field(tag, entry.type, entry.count, data))
    return fields


def _narrowed(directory: Directory, entry: Entry, data: bytes) -> Field:
    values = struct.unpack(f"{directory.order}{entry.count}{_LONG8[entry.type]}", data)
    if not 0 <= min(values) <= max(values) < 1 << 32:
        raise FormatError(f"{directory.where}: {entry.tag.name} has values of 64 bits, wanted 32")
    return longs(directory.order, entry.tag, values)
