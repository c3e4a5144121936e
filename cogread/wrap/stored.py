"""Whether stored bytes can be a tile of their codec, as far as can be told without decoding."""

from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.tiff.tags import Compression, Tag
from cogread.wrap.tile import valid_size

_ZSTD: Final = (b"\x28\xb5\x2f\xfd",)
_LERC: Final = (b"Lerc2 ", b"CntZImage ")
_BEGINNINGS: Final[dict[int, tuple[bytes, ...]]] = {
    Compression.JPEG: (b"\xff\xd8\xff",),
    Compression.WEBP: (b"RIFF",),
    Compression.ZSTD: _ZSTD,
    Compression.LZMA: (b"\xfd7zXZ\x00",),
    Compression.JXL: (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    Compression.JXL_DNG: (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    Compression.JPEG2000: (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "),
}
"""Codec -> what its streams begin with."""

_LEAST_BYTES: Final[dict[int, int]] = {Compression.JPEG: 25}
"""Codec -> the shortest stream. JPEG: SOI, frame and scan of one component (ITU-T T.81 §B.2); EOI may be missing."""

LERC_PLAIN, LERC_DEFLATE, LERC_ZSTD = 0, 1, 2
"""Second value of LercParameters: what a LERC stream is compressed with once more (libtiff, tif_lerc.h)."""


def lerc_packing(image: Image) -> int:
    """What a LERC image's streams are compressed with once more."""
    parameters = image.directory.integers(Tag.LERC_PARAMETERS)
    return parameters[1] if len(parameters) > 1 else LERC_PLAIN


def check_stored(image: Image, stored: bytes, col: int, row: int) -> None:
    """Check the first bytes of a tile, and its length where the codec fixes it.

    Raises:
        TileDamaged: they are not a tile of this image.
    """
    codec = image.compression
    if codec == Compression.NONE:
        _check_uncompressed(image, stored, col, row)
        return
    packing = lerc_packing(image) if codec == Compression.LERC else LERC_PLAIN
    if codec in (Compression.DEFLATE, Compression.DEFLATE_OLD) or packing == LERC_DEFLATE:
        if len(stored) < 6 or stored[0] & 0x0F != 8 or int.from_bytes(stored[:2], "big") % 31:  # RFC 1950 §2.2
            raise TileDamaged(f"{image.compression_name} tile: wanted the header of zlib", stored[:2])
        return
    beginnings = _BEGINNINGS.get(codec, (b"",))
    if codec == Compression.LERC:
        beginnings = _ZSTD if packing == LERC_ZSTD else _LERC
    if not stored.startswith(beginnings):
        wanted = " or ".join(beginning.hex() for beginning in beginnings)
        raise TileDamaged(f"{image.compression_name} tile: wanted {wanted} at its start", stored[:12])
    least = _LEAST_BYTES.get(codec, 0)
    if len(stored) < least:
        raise TileDamaged(f"{image.compression_name} tile of {len(stored)} bytes, wanted at least {least}")


def _check_uncompressed(image: Image, stored: bytes, col: int, row: int) -> None:
    """A whole tile, or, from a few writers, one that ends with the last row within the image."""
    rows = valid_size(image, col, row)[1]
    least = image.tile_bytes // image.tile_height * rows
    if not least <= len(stored) <= image.tile_bytes:
        raise TileDamaged(f"uncompressed tile of {len(stored)} bytes, wanted {image.tile_bytes}")
