"""Small TIFFs of the kinds that GDAL writes, never with a square grid; see `handmade` for what GDAL does not write."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

_ENV: Final = {"GDAL_TIFF_INTERNAL_MASK": "YES", "GDAL_TIFF_OVR_BLOCKSIZE": "128", "GDAL_NUM_THREADS": "1"}

PLACES: Final = {
    "EPSG:3857": Affine(10, 0, -440000, 0, -10, 4930000),
    "EPSG:4326": Affine(0.0005, 0, -3.9, 0, -0.0005, 40.6),
    "EPSG:32630": Affine(10, 0, 430000, 0, -10, 4480000),
    "EPSG:2193": Affine(2.5, 0, 1576000, 0, -2.5, 5429000),
    "EPSG:3035": Affine(25, 3, 3160000, 3, -25, 2030000),
}
"""CRS -> transform; the last one is rotated."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Options for writing a file."""

    options: dict[str, object]
    """GDAL's creation options."""
    bands: int = 3
    dtype: str = "uint8"
    crs: str = "EPSG:3857"
    height: int = 300
    width: int = 520
    driver: str = "COG"
    """`COG`; `GTiff`: made by Create, then overviews; `copy`: GTiff made by CreateCopy with its overviews."""
    factors: tuple[int, ...] = ()
    """Overviews that are built before the copy, or after Create."""
    has_mask: bool = False
    written: tuple[int, int] | None = None
    """(height, width) of what is written in the upper left corner; None: all. What is not written is sparse."""
    tags: dict[str, str] = field(default_factory=dict)


_TILED: Final = {"TILED": "YES", "BLOCKXSIZE": 128, "BLOCKYSIZE": 128}

KINDS: Final = {
    "jpeg-ycbcr": Kind({"COMPRESS": "JPEG", "BLOCKSIZE": 128}),
    "jpeg-rgb": Kind(
        {"COMPRESS": "JPEG", "PHOTOMETRIC": "RGB", "COPY_SRC_OVERVIEWS": "YES", **_TILED},
        driver="copy",
        factors=(2, 4),
        crs="EPSG:32630",
    ),
    "jpeg-grey": Kind({"COMPRESS": "JPEG", "BLOCKSIZE": 128}, bands=1, crs="EPSG:2193"),
    "jpeg-mask": Kind({"COMPRESS": "JPEG", "BLOCKSIZE": 128}, has_mask=True, crs="EPSG:4326", width=300, height=520),
    "jpeg-no-tables": Kind(
        {"COMPRESS": "JPEG", "PHOTOMETRIC": "YCBCR", "JPEGTABLESMODE": 0, **_TILED}, driver="GTiff", factors=(2,)
    ),
    "webp-lossy": Kind({"COMPRESS": "WEBP", "BLOCKSIZE": 128, "QUALITY": 70}),
    "webp-lossless": Kind({"COMPRESS": "WEBP", "BLOCKSIZE": 128, "QUALITY": 100}, crs="EPSG:2193"),
    "webp-rgba": Kind({"COMPRESS": "WEBP", "BLOCKSIZE": 128, "QUALITY": 75}, bands=4, crs="EPSG:4326"),
    "deflate": Kind({"COMPRESS": "DEFLATE", "PREDICTOR": 2, "BLOCKSIZE": 128}, bands=1, dtype="uint16"),
    "deflate-mask": Kind({"COMPRESS": "DEFLATE", "BLOCKSIZE": 128}, has_mask=True, crs="EPSG:32630"),
    "lzw": Kind({"COMPRESS": "LZW", "BLOCKSIZE": 128}, dtype="int16", bands=2, crs="EPSG:4326"),
    "zstd-float": Kind({"COMPRESS": "ZSTD", "PREDICTOR": 3, "BLOCKSIZE": 128}, bands=1, dtype="float32"),
    "lerc": Kind({"COMPRESS": "LERC", "BLOCKSIZE": 128}, bands=1, dtype="float32", crs="EPSG:2193"),
    "bigtiff": Kind({"COMPRESS": "DEFLATE", "BIGTIFF": "YES", "BLOCKSIZE": 128}, crs="EPSG:32630"),
    "big-endian": Kind(
        {"COMPRESS": "DEFLATE", "ENDIANNESS": "BIG", "COPY_SRC_OVERVIEWS": "YES", **_TILED},
        driver="copy",
        factors=(2,),
        dtype="uint16",
    ),
    "big-endian-bigtiff": Kind(
        {"COMPRESS": "LZW", "ENDIANNESS": "BIG", "BIGTIFF": "YES", "INTERLEAVE": "BAND", **_TILED}, driver="GTiff"
    ),
    "sparse": Kind({"COMPRESS": "DEFLATE", "SPARSE_OK": "YES", **_TILED}, driver="GTiff", written=(128, 256)),
    "planar": Kind({"COMPRESS": "DEFLATE", "INTERLEAVE": "BAND", **_TILED}, driver="GTiff", factors=(2,)),
    "oblong-tiles": Kind(
        {"COMPRESS": "PACKBITS", "TILED": "YES", "BLOCKXSIZE": 48, "BLOCKYSIZE": 80}, bands=1, driver="GTiff"
    ),
    "odd-factors": Kind({"COMPRESS": "DEFLATE", **_TILED}, driver="GTiff", factors=(3, 5, 10), crs="EPSG:3035"),
    "pixel-is-point": Kind({"COMPRESS": "NONE", **_TILED}, driver="GTiff", tags={"AREA_OR_POINT": "Point"}),
}
"""Name -> how it is written."""


