"""Tiles -> their samples, with the codec as HTTP's content coding: clients undo it, the server need not.

DEFLATE is HTTP's "deflate", a zlib stream, to the byte (RFC 9110 §8.4.1.2), Zstandard its "zstd" as long as a decoder
needs no more than 8 MB for it (RFC 9659). The predictor is described and left in, unless it is asked for without. Each
plane of an image is a body of its own. The decoders are loaded when there is something to decode.
"""

from importlib import import_module
from typing import Final, Literal

from cogread.errors import TileDamaged
from cogread.image import Image, Level
from cogread.tags import Compression, SampleFormat
from cogread.wrap.check import check_stored
from cogread.wrap.decoding import DEFLATES, is_lsb_first, plane_samples, predictor, why_not_decoded
from cogread.wrap.tile import valid_size

MEDIA_TYPE: Final = "application/octet-stream"
MAX_WINDOW_BYTES: Final = 8 << 20
"""RFC 9659 §3."""

_PIXELS: Final = "cogread.wrap.pixels"

Coding = Literal["identity", "deflate", "zstd"]

_TYPE_LETTERS: Final = {SampleFormat.INT: "i", SampleFormat.FLOAT: "f", SampleFormat.COMPLEX_FLOAT: "c"}
_TYPE_BITS: Final = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64), "c": (64, 128)}


def why_not(level: Level) -> str | None:
    """See `Wrapper.why_not`; of a mask's own tiles with the mask as the image of the level."""
    image = level.image
    if image.compression not in (Compression.NONE, Compression.ZSTD, *DEFLATES):
        return f"{image.compression_name} is no content coding of HTTP"
    if is_lsb_first(image):
        return "the bits of each byte are in reverse order"
    return why_not_decoded(image)


def coding(image: Image, stored: bytes) -> Coding:
    """The content coding that stored bytes have as they are; "identity" also where they have none that HTTP knows.

    Args:
        image: one that is offered so.
        stored: a tile of one plane.

    Raises:
        TileDamaged: they do not begin as a tile of this codec does.
    """
    if image.compression == Compression.NONE:
        return "identity"
    check_stored(image, stored, 0, 0)
    if image.compression in DEFLATES:
        return "deflate"
    return "zstd" if _window_bytes(stored) <= MAX_WINDOW_BYTES else "identity"


def identity(image: Image, stored: bytes, col: int, row: int) -> bytes:
    """The samples of a tile of one plane, without the codec but with the predictor.

    Raises:
        TileDamaged: the stored bytes are not a tile.
    """
    data: bytes = import_module(_PIXELS).decompress(image, stored, valid_size(image, col, row)[1])
    return data


def without_predictor(image: Image, stored: bytes, col: int, row: int) -> bytes:
    """The samples themselves, in the file's byte order.

    Raises:
        TileDamaged: the stored bytes are not a tile.
    """
    data: bytes = import_module(_PIXELS).without_predictor(image, stored, valid_size(image, col, row)[1])
    return data


def describe(image: Image) -> dict[str, str]:
    """What a client must know to read a plane's samples; each value fit for an HTTP header.

    Rows of samples that are no whole bytes are padded to bytes, the most significant bit first; such samples, and
    complex integers, have no `typestr`, which is numpy's.
    """
    order = image.directory.order
    described = {
        "dtype": image.dtype,
        "byte-order": "little" if order == "<" else "big",
        "shape": f"{image.tile_height},{image.tile_width},{plane_samples(image)}",
        "predictor": str(predictor(image)),
    }
    letter = _TYPE_LETTERS.get(SampleFormat(image.sample_format), "u")
    if image.bits in _TYPE_BITS[letter] and image.sample_format != SampleFormat.COMPLEX_INT:
        described["typestr"] = f"{'|' if image.bits == 8 else order}{letter}{image.bits // 8}"
    return described


def _window_bytes(stored: bytes) -> int:
    """What a decoder must keep of a Zstandard frame (RFC 8878 §3.1.1.1).

    Raises:
        TileDamaged: the frame ends within its header, or wants a dictionary.
    """
    if len(stored) < 18:  # the longest header
        stored = stored.ljust(18, b"\0")
    descriptor = stored[4]
    size_flag, is_single_segment, dictionary_flag = descriptor >> 6, descriptor & 0x20, descriptor & 0x03
    if dictionary_flag:
        raise TileDamaged("ZSTD tile that wants a dictionary")
    if not is_single_segment:
        exponent, mantissa = stored[5] >> 3, stored[5] & 0x07
        return (8 + mantissa) << (7 + exponent)
    width = (1, 2, 4, 8)[size_flag]
    return int.from_bytes(stored[5 : 5 + width], "little") + (256 if width == 2 else 0)
