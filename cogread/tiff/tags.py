"""TIFF's numbers: tags, field types, codecs, and the two layouts of a directory.

Sources: TIFF 6.0; the BigTIFF design (libtiff.gitlab.io/libtiff/specification/bigtiff.html); GeoTIFF 1.1
(OGC 19-008r4); the registered private tags of libtiff and GDAL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Literal

ByteOrder = Literal["<", ">"]
"""Prefix of `struct` formats: `<` for TIFF's II, `>` for MM."""


class Tag(IntEnum):
    """Tags that this package reads."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DOCUMENT_NAME = 269
    IMAGE_DESCRIPTION = 270
    STRIP_OFFSETS = 273
    SAMPLES_PER_PIXEL = 277
    STRIP_BYTE_COUNTS = 279
    MIN_SAMPLE_VALUE = 280
    MAX_SAMPLE_VALUE = 281
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    DATE_TIME = 306
    ARTIST = 315
    HOST_COMPUTER = 316
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    IMAGE_DEPTH = 32997
    TILE_DEPTH = 32998
    COPYRIGHT = 33432
    MODEL_PIXEL_SCALE = 33550
    MODEL_TIEPOINT = 33922
    MODEL_TRANSFORMATION = 34264
    GEO_KEY_DIRECTORY = 34735
    GEO_DOUBLE_PARAMS = 34736
    GEO_ASCII_PARAMS = 34737
    GDAL_METADATA = 42112
    GDAL_NODATA = 42113
    LERC_PARAMETERS = 50674


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


FIELD_BYTES: Final[Mapping[int, int]] = {
    FieldType.BYTE: 1,
    FieldType.ASCII: 1,
    FieldType.SHORT: 2,
    FieldType.LONG: 4,
    FieldType.RATIONAL: 8,
    FieldType.SBYTE: 1,
    FieldType.UNDEFINED: 1,
    FieldType.SSHORT: 2,
    FieldType.SLONG: 4,
    FieldType.SRATIONAL: 8,
    FieldType.FLOAT: 4,
    FieldType.DOUBLE: 8,
    FieldType.IFD: 4,
    FieldType.LONG8: 8,
    FieldType.SLONG8: 8,
    FieldType.IFD8: 8,
}
"""Bytes of one value."""

UNSIGNED: Final[Mapping[int, str]] = {
    FieldType.BYTE: "B",
    FieldType.SHORT: "H",
    FieldType.LONG: "I",
    FieldType.IFD: "I",
    FieldType.LONG8: "Q",
    FieldType.IFD8: "Q",
}
"""`struct` codes of the types that a count, size or offset may have."""

INTEGERS: Final[Mapping[int, str]] = {
    FieldType.BYTE: "B",
    FieldType.SHORT: "H",
    FieldType.LONG: "I",
    FieldType.SBYTE: "b",
    FieldType.SSHORT: "h",
    FieldType.SLONG: "i",
    FieldType.LONG8: "Q",
    FieldType.SLONG8: "q",
}
"""`struct` codes of the types that libtiff accepts for a structural field (tif_dirread.c, `TIFFReadDirEntryShort`)."""

INDEX_TYPES: Final[frozenset[int]] = frozenset({FieldType.SHORT, FieldType.LONG, FieldType.LONG8})
"""Types that libtiff accepts for the tile index (tif_dirread.c, `TIFFReadDirEntryLong8Array`, `_TIFFFillStriles`)."""

BYTES: Final = (FieldType.BYTE, FieldType.ASCII, FieldType.SBYTE, FieldType.UNDEFINED)
"""Types whose values are single bytes."""

FLOATING: Final[Mapping[int, str]] = {FieldType.FLOAT: "f", FieldType.DOUBLE: "d"}
"""`struct` codes of the types that a coordinate may have."""


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


class Compression(IntEnum):
    """Codecs; the names are GDAL's."""

    NONE = 1
    CCITTRLE = 2
    CCITTFAX3 = 3
    CCITTFAX4 = 4
    LZW = 5
    OLD_JPEG = 6
    JPEG = 7
    DEFLATE = 8
    CCITTRLEW = 32771
    PACKBITS = 32773
    DEFLATE_OLD = 32946
    JPEG2000 = 34712
    LERC = 34887
    LZMA = 34925
    ZSTD = 50000
    WEBP = 50001
    JXL = 50002
    JXL_DNG = 52546


DEFLATES: Final = frozenset({Compression.DEFLATE, Compression.DEFLATE_OLD})
"""Two numbers for one codec."""

PREDICTED: Final = DEFLATES | {Compression.LZW, Compression.LZMA, Compression.ZSTD}
"""Codecs for which libtiff honours Predictor; others ignore it."""

CCITT: Final = frozenset({Compression.CCITTRLE, Compression.CCITTRLEW, Compression.CCITTFAX3, Compression.CCITTFAX4})


class Photometric(IntEnum):
    """PhotometricInterpretation."""

    MINISWHITE = 0
    MINISBLACK = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    CMYK = 5
    YCBCR = 6
    CIELAB = 8
    ICCLAB = 9
    ITULAB = 10


class SampleFormat(IntEnum):
    """SampleFormat: the meaning of a sample's bits."""

    UINT = 1
    INT = 2
    FLOAT = 3
    VOID = 4
    COMPLEX_INT = 5
    COMPLEX_FLOAT = 6


class Planar(IntEnum):
    """PlanarConfiguration."""

    CONTIGUOUS = 1
    SEPARATE = 2


class Subfile(IntFlag):
    """Bits of NewSubfileType."""

    REDUCED = 1
    PAGE = 2
    MASK = 4


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
