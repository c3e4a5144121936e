"""Fields of TIFF: types of values, demands of libtiff on structural fields, and the two layouts of a directory.

Sources: TIFF 6.0; the BigTIFF design (libtiff.gitlab.io/libtiff/specification/bigtiff.html).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, Self

from cogread.tiff.tags import Tag

ByteOrder = Literal["<", ">"]
"""Prefix of `struct` formats: `<` for TIFF's II, `>` for MM."""


class FieldType(IntEnum):
    """Types of a field's values (TIFF 6.0 §2, BigTIFF), each with the `struct` code of one value."""

    BYTE = 1, "B"
    ASCII = 2, "B"
    SHORT = 3, "H"
    LONG = 4, "I"
    RATIONAL = 5, "2I"
    SBYTE = 6, "b"
    UNDEFINED = 7, "B"
    SSHORT = 8, "h"
    SLONG = 9, "i"
    SRATIONAL = 10, "2i"
    FLOAT = 11, "f"
    DOUBLE = 12, "d"
    IFD = 13, "I"
    LONG8 = 16, "Q"
    SLONG8 = 17, "q"
    IFD8 = 18, "Q"

    code: str

    def __new__(cls, value: int, code: str = "") -> Self:
        """Create a type of this number and code."""
        kind = int.__new__(cls, value)
        kind._value_, kind.code = value, code
        return kind


FIELD_BYTES: Final[Mapping[int, int]] = {kind: struct.calcsize(f"<{kind.code}") for kind in FieldType}
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


_ONE = (
    Tag.NEW_SUBFILE_TYPE, Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH, Tag.IMAGE_DEPTH, Tag.TILE_WIDTH, Tag.TILE_LENGTH,
    Tag.TILE_DEPTH, Tag.SAMPLES_PER_PIXEL, Tag.PLANAR_CONFIGURATION, Tag.PHOTOMETRIC, Tag.FILL_ORDER, Tag.PREDICTOR,
    Tag.T4_OPTIONS, Tag.T6_OPTIONS,
)  # fmt: skip
STRUCTURAL: Final[Mapping[int, Values]] = {
    **dict.fromkeys(_ONE, Values.ONE),
    **dict.fromkeys((Tag.BITS_PER_SAMPLE, Tag.SAMPLE_FORMAT, Tag.COMPRESSION), Values.PER_SAMPLE),
    **dict.fromkeys((Tag.EXTRA_SAMPLES, Tag.LERC_PARAMETERS), Values.ANY),
    Tag.YCBCR_SUBSAMPLING: Values.TWO,
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
