"""Small TIFFs written entry by entry, for layouts that GDAL does not write and for files that lie.

Written from TIFF 6.0 §2 and the BigTIFF design with their own numbers, so that it does not share the mistakes of the
code under test.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, FLOAT, DOUBLE, IFD, LONG8, IFD8 = 1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 18
SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR = 254, 256, 257, 258, 259, 262, 277, 284
TILE_WIDTH, TILE_LENGTH, OFFSETS, COUNTS, SUB_IFDS, SAMPLE_FORMAT, JPEG_TABLES = 322, 323, 324, 325, 330, 339, 347
SCALE, TIEPOINT, MATRIX, GEO_KEYS, GEO_ASCII, NODATA = 33550, 33922, 34264, 34735, 34737, 42113

REDUCED, PAGE, MASK = 1, 2, 4
"""Bits of NewSubfileType."""

_CODES = {BYTE: "B", SHORT: "H", LONG: "I", FLOAT: "f", DOUBLE: "d", IFD: "I", LONG8: "Q", IFD8: "Q"}


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry that is written as it stands: `count` values of `type` at the byte `pointer`."""

    type: int
    count: int
    pointer: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Values as they are stored, of whatever type."""

    type: int
    count: int
    data: bytes


Field = tuple[int, Sequence[float] | bytes] | Claim | Packed
"""Type and values, or a claim."""


@dataclass(frozen=True, slots=True)
class Ifd:
    """A directory. TileOffsets, TileByteCounts and SubIFDs are made of what is here, unless `fields` has them."""

    fields: dict[int, Field]
    tiles: tuple[bytes | None, ...] = ()
    """In the order of the index; None is sparse."""
    sub_ifds: tuple["Ifd", ...] = ()
    """Only one directory of a file may have some."""
    index_types: tuple[int, int] = (LONG, LONG)
    """Types of TileOffsets and TileByteCounts."""
    repeated: tuple[tuple[int, Field], ...] = ()
    """Entries that follow the sorted ones."""
    following: int | None = None
    """Offset of the next directory, if it is not to be the true one."""

    def but(self, **changes: object) -> "Ifd":
        """A copy with other attributes."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def having(self, fields: dict[int, Field]) -> "Ifd":
        """A copy with other fields in addition."""
        return replace(self, fields={**self.fields, **fields})

    def without(self, *tags: int) -> "Ifd":
        """A copy without these fields."""
        return replace(self, fields={tag: value for tag, value in self.fields.items() if tag not in tags})


