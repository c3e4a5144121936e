"""Writes the directories of a classic TIFF."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cogread.tiff.tags import CLASSIC, ByteOrder, FieldType, Tag

_MARKS: Final[dict[ByteOrder, bytes]] = {"<": b"II", ">": b"MM"}


@dataclass(frozen=True, slots=True)
class Field:
    """A directory entry to be written, its values in the file's byte order."""

    tag: int
    type: int
    count: int
    data: bytes


def header(order: ByteOrder) -> bytes:
    """What a file begins with whose first directory follows at once."""
    return struct.pack(f"{order}2sHI", _MARKS[order], 42, CLASSIC.header_bytes)


def longs(order: ByteOrder, tag: Tag, values: Sequence[int]) -> Field:
    """A field of type LONG."""
    return Field(tag, FieldType.LONG, len(values), struct.pack(f"{order}{len(values)}I", *values))


def doubles(order: ByteOrder, tag: Tag, values: Sequence[float]) -> Field:
    """A field of type DOUBLE."""
    return Field(tag, FieldType.DOUBLE, len(values), struct.pack(f"{order}{len(values)}d", *values))


def directory(order: ByteOrder, fields: Sequence[Field], at: int, following: int) -> bytes:
    """A directory with its values behind it, to stand at byte `at` (TIFF 6.0 §2)."""
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
