"""JPEG streams up to their first scan: the frame, and the markers that state colours (ITU-T T.81, Annex B).

Other segments are skipped, and entropy-coded data is never read, so that a tile of any size costs the same.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from cogread.errors import CogError, TileDamaged

SOI: Final = b"\xff\xd8"
EOI: Final = b"\xff\xd9"
SOS: Final = b"\xff\xda"

SOF0: Final = 0xFFC0
FRAMES: Final = frozenset(range(SOF0, SOF0 + 16)) - {0xFFC4, 0xFFC8, 0xFFCC}
"""SOF0 to SOF15; the others of that range are DHT, JPG and DAC (ITU-T T.81, table B.1)."""
PROGRESSIVE: Final = SOF0 + 2
MARK_SOS: Final = 0xFFDA
MARK_EOI: Final = 0xFFD9
_DHT: Final = 0xFFC4
DQT: Final = 0xFFDB
DRI: Final = 0xFFDD
APP0: Final = 0xFFE0
APP14: Final = 0xFFEE

COLOR_MARKERS: Final = frozenset({APP0, APP14})
"""APP0 (JFIF) and APP14 (Adobe)."""

_FILL: Final = 0xFFFF
_BARE: Final = frozenset({0xFF00, 0xFF01, *range(0xFFD0, 0xFFD9)})
"""No marker, TEM, RST0 to RST7 and SOI: no length follows them."""

_SEGMENT: Final = struct.Struct(">HH")
"""The start of a segment: marker, and its length without the marker."""
_FRAME: Final = struct.Struct(">BHHB")
"""The rest of a frame's segment: precision, height, width, bands."""
FRAME_BYTES: Final = 10
"""Bytes of a frame's segment before its components, marker included; each component has three."""


class Frame(NamedTuple):
    """The frame header (ITU-T T.81 §B.2.2)."""

    marker: int
    precision: int
    """Bits of a sample."""
    height: int
    width: int
    components: bytes
    """The identifier of each component."""
    sampling: bytes
    """The factors of each component: horizontal in the high half of the byte, vertical in the low one."""


class Head(NamedTuple):
    """A stream up to its first scan."""

    frame: Frame | None
    is_jfif: bool
    adobe_transform: int | None
    """The transform in Adobe's marker: 0 for RGB or CMYK, 1 for YCbCr, 2 for YCCK; None without one."""
    frame_stop: int
    """Bytes up to the end of the frame header; 0 without one."""


def head(stream: bytes) -> Head:
    """Read a stream up to its first scan.

    Raises:
        TileDamaged: there is no scan, or a segment is cut off.
    """
    frame: Frame | None = None
    frame_stop, is_jfif, adobe_transform = 0, False, None
    for marker, start, stop in segments(stream, "JPEG tile", TileDamaged):
        if marker == MARK_SOS:
            return Head(frame, is_jfif, adobe_transform, frame_stop)
        if marker in FRAMES:
            frame, frame_stop = _frame(stream, marker, start, stop), stop
        elif marker in COLOR_MARKERS:
            body = stream[start + 4 : min(stop, start + 18)]
            if marker == APP0:
                is_jfif |= len(body) >= 14 and body.startswith(b"JFIF\0")
            elif len(body) >= 12 and body.startswith(b"Adobe"):
                adobe_transform = body[11]
    raise TileDamaged("JPEG tile without a scan")


def only_codes_follow(stream: bytes, at: int) -> bool:
    """Tell whether a stream has at most tables of Huffman codes between a position and its first scan."""
    last = len(stream) - _SEGMENT.size
    while at <= last:
        marker, length = _SEGMENT.unpack_from(stream, at)
        if marker != _DHT or length < 2:
            return bool(marker == MARK_SOS)
        at += 2 + length
    return False


def segments(stream: bytes, where: str, error: type[CogError]) -> Iterator[tuple[int, int, int]]:
    """Iterate over marker segments as (marker, start, stop), up to and with the first scan or the end of the image.

    ITU-T T.81 §B.1.1. Raises `error` where a marker is missing or a segment is cut off.
    """
    if stream[:2] != SOI:
        raise error(f"{where}: wanted ffd8 at its start", stream[:2])
    at, size = 2, len(stream)
    while at + _SEGMENT.size <= size:
        marker, length = _SEGMENT.unpack_from(stream, at)
        if marker < 0xFF00:
            raise error(f"{where}: wanted a marker at byte {at}", stream[at : at + 2])
        if marker == _FILL:
            at += 1
            continue
        if marker in (MARK_SOS, MARK_EOI):
            yield marker, at, at + 2
            return
        stop = at + 2 + length
        if marker in _BARE or length < 2 or stop > size:
            raise error(f"{where}: the marker {marker:04x} at byte {at} begins no segment that is whole")
        yield marker, at, stop
        at = stop
    if stream[at:] == EOI:
        yield MARK_EOI, at, at + 2


def _frame(stream: bytes, marker: int, start: int, stop: int) -> Frame:
    if stop - start < FRAME_BYTES:
        raise TileDamaged(f"JPEG tile with the frame SOF{marker - SOF0} of {stop - start} bytes, wanted {FRAME_BYTES}")
    precision, height, width, bands = _FRAME.unpack_from(stream, start + _SEGMENT.size)
    first, end = start + FRAME_BYTES, start + FRAME_BYTES + 3 * bands
    if end != stop:
        raise TileDamaged(f"JPEG tile with a frame of {bands} bands in {stop - start} bytes, wanted {end - start}")
    return Frame(marker, precision, height, width, stream[first:end:3], stream[first + 1 : end : 3])
