"""Parses the directories of a TIFF, sans-io.

`parse` is a generator: it yields the ByteRange that it needs next, is sent exactly those bytes, and returns the
directories. It never reads. Where the bytes come from (a file, a cache of blocks, a test) is the caller's business, and
`drive` is the loop for callers who have a function that reads.

Nothing in a file is believed before it is checked against the size of the file. A count allocates nothing: values are
loaded only for the tags in `_LOADED`, and only up to a bound; of all others, above all of the tile index, an entry
keeps the place. Directories that were seen are not read again, which ends loops.
"""

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, TypeVar

from cogread.byterange import ByteRange
from cogread.errors import FormatError
from cogread.tags import BIG, CLASSIC, FIELD_BYTES, FLOATING, UNSIGNED, ByteOrder, FieldType, Layout, Tag

T = TypeVar("T")
Steps = Generator[ByteRange, bytes, T]
"""A computation that asks for byte ranges and is sent their bytes."""

MAX_DIRECTORIES: Final = 512
"""An image, 30 overviews and a mask for each are 62; files of many pages have more."""
MAX_ENTRIES: Final = 4096
MAX_VALUE_BYTES: Final = 512 << 10
"""Largest value that is loaded with its directory: 65,535 bands of 8 bytes."""

_LOADED: Final = frozenset(Tag) - {
    Tag.TILE_OFFSETS,
    Tag.TILE_BYTE_COUNTS,
    Tag.STRIP_OFFSETS,
    Tag.STRIP_BYTE_COUNTS,
    Tag.COLOR_MAP,
    Tag.GDAL_METADATA,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory: its values, or the place where they are."""

    tag: int
    type: FieldType
    count: int
    """Number of values."""
    data: bytes | None
    """The values as they are stored; None if they were not loaded."""
    place: ByteRange | None
    """Where the values are, if they do not fit into the entry; None if there are no values."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One IFD. Values are read in the byte order of the file."""

    number: int
    """Place in the order of parsing, from 0; for messages."""
    offset: int
    """Byte in the file."""
    order: ByteOrder
    layout: Layout
    entries: dict[int, Entry]

    @property
    def where(self) -> str:
        """The directory's name in messages."""
        return f"IFD {self.number} at byte {self.offset}"

    def integers(self, tag: Tag, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """All values of a field of counts, sizes or offsets; `default` if there is no such field.

        Raises:
            FormatError: the field is of another type.
        """
        return tuple(int(value) for value in self._values(tag, UNSIGNED, default))

    def integer(self, tag: Tag, default: int | None = None) -> int:
        """The first value of such a field.

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
        """All values of a field of FLOAT or DOUBLE, () if there is none.

        Raises:
            FormatError: the field is of another type.
        """
        return tuple(self._values(tag, FLOATING, ()))

    def raw(self, tag: Tag) -> bytes | None:
        """The stored bytes of a field, None if there is none or it was not loaded."""
        entry = self.entries.get(tag)
        return entry.data if entry else None

    def text(self, tag: Tag) -> str | None:
        """An ASCII field up to its first NUL, None if there is none."""
        data = self.raw(tag)
        return None if data is None else data.partition(b"\0")[0].decode("utf-8", "replace")

    def _values(self, tag: Tag, codes: dict[FieldType, str], default: tuple[int, ...]) -> tuple[float, ...]:
        entry = self.entries.get(tag)
        if entry is None:
            return default
        code = codes.get(entry.type)
        if code is None:
            wanted = " or ".join(kind.name for kind in codes)
            raise FormatError(f"{self.where}: {tag.name} is of type {entry.type.name}, wanted {wanted}")
        if entry.data is None:
            return default
        return struct.unpack(f"{self.order}{entry.count}{code}", entry.data)


def drive(steps: Steps[T], read: Callable[[ByteRange], bytes]) -> T:
    """Run `steps` to its end with bytes from `read`."""
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(read(wanted))
    except StopIteration as done:
        result: T = done.value
        return result


def parse(size_bytes: int) -> Steps[tuple[Directory, ...]]:
    """Parse all directories: the main chain, and the SubIFDs of its first directory.

    Args:
        size_bytes: size of the whole file.

    Returns:
        The directories in the order of the chain, then the SubIFDs.

    Raises:
        FormatError: not a TIFF, or a damaged one.
    """
    order, layout, first = yield from _header(size_bytes)
    parser = _Parser(size_bytes, order, layout)
    yield from parser.chain(first)
    if not parser.found:
        raise FormatError("no IFD")
    for offset in parser.found[0].integers(Tag.SUB_IFDS):
        yield from parser.chain(offset)
    return tuple(parser.found)


def _header(size_bytes: int) -> Steps[tuple[ByteOrder, Layout, int]]:
    """TIFF 6.0 §2 "Image File Header", and BigTIFF's, which has the width of its offsets too."""
    if size_bytes < CLASSIC.header_bytes:
        raise FormatError(f"not a TIFF: {size_bytes} bytes")
    head = yield ByteRange(0, min(BIG.header_bytes, size_bytes))
    orders: dict[bytes, ByteOrder] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None:
        raise FormatError(f"not a TIFF: begins with {head[:4]!r}, wanted II or MM")
    (magic,) = struct.unpack_from(f"{order}H", head, 2)
    if magic == 42:
        return order, CLASSIC, struct.unpack_from(f"{order}I", head, 4)[0]
    if magic != 43:
        raise FormatError(f"not a TIFF: magic number {magic}, wanted 42 or 43")
    if len(head) < BIG.header_bytes:
        raise FormatError(f"BigTIFF of {size_bytes} bytes: cut off in its header")
    offset_bytes, zero, first = struct.unpack_from(f"{order}HHQ", head, 4)
    if (offset_bytes, zero) != (8, 0):
        raise FormatError(f"BigTIFF with offsets of {offset_bytes} bytes and reserved {zero}, wanted 8 and 0")
    return order, BIG, first


class _Parser:
    """Follows the chains of directories and keeps what was found."""

    def __init__(self, size_bytes: int, order: ByteOrder, layout: Layout) -> None:
        self.size_bytes, self.order, self.layout = size_bytes, order, layout
        self.found: list[Directory] = []
        self._seen: set[int] = set()

    def chain(self, offset: int) -> Steps[None]:
        """Parse the directory at `offset` and its successors."""
        while offset != 0:
            if offset in self._seen:
                raise FormatError(f"IFD {len(self.found)} at byte {offset}: met before, the chain is a loop")
            if len(self.found) == MAX_DIRECTORIES:
                raise FormatError(f"more than {MAX_DIRECTORIES} IFDs")
            self._seen.add(offset)
            offset = yield from self._directory(offset)

    def _directory(self, offset: int) -> Steps[int]:
        """Parse one directory; returns the offset of the next."""
        layout, where = self.layout, f"IFD {len(self.found)} at byte {offset}"
        start = offset + layout.entry_count_bytes
        head = yield self._within(offset, layout.entry_count_bytes, where)
        (count,) = struct.unpack(self.order + layout.entry_count, head)
        if not 0 < count <= MAX_ENTRIES:
            raise FormatError(f"{where}: {count} entries, wanted 1 to {MAX_ENTRIES}")
        table = yield self._within(start, count * layout.entry_bytes + layout.offset_bytes, where)
        entries: dict[int, Entry] = {}
        for number in range(count):
            entry = yield from self._entry(table, number * layout.entry_bytes, where)
            if entry is not None:
                entries.setdefault(entry.tag, entry)
        self.found.append(Directory(len(self.found), offset, self.order, layout, entries))
        (following,) = struct.unpack_from(self.order + layout.offset, table, count * layout.entry_bytes)
        return int(following)

    def _entry(self, table: bytes, at: int, where: str) -> Steps[Entry | None]:
        """Parse one entry; None for a type that is not known ("readers should skip", TIFF 6.0 §2)."""
        layout = self.layout
        tag, type_number, count = struct.unpack_from(f"{self.order}HH{layout.offset}", table, at)
        try:
            kind = FieldType(type_number)
        except ValueError:
            return None
        size, at = count * FIELD_BYTES[kind], at + 4 + layout.offset_bytes
        if size <= layout.offset_bytes:
            return Entry(tag, kind, count, table[at : at + size], None)
        (offset,) = struct.unpack_from(self.order + layout.offset, table, at)
        loaded = tag in _LOADED
        if not loaded and offset + size > self.size_bytes:
            return Entry(tag, kind, count, None, ByteRange(offset, offset + size))  # judged when it is wanted
        place = self._within(offset, size, f"{where}: {_name(tag)}")
        if loaded and size > MAX_VALUE_BYTES:
            raise FormatError(f"{where}: {_name(tag)} of {size} bytes, wanted at most {MAX_VALUE_BYTES}")
        return Entry(tag, kind, count, (yield place) if loaded else None, place)

    def _within(self, start: int, size: int, where: str) -> ByteRange:
        if start + size > self.size_bytes:
            raise FormatError(f"{where}: the bytes [{start}, {start + size}) are beyond the file's {self.size_bytes}")
        return ByteRange(start, start + size)


def _name(tag: int) -> str:
    try:
        return Tag(tag).name
    except ValueError:
        return f"tag {tag}"
