"""Tiles -> samples, with the codec as HTTP's content coding, which clients undo.

A DEFLATE tile is HTTP's "deflate", a zlib stream (RFC 9110 §8.4.1.2); a ZSTD tile is its "zstd" where decoding needs a
window of at most 8 MB (RFC 9659). The predictor stays and is described, unless the client asks for plain samples. Each
plane is a body of its own. The decoders are loaded at the first tile that needs them.
"""

from importlib import import_module
from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Cog, Image, Level
from cogread.refusal import Refusal
from cogread.tiff.parse import Steps
from cogread.tiff.tags import DEFLATES, Compression, SampleFormat
from cogread.wrap.decode.support import is_lsb_first, plane_samples, predictor, undecodable, work_bytes
from cogread.wrap.stored import check_stored
from cogread.wrap.tile import Tile, valid_size
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

MAX_WINDOW_BYTES: Final = 8 << 20
"""RFC 9659 §3."""

_PIXELS: Final = "cogread.wrap.decode.pixels"

_WINDOW_OF_8_MB: Final = b"\x68"
"""Window_Descriptor of exponent 13 and mantissa 0 (RFC 8878 §3.1.1.1.2)."""

_IS_SINGLE_SEGMENT: Final = 0x20
"""Bit of Frame_Header_Descriptor: the window is the content (RFC 8878 §3.1.1.1.1.2)."""

HEADER_PREFIX: Final = "Rawcog-"

_TYPE_LETTERS: Final = {SampleFormat.INT: "i", SampleFormat.FLOAT: "f", SampleFormat.COMPLEX_FLOAT: "c"}
_TYPE_BITS: Final = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64), "c": (64, 128)}


def refusal(level: Level) -> Refusal | None:
    """See `Wrapper.refusal`; for a mask's own tiles, the mask is the image of the level."""
    image = level.image
    if image.compression not in (Compression.NONE, Compression.ZSTD, *DEFLATES):
        return Refusal(f"{image.compression_name} is no content coding of HTTP")
    if is_lsb_first(image):
        return Refusal("the bits of each byte are in reverse order")
    return undecodable(image)


def describe(image: Image) -> dict[str, str]:
    """Describe the layout of a plane's samples in values fit for an HTTP header.

    `typestr` is numpy's; complex integers and samples of odd widths have none. Rows of odd widths are padded to bytes,
    the most significant bit first.
    """
    order = image.directory.order
    layout = {
        "dtype": image.dtype,
        "byte-order": "little" if order == "<" else "big",
        "shape": f"{image.tile_height},{image.tile_width},{plane_samples(image)}",
        "predictor": str(predictor(image)),
    }
    letter = _TYPE_LETTERS.get(SampleFormat(image.sample_format), "u")
    if image.bits in _TYPE_BITS[letter] and image.sample_format != SampleFormat.COMPLEX_INT:
        layout["typestr"] = f"{'|' if image.bits == 8 else order}{letter}{image.bits // 8}"
    return layout


def _window_bytes(stored: bytes) -> int:
    """Read the window size of a Zstandard frame, the memory that a decoder needs (RFC 8878 §3.1.1.1).

    Raises:
        TileDamaged: the frame needs a dictionary.
    """
    if len(stored) < 18:  # the longest header
        stored = stored.ljust(18, b"\0")
    descriptor = stored[4]
    size_flag, is_single_segment, dictionary_flag = descriptor >> 6, descriptor & _IS_SINGLE_SEGMENT, descriptor & 0x03
    if dictionary_flag:
        raise TileDamaged("ZSTD tile that needs a dictionary")
    if not is_single_segment:
        exponent, mantissa = stored[5] >> 3, stored[5] & 0x07
        return (8 + mantissa) << (7 + exponent)
    width = (1, 2, 4, 8)[size_flag]
    return int.from_bytes(stored[5 : 5 + width], "little") + (256 if width == 2 else 0)


def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    """See `Wrapper.prepare`."""
    yield from ()
    image = level.image
    coding = coding_of(level)
    is_coded = coding != "identity" and not options.is_identity

    def wrap(tile: Tile) -> bytes:
        stored = tile.planes[0] or b""
        if is_coded and not options.is_plain:
            check_stored(image, stored, tile.col, tile.row)
            return _within_window(stored) if coding == "zstd" else stored
        decoders, rows = import_module(_PIXELS), valid_size(image, tile.col, tile.row)[1]
        data: bytes = (decoders.without_predictor if options.is_plain else decoders.decompress)(image, stored, rows)
        return data

    layout = describe(image) | ({"predictor": "1"} if options.is_plain else {})
    headers = [(f"{HEADER_PREFIX}{key.title()}", value) for key, value in layout.items()]
    headers += [("Vary", "Accept-Encoding"), ("Access-Control-Expose-Headers", ", ".join(key for key, _ in headers))]
    if is_coded:
        headers.append(("Content-Encoding", coding))
    work = 0 if is_coded or image.compression == Compression.NONE else work_bytes(image, plane_samples(image))
    return Wrapping(wrap, 0 if is_coded else None, (options.plane,), headers=tuple(headers), work_bytes=work)


def coding_of(level: Level) -> str:
    """See `Wrapper.coding_of`; "zstd" only where a tile fits into the largest window that HTTP allows."""
    image = level.image
    if image.compression in DEFLATES:
        return "deflate"
    return "zstd" if image.compression == Compression.ZSTD and image.tile_bytes <= MAX_WINDOW_BYTES else "identity"


def _within_window(stored: bytes) -> bytes:
    """Lower a frame's window to HTTP's maximum: a header may claim more than its content needs.

    Raises:
        TileDamaged: the frame states a content larger than a tile.
    """
    if _window_bytes(stored) <= MAX_WINDOW_BYTES:
        return stored
    if stored[4] & _IS_SINGLE_SEGMENT:
        raise TileDamaged(f"ZSTD tile of {_window_bytes(stored)} bytes, wanted at most {MAX_WINDOW_BYTES}")
    return stored[:5] + _WINDOW_OF_8_MB + stored[6:]


SAMPLES: Final = Wrapper(
    "bin", "application/octet-stream", Kind.SAMPLES, revision=1, refusal=refusal, prepare=prepare, coding_of=coding_of
)
