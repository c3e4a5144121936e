"""JPEG tiles -> JPEG files.

A tile in a TIFF is an "abbreviated" JPEG stream: tables that all tiles share may stand once, in JPEGTables (TIFF
Technical Note 2, "TIFF Tag Type 347"). They are put in behind the tile's SOI. An RGB tile gets Adobe's APP14 marker,
without which decoders take three components for YCbCr. A JFIF marker, which implies YCbCr and beats Adobe's (libjpeg,
jdapimin.c, `default_decompress_parms`), is disarmed in such a tile by making it an application marker of no meaning.
"""

import struct
from collections.abc import Iterator
from typing import Final

from cogread.errors import CogError, FormatError, TileDamaged
from cogread.image import Image
from cogread.tags import Compression, Photometric, Planar
from cogread.wrap.base import StreamWrapping, Wrapper, stream_wrapper

SOI: Final = b"\xff\xd8"
EOI: Final = b"\xff\xd9"
ADOBE_RGB: Final = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""APP14 with transform 0: the three components are R, G and B."""

_COLOR_MARKERS: Final = frozenset({0xFFE0, 0xFFEE})
"""APP0 (JFIF) and APP14 (Adobe)."""
_NO_MEANING: Final = 0xEF
"""Second byte of APP15."""
_FILL: Final = 0xFFFF
_EOI: Final = 0xFFD9
_SOS: Final = 0xFFDA
_BARE: Final = frozenset({0xFF00, 0xFF01, *range(0xFFD0, 0xFFD9)})
"""No marker, TEM, RST0 to RST7 and SOI: nothing follows them that tells its length."""
_SOF0: Final = 0xFFC0
_FRAMES: Final = frozenset(range(_SOF0, _SOF0 + 16)) - {0xFFC4, 0xFFC8, 0xFFCC}
"""SOF0 to SOF15; the others of that range are DHT, JPG and DAC (ITU-T T.81, table B.1)."""
_WEB_FRAMES: Final = frozenset({_SOF0, _SOF0 + 1, _SOF0 + 2})
"""Baseline, extended sequential and progressive, with Huffman codes: what browsers decode."""

_SEGMENT: Final = struct.Struct(">HH")
"""How a segment begins: marker, and its length without the marker."""
_FRAME: Final = struct.Struct(">BHHB")
"""How a frame's segment goes on: precision, height, width, bands."""


def why_not(image: Image) -> str | None:
    """See `stream_wrapper`."""
    if image.compression != Compression.JPEG:
        return f"the tiles are {image.compression_name}, not JPEG"
    if image.bits != 8:
        return f"JPEG of {image.bits} bits a sample is not shown by web clients"
    if image.planar == Planar.SEPARATE and image.samples > 1:
        return "the bands are stored in tiles of their own"
    shown = {1: (Photometric.MINISBLACK,), 3: (Photometric.RGB, Photometric.YCBCR)}
    if image.photometric not in shown.get(image.samples, ()):
        return f"JPEG of {image.samples} bands as {image.photometric_name} is not shown rightly by web clients"
    return None


def prepare(image: Image) -> StreamWrapping:
    """See `stream_wrapper`.

    Raises:
        FormatError: JPEGTables is no JPEG stream.
    """
    is_rgb = image.photometric == Photometric.RGB
    prefix = SOI + (ADOBE_RGB if is_rgb else b"") + _tables(image)
    shape = (image.tile_height, image.tile_width, image.samples)

    def wrap(stored: bytes) -> bytes:
        _check_ends(stored)
        found, color_markers = _head(stored)
        if found != shape:
            raise TileDamaged(f"JPEG tile of (height, width, bands) {found}, wanted {shape}")
        if is_rgb:
            disarmed = bytearray(stored)
            for at in color_markers:
                disarmed[at + 1] = _NO_MEANING
            stored = bytes(disarmed)
        return wrap_again(stored)

    def wrap_again(stored: bytes) -> bytes:
        return prefix + memoryview(stored)[2:]  # a slice of the bytes would copy them once more

    return StreamWrapping(wrap, len(prefix) - 2, None if is_rgb else wrap_again)


def merge_tables(image: Image, stored: bytes) -> bytes:
    """Make a tile a JPEG file whatever it shows: it says nothing of colours, and web clients may not decode it.

    Raises:
        TileDamaged: the tile does not begin and end as a JPEG stream.
        FormatError: JPEGTables is no JPEG stream.
    """
    _check_ends(stored)
    return SOI + _tables(image) + stored[2:]


def _check_ends(stored: bytes) -> None:
    if not (stored.startswith(SOI) and (stored.endswith(EOI) or stored.rstrip(b"\0").endswith(EOI))):
        raise TileDamaged("JPEG tile: wanted ffd8 at its start and ffd9 at its end", stored[:2] + stored[-2:])


def _tables(image: Image) -> bytes:
    """What JPEGTables holds between SOI and EOI.

    Raises:
        FormatError: it does not end, or holds more than tables ("tables-only" streams, ITU-T T.81 §B.5).
    """
    if not image.jpeg_tables:
        return b""
    where = f"{image.directory.where}: JPEGTables"
    for marker, start, _ in _segments(image.jpeg_tables, where, FormatError):
        if marker == _EOI:
            return image.jpeg_tables[2:start]
        if marker == _SOS or marker in _FRAMES:
            raise FormatError(f"{where} holds the marker {marker:04x} of an image, wanted tables alone")
    raise FormatError(f"{where} has no end, wanted ffd9")


def _head(stream: bytes) -> tuple[tuple[int, int, int] | None, list[int]]:
    """Shape (height, width, bands) of the frame, None without one; and the places of markers that tell the colours.

    Raises:
        TileDamaged: the frame is of a kind that web clients do not decode, or there is no scan.
    """
    shape: tuple[int, int, int] | None = None
    color_markers: list[int] = []
    for marker, start, stop in _segments(stream, "JPEG tile", TileDamaged):
        if marker == _SOS:
            return shape, color_markers
        if marker in _FRAMES:
            if marker not in _WEB_FRAMES or stop - start < 10:
                raise TileDamaged(f"JPEG tile with the frame SOF{marker - _SOF0}, wanted SOF0, SOF1 or SOF2")
            _, height, width, bands = _FRAME.unpack_from(stream, start + _SEGMENT.size)
            shape = (height, width, bands)
        elif marker in _COLOR_MARKERS:
            color_markers.append(start)
    raise TileDamaged("JPEG tile without a scan")


def _segments(stream: bytes, where: str, error: type[CogError]) -> Iterator[tuple[int, int, int]]:
    """Marker segments up to the first scan or the end, which is the last one, as (marker, start, stop).

    ITU-T T.81 §B.1.1. Raises `error` when something else is where a marker should be, or a segment is cut off.
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
        if marker in (_SOS, _EOI):
            yield marker, at, at + 2
            return
        stop = at + 2 + length
        if marker in _BARE or length < 2 or stop > size:
            raise error(f"{where}: the marker {marker:04x} at byte {at} begins no segment that is whole")
        yield marker, at, stop
        at = stop
    if stream[at:] == EOI:
        yield _EOI, at, at + 2


JPEG: Final[Wrapper] = stream_wrapper("jpg", "image/jpeg", revision=1, why_not=why_not, prepare=prepare)