def image(
    width: int = 80,
    height: int = 40,
    tile: tuple[int, int] = (32, 16),
    *,
    subfile: int = 0,
    samples: int = 1,
    planar: int = 1,
    tiles: Sequence[bytes | None] | None = None,
) -> Ifd:
    """An uncompressed image of bytes in tiles of (width, height); tile n is filled with n, counted from 1."""
    across, down = -(-width // tile[0]), -(-height // tile[1])
    planes, deep = (samples, 1) if planar == 2 else (1, samples)
    number = across * down * planes
    stored = [bytes([n % 255 + 1]) * (tile[0] * tile[1] * deep) for n in range(number)] if tiles is None else tiles
    fields: dict[int, Field] = {
        SUBFILE: (LONG, [subfile]),
        WIDTH: (LONG, [width]),
        LENGTH: (LONG, [height]),
        BITS: (SHORT, [8] * samples),
        COMPRESSION: (SHORT, [1]),
        PHOTOMETRIC: (SHORT, [1]),
        SAMPLES: (SHORT, [samples]),
        PLANAR: (SHORT, [planar]),
        TILE_WIDTH: (SHORT, [tile[0]]),
        TILE_LENGTH: (SHORT, [tile[1]]),
        SAMPLE_FORMAT: (SHORT, [1] * samples),
    }
    return Ifd(fields, tuple(stored))


@dataclass
class _Places:
    """Offsets of the parts."""

    tiles: dict[tuple[int, int], int] = field(default_factory=dict)
    """(directory, tile) -> byte."""
    ifds: dict[int, int] = field(default_factory=dict)


def tiff(*ifds: Ifd, order: str = "<", big: bool = False, first: int | None = None) -> bytes:
    """Write a TIFF: header, directories each with its values, SubIFDs behind, tiles at the end.

    Args:
        ifds: the main chain.
        order: `<` or `>`.
        big: whether it is a BigTIFF.
        first: offset of the first directory, if it is not to be the true one.
    """
    places = _Places()
    for _ in range(2):  # the first pass finds the places, the second knows them
        data, places = _Writer(order, big, places).write(ifds, first)
    return data


class _Writer:
    def __init__(self, order: str, big: bool, places: _Places) -> None:
        self.order, self.big, self.assumed = order, big, places
        self.offset, self.width = ("Q", 8) if big else ("I", 4)
        self.out = bytearray()
        self.actual = _Places()

    def write(self, ifds: Sequence[Ifd], first: int | None) -> tuple[bytes, _Places]:
        subs = [sub for ifd in ifds for sub in ifd.sub_ifds]
        start = self.assumed.ifds.get(0, 0) if first is None else first
        self.out += b"II" if self.order == "<" else b"MM"
        self.out += self.pack("HHHQ", 43, 8, 0, start) if self.big else self.pack("HI", 42, start)
        for number, ifd in enumerate([*ifds, *subs]):
            self.actual.ifds[number] = len(self.out)
            children = range(len(ifds), len(ifds) + len(subs)) if ifd.sub_ifds else range(0)
            following = number + 1 if number + 1 < len(ifds) else -1
            self.directory(ifd, number, children, self.assumed.ifds.get(following, 0))
        for number, ifd in enumerate([*ifds, *subs]):
            for n, stored in enumerate(ifd.tiles):
                self.actual.tiles[number, n] = len(self.out) if stored is not None else 0
                self.out += stored or b""
        return bytes(self.out), self.actual

    def directory(self, ifd: Ifd, number: int, children: range, following: int) -> None:
        entries = [*self.fields(ifd, number, children), *ifd.repeated]
        values = len(self.out) + (8 + 20 * len(entries) + 8 if self.big else 2 + 12 * len(entries) + 4)
        behind = bytearray()
        self.out += self.pack("Q" if self.big else "H", len(entries))
        for tag, value in entries:
            self.out += self.entry(tag, value, values + len(behind), behind)
        self.out += self.pack(self.offset, following if ifd.following is None else ifd.following)
        self.out += behind

    def fields(self, ifd: Ifd, number: int, children: range) -> Iterator[tuple[int, Field]]:
        fields: dict[int, Field] = {}
        if ifd.tiles:
            places = [self.assumed.tiles.get((number, n), 0) for n in range(len(ifd.tiles))]
            fields[OFFSETS] = (ifd.index_types[0], places)
            fields[COUNTS] = (ifd.index_types[1], [len(stored or b"") for stored in ifd.tiles])
        if children:
            fields[SUB_IFDS] = (IFD8 if self.big else IFD, [self.assumed.ifds.get(child, 0) for child in children])
        yield from sorted({**fields, **ifd.fields}.items())

    def entry(self, tag: int, value: Field, at: int, behind: bytearray) -> bytes:
        if isinstance(value, Claim):
            return self.pack("HH" + self.offset * 2, tag, value.type, value.count, value.pointer)
        if isinstance(value, Packed):
            kind, count, data = value.type, value.count, value.data
        else:
            kind, count = value[0], len(value[1])
            data = value[1] if isinstance(value[1], bytes) else self.pack(_CODES[kind] * count, *value[1])
        head = self.pack("HH" + self.offset, tag, kind, count)
        if len(data) <= self.width:
            return head + data.ljust(self.width, b"\0")
        behind += data
        return head + self.pack(self.offset, at)

    def pack(self, code: str, *values: float) -> bytes:
        return struct.pack(self.order + code, *values)
