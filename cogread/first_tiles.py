"""The first tile of JPEG levels, looked at when a file is opened where the header leaves open what the tiles are.

A header says "JPEG" of lossless and of arithmetic streams too, which browsers do not show. Tables for quantization in
JPEGTables, as GDAL writes them, rule out lossless streams; and nothing but JPEGTables need be read. Files without them
are rare, and one read for each of their levels tells what is to be listed. A tile that differs from the first is found
when it is asked for.
"""

from dataclasses import replace
from typing import Final

from cogread import jpeg_stream as jpegstream
from cogread.byterange import ByteRange
from cogread.errors import TileDamaged
from cogread.image import Cog, Image, Level
from cogread.jpeg_stream import DQT, Head, segments
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Photometric
from cogread.tile_index import locate
from cogread.wrap import jpeg

_LOOK_BYTES: Final = 8192
"""Of the tile: the frame lies within the first few hundred bytes, unless there is a long comment."""


def look(cog: Cog) -> Steps[Cog]:
    """The same file, with the beginnings of first tiles where they are needed; sans-io."""
    levels: list[Level] = []
    for level in cog.levels:
        image = level.image
        if _needs_look(image):
            image = replace(image, first_tile=(yield from _first_tile(image, cog.version.size_bytes)))
        levels.append(replace(level, image=image))
    return replace(cog, levels=tuple(levels))


def _needs_look(image: Image) -> bool:
    if jpeg.refusal(image) is not None:
        return False
    has_unknown_subsampling = image.photometric == Photometric.YCBCR and image.ycbcr_subsampling is None
    return has_unknown_subsampling or not _has_quantization(image.jpeg_tables or b"")


def _has_quantization(tables: bytes) -> bool:
    try:
        return any(marker == DQT for marker, _, _ in segments(tables, "JPEGTables", TileDamaged))
    except TileDamaged:
        return False


def _first_tile(image: Image, size_bytes: int) -> Steps[Head | None]:
    """None if it is sparse or damaged: then there is nothing to be learnt of the others."""
    try:
        place = yield from locate(image, 0, size_bytes)
        if place is None:
            return None
        return jpegstream.head((yield ByteRange(place.start, min(place.stop, place.start + _LOOK_BYTES))))
    except TileDamaged:
        return None
