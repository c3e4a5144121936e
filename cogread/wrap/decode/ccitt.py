"""CCITT tiles -> pixels of one bit. Loads numpy and imagecodecs.

The decoder reports no damage, and fills rows that it cannot read with white pixels. Strategy: a black row is appended
to the stream. The decoder returns it as the last row only if it has read the whole tile as the right number of rows.
Ends of lines are removed first, since the decoder resumes at them after an incomplete row. As with other codecs without
a checksum, a changed code that leaves the rows whole is not detected.
Codes: ITU-T T.4 §4.1 and T.6 §2.2; options: TIFF 6.0 §10 and §11.
"""

from collections.abc import Callable
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.tiff.tags import Compression, Tag

_HORIZONTAL: Final = "001"
_ONE_DIMENSIONAL: Final = "1"
"""Begins a line where lines of both kinds are mixed."""
_WHITE_0: Final = "00110101"
_BLACK_0: Final = "0000110111"
_BLACK_2560: Final = "000000011111"
_LONGEST_RUN: Final = 2560
_END_OF_LINE: Final = "000000000001"

_MAX_STEPS: Final = 1 << 32
"""Bound of stored bytes times pixels of a row, to which the decoder's time is proportional at worst: some seconds."""

_Rows = NDArray[np.uint8]


def decode(image: Image, stored: bytes) -> NDArray[Any]:
    """Decode a tile to (tile height, tile width) of 0 and 1.

    Raises:
        TileDamaged: it is not the codes of as many whole rows.
        RuntimeError: the decoder fails.
    """
    name = image.compression_name
    if len(stored) * image.tile_width > _MAX_STEPS:
        raise TileDamaged(f"{name} tile of {len(stored)} bytes takes too long to decode")
    black = _WHITE_0 + _BLACK_2560 * -(-image.tile_width // _LONGEST_RUN) + _BLACK_0
    rows = np.zeros((image.tile_height + 1, image.tile_width), np.uint8)
    if not _DECODERS[image.compression](image, stored, black, rows):
        raise TileDamaged(f"{name} tile of {len(stored)} bytes: wanted {image.tile_height} whole rows")
    return rows[:-1]


def _rle(image: Image, stored: bytes, black: str, rows: _Rows) -> bool:
    """Decode rows that begin at whole bytes."""
    imagecodecs.ccittrle_decode(stored + _bytes(black), out=rows)
    return bool(rows[-1].all())


def _fax3(image: Image, stored: bytes, black: str, rows: _Rows) -> bool:
    """Decode; the last row is followed by less than a byte of zeros, and may end with some of its own."""
    options = image.directory.integer(Tag.T4_OPTIONS, 0)
    lines = _END_OF_LINE + _bits(stored).replace(_END_OF_LINE, "")
    black = (_ONE_DIMENSIONAL if options else "") + black
    for padding in range(8):
        if lines.endswith("0" * padding):
            imagecodecs.ccittfax3_decode(_bytes(lines[: len(lines) - padding] + black), t4options=options, out=rows)
            if rows[-1].all():
                return True
    return False


def _fax4(image: Image, stored: bytes, black: str, rows: _Rows) -> bool:
    """Decode a block that ends with two ends of lines and less than a byte of zeros."""
    stored, end = stored.rstrip(b"\0"), _END_OF_LINE * 2
    last = _bits(stored[-4:]).rstrip("0")
    imagecodecs.ccittfax4_decode(stored[:-4] + _bytes(last.removesuffix(end) + _HORIZONTAL + black), out=rows)
    return last.endswith(end) and bool(rows[-1].all())


def _bits(data: bytes) -> str:
    return f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"


def _bytes(bits: str) -> bytes:
    """Pack bits, with zeros up to a whole byte."""
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


_DECODERS: Final[dict[int, Callable[[Image, bytes, str, _Rows], bool]]] = {
    Compression.CCITTRLE: _rle,
    Compression.CCITTFAX3: _fax3,
    Compression.CCITTFAX4: _fax4,
}
