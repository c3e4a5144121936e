"""JPEG files -> JPEG XL without loss. Loads the codec."""

import imagecodecs

from cogread.errors import TileDamaged
from cogread.wrap.decode.decompressors import FAILURES


def repack(file: bytes) -> bytes:
    """Repack a JPEG file so that it can be restored to the byte.

    Raises:
        TileDamaged: it is not sound.
    """
    try:
        return bytes(imagecodecs.jpegxl_encode_jpeg(file, usecontainer=True, numthreads=1))
    except FAILURES as error:
        raise TileDamaged(f"JPEG tile of {len(file)} bytes cannot be repacked", str(error).encode()) from error
