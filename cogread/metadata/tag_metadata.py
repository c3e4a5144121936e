"""Metadata of TIFF's own tags, as in GDAL's GTiff driver (gtiffdataset.cpp, `apszTIFFTags`): `TIFFTAG_SOFTWARE` …

Values are read on demand. A field of another type, or beyond the end of the file, is left out, as in GDAL.
"""

import struct
from collections.abc import Mapping
from math import isnan
from typing import Final

from cogread.metadata.nodata import MAX_FLOAT32
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.fields import FLOATING, FieldType
from cogread.tiff.parse import Steps
from cogread.tiff.tags import DESCRIPTIVE_NUMBERS, DESCRIPTIVE_TEXTS, Tag

MAX_VALUE_BYTES: Final = 64 << 10
"""Longer values are left out."""
_UNITS: Final = {"1": "1 (unitless)", "2": "2 (pixels/inch)", "3": "3 (pixels/cm)"}


def tag_metadata(directory: Directory, size_bytes: int) -> Steps[Mapping[str, str]]:
    """Read the metadata of a directory of a file of this size."""
    metadata: dict[str, str] = {}
    for tag in (*DESCRIPTIVE_TEXTS, *DESCRIPTIVE_NUMBERS):
        entry = directory.entries.get(tag)
        data = None if entry is None else (yield from _data(entry, size_bytes))
        if entry is None or data is None:
            continue
        text = _text(entry, data) if tag in DESCRIPTIVE_TEXTS else _number(directory, entry, data)
        if text is not None:
            name = f"TIFFTAG_{tag.name.replace('_', '')}"
            metadata[name] = _UNITS.get(text, text) if tag == Tag.RESOLUTION_UNIT else text
    return metadata


def _data(entry: Entry, size_bytes: int) -> Steps[bytes | None]:
    if entry.data is not None or entry.place is None:
        return entry.data
    if entry.place.stop > size_bytes or entry.place.size_bytes > MAX_VALUE_BYTES:
        return None
    return (yield entry.place)


def _text(entry: Entry, data: bytes) -> str | None:
    return data.partition(b"\0")[0].decode("utf-8", "replace") if entry.type == FieldType.ASCII else None


def _number(directory: Directory, entry: Entry, data: bytes) -> str | None:
    """Format the first value as GDAL prints it: resolutions are float32 in libtiff, which refuses some values."""
    if entry.count == 0:
        return None
    if entry.type == FieldType.SHORT:
        return str(struct.unpack_from(f"{directory.order}H", data)[0])
    if entry.type == FieldType.RATIONAL:
        numerator, denominator = struct.unpack_from(f"{directory.order}2I", data)
        value = numerator / denominator if denominator else 0.0
    elif entry.type in FLOATING:
        value = struct.unpack_from(directory.order + FieldType(entry.type).code, data)[0]
    else:
        return None
    if isnan(value) or value < 0 or (entry.type == FieldType.DOUBLE and value > MAX_FLOAT32):
        return None
    return f"{struct.unpack('<f', struct.pack('<f', min(value, MAX_FLOAT32)))[0]:.8g}"
