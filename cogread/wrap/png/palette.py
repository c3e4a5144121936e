"""ColorMap -> the colours of a PNG's palette, as GDAL converts them."""

import struct
from dataclasses import dataclass
from typing import Final

from cogread.errors import FormatError
from cogread.image import Cog, Level
from cogread.metadata.nodata import nodata_of
from cogread.refusal import Refusal
from cogread.tiff.fields import FieldType
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Tag

MAX_COLORS: Final = 256
_CHANNELS: Final = 3


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of an image's indices."""

    colors: bytes
    """R, G and B of each index, from 0."""
    clear: int | None
    """The transparent index, that of nodata; None without one."""

    @property
    def size(self) -> int:
        """Number of colours."""
        return len(self.colors) // _CHANNELS


def palette_refusal(level: Level) -> Refusal | None:
    """Refuse a level's own palette where `load_palette` would."""
    entry = level.image.directory.entries.get(Tag.COLOR_MAP)
    if entry is None or entry.type != FieldType.SHORT or not 0 < entry.count <= _CHANNELS * MAX_COLORS:
        count = 0 if entry is None else entry.count // _CHANNELS
        return Refusal(f"a palette of {count} colours, wanted 1 to {MAX_COLORS}")
    return None


def load_palette(cog: Cog, level: Level) -> Steps[Palette]:
    """Read a level's palette, or the full resolution's if it has none of its own.

    Raises:
        FormatError: neither has a table of 1 to 256 colours.
    """
    directory = level.image.directory
    if Tag.COLOR_MAP not in directory.entries:
        directory = cog.full.directory
    entry = directory.entries.get(Tag.COLOR_MAP)
    if entry is None:
        raise FormatError(f"{directory.where}: no COLOR_MAP for a palette image")
    count, rest = divmod(entry.count, _CHANNELS)
    if entry.type != FieldType.SHORT or rest or not 0 < count <= MAX_COLORS:
        raise FormatError(
            f"{directory.where}: COLOR_MAP of {entry.count} {entry.type_name}, wanted 3 SHORT for each of 1 to 256"
        )
    data = entry.data
    if data is None and entry.place is not None:
        data = yield entry.place
    if data is None or len(data) < 2 * entry.count:
        raise FormatError(f"{directory.where}: COLOR_MAP at {entry.place} is not within the file")
    values = struct.unpack_from(f"{directory.order}{entry.count}H", data)
    return Palette(_colors(values), _clear(nodata_of(cog), count))


def _colors(values: tuple[int, ...]) -> bytes:
    """Convert 16-bit values, all reds first, to bytes (GDAL, gcore/tiff_common.cpp, `TIFFColorMapTagToColorTable`).

    The maximum is 65535, but some writers use 255, or multiply bytes by 256 in place of 257.
    """
    if max(values) < 256:
        divisor = 1
    elif not any(value % 256 for value in values):
        divisor = 256
    else:
        divisor = 257
    count = len(values) // _CHANNELS
    return bytes(values[channel * count + index] // divisor for index in range(count) for channel in range(_CHANNELS))


def _clear(nodata: float | None, count: int) -> int | None:
    return int(nodata) if nodata is not None and 0 <= nodata < count else None
