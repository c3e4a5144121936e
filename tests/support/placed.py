"""Tiled GeoTIFFs with pixels of their own at every level: in any CRS, of any size, with overviews of any sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

_CODECS: Final = {
    "jpeg": {"COMPRESS": "JPEG", "PHOTOMETRIC": "YCBCR", "JPEG_QUALITY": "90"},
    "webp": {"COMPRESS": "WEBP", "WEBP_LOSSLESS": "YES"},
    "deflate": {"COMPRESS": "DEFLATE", "PREDICTOR": "2"},
}


@dataclass(frozen=True, slots=True)
class Placed:
    """The properties of a file."""

    crs: str
    """An authority's code or a PROJ string."""
    place: tuple[float, float, float]
    """x and y of the upper left corner, and the size of a pixel."""
    sizes: tuple[tuple[int, int], ...]
    """Width and height of the levels, the full resolution first."""
    side: int = 128
    """Size of the tiles, in pixels."""
    codec: str = "deflate"


@lru_cache(maxsize=64)
def placed_tiff(wanted: Placed) -> bytes:
    """Make the file."""
    x, y, size = wanted.place
    place = Affine(size, 0, x, 0, -size, y)
    crs = CRS.from_user_input(wanted.crs)
    levels = [MemoryFile() for _ in wanted.sizes]
    options = {"TILED": "YES", "BLOCKXSIZE": wanted.side, "BLOCKYSIZE": wanted.side, "COPY_SRC_OVERVIEWS": "YES"}
    with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE=str(wanted.side), GDAL_NUM_THREADS="1"), MemoryFile() as target:
        for number, (memory, (width, height)) in enumerate(zip(levels, wanted.sizes, strict=True)):
            profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": width, "height": height}
            with memory.open(**profile, crs=crs, transform=place) as dataset:
                dataset.write(_pixels(number, width, height))
        described = _described(crs, place, wanted.sizes[0], [memory.name for memory in levels])
        with MemoryFile(described.encode(), ext=".vrt") as vrt:
            copy(vrt.name, target.name, driver="GTiff", **options, **_CODECS[wanted.codec])
        for memory in levels:
            memory.close()
        return bytes(target.read())


def _described(crs: CRS, place: Affine, size: tuple[int, int], names: Sequence[str]) -> str:
    """A VRT: the first file is the image, the others its overviews."""
    bands = "".join(_band(number, color, names) for number, color in enumerate(("Red", "Green", "Blue"), start=1))
    numbers = ", ".join(repr(number) for number in place.to_gdal())
    return (
        f'<VRTDataset rasterXSize="{size[0]}" rasterYSize="{size[1]}">'
        f'<SRS dataAxisToSRSAxisMapping="1,2">{escape(crs.to_wkt())}</SRS>'
        f"<GeoTransform>{numbers}</GeoTransform>{bands}</VRTDataset>"
    )


def _band(number: int, color: str, names: Sequence[str]) -> str:
    image, *overviews = (
        f'<SourceFilename relativeToVRT="0">{name}</SourceFilename><SourceBand>{number}</SourceBand>' for name in names
    )
    return (
        f'<VRTRasterBand dataType="Byte" band="{number}"><ColorInterp>{color}</ColorInterp>'
        f"<SimpleSource>{image}</SimpleSource>"
        + "".join(f"<Overview>{overview}</Overview>" for overview in overviews)
        + "</VRTRasterBand>"
    )


def _pixels(level: int, width: int, height: int) -> NDArray[np.uint8]:
    """Never 0, other ones at each level and in each band; no edges, which each decoder of JPEG blurs differently."""
    y, x = np.mgrid[:height, :width]
    bands = [20 + abs((x * 2 + y * slope + 40 * level) % 400 - 200) for slope in (1, -2, 3)]
    return np.stack(bands).astype(np.uint8)
