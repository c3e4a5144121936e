"""Codecs of bytes with bounded output. Loads imagecodecs.

A decompressor gets the stored bytes and a limit of output, and allocates no more: longer output is cut off there, or an
error. Errors of the decoders pass; see `FAILURES`.
"""

import lzma
from collections.abc import Callable, Mapping
from typing import Final

import imagecodecs

from cogread.errors import TileDamaged
from cogread.tiff.tags import Compression

FAILURES: Final = (RuntimeError, ValueError, lzma.LZMAError)
"""Errors of the decoders; imagecodecs has a class for each codec, all below RuntimeError."""

_TRAILING_BYTES: Final = 16
"""Longest padding that writers leave behind a stream."""
_LZMA_MEMORY_BYTES: Final = 72 << 20
"""Need of preset 9 with its dictionary of 64 MiB; pages are taken only as they are written."""


def inflate(stored: bytes, limit: int) -> bytes:
    """Decompress a zlib stream (RFC 1950)."""
    data = bytes(imagecodecs.deflate_decode(stored, out=limit))
    checksum = imagecodecs.deflate_adler32(data).to_bytes(4, "big")  # ends the stream, §2.2
    if checksum not in stored[-len(checksum) - _TRAILING_BYTES :]:
        raise TileDamaged(f"more than {_TRAILING_BYTES} bytes follow the zlib stream of a tile")
    return data


def unzstd(stored: bytes, limit: int) -> bytes:
    """Decompress Zstandard frames up to the last byte (RFC 8878). The output is the window, so a large one is free."""
    return bytes(imagecodecs.zstd_decode(stored, out=limit))


def _unxz(stored: bytes, limit: int) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES)
    data = decoder.decompress(stored, limit)
    if len(data) < limit and not decoder.eof:
        raise TileDamaged(f"the LZMA stream of a tile is cut off, after {len(data)} bytes when decompressed")
    if len(decoder.unused_data) > _TRAILING_BYTES:
        raise TileDamaged(f"{len(decoder.unused_data)} bytes follow the LZMA stream of a tile")
    return data


def _unlzw(stored: bytes, limit: int) -> bytes:
    return bytes(imagecodecs.lzw_decode(stored, out=limit))


def _unpackbits(stored: bytes, limit: int) -> bytes:
    return bytes(imagecodecs.packbits_decode(stored, out=limit))


def _as_stored(stored: bytes, limit: int) -> bytes:
    return stored


DECOMPRESSORS: Final[Mapping[int, Callable[[bytes, int], bytes]]] = {
    Compression.NONE: _as_stored,
    Compression.DEFLATE: inflate,
    Compression.DEFLATE_OLD: inflate,
    Compression.LZW: _unlzw,
    Compression.LZMA: _unxz,
    Compression.PACKBITS: _unpackbits,
    Compression.ZSTD: unzstd,
}
"""Codec -> (stored bytes, limit) -> bytes."""
