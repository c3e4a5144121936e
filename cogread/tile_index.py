"""The tile index: tile number -> byte range in the file.

TileOffsets and TileByteCounts may be many MB, so only small arrays are loaded with the header. Of larger ones, `locate`
asks for the two values of a tile, byte ranges of a few bytes each. A reader that caches aligned blocks thereby reads
the index in pages.
"""

from typing import Final

from cogread.byterange import ByteRange
from cogread.errors import TileDamaged, TileOutOfRange
from cogread.image import Image
from cogread.tiff.directory import Entry
from cogread.tiff.fields import FIELD_BYTES, INDEX_TYPES
from cogread.tiff.parse import Steps

_ALLOWANCE_BYTES: Final = 1 << 20
"""Bytes that any stored tile may have beyond its bound: small tiles carry tables and padding."""


def tile_number(image: Image, col: int, row: int, plane: int = 0) -> int:
    """Number a tile: planes one after the other, rows of tiles within them (TIFF 6.0 §15).

    Raises:
        TileOutOfRange: outside of the grid.
    """
    across, down = image.tiles_across, image.tiles_down
    if not (0 <= col < across and 0 <= row < down and 0 <= plane < image.planes):
        raise TileOutOfRange(
            f"tile col {col}, row {row}, plane {plane}: wanted less than {across}, {down}, {image.planes}"
        )
    return (plane * down + row) * across + col


def locate(image: Image, number: int, size_bytes: int) -> Steps[ByteRange | None]:
    """Find the bytes of a tile, sans-io.

    Args:
        image: the image.
        number: see `tile_number`.
        size_bytes: size of the file.

    Returns:
        The tile's byte range; None for a sparse tile, which is not stored: its count is 0, or the index ends before it.

    Raises:
        TileDamaged: the index or the tile is outside of the file, the tile is larger than a tile can be, or one of the
            two arrays has the tile and the other ends before it.
    """
    count = yield from _value(image, image.counts, number, size_bytes)
    if count == 0:
        return None
    offset = yield from _value(image, image.offsets, number, size_bytes)
    if count is None or offset is None:
        if not count and not offset:
            return None
        short = image.counts if count is None else image.offsets
        raise TileDamaged(f"{_where(image, number)}: {short.tag.name} has only {short.count} values")
    if count > _ALLOWANCE_BYTES and count > largest_tile(image):
        raise TileDamaged(f"{_where(image, number)}: {count} bytes, wanted at most {largest_tile(image)}")
    if offset < 8 or offset + count > size_bytes:
        place = f"[{offset}, {offset + count})"
        raise TileDamaged(f"{_where(image, number)}: the bytes {place} are not within the file's {size_bytes}")
    return ByteRange(offset, offset + count)


def index_places(image: Image, number: int, size_bytes: int) -> list[ByteRange]:
    """List the ranges that `locate` may ask for, so that a caller can read both at once.

    Args:
        image: the image.
        number: see `tile_number`.
        size_bytes: size of the file.

    Returns:
        The range of the tile's count and that of its offset, without those that the header holds, that do not exist, or
        that `locate` refuses.
    """
    places = [_place(entry, number) for entry in (image.counts, image.offsets)]
    return [place for place in places if place is not None and place.stop <= size_bytes]


def largest_tile(image: Image) -> int:
    """Bound the bytes of a stored tile, so that a wrong index does not read half of the file.

    No codec doubles its input except CCITT's, which expand a bit to six at most.
    """
    return (8 if image.bits == 1 else 2) * image.tile_bytes + _ALLOWANCE_BYTES


def _value(image: Image, entry: Entry, number: int, size_bytes: int) -> Steps[int | None]:
    """Read a value of an array of the index, None beyond its end."""
    if number >= entry.count:
        return None
    if entry.type not in INDEX_TYPES:
        kind = f"{entry.tag.name} is of type {entry.type_name}"
        raise TileDamaged(f"{_where(image, number)}: {kind}, wanted SHORT, LONG or LONG8")
    place = _place(entry, number)
    if place is not None:
        if place.stop > size_bytes:
            value = f"{entry.tag.name} at byte {place.start}"
            raise TileDamaged(f"{_where(image, number)}: its {value} is beyond the file's {size_bytes}")
        data = yield place
    elif entry.data is not None:
        width = FIELD_BYTES[entry.type]
        data = entry.data[number * width : (number + 1) * width]
    else:
        raise TileDamaged(f"{_where(image, number)}: {entry.tag.name} has no offset")
    return int.from_bytes(data, "little" if image.directory.order == "<" else "big")


def _place(entry: Entry, number: int) -> ByteRange | None:
    """The range of a value that has to be read; None if the header holds it, or if it cannot be read."""
    if number >= entry.count or entry.type not in INDEX_TYPES or entry.data is not None or entry.place is None:
        return None
    width = FIELD_BYTES[entry.type]
    start = entry.place.start + number * width
    return ByteRange(start, start + width)


def _where(image: Image, number: int) -> str:
    return f"{image.directory.where}: tile {number}"
