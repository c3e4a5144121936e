"""The `gdal_translate` line that writes a file anew as a COG.

`gdal_translate` keeps size, type, nodata and metadata by itself. GDAL's COG driver needs options to keep the codec, the
predictor and the quality; its defaults are LZW, no predictor and 75. All lines that rawcog prints have these options.
"""

from collections.abc import Mapping
from typing import Final

from cogread.errors import FormatError
from cogread.jpeg_stream import DQT, segments
from cogread.tiff.directory import Directory
from cogread.tiff.tags import Compression, SampleFormat, Tag

_CODECS: Final[Mapping[int, str]] = {
    **{codec: codec.name for codec in Compression if codec.name in {"NONE", "LZW", "LZMA", "ZSTD", "LERC", "JXL"}},
    Compression.DEFLATE: "DEFLATE",
    Compression.DEFLATE_OLD: "DEFLATE",
    Compression.JPEG: "JPEG",
    Compression.WEBP: "WEBP",
}
"""Codecs that GDAL's COG driver writes."""
_LERC_CODECS: Final = {1: "LERC_DEFLATE", 2: "LERC_ZSTD"}
"""LercParameters[1], AddCompression (libtiff, tif_lerc.c)."""
_PREDICTORS: Final = {2: "STANDARD", 3: "FLOATING_POINT"}
_PREDICTED: Final = {"LZW", "DEFLATE", "ZSTD"}
"""Codecs with a predictor in GDAL's COG driver."""

LOSSLESS: Final = 100
"""The quality with which GDAL writes lossless WebP."""

_LUMINANCE: Final = bytes.fromhex(
    "100b0a101828333d0c0c0e131a3a3c370e0d1018283945380e11161d3357503e"
    "12162538446d674d182337405168715c31404e5767797865485c5f6270646763"
)
"""Quantization table of luminance (ITU-T T.81, table K.1)."""


def cog_options(directory: Directory) -> dict[str, str]:
    """Creation options of GDAL's COG driver that keep codec, predictor and JPEG quality of a first directory.

    WebP becomes lossless; the caller drops QUALITY for lossy tiles.
    A codec that the driver lacks, or has not for these bands, becomes DEFLATE, which loses nothing.
    """
    compression = _integers(directory, Tag.COMPRESSION, Compression.NONE)[0]
    codec = _CODECS.get(compression, "DEFLATE")
    if not _is_writable(directory, codec):
        codec = "DEFLATE"
    if codec == "LERC":
        codec = _LERC_CODECS.get(_integers(directory, Tag.LERC_PARAMETERS, 0, 0)[1], codec)
    options = {"COMPRESS": codec}
    predictor = _integers(directory, Tag.PREDICTOR, 1)[0]
    if codec in _PREDICTED and _CODECS.get(compression) == codec and predictor in _PREDICTORS:
        options["PREDICTOR"] = _PREDICTORS[predictor]
    quality = jpeg_quality(directory.raw(Tag.JPEG_TABLES) or b"") if codec == "JPEG" else None
    if codec == "WEBP":
        quality = LOSSLESS  # only a tile tells whether it loses anything
    return options if quality is None else {**options, "QUALITY": str(quality)}


def predictor_option(sample_format: int) -> str:
    """The predictor that fits a sample format, as an option's value."""
    return _PREDICTORS[3 if sample_format == SampleFormat.FLOAT else 2]


def cog_line(options: Mapping[str, object], program: str = "gdal_translate") -> str:
    """Write the line for a shell.

    Args:
        options: creation options.
        program: the program with arguments of its own.
    """
    words = "".join(f" -co {key}={value}" for key, value in options.items())
    return f"{program} -of COG{words} in.tif out.tif"


def jpeg_quality(stream: bytes) -> int | None:
    """The quality in libjpeg's scale (jcparam.c, `jpeg_quality_scaling`) of the tables of a JPEG stream.

    None without a luminance table, or with one that libjpeg does not make.
    """
    table = _quantization(stream)
    return next((quality for quality in range(100, 0, -1) if table == _scaled(quality)), None)


def _scaled(quality: int) -> list[int]:
    """The sorted values: DQT has them in zigzag order."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sorted(min(255, max(1, (value * percent + 50) // 100)) for value in _LUMINANCE)


def _quantization(stream: bytes) -> list[int] | None:
    try:
        for marker, start, stop in segments(stream, "JPEG", FormatError):
            if marker == DQT and stop - start >= 69 and stream[start + 4] == 0:  # 8 bits, table 0
                return sorted(stream[start + 5 : start + 69])
    except FormatError:
        pass
    return None


def _is_writable(directory: Directory, codec: str) -> bool:
    samples = _integers(directory, Tag.SAMPLES_PER_PIXEL, 1)[0]
    has_alpha = bool({1, 2} & set(_integers(directory, Tag.EXTRA_SAMPLES, 0)))
    if codec == "JPEG":
        is_8_bit = set(_integers(directory, Tag.BITS_PER_SAMPLE, 1)) == {8}
        return is_8_bit and samples - has_alpha in (1, 3)
    return codec != "WEBP" or samples in (3, 4)


def _integers(directory: Directory, tag: Tag, *default: int) -> tuple[int, ...]:
    """The values of a tag; the default in place of too few or damaged ones, since the line is only advice."""
    try:
        values = directory.integers(tag, default)
    except FormatError:
        return default
    return values if len(values) >= len(default) else default
