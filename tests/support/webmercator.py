"""COGs on the grid of web maps as GDAL's COG driver makes them, and where that grid's tiles lie."""

from functools import lru_cache
from math import pi

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

WORLD_M = 2 * pi * 6378137
WIDTH_PX, HEIGHT_PX = 1500, 1100
"""Size of `web_mercator_dem` before it is fitted to the grid."""


@lru_cache(maxsize=8)
def web_mercator_tiff(
    side: int = 256,
    aligned_levels: int | None = 4,
    compress: str = "WEBP",
    width: int = 1500,
    height: int = 1100,
    *,
    has_mask: bool = False,
    dtype: str = "uint8",
) -> bytes:
    """A COG with TILING_SCHEME=GoogleMapsCompatible, made from an image elsewhere in web mercator.

    Args:
        side: of the tiles, pixels.
        aligned_levels: GDAL's ALIGNED_LEVELS; None: not given.
        compress: codec; WEBP and DEFLATE are lossless.
        width: of the image before it is fitted.
        height: the same.
        has_mask: whether what is outside of that image is hidden: with JPEG by a mask, with others by an alpha band.
        dtype: of the samples.
    """
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([(x * 3 + band * y) % 251 + 2 for band in range(3)]).astype(dtype)
    place = Affine(9.6, 0, 601234.5, 0, -9.6, 5432109.8)
    profile = {"driver": "GTiff", "count": 3, "width": width, "height": height, "dtype": dtype, "crs": "EPSG:3857"}
    options = {
        "COMPRESS": compress,
        "BLOCKSIZE": str(side),
        "RESAMPLING": "NEAREST",
        "TILING_SCHEME": "GoogleMapsCompatible",
        "ADD_ALPHA": "YES" if has_mask else "NO",
    }
    if compress == "WEBP":
        options["QUALITY"] = "100"
    if aligned_levels is not None:
        options["ALIGNED_LEVELS"] = str(aligned_levels)
    with rasterio.Env(GDAL_NUM_THREADS="1"), MemoryFile() as memory, MemoryFile() as target:
        with memory.open(**profile, transform=place) as dataset:
            dataset.write(pixels)
        copy(memory.name, target.name, driver="COG", **options)
        return bytes(target.read())


def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """left, bottom, right, top of a tile of the grid, in metres."""
    size = WORLD_M / 2**z
    left, top = -WORLD_M / 2 + x * size, WORLD_M / 2 - y * size
    return left, top - size, left + size, top


BLOCK_PX = 32
"""Side of the squares of one height in `web_mercator_dem`, in pixels of the full resolution."""


@lru_cache(maxsize=2)
def web_mercator_dem(dtype: str = "float32") -> bytes:
    """A COG of heights on the grid: squares of one height each, some of them nodata, with aligned overviews."""
    rows, cols = np.mgrid[:HEIGHT_PX, :WIDTH_PX] // BLOCK_PX
    heights = (700.3 + 37.25 * cols - 21.5 * rows).astype(dtype)
    heights[(rows + cols) % 7 == 3] = -9999
    place = Affine(WORLD_M / 256 / 2**14, 0, WORLD_M / 256, 0, -WORLD_M / 256 / 2**14, WORLD_M / 512)
    profile = {"driver": "GTiff", "count": 1, "dtype": dtype, "crs": "EPSG:3857", "nodata": -9999}
    options = {"COMPRESS": "LZW", "BLOCKSIZE": "256", "RESAMPLING": "NEAREST", "TILING_SCHEME": "GoogleMapsCompatible"}
    with rasterio.Env(GDAL_NUM_THREADS="1"), MemoryFile() as memory, MemoryFile() as target:
        with memory.open(**profile, width=WIDTH_PX, height=HEIGHT_PX, transform=place) as dataset:
            dataset.write(heights, 1)
        copy(memory.name, target.name, driver="COG", ALIGNED_LEVELS="4", **options)
        return bytes(target.read())
