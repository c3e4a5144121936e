"""RGB JPEG tiles -> streams that all decoders take for RGB.

Browsers and other users of libjpeg-turbo go by the markers: Adobe's states the colours, unless JFIF's implies YCbCr.
The libjpeg 9 of the IJG, with which rasterio 1.4 decodes, goes by the identifiers of the components first (jdapimin.c,
`default_decompress_parms`). GDAL writes no markers, and identifiers that mean nothing; other writers may write both.
"""

import re
from collections.abc import Iterator
from typing import Final

from cogread.errors import TileDamaged
from cogread.jpeg_stream import COLOR_MARKERS, EOI, FRAME_BYTES, FRAMES, SOI, SOS, segments

ADOBE_RGB: Final = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""APP14 with transform 0: the three components are R, G and B."""

_APP15: Final = 0xEF
"""Second byte of a marker without meaning."""
_YCBCR: Final = b"\x01\x02\x03"
_RGB: Final = b"RGB"
"""Identifiers of the components."""
_RENAMED: Final = bytes.maketrans(_YCBCR, _RGB)
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Any but RST0 to RST7, which entropy-coded data has inside (ITU-T T.81 §B.1.1.3)."""


def as_rgb(stored: bytes) -> bytes:
    """Turn markers that state colours into APP15, and the identifiers of YCbCr into those of RGB; the length stays.

    Raises:
        TileDamaged: the stream is cut off.
    """
    edited: bytearray | None = None
    for marker, start, stop in segments(stored, "JPEG tile", TileDamaged):
        if marker in COLOR_MARKERS:
            edited = edited or bytearray(stored)
            edited[start + 1] = _APP15
        elif marker in FRAMES and stored[start + FRAME_BYTES : stop : 3] == _YCBCR:
            edited = edited or bytearray(stored)
            edited[start + FRAME_BYTES : stop : 3] = _RGB
            _rename_in_scans(edited)
    return stored if edited is None else bytes(edited)


def _rename_in_scans(stream: bytearray) -> None:
    """Replace the identifiers in the headers of all scans (ITU-T T.81 §B.2.3)."""
    for start in _scans(stream):
        count = int.from_bytes(stream[start + 4 : start + 5])
        components = slice(start + 5, start + 5 + 2 * count, 2)
        stream[components] = stream[components].translate(_RENAMED)


def _scans(stream: bytearray) -> Iterator[int]:
    """Find the headers of scans."""
    at = len(SOI)
    while (marker := _MARKER.search(stream, at)) and marker[0] != EOI:
        at = marker.start()
        if marker[0] == SOS:
            yield at
        at += 2 + int.from_bytes(stream[at + 2 : at + 4])
