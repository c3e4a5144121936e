"""Encoders of the codecs of bytes, which do not know of pixels."""

import lzma
import zlib
from collections.abc import Callable
from typing import Final

import imagecodecs

CODECS: Final[dict[int, Callable[[bytes], bytes]]] = {
    1: bytes,
    5: lambda data: bytes(imagecodecs.lzw_encode(data)),
    8: zlib.compress,
    32946: zlib.compress,
    32773: lambda data: bytes(imagecodecs.packbits_encode(data)),
    34925: lambda data: lzma.compress(data, lzma.FORMAT_XZ),
    50000: lambda data: bytes(imagecodecs.zstd_encode(data)),
}
"""Codec -> encoder of bytes."""
