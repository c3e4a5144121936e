"""Tiled GeoTIFFs of given pixels, written by GDAL."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
import rasterio
import tifffile
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import MemoryFile
from rasterio.transform import Affine

TILE: Final = (32, 48)
"""Height and width of the tiles."""
_PLACE: Final = Affine(10, 0, 430000, 0, -10, 4480000)


def noise(bands: int, dtype: str, height: int = 70, width: int = 110) -> NDArray[Any]:
    """Smooth pixels with grain; negative ones too where the type has them."""
    random = np.random.default_rng(bands)
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([(x * (band + 1) + 3 * y) % 97 for band in range(bands)])
    pixels = smooth + random.integers(0, 9, smooth.shape) + (100 if dtype == "uint8" else 0)
    if np.dtype(dtype).kind != "u":
        pixels = pixels - 50
    return (pixels * (1.37 if np.dtype(dtype).kind in "fc" else 1)).astype(dtype)


def raster(
    pixels: NDArray[Any],
    *,
    mask: NDArray[np.uint8] | None = None,
    colors: dict[int, tuple[int, int, int, int]] | None = None,
    factors: tuple[int, ...] = (),
    nodata: float | None = None,
    tile: tuple[int, int] = TILE,
    interpretation: tuple[ColorInterp, ...] = (),
    options: Mapping[str, str],
) -> bytes:
    """A GTiff.

    Args:
        pixels: (bands, height, width).
        mask: (height, width) of 0 and 255, stored in the file.
        colors: palette.
        factors: of overviews.
        nodata: the value that stands for none.
        tile: height and width of the tiles, multiples of 16.
        interpretation: of the bands.
        options: GDAL's creation options.
    """
    profile = {"driver": "GTiff", "count": pixels.shape[0], "height": pixels.shape[1], "width": pixels.shape[2]}
    blocks = {"tiled": "YES", "blockysize": tile[0], "blockxsize": tile[1], "crs": "EPSG:32630", "transform": _PLACE}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES", GDAL_NUM_THREADS="1"), MemoryFile() as memory:
        with memory.open(**profile, dtype=pixels.dtype, nodata=nodata, **blocks, **options) as target:
            if interpretation:
                target.colorinterp = interpretation
            if colors:
                target.write_colormap(1, colors)
            target.write(pixels)
            if mask is not None:
                target.write_mask(mask)
        if factors:
            with rasterio.open(memory.name, "r+") as target:
                target.build_overviews(factors, Resampling.nearest)
        return bytes(memory.read())


def named_raster(pixels: NDArray[Any], names: Sequence[str], *, planar: str = "contig", compression: str) -> bytes:
    """A TIFF whose tags say RGB and alpha, or grey, and whose items COLORINTERP overrule them.

    Args:
        pixels: (bands, height, width).
        names: GDAL's, of the bands.
        planar: `contig` or `separate`.
        compression: tifffile's name.
    """
    items = "".join(
        f'<Item name="COLORINTERP" sample="{number}" role="colorinterp">{name}</Item>'
        for number, name in enumerate(names)
    )
    kind: dict[str, Any] = {"photometric": "minisblack", "extrasamples": ["unspecified"] * (len(pixels) - 1)}
    if len(pixels) > 2:
        kind = {"photometric": "rgb", "extrasamples": ["unassalpha"] * (len(pixels) - 3)}
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1) if planar == "contig" else pixels,
        tile=TILE,
        planarconfig=planar,
        compression=compression,
        predictor=compression == "deflate",
        extratags=[(42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)],
        metadata=None,
        **kind,
    )
    return buffer.getvalue()
