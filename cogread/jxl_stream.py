"""Headers of JPEG XL streams: size, channels and their bits (ISO/IEC 18181-1, annex D; boxes: ISO/IEC 18181-2).

A stream is a bare codestream, as GDAL writes lossless tiles of 8 bits, or a file of boxes around one.
"""

import struct
from typing import Final, NamedTuple

from cogread.errors import TileDamaged

CODESTREAM: Final = b"\xff\x0a"
CONTAINER: Final = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"

_WHOLE, _PART = b"jxlc", b"jxlp"
"""Boxes with the codestream, and with a part of it behind four bytes that number it."""
_BOX: Final = struct.Struct(">I4s")
_MOST_BYTES: Final = 1024
"""Bound of a header; names of channels can make one longer, but no writer of tiles gives names."""

_SIZES: Final = ((9, 1), (13, 1), (18, 1), (30, 1))
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_ENUM: Final = ((0, 0), (0, 1), (4, 2), (6, 18))
_INTEGER_BITS: Final = ((0, 8), (0, 10), (0, 12), (6, 1))
_FLOAT_BITS: Final = ((0, 32), (0, 16), (0, 24), (6, 1))
_CHANNELS: Final = ((0, 0), (0, 1), (4, 2), (12, 1))
_SHIFTS: Final = ((0, 0), (0, 3), (0, 4), (3, 1))
_NAME_BYTES: Final = ((0, 0), (4, 0), (5, 16), (10, 48))
_ALPHA: Final = 0
"""Type of an extra channel."""
_RGB, _GRAY = 0, 1
"""Colour spaces."""
_D65, _SRGB_PRIMARIES, _SRGB_TRANSFER = 1, 1, 13
"""White point, primaries and transfer function of sRGB."""


class Header(NamedTuple):
    """The properties of a picture."""

    width: int
    height: int
    bits: int
    """Bits of a sample."""
    is_float: bool
    colors: int
    """1 or 3."""
    extra: int
    """Number of channels beside the colours."""
    has_straight_alpha: bool
    """There is one such channel: opacity with which the colours are not multiplied."""
    is_srgb: bool
    """The numbers are those of sRGB, or of its grey; browsers convert others, GDAL does not."""


class _Bits:
    """Reads bits, the least significant of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise TileDamaged("JPEG XL tile: its header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))

    def choice(self, choices: tuple[tuple[int, int], ...]) -> int:
        """A number of one of four widths, with its offset ("U32" of the standard)."""
        count, offset = choices[self.take(2)]
        return offset + self.take(count)


def read_header(stored: bytes) -> Header:
    """Read the header of a tile.

    Raises:
        TileDamaged: it is no stream of JPEG XL, or none of a single upright picture.
    """
    bits = _Bits(_codestream(stored)[len(CODESTREAM) : _MOST_BYTES])
    width, height = _size(bits)
    if bits.flag():  # all as usual
        return Header(width, height, 8, False, 3, 0, False, True)
    if bits.flag() and bits.take(6):
        raise TileDamaged("JPEG XL tile that is turned, animated, or of two sizes; wanted a single picture")
    depth, is_float = _depth(bits)
    bits.flag()  # buffers of 16 bits suffice
    extra = bits.choice(_CHANNELS)
    alphas = [_is_straight_alpha(bits) for _ in range(min(extra, 4))]
    if extra > len(alphas):
        raise TileDamaged(f"JPEG XL tile of {extra} extra channels, wanted at most {len(alphas)}")
    bits.flag()  # the colours are in XYB
    colors, is_srgb = _colors(bits)
    return Header(width, height, depth, is_float, colors, extra, alphas == [True], is_srgb)


def _codestream(stored: bytes) -> bytes:
    """Find the start of the codestream."""
    if stored.startswith(CODESTREAM):
        return stored
    if not stored.startswith(CONTAINER):
        raise TileDamaged(f"JPEG XL tile: wanted {CODESTREAM.hex()} or {CONTAINER.hex()} at its start", stored[:12])
    at = 0
    while at + _BOX.size <= len(stored):
        size, kind = _BOX.unpack_from(stored, at)
        start = at + _BOX.size
        if size == 1:  # a size of 64 bits follows
            size, start = int.from_bytes(stored[start : start + 8], "big"), start + 8
        if kind == _PART:
            start += 4
        if kind in (_WHOLE, _PART) and stored.startswith(CODESTREAM, start):
            return stored[start:]
        if at + size < start:
            break
        at += size
    raise TileDamaged("JPEG XL tile: wanted a codestream in its boxes", stored[:12])


def _size(bits: _Bits) -> tuple[int, int]:
    """Width and height."""
    is_small = bits.flag()

    def side() -> int:
        """One side of the picture in pixels."""
        return 8 * (bits.take(5) + 1) if is_small else bits.choice(_SIZES)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    numerator, denominator = _RATIOS[ratio]
    return height * numerator // denominator, height


def _depth(bits: _Bits) -> tuple[int, bool]:
    """Bits of a sample, and True for floats."""
    if not bits.flag():
        return bits.choice(_INTEGER_BITS), False
    depth = bits.choice(_FLOAT_BITS)
    bits.take(4)  # bits of the exponent
    return depth, True


def _colors(bits: _Bits) -> tuple[int, bool]:
    """The number of colours; True if they are those of sRGB."""
    if bits.flag():  # all as usual
        return 3, True
    has_profile, space = bits.flag(), bits.choice(_ENUM)
    colors = 1 if space == _GRAY else 3
    if has_profile or space not in (_RGB, _GRAY) or bits.choice(_ENUM) != _D65:
        return colors, False
    if space == _RGB and bits.choice(_ENUM) != _SRGB_PRIMARIES:
        return colors, False
    has_gamma = bits.flag()
    return colors, not has_gamma and bits.choice(_ENUM) == _SRGB_TRANSFER


def _is_straight_alpha(bits: _Bits) -> bool:
    """Read an extra channel."""
    if bits.flag():  # all as usual
        return True
    kind = bits.choice(_ENUM)
    _depth(bits)
    bits.choice(_SHIFTS)
    for _ in range(bits.choice(_NAME_BYTES)):
        bits.take(8)
    if kind != _ALPHA:
        raise TileDamaged(f"JPEG XL tile with an extra channel of type {kind}, wanted {_ALPHA}, opacity")
    return not bits.flag()
