"""Small tiled GeoTIFFs in a given CRS, or with given GeoKeys."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rasterio.io import MemoryFile
from rasterio.transform import Affine

from tests.support import handmade as hm

DOUBLES: Final = 34736
_BLOCKS: Final = {"tiled": True, "blockxsize": 16, "blockysize": 16}

Key = int | float | str | tuple[float, ...]
Keys = Mapping[int, Key]
"""GeoKey -> SHORT, DOUBLE, ASCII or several DOUBLEs."""


@lru_cache(maxsize=512)
def in_crs(crs: str, place: Affine, **options: str) -> bytes:
    """A file of 64 x 32 pixels, its CRS written by GDAL with these creation options."""
    profile = {"driver": "GTiff", "width": 64, "height": 32, "count": 1, "dtype": "uint8", "transform": place}
    with MemoryFile() as memory:
        memory.open(**profile, crs=crs, **_BLOCKS, **options).close()
        return bytes(memory.read())


def with_keys(keys: Keys, *, minor: int = 0) -> bytes:
    """A file of 80 x 40 pixels of 10 units, its CRS in these keys, in GeoTIFF 1.`minor`."""
    rows: list[int] = []
    doubles: list[float] = []
    texts = b""
    for key, value in sorted(keys.items()):
        if isinstance(value, int):
            rows += key, 0, 1, value
        elif isinstance(value, float | tuple):
            values = value if isinstance(value, tuple) else (value,)
            rows += key, DOUBLES, len(values), len(doubles)
            doubles += values
        else:
            rows += key, hm.GEO_ASCII, len(value.encode()) + 1, len(texts)
            texts += value.encode() + b"|"
    fields: dict[int, hm.Field] = {
        hm.SCALE: (hm.DOUBLE, [10, 10, 0]),
        hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 1000, 1000, 0]),
        hm.GEO_KEYS: (hm.SHORT, [1, 1, minor, len(keys), *rows]),
    }
    if doubles:
        fields[DOUBLES] = (hm.DOUBLE, doubles)
    if texts:
        fields[hm.GEO_ASCII] = (hm.ASCII, texts + b"\0")
    return hm.tiff(hm.image(80, 40).having(fields))
