"""TIFFs of JPEG XL tiles, which the tests' GDAL cannot write."""

from io import BytesIO
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

TILE: Final = 64
LINEAR, SRGB, PQ = 8, 13, 16
"""Transfer functions, by their numbers in the standard."""
_HEAD_BYTES: Final = 8
_LINEAR: Final = "10001" + "0110"
"""White point or primaries (1), no gamma, transfer function (8), as in a header: the least significant bit first."""


def pixels(bands: int, dtype: str = "uint8", height: int = 100, width: int = 150) -> NDArray[Any]:
    """(height, width, bands) of smooth colours; an alpha band has holes."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([90 + 70 * np.sin(x / (13 + 9 * band)) + 60 * np.cos(y / 17) for band in range(bands)], -1)
    values = smooth.clip(0, 255)
    if bands in (2, 4):
        values[..., -1] = np.where((x + y) % 50 < 20, 0, 255)
    return (values * (257 if dtype == "uint16" else 1)).astype(dtype)


def with_transfer(stream: bytes, number: int) -> bytes:
    """The same numbers by another transfer function than linear, which the library writes for 16 bits, and GDAL not."""
    start = stream.index(b"\xff\x0a") + 2
    head = int.from_bytes(stream[start : start + _HEAD_BYTES], "little")
    bits = f"{head:0{8 * _HEAD_BYTES}b}"[::-1]
    assert bits.count(_LINEAR) == 1
    bits = bits.replace(_LINEAR, _LINEAR[:5] + f"{number - 2:04b}"[::-1])
    return stream[:start] + int(bits[::-1], 2).to_bytes(_HEAD_BYTES, "little") + stream[start + _HEAD_BYTES :]


def jxl_tiff(
    bands: int = 3, dtype: str = "uint8", *, planar: str = "contig", transfer: int = SRGB, **options: Any
) -> bytes:
    """A TIFF of three columns and two rows of tiles.

    Args:
        bands: their number; 2 and 4 with alpha.
        dtype: uint8 or uint16.
        planar: tifffile's name.
        transfer: function of 16 bits.
        options: of the codec, which is lossless unless they say otherwise.
    """
    image = pixels(bands, dtype)
    if planar == "separate":
        image = np.moveaxis(image, -1, 0)
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        image[..., 0] if bands == 1 else image,
        tile=(TILE, TILE),
        compression="jpegxl",
        compressionargs={"lossless": True, "effort": 3, **options},
        photometric="rgb" if bands > 2 else "minisblack",
        planarconfig=planar,
        extrasamples=["unassalpha"] * (bands in (2, 4)),
        metadata=None,
    )
    data = buffer.getvalue()
    if dtype == "uint16":
        with tifffile.TiffFile(BytesIO(data)) as file:
            page = file.pages.first
            for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
                data = data[:start] + with_transfer(data[start : start + size], transfer) + data[start + size :]
    return data
