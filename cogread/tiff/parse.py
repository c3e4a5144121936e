"""Parses the directories of a TIFF, sans-io.

`parse` is a generator: it yields the ByteRange that it needs next, is sent exactly those bytes, and returns the
directories. It never reads. The caller supplies the bytes (of a file, a cache of blocks, a test), and `drive` is the
loop for callers with a function that reads.

Every number of a file is checked against the size of the file before use. A count allocates nothing: values are loaded
only for the tags in `_LOADED`, and only up to a bound; for others, above all for a large tile index, an entry holds the
place of its values. Unknown tags and second entries of a tag cost nothing. One budget bounds all ranges together, since
entries may share their values. A directory that is reached twice is an error, which ends loops.
"""

import struct
from collections.abc import Callable, Generator
from typing import Final, TypeVar

from cogread.byterange import ByteRange
from cogread.errors import FormatError
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.fields import BIG, BYTES, CLASSIC, FIELD_BYTES, STRUCTURAL, ByteOrder, FieldType, Layout
from cogread.tiff.tags import DESCRIPTIVE_NUMBERS, DESCRIPTIVE_TEXTS, Tag

T = TypeVar("T")
Steps = Generator[ByteRange, bytes, T]
"""A computation that yields byte ranges and is sent their bytes."""

MAX_DIRECTORIES: Final = 512
"""An image, 30 overviews and a mask for each are 62; files of many pages have more."""
MAX_ENTRIES: Final = 4096
MAX_VALUE_BYTES: Final = 512 << 10
"""Largest value that is loaded with its directory: 65,535 bands of 8 bytes."""
MAX_METADATA_BYTES: Final = 2 << 20
"""Longest GDAL_METADATA: some 25,000 items."""
MAX_HEADER_BYTES: Final = 16 << 20
"""Bound of all ranges together: 40 directories of 65,535 bands."""

