"""The window of a Zstandard frame, the memory that decoding takes (RFC 8878 §3.1.1.1), within HTTP's bound."""

from typing import Final

from cogread.errors import TileDamaged

MAX_WINDOW_BYTES: Final = 8 << 20
"""RFC 9659 §3."""

_WINDOW_OF_8_MB: Final = b"\x68"
"""Window_Descriptor of exponent 13 and mantissa 0 (RFC 8878 §3.1.1.1.2)."""

_IS_SINGLE_SEGMENT: Final = 0x20
"""Bit of Frame_Header_Descriptor: the window is the content (RFC 8878 §3.1.1.1.1.2)."""


def within_window(stored: bytes) -> bytes:
    """Lower a frame's window to HTTP's maximum: a header may claim more than its content needs.

    Raises:
        TileDamaged: the frame states a content larger than the maximum, or needs a dictionary.
    """
    if _window_bytes(stored) <= MAX_WINDOW_BYTES:
        return stored
    if stored[4] & _IS_SINGLE_SEGMENT:
        raise TileDamaged(f"ZSTD tile of {_window_bytes(stored)} bytes, wanted at most {MAX_WINDOW_BYTES}")
    return stored[:5] + _WINDOW_OF_8_MB + stored[6:]


def _window_bytes(stored: bytes) -> int:
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
