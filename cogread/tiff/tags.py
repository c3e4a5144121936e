"""TIFF's tags, and the numbers that are values of them: codecs, photometrics, sample formats.

Sources: TIFF 6.0; GeoTIFF 1.1 (OGC 19-008r4); the registered private tags of libtiff and GDAL.
"""

from enum import IntEnum, IntFlag
from typing import Final


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


DESCRIPTIVE_TEXTS: Final = (
    Tag.DOCUMENT_NAME, Tag.IMAGE_DESCRIPTION, Tag.SOFTWARE, Tag.DATE_TIME, Tag.ARTIST, Tag.HOST_COMPUTER, Tag.COPYRIGHT,
)  # fmt: skip
DESCRIPTIVE_NUMBERS: Final = (
    Tag.X_RESOLUTION, Tag.Y_RESOLUTION, Tag.MIN_SAMPLE_VALUE, Tag.MAX_SAMPLE_VALUE, Tag.RESOLUTION_UNIT,
)  # fmt: skip
"""Tags without influence on tiles."""


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
