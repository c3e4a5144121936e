"""PNG files from filtered rows (PNG, third edition), and pictures of nothing."""

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
    """What IHDR states."""

    width: int
    height: int
    depth: int
    """Bits of a sample."""
    color: Color

    def pack(self) -> bytes:
        """The chunk's data: deflate, the five filters, not interlaced."""
        return struct.pack(">IIBBBBB", self.width, self.height, self.depth, self.color, 0, 0, 0)


def png_file(header: Header, compressed: bytes, colors: bytes = b"", clear: int | None = None) -> bytes:
    """A PNG.

    Args:
        header: size and kind.
        compressed: zlib stream of the filtered rows, each behind the byte that names its filter.
        colors: R, G and B for each index, for Color.PALETTE.
        clear: the index that is transparent.
    """
    parts = [_SIGNATURE, *_chunk(b"IHDR", header.pack())]
    if colors:
        parts += _chunk(b"PLTE", colors)
    if clear is not None:
        parts += _chunk(b"tRNS", b"\xff" * clear + b"\0")
    return b"".join((*parts, *_chunk(b"IDAT", compressed), *_chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    """The parts of a chunk; joined with those of the others, so that the picture is copied once."""
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)


@lru_cache(maxsize=16)
def transparent_png(width: int, height: int) -> bytes:
    """A PNG of RGB and alpha, 8 bit, that shows nothing; sizes in pixels."""
    row = bytes(1 + 4 * width)
    packer = zlib.compressobj(9)
    compressed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return png_file(Header(width, height, 8, Color.RGB_ALPHA), compressed)


@lru_cache(maxsize=16)
def transparent_webp(width: int, height: int) -> bytes:
    """A lossless WebP that shows nothing; sizes in pixels, at most 16384.

    RFC 9649 §3.4 and §3.7: the sizes, "alpha is used" and a version of 0; no transform, no colour cache, no meta prefix
    codes; five prefix codes of one symbol, 0, which takes no bits: so there is no bit for the pixels.
    """
    fields = ((0x2F, 8), (width - 1, 14), (height - 1, 14), (1, 1), (0, 3), (0, 3), *(((0b0001), 4),) * 5)
    bits, at = 0, 0
    for value, count in fields:
        bits |= value << at
        at += count
    stream = bits.to_bytes(-(-at // 8), "little")
    stream += b"\0" * (len(stream) % 2)
    chunk = b"VP8L" + struct.pack("<I", -(-at // 8)) + stream
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
