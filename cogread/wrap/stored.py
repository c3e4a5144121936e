"""Checks of stored bytes against their codec, without decoding."""

from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.tiff.tags import DEFLATES, Compression, Tag
from cogread.wrap.tile import valid_size

_ZSTD: Final = (b"\x28\xb5\x2f\xfd",)
_LERC: Final = (b"Lerc2 ", b"CntZImage ")
_SIGNATURES: Final[dict[int, tuple[bytes, ...]]] = {
    Compression.JPEG: (b"\xff\xd8\xff",),
    Compression.WEBP: (b"RIFF",),
    Compression.ZSTD: _ZSTD,
    Compression.LZMA: (b"\xfd7zXZ\x00",),
    Compression.JXL: (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    Compression.JXL_DNG: (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    Compression.JPEG2000: (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "),
}
"""Codec -> first bytes of its streams."""

_MIN_BYTES: Final[dict[int, int]] = {Compression.JPEG: 25}
"""Codec -> size of its shortest stream. JPEG: SOI, frame and scan of one component (ITU-T T.81 §B.2); EOI may lack."""

LERC_PLAIN, LERC_DEFLATE, LERC_ZSTD = 0, 1, 2
"""Second value of LercParameters: the codec around a LERC stream (libtiff, tif_lerc.h)."""


def lerc_packing(image: Image) -> int:
    """Read the codec around a LERC image's streams."""
    parameters = image.directory.integers(Tag.LERC_PARAMETERS)
    return parameters[1] if len(parameters) > 1 else LERC_PLAIN


def check_stored(image: Image, stored: bytes, col: int, row: int) -> None:
    """Check the first bytes of a tile, and its length where the codec fixes it.

    Raises:
        TileDamaged: the bytes are not a tile of this image.
    """
    codec = image.compression
    if codec == Compression.NONE:
        _check_uncompressed(image, stored, col, row)
        return
    packing = lerc_packing(image) if codec == Compression.LERC else LERC_PLAIN
    if codec in DEFLATES or packing == LERC_DEFLATE:
        if len(stored) < 6 or stored[0] & 0x0F != 8 or int.from_bytes(stored[:2], "big") % 31:  # RFC 1950 §2.2
            raise TileDamaged(f"{image.compression_name} tile: wanted the header of zlib", stored[:2])
        return
    signatures = _SIGNATURES.get(codec, (b"",))
    if codec == Compression.LERC:
        signatures = _ZSTD if packing == LERC_ZSTD else _LERC
    if not stored.startswith(signatures):
        wanted = " or ".join(signature.hex() for signature in signatures)
        raise TileDamaged(f"{image.compression_name} tile: wanted {wanted} at its start", stored[:12])
    min_bytes = _MIN_BYTES.get(codec, 0)
    if len(stored) < min_bytes:
        raise TileDamaged(f"{image.compression_name} tile of {len(stored)} bytes, wanted at least {min_bytes}")


def _check_uncompressed(image: Image, stored: bytes, col: int, row: int) -> None:
    """Check the length: that of a whole tile, or less by the rows below the image, which a few writers leave out."""
    rows = valid_size(image, col, row)[1]
    min_bytes = image.tile_bytes // image.tile_height * rows
    if not min_bytes <= len(stored) <= image.tile_bytes:
        raise TileDamaged(f"uncompressed tile of {len(stored)} bytes, wanted {image.tile_bytes}")