@lru_cache(maxsize=64)
def gdal_tiff(name: str) -> bytes:
    """The file of a kind."""
    kind = KINDS[name]
    pixels = _pixels(kind)
    options = {key: str(value) for key, value in kind.options.items()}
    profile = {
        "driver": "GTiff",
        "height": kind.height,
        "width": kind.width,
        "count": kind.bands,
        "dtype": kind.dtype,
        "crs": kind.crs,
        "transform": PLACES[kind.crs],
    }
    with rasterio.Env(**_ENV), MemoryFile() as memory:
        with memory.open(**profile, **(options if kind.driver == "GTiff" else {})) as target:
            height, width = kind.written or pixels.shape[1:]
            target.write(pixels[:, :height, :width], window=((0, height), (0, width)))
            if kind.has_mask:
                target.write_mask(_mask(kind))
            target.update_tags(**kind.tags)
        if kind.factors:
            with rasterio.open(memory.name, "r+") as target:
                target.build_overviews(kind.factors, Resampling.nearest)
        return bytes(memory.read()) if kind.driver == "GTiff" else _copied(memory.name, kind.driver, options)


def open_level(memory: MemoryFile, level: int) -> DatasetReader:
    """GDAL's view of a level, 0 = full resolution."""
    return memory.open() if level == 0 else memory.open(OVERVIEW_LEVEL=level - 1)


def levels_of(memory: MemoryFile) -> int:
    """Number of levels that GDAL sees."""
    with memory.open() as dataset:
        return 1 + len(dataset.overviews(1))


def _copied(source: str, driver: str, options: dict[str, str]) -> bytes:
    with MemoryFile() as target:
        copy(source, target.name, driver="COG" if driver == "COG" else "GTiff", **options)
        return bytes(target.read())


def _pixels(kind: Kind) -> NDArray[Any]:
    """Smooth colours that differ from band to band, with some grain and edges."""
    y, x = np.mgrid[: kind.height, : kind.width]
    bands = [
        (
            90
            + 80 * np.sin(x / (31 + 9 * band))
            + 60 * np.cos(y / (23 + 7 * band))
            + 40 * ((x // 50 + y // 40) % 2 == band)
        )
        for band in range(kind.bands)
    ]
    grain = np.random.RandomState(1).randint(0, 9, (kind.bands, kind.height, kind.width))
    pixels = np.clip(np.stack(bands) + grain, 1, 255)
    if kind.bands == 4:
        pixels[3] = np.where(_mask(kind) > 0, 255, 100)
    return pixels.astype(kind.dtype)


def _mask(kind: Kind) -> NDArray[np.uint8]:
    y, x = np.mgrid[: kind.height, : kind.width]
    inside = (y / kind.height - 0.5) ** 2 + (x / kind.width - 0.5) ** 2 < 0.25
    return np.where(inside, 255, 0).astype(np.uint8)
