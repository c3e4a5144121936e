"""Alpha for WebP files of VP8, whose colours have none: the extended file with a chunk ALPH (RFC 9649 §2.7).

The bits of the colours stay as they are. ALPH holds the image data of VP8L without its header, with the alpha as green.
"""

import struct
from typing import Final

_VP8L_HEADER_BYTES: Final = 5
"""Signature, sizes, "alpha is used" and version (RFC 9649 §3.4)."""
_VP8L_COMPRESSION: Final = b"\x01"
"""First byte of ALPH: compressed, without preprocessing and filter."""
_PROFILE, _ALPHA = 0x20, 0x10
"""Flags of VP8X."""
_FIRST_CHUNK: Final = 12
"""Bytes of a file before its first chunk."""


def chunks(file: bytes) -> dict[bytes, bytes]:
    """Map the names of a WebP file's chunks to their contents, as far as they are whole."""
    parts: dict[bytes, bytes] = {}
    at, stop = _FIRST_CHUNK, 8 + int.from_bytes(file[4:8], "little")
    while at + 8 <= stop:
        start = at + 8
        at = start + int.from_bytes(file[at + 4 : start], "little")
        if at <= stop:
            parts.setdefault(file[start - 8 : start - 4], file[start:at])
        at += at % 2
    return parts


def with_alpha(parts: dict[bytes, bytes], width: int, height: int, lossless: bytes) -> bytes:
    """Make a file of colours in VP8 with another alpha.

    Args:
        parts: the chunks of the colours' file. Metadata is left out.
        width: pixels.
        height: pixels.
        lossless: a WebP file of VP8L that has the alpha as green.
    """
    flags = _ALPHA | (_PROFILE if b"ICCP" in parts else 0)
    head = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    alpha = _VP8L_COMPRESSION + chunks(lossless)[b"VP8L"][_VP8L_HEADER_BYTES:]
    extended = {**parts, b"VP8X": head, b"ALPH": alpha}
    names = (b"VP8X", b"ICCP", b"ALPH", b"VP8 ")
    body = b"WEBP" + b"".join(_chunk(name, extended[name]) for name in names if name in extended)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
