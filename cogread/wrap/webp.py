"""WebP tiles are whole WebP files (RFC 9649); they are sent as stored after a check of their header."""

import struct
from functools import lru_cache
from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.refusal import Refusal
from cogread.tiff.tags import Compression
from cogread.wrap.wrapper import Pieces, StreamWrapping, Wrapper, stream_wrapper


def refusal(image: Image) -> Refusal | None:
    """See `stream_wrapper`."""
    if image.compression != Compression.WEBP:
        return Refusal(f"the tiles are {image.compression_name}, not WebP")
    if image.planes > 1 or image.samples not in (3, 4) or image.bits != 8:
        return Refusal(f"WebP of {image.samples} bands of {image.bits} bits")
    return None


def prepare(image: Image) -> StreamWrapping:
    """See `stream_wrapper`."""
    wanted = image.tile_size

    def pieces(stored: bytes) -> Pieces:
        """The tile as it is stored; checks it first."""
        if stored[:4] != b"RIFF" or stored[8:12] != b"WEBP":
            raise TileDamaged("WebP tile: wanted RIFF and WEBP at its start", stored[:12])
        stop = 8 + int.from_bytes(stored[4:8], "little")
        if stop > len(stored):
            raise TileDamaged(f"WebP tile of {len(stored)} bytes, wanted the {stop} that its header states")
        size = _size(stored)
        if size != wanted:
            raise TileDamaged(f"WebP tile of (width, height) {size}, wanted {wanted}")
        return (stored,)

    return StreamWrapping(pieces, added_bytes=0)


def _size(stored: bytes) -> tuple[int, int] | None:
    """Read width and height from the first chunk (RFC 9649 §2.5–2.7, RFC 6386 §9.1); None: the chunk is unknown."""
    kind, body = stored[12:16], stored[20:30]
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    return None


@lru_cache(maxsize=16)
def transparent(width: int, height: int) -> bytes:
    """Make a transparent lossless WebP; sizes in pixels, at most 16384.

    RFC 9649 §3.4 and §3.7: the sizes, "alpha is used" and version 0; no transform, colour cache or meta prefix codes;
    five prefix codes of the single symbol 0, which take no bits, so that no bits follow for the pixels.
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


WEBP: Final[Wrapper] = stream_wrapper(
    "webp", "image/webp", revision=1, refusal=refusal, prepare=prepare, transparent=transparent
)
