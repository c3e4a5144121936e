"""A part of a COG as a COG of its own, whose tiles are the stored bytes of the source.

The file has the layout of GDAL's COG driver (gdal.org/drivers/raster/cog.html, "File format details"): directories in
front, then the tiles from the coarsest level to the finest, each with its size before and its last bytes behind it, and
that of the mask next to that of the image. The ghost area states so. Byte order and layout are those of the source.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cogread.byterange import ByteRange
from cogread.copy.crop_header import CropPart, crop_header, is_interleaved
from cogread.copy.fields import Field, moved, stored_fields
from cogread.copy.places import TilePlaces, read_whole
from cogread.copy.reads import BATCH_BYTES, BATCH_TILES, Batch, read_batches
from cogread.copy.target import check_target
from cogread.copy.window import CropPlan, TileBox
from cogread.errors import FormatError, TileDamaged
from cogread.image import Cog, Image
from cogread.sources import Source
from cogread.tiff.fields import FieldType
from cogread.tiff.tags import Tag
from cogread.tile_index import tile_number

_LEADER_BYTES: Final = 4
"""Bytes before a tile, its size, and behind it, its last ones."""


@dataclass(frozen=True, slots=True)
class CropOutcome:
    """A finished crop."""

    tiles: int
    """With those of masks, without sparse ones."""
    levels: int
    size_bytes: int


def crop(source: Source, cog: Cog, plan: CropPlan, target: Path) -> CropOutcome:
    """Write a crop; the file has its name when it is whole.

    Args:
        source: the file.
        cog: its header.
        plan: see `plan_crop`.
        target: the new file.

    Raises:
        FormatError: a field of the header is damaged.
        TileDamaged: the index of a tile is.
        SourceError: the source cannot be read; `SourceChanged` if it was replaced since the header was read.
        OSError: the target cannot be written.
    """
    check_target(target)
    levels = [_parts(source, cog, plan, level) for level in range(len(plan.factors))]
    tiles = [tile for level in reversed(levels) for tile in _in_order(level)]
    header_bytes = len(crop_header(cog, levels))
    end = header_bytes
    for part, position, place in tiles:
        part.offsets[position], part.counts[position] = end + _LEADER_BYTES, place.size_bytes
        end += place.size_bytes + 2 * _LEADER_BYTES
    if end >= 2 ** (8 * cog.full.directory.layout.offset_bytes):
        raise FormatError(f"a crop of {end} bytes does not fit a {cog.full.directory.layout.name}")
    temporary = target.with_name(f"{target.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(crop_header(cog, levels))
            for data in _framed(source, cog, [place for _, _, place in tiles]):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return CropOutcome(len(tiles), len(levels), end)


def _parts(source: Source, cog: Cog, plan: CropPlan, level: int) -> list[CropPart]:
    """The image and the mask of a level."""
    images = (cog.levels[level].image, cog.levels[level].mask)
    return [_part(source, cog, image, plan.box(level, image)) for image in images if image is not None]


def _part(source: Source, cog: Cog, image: Image, box: TileBox) -> CropPart:
    def read(wanted: ByteRange) -> bytes:
        return read_whole(source, wanted, cog.version)

    fields = stored_fields(image.directory, cog.version.size_bytes, read)
    fields = moved(fields, image.directory.order, box.cols.start * image.tile_width, box.rows.start * image.tile_height)
    order = image.directory.order
    for tag, size in ((Tag.IMAGE_WIDTH, box.width), (Tag.IMAGE_LENGTH, box.height)):
        fields[tag] = Field(FieldType.LONG, 1, struct.pack(f"{order}I", size))
    places: list[ByteRange | None] = []
    index = TilePlaces(source, cog.version, image)
    for plane in range(image.planes):
        for row in box.rows:
            first = tile_number(image, box.cols.start, row, plane)
            for place in index.places(range(first, first + len(box.cols))):
                if isinstance(place, TileDamaged):
                    raise place
                places.append(place)
    return CropPart(image, box, fields, places, [0] * len(places), [0] * len(places))


def _in_order(level: Sequence[CropPart]) -> Iterator[tuple[CropPart, int, ByteRange]]:
    """The stored tiles of a level in the order of the new file, a mask's behind its image's."""
    if is_interleaved(level):
        for position, places in enumerate(zip(*(part.places for part in level), strict=True)):
            yield from ((part, position, place) for part, place in zip(level, places, strict=True) if place)
    else:
        for part in level:
            yield from ((part, position, place) for position, place in enumerate(part.places) if place)


def _framed(source: Source, cog: Cog, places: Sequence[ByteRange]) -> Iterator[bytes]:
    """The tiles, each with its size before it and its last bytes behind it."""
    for _, stored in read_batches(source, cog.version, _batches(places)):
        for data in stored:
            if data is not None:
                last = bytes(data[-_LEADER_BYTES:]).ljust(_LEADER_BYTES, b"\0")
                yield b"".join((struct.pack("<I", len(data)), data, last))


def _batches(places: Sequence[ByteRange]) -> Iterator[Batch[None]]:
    batch: list[ByteRange] = []
    size_bytes = 0
    for place in places:
        if size_bytes >= BATCH_BYTES or len(batch) == BATCH_TILES:
            yield Batch(None, batch)
            batch, size_bytes = [], 0
        batch.append(place)
        size_bytes += place.size_bytes
    yield Batch(None, batch)
