"""PNG files from filtered rows (PNG, third edition)."""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class Color(IntEnum):
    """Colour types (PNG §11.2.1)."""

    GREY = 0
    RGB = 2
    PALETTE = 3
    GREY_ALPHA = 4
    RGB_ALPHA = 6


@dataclass(frozen=True, slots=True)
class Header:
    """The values of IHDR."""

    width: int
    height: int
    depth: int
    """Bits of a sample."""
    color: Color

    def pack(self) -> bytes:
        """Pack the chunk's data: deflate, the five filters, not interlaced."""
        return struct.pack(">IIBBBBB", self.width, self.height, self.depth, self.color, 0, 0, 0)


def png_file(header: Header, compressed: bytes, colors: bytes = b"", clear: int | None = None) -> bytes:
    """Put a PNG together.

    Args:
        header: size and colour type.
        compressed: zlib stream of the filtered rows, each behind the byte that names its filter.
        colors: R, G and B of each index, for Color.PALETTE.
        clear: the index that is transparent.
    """
    parts = [_SIGNATURE, *_chunk(b"IHDR", header.pack())]
    if colors:
        parts += _chunk(b"PLTE", colors)
    if clear is not None:
        parts += _chunk(b"tRNS", b"\xff" * clear + b"\0")
    return b"".join((*parts, *_chunk(b"IDAT", compressed), *_chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    """Split a chunk into parts; joining those of all chunks at once copies the picture once."""
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)


@lru_cache(maxsize=16)
def transparent(width: int, height: int) -> bytes:
    """Make a transparent PNG of RGB and alpha, 8 bit; sizes in pixels."""
    row = bytes(1 + 4 * width)
    packer = zlib.compressobj(9)
    compressed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return png_file(Header(width, height, 8, Color.RGB_ALPHA), compressed)
