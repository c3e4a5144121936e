"""Fields of TIFF: types of values, demands of libtiff on structural fields, and the two layouts of a directory.

Sources: TIFF 6.0; the BigTIFF design (libtiff.gitlab.io/libtiff/specification/bigtiff.html).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from cogread.tiff.tags import Tag

ByteOrder = Literal["<", ">"]
"""Prefix of `struct` formats: `<` for TIFF's II, `>` for MM."""


class FieldType(IntEnum):
    """Types of a field's values (TIFF 6.0 §2, BigTIFF)."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    SBYTE = 6
    UNDEFINED = 7
    SSHORT = 8
    SLONG = 9
    SRATIONAL = 10
    FLOAT = 11
    DOUBLE = 12
    IFD = 13
    LONG8 = 16
    SLONG8 = 17
    IFD8 = 18


FIELD_CODES: Final[Mapping[int, str]] = {
    FieldType.BYTE: "B",
    FieldType.ASCII: "B",
    FieldType.SHORT: "H",
    FieldType.LONG: "I",
    FieldType.RATIONAL: "2I",
    FieldType.SBYTE: "b",
    FieldType.UNDEFINED: "B",
    FieldType.SSHORT: "h",
    FieldType.SLONG: "i",
    FieldType.SRATIONAL: "2i",
    FieldType.FLOAT: "f",
    FieldType.DOUBLE: "d",
    FieldType.IFD: "I",
    FieldType.LONG8: "Q",
    FieldType.SLONG8: "q",
    FieldType.IFD8: "Q",
}
"""`struct` code of one value."""

FIELD_BYTES: Final[Mapping[int, int]] = {kind: struct.calcsize(f"<{code}") for kind, code in FIELD_CODES.items()}
"""Bytes of one value."""

_T = FieldType
UNSIGNED: Final = (_T.BYTE, _T.SHORT, _T.LONG, _T.IFD, _T.LONG8, _T.IFD8)
"""Types of counts, sizes and offsets."""
INTEGERS: Final = (_T.BYTE, _T.SHORT, _T.LONG, _T.SBYTE, _T.SSHORT, _T.SLONG, _T.LONG8, _T.SLONG8)
"""Types that libtiff accepts for a structural field (tif_dirread.c, `TIFFReadDirEntryShort`)."""
INDEX_TYPES: Final = frozenset((_T.SHORT, _T.LONG, _T.LONG8))
"""Types that libtiff accepts for the tile index (tif_dirread.c, `TIFFReadDirEntryLong8Array`, `_TIFFFillStriles`)."""
BYTES: Final = (_T.BYTE, _T.ASCII, _T.SBYTE, _T.UNDEFINED)
"""Types whose values are single bytes."""
FLOATING: Final = (_T.FLOAT, _T.DOUBLE)
"""Types of coordinates."""


class Values(IntEnum):
    """Number of values of a structural field, as libtiff demands it."""

    ONE = 1
    TWO = 2
    PER_SAMPLE = -1
    """One for all samples, or at least one for each."""
    ANY = -2
    OCTETS = -3
    """A stream of bytes."""


STRUCTURAL: Final[Mapping[int, Values]] = {
    Tag.NEW_SUBFILE_TYPE: Values.ONE,
    Tag.IMAGE_WIDTH: Values.ONE,
    Tag.IMAGE_LENGTH: Values.ONE,
    Tag.IMAGE_DEPTH: Values.ONE,
    Tag.TILE_WIDTH: Values.ONE,
    Tag.TILE_LENGTH: Values.ONE,
    Tag.TILE_DEPTH: Values.ONE,
    Tag.SAMPLES_PER_PIXEL: Values.ONE,
    Tag.PLANAR_CONFIGURATION: Values.ONE,
    Tag.BITS_PER_SAMPLE: Values.PER_SAMPLE,
    Tag.SAMPLE_FORMAT: Values.PER_SAMPLE,
    Tag.COMPRESSION: Values.PER_SAMPLE,
    Tag.PHOTOMETRIC: Values.ONE,
    Tag.FILL_ORDER: Values.ONE,
    Tag.EXTRA_SAMPLES: Values.ANY,
    Tag.PREDICTOR: Values.ONE,
    Tag.T4_OPTIONS: Values.ONE,
    Tag.T6_OPTIONS: Values.ONE,
    Tag.YCBCR_SUBSAMPLING: Values.TWO,
    Tag.LERC_PARAMETERS: Values.ANY,
    Tag.JPEG_TABLES: Values.OCTETS,
}
"""Fields that place and describe samples. A default in place of a damaged one would give wrong pixels."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths of the fields by which classic TIFF and BigTIFF differ."""

    name: str
    header_bytes: int
    """Bytes from the magic number to the offset of the first IFD, both included."""
    entry_count: str
    """`struct` code of the number of entries in an IFD."""
    entry_count_bytes: int
    entry_bytes: int
    offset: str
    """`struct` code of offsets, and of the number of values of an entry."""
    offset_bytes: int
    """Also the space for values within an entry."""


CLASSIC: Final = Layout("TIFF", 8, "H", 2, 12, "I", 4)
BIG: Final = Layout("BigTIFF", 16, "Q", 8, 20, "Q", 8)
