"""One directory of a TIFF: its fields, and typed access to their values."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cogread.byterange import ByteRange
from cogread.errors import FormatError
from cogread.tiff.fields import BYTES, FLOATING, INTEGERS, STRUCTURAL, UNSIGNED, ByteOrder, FieldType, Layout
from cogread.tiff.tags import Tag


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory: its values, or their place in the file."""

    tag: Tag
    type: int
    """A FieldType, or an unknown type of a structural field."""
    count: int
    """Number of values."""
    data: bytes | None
    """The values as they are stored; None: not loaded."""
    place: ByteRange | None
    """The byte range of the values; None: they are within the entry, or there are none."""

    @property
    def type_name(self) -> str:
        """The type's name, or its number if it is unknown."""
        return FieldType(self.type).name if self.type in set(FieldType) else str(self.type)


@dataclass(frozen=True, slots=True)
class Directory:
    """One IFD. Values are read in the byte order of the file."""

    number: int
    """Position in the order of parsing, from 0; for messages."""
    offset: int
    """Byte of the file at which it begins."""
    order: ByteOrder
    layout: Layout
    entries: dict[int, Entry]

    @property
    def where(self) -> str:
        """The directory's name in messages."""
        return f"IFD {self.number} at byte {self.offset}"

    def integers(self, tag: Tag, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Read all values of a field of counts, sizes or offsets; `default` if there is no such field.

        Raises:
            FormatError: the field is of another type.
        """
        types = INTEGERS if tag in STRUCTURAL else UNSIGNED
        return tuple(int(value) for value in self._values(tag, types, default))

    def integer(self, tag: Tag, default: int | None = None) -> int:
        """Read the first value of such a field.

        Raises:
            FormatError: there is none and no default, or it is of another type.
        """
        values = self.integers(tag)
        if values:
            return values[0]
        if default is None:
            raise FormatError(f"{self.where}: no {tag.name}")
        return default

    def floats(self, tag: Tag) -> tuple[float, ...]:
        """Read all values of a field of FLOAT or DOUBLE, () if there is none.

        Raises:
            FormatError: the field is of another type.
        """
        return tuple(self._values(tag, FLOATING, ()))

    def raw(self, tag: Tag) -> bytes | None:
        """The stored bytes of a field, None if there is none or it was not loaded."""
        entry = self.entries.get(tag)
        return entry.data if entry else None

    def text(self, tag: Tag) -> str | None:
        """Read a field of bytes up to its first NUL; None: there is none, or one of another type."""
        entry = self.entries.get(tag)
        if entry is None or entry.data is None or entry.type not in BYTES:
            return None
        return entry.data.partition(b"\0")[0].decode("utf-8", "replace")

    def wrong_type(self, entry: Entry, wanted: Iterable[int]) -> FormatError:
        """Create the error of a field of another type than the wanted ones."""
        names = " or ".join(FieldType(kind).name for kind in wanted)
        return FormatError(f"{self.where}: {entry.tag.name} is of type {entry.type_name}, wanted {names}")

    def _values(self, tag: Tag, types: Sequence[int], default: tuple[int, ...]) -> tuple[float, ...]:
        entry = self.entries.get(tag)
        if entry is None:
            return default
        if entry.type not in types:
            raise self.wrong_type(entry, types)
        if entry.data is None:
            return default
        return struct.unpack(f"{self.order}{entry.count}{FieldType(entry.type).code}", entry.data)
