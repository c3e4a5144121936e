"""The first tile of JPEG and JPEG XL levels, read when a file is opened whose header does not tell their kind.

A header says "JPEG" of lossless and of arithmetic streams too, which browsers do not show. Quantization tables in
JPEGTables, as GDAL writes them, rule out lossless streams without a read. Files without them are rare, and cost one
read for each level. JPEG XL of 16 bits may be in linear colours, as some libraries write it, which browsers convert.
A tile that differs from the first is detected when it is requested.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from cogread.byterange import ByteRange
from cogread.errors import TileDamaged
from cogread.image import Cog, Image, Level
from cogread.jpeg_stream import DQT, head, segments
from cogread.jxl_stream import read_header
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Photometric
from cogread.tile_index import locate
from cogread.wrap import jpeg
from cogread.wrap.jxl import wrapper as jxl

T = TypeVar("T")

_HEAD_BYTES: Final = 8192
"""Bytes read of a tile: the frame lies within the first few hundred, unless there is a long comment."""


def with_first_tiles(cog: Cog) -> Steps[Cog]:
    """Add the heads of first tiles where formats depend on them; sans-io."""
    levels: list[Level] = []
    for level in cog.levels:
        image = level.image
        if _needs_first_tile(image):
            image = replace(image, first_tile=(yield from _first_tile(image, cog.version.size_bytes, head)))
        elif image.bits > 8 and jxl.refusal(image) is None:
            image = replace(image, first_jxl=(yield from _first_tile(image, cog.version.size_bytes, read_header)))
        levels.append(replace(level, image=image))
    return replace(cog, levels=tuple(levels))


def _needs_first_tile(image: Image) -> bool:
    if jpeg.refusal(image) is not None:
        return False
    has_unknown_subsampling = image.photometric == Photometric.YCBCR and image.ycbcr_subsampling is None
    return has_unknown_subsampling or not _has_quantization(image.jpeg_tables or b"")


def _has_quantization(tables: bytes) -> bool:
    try:
        return any(marker == DQT for marker, _, _ in segments(tables, "JPEGTables", TileDamaged))
    except TileDamaged:
        return False


def _first_tile(image: Image, size_bytes: int, read_head: Callable[[bytes], T]) -> Steps[T | None]:
    """Read the head of the first tile; None if it is sparse or damaged, and so tells nothing of the others."""
    try:
        place = yield from locate(image, 0, size_bytes)
        if place is None:
            return None
        return read_head((yield ByteRange(place.start, min(place.stop, place.start + _HEAD_BYTES))))
    except TileDamaged:
        return None