_TAGS: Final = frozenset(Tag)
_INDEX: Final = frozenset({Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS})
_ON_DEMAND: Final = frozenset({Tag.COLOR_MAP, Tag.GDAL_METADATA})
"""The first directory's GDAL_METADATA is loaded all the same; only that counts."""
_DESCRIPTIVE: Final = frozenset({*DESCRIPTIVE_TEXTS, *DESCRIPTIVE_NUMBERS})
"""The file is served even if these are damaged."""
_LOADED: Final = _TAGS - _INDEX - _ON_DEMAND - _DESCRIPTIVE - {Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS}
SMALL_INDEX_BYTES: Final = 8 << 10
"""Largest array of the tile index that is loaded with its directory: 2,048 tiles."""
FIRST_READ_BYTES: Final = 32 << 10
"""Size of a reader's first read; an array of the index beyond it would cost a read of its own, and is not loaded."""


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
        The directories in the order of the chain, then the SubIFDs. Like GDAL, no chain is followed from a SubIFD.

    Raises:
        FormatError: not a TIFF, or a damaged one.
    """
    order, layout, first = yield from _header(size_bytes)
    parser = _Parser(size_bytes, order, layout)
    yield from parser.chain(first)
    if not parser.directories:
        raise FormatError("no IFD")
    for offset in parser.directories[0].integers(Tag.SUB_IFDS):
        if offset != 0 and offset not in parser.offsets:
            yield from parser.directory(offset)
    return tuple(parser.directories)


def _header(size_bytes: int) -> Steps[tuple[ByteOrder, Layout, int]]:
    """Parse the header (TIFF 6.0 §2 "Image File Header"); BigTIFF's states the width of its offsets too."""
    if size_bytes < CLASSIC.header_bytes:
        raise FormatError(f"not a TIFF: {size_bytes} bytes")
    head = yield ByteRange(0, min(BIG.header_bytes, size_bytes))
    orders: dict[bytes, ByteOrder] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None:
        raise FormatError("not a TIFF: wanted II or MM at its start", head[:4])
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
    """Follows the chains of directories and collects them."""

    def __init__(self, size_bytes: int, order: ByteOrder, layout: Layout) -> None:
        self.size_bytes, self.order, self.layout = size_bytes, order, layout
        self.directories: list[Directory] = []
        self.offsets: set[int] = set()
        """Offsets of `directories`."""
        self._budget_bytes = MAX_HEADER_BYTES

    def chain(self, offset: int) -> Steps[None]:
        """Parse the directory at `offset` and its successors."""
        while offset != 0:
            if offset in self.offsets:
                raise FormatError(f"IFD {len(self.directories)} at byte {offset}: the chain is a loop")
            offset = yield from self.directory(offset)

    def directory(self, offset: int) -> Steps[int]:
        """Parse one directory; returns the offset of the next."""
        layout, where = self.layout, f"IFD {len(self.directories)} at byte {offset}"
        if len(self.directories) == MAX_DIRECTORIES:
            raise FormatError(f"{where}: wanted at most {MAX_DIRECTORIES} IFDs")
        self.offsets.add(offset)
        start = offset + layout.entry_count_bytes
        head = yield from self._load(offset, layout.entry_count_bytes, where)
        (count,) = struct.unpack(self.order + layout.entry_count, head)
        if not 0 < count <= MAX_ENTRIES:
            raise FormatError(f"{where}: {count} entries, wanted 1 to {MAX_ENTRIES}")
        table = yield from self._load(start, count * layout.entry_bytes + layout.offset_bytes, where)
        entries: dict[int, Entry] = {}
        for at in range(0, count * layout.entry_bytes, layout.entry_bytes):
            tag, kind = struct.unpack_from(self.order + "HH", table, at)
            # "Readers should skip over fields containing an unexpected field type" (TIFF 6.0 §2); libtiff refuses
            # structural ones, so they stay in the directory and fail when they are read. The first entry of a tag
            # counts, as in libtiff.
            if tag in entries or tag not in _TAGS:
                continue
            if kind in FIELD_BYTES:
                entries[tag] = yield from self._entry(Tag(tag), FieldType(kind), table, at + 4, where)
            elif tag in STRUCTURAL:
                entries[tag] = Entry(Tag(tag), kind, 0, b"", None)
        self.directories.append(Directory(len(self.directories), offset, self.order, layout, entries))
        (following,) = struct.unpack_from(self.order + layout.offset, table, count * layout.entry_bytes)
        return int(following)

    def _entry(self, tag: Tag, kind: FieldType, table: bytes, at: int, where: str) -> Steps[Entry]:
        """Parse an entry from its count on, at `at` in the table."""
        layout = self.layout
        (count,) = struct.unpack_from(self.order + layout.offset, table, at)
        size, at = count * FIELD_BYTES[kind], at + layout.offset_bytes
        if size <= layout.offset_bytes:
            return Entry(tag, kind, count, table[at : at + size], None)
        (offset,) = struct.unpack_from(self.order + layout.offset, table, at)
        place = ByteRange(offset, offset + size)
        is_small_index = (
            tag in _INDEX and size <= SMALL_INDEX_BYTES and place.stop <= min(self.size_bytes, FIRST_READ_BYTES)
        )
        is_metadata = tag == Tag.GDAL_METADATA and kind in BYTES and not self.directories
        if tag not in _LOADED and not is_small_index and not is_metadata:
            if tag in _ON_DEMAND:
                self._check(place, f"{where}: {tag.name}")
            return Entry(tag, kind, count, None, place)  # the place of an index is checked when a tile is requested
        bound = MAX_METADATA_BYTES if is_metadata else MAX_VALUE_BYTES
        if size > bound:
            raise FormatError(f"{where}: {tag.name} of {size} bytes, wanted at most {bound}")
        return Entry(tag, kind, count, (yield from self._load(offset, size, f"{where}: {tag.name}")), place)

    def _load(self, start: int, size: int, where: str) -> Steps[bytes]:
        """Ask for bytes, if they are within the file and the budget."""
        place = ByteRange(start, start + size)
        self._check(place, where)
        self._budget_bytes -= size
        if self._budget_bytes < 0:
            raise FormatError(f"{where}: the header is larger than {MAX_HEADER_BYTES} bytes")
        return (yield place)

    def _check(self, place: ByteRange, where: str) -> None:
        if place.stop > self.size_bytes:
            raise FormatError(f"{where}: the bytes {place} are beyond the file's {self.size_bytes}")
