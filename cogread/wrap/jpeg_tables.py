"""JPEGTables -> the start of JPEG files, before their tiles.

Quantization tables of JPEGTables that the tile replaces by its own, as overviews of GDAL do, are turned into APP15
markers, which mean nothing: decoders take the last ones, but JPEG XL cannot repack a file of more than three.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cogread.errors import FormatError, TileDamaged
from cogread.image import Image
from cogread.jpeg_stream import COLOR_MARKERS, DQT, DRI, FRAMES, MARK_EOI, MARK_SOS, SOI, segments

_FORGOTTEN: Final = COLOR_MARKERS | {DRI}
"""Segments of JPEGTables without effect: libjpeg forgets them at the tile's SOI (jdmarker.c, `get_soi`)."""
_QUANTIZATION: Final = b"\xff\xdb"
_APP15: Final = b"\xff\xef"
_HEAD_BYTES: Final = 128
"""Bytes of a tile in which its first quantization table is looked for; writers begin with these tables."""


def tables_of(image: Image) -> list[bytes]:
    """Extract the segments of JPEGTables that have an effect on tiles.

    Raises:
        FormatError: JPEGTables has no end, or holds more than tables ("tables-only" streams, ITU-T T.81 §B.5).
    """
    if not image.jpeg_tables:
        return []
    where = f"{image.directory.where}: JPEGTables"
    tables: list[bytes] = []
    for marker, start, stop in segments(image.jpeg_tables, where, FormatError):
        if marker == MARK_EOI:
            return tables
        if marker == MARK_SOS or marker in FRAMES:
            raise FormatError(f"{where} holds the marker {marker:04x} of an image, wanted tables alone")
        if marker not in _FORGOTTEN:
            tables.append(image.jpeg_tables[start:stop])
    raise FormatError(f"{where} has no end, wanted ffd9")


@dataclass(frozen=True, slots=True)
class Prefix:
    """The start of the JPEG files of an image, before their tiles; `whole` and `disarmed` have one length."""

    whole: bytes
    disarmed: bytes
    """Without quantization tables."""
    quantization: bytes
    """The segments of quantization tables."""
    numbers: frozenset[int]
    """Their numbers."""

    @classmethod
    def make(cls, start: bytes, image: Image) -> Self:
        """Put the tables behind a start of markers.

        Raises:
            FormatError: as `tables_of`.
        """
        tables = tables_of(image)
        own = [table for table in tables if table.startswith(_QUANTIZATION)]
        disarmed = [_APP15 + table[2:] if table in own else table for table in tables]
        numbers = frozenset(number for table in own for number in _numbers(table))
        return cls(start + b"".join(tables), start + b"".join(disarmed), b"".join(own), numbers)

    def before(self, stored: bytes) -> bytes:
        """Choose the start of the file of a tile.

        Raises:
            TileDamaged: the tile is cut off.
        """
        if stored.startswith(self.quantization, len(SOI)):
            return self.disarmed
        if stored.find(_QUANTIZATION, len(SOI), _HEAD_BYTES) < 0:
            return self.whole
        parts = segments(stored, "JPEG tile", TileDamaged)
        own = {number for marker, start, stop in parts if marker == DQT for number in _numbers(stored[start:stop])}
        return self.disarmed if self.numbers <= own else self.whole


def _numbers(segment: bytes) -> Iterator[int]:
    """Read the numbers of the tables of a segment (ITU-T T.81 §B.2.4.1)."""
    at = 4
    while at < len(segment):
        yield segment[at] & 15
        at += 129 if segment[at] >> 4 else 65
