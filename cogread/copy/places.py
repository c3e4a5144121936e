"""The places of many tiles, read by pages of the tile index; `tile_index.locate` asks for each tile alone."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final

import numpy as np

from cogread.byterange import ByteRange, Version
from cogread.deadline import NEVER
from cogread.errors import SourceProtocolError, TileDamaged, TileError
from cogread.image import Image
from cogread.sources import Source
from cogread.tiff.directory import Entry
from cogread.tiff.fields import FIELD_BYTES, INDEX_TYPES
from cogread.tiff.parse import drive
from cogread.tile_index import largest_tile, locate

PAGE_BYTES: Final = 512 << 10
"""Bytes of the index that are read at once."""
_PAGES: Final = 32
"""Pages that are kept for each image: rows of 250,000 tiles."""
_UNKNOWN: Final = -1
"""Stands for a value that only `locate` can judge."""

TilePlace = ByteRange | TileDamaged | None
"""The bytes of a tile, None of a sparse one, or its error."""


def stop(damage: TileError) -> None:
    """Raise the error of a damaged tile."""
    raise damage


def read_whole(source: Source, wanted: ByteRange, version: Version) -> bytes:
    """Read all bytes of a range of a version.

    Raises:
        SourceError: as `Source.read`; or there are fewer bytes.
    """
    data = source.read(wanted, version, NEVER).data
    if len(data) != wanted.size_bytes:
        raise SourceProtocolError(f"{source.name}: {len(data)} bytes at {wanted}, wanted {wanted.size_bytes}")
    return data


class TilePlaces:
    """The places of the tiles of one image. Not safe to share between threads."""

    def __init__(self, source: Source, version: Version, image: Image) -> None:
        self._source, self._version, self._image = source, version, image
        self._page = lru_cache(_PAGES)(self._read_page)
        self._largest_bytes: Final = largest_tile(image)

    def places(self, numbers: range) -> list[TilePlace]:
        """The places of tiles with consecutive numbers; see `tile_number`.

        Raises:
            SourceError: the index cannot be read.
        """
        image, size_bytes = self._image, self._version.size_bytes
        counts, offsets = self._values(image.counts, numbers), self._values(image.offsets, numbers)
        places: list[TilePlace] = []
        for number, count, offset in zip(numbers, counts, offsets, strict=True):
            if 0 < count <= self._largest_bytes and 8 <= offset <= size_bytes - count:
                places.append(ByteRange(offset, offset + count))
            else:
                places.append(None if count == 0 else self._locate(number))
        return places

    def _locate(self, number: int) -> TilePlace:
        try:
            return drive(locate(self._image, number, self._version.size_bytes), self._read)
        except TileDamaged as error:
            return error

    def _values(self, entry: Entry, numbers: range) -> Sequence[int]:
        """Values of an array of the index; `_UNKNOWN` where there is none that is sound."""
        width, count = FIELD_BYTES.get(entry.type, 0), min(len(numbers), max(0, entry.count - numbers.start))
        start = numbers.start * width
        is_sound = entry.type in INDEX_TYPES and count > 0
        if is_sound and entry.data is not None:
            data = entry.data[start : start + count * width]
        elif is_sound and entry.place is not None and entry.place.stop <= self._version.size_bytes:
            data = self._bytes(entry.place, start, start + count * width)
        else:
            return list(repeat(_UNKNOWN, len(numbers)))
        values: list[int] = np.frombuffer(data, f"{self._image.directory.order}u{width}").tolist()
        return values + [_UNKNOWN] * (len(numbers) - count)

    def _bytes(self, array: ByteRange, start: int, stop: int) -> bytes:
        first, last = start // PAGE_BYTES, (stop - 1) // PAGE_BYTES
        pages = b"".join(self._page(array, number) for number in range(first, last + 1))
        return pages[start - first * PAGE_BYTES : stop - first * PAGE_BYTES]

    def _read_page(self, array: ByteRange, number: int) -> bytes:
        start = array.start + number * PAGE_BYTES
        return self._read(ByteRange(start, min(start + PAGE_BYTES, array.stop)))

    def _read(self, wanted: ByteRange) -> bytes:
        return read_whole(self._source, wanted, self._version)
