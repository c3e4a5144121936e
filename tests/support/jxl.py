"""TIFFs of JPEG XL tiles, which the tests' GDAL cannot write."""

from io import BytesIO
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

TILE: Final = 64
SRGB: Final[dict[str, Any]] = {"transfer": "srgb", "primaries": "srgb"}
"""Options for 16 bits in the colours that GDAL writes; the library's default is linear."""


def pixels(bands: int, dtype: str = "uint8", height: int = 100, width: int = 150) -> NDArray[Any]:
    """(height, width, bands) of smooth colours; an alpha band has holes."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([90 + 70 * np.sin(x / (13 + 9 * band)) + 60 * np.cos(y / 17) for band in range(bands)], -1)
    values = smooth.clip(0, 255)
    if bands in (2, 4):
        values[..., -1] = np.where((x + y) % 50 < 20, 0, 255)
    return (values * (257 if dtype == "uint16" else 1)).astype(dtype)


def jxl_tiff(bands: int = 3, dtype: str = "uint8", *, planar: str = "contig", **options: Any) -> bytes:
    """A TIFF of two columns and three rows of tiles, lossless unless the options of the codec say otherwise."""
    image = pixels(bands, dtype)
    if planar == "separate":
        image = np.moveaxis(image, -1, 0)
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        image[..., 0] if bands == 1 else image,
        tile=(TILE, TILE),
        compression="jpegxl",
        compressionargs={"lossless": True, "effort": 3, **(SRGB if dtype == "uint16" else {}), **options},
        photometric="rgb" if bands > 2 else "minisblack",
        planarconfig=planar,
        extrasamples=["unassalpha"] * (bands in (2, 4)),
        metadata=None,
    )
    return buffer.getvalue()
