"""Files of all kinds that documents for GDAL tell apart: in many CRSs and places, of many types, sizes and colours."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window

from tests.support import handmade as hm
from tests.support.placed import Placed, placed_tiff
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

DOWN: Final = ((2301, 1403), (1150, 701), (575, 350), (287, 175))
"""Halves as GDAL's COG driver makes them: rounded down."""
ROUNDED: Final = ((605, 403), (303, 202), (151, 101))
"""Halves as GDAL's WMS driver takes them."""
NARROW: Final = ((513, 270), (256, 135), (128, 67))
"""GDAL's WMS driver would take one column too many of the coarse levels' tiles."""
LAEA: Final = "+proj=laea +lat_0=12.5 +lon_0=-71.25 +x_0=100 +datum=WGS84 +units=m +no_defs"
BESSEL: Final = "+proj=longlat +ellps=bessel +towgs84=598,73,418 +no_defs"

PLACES: Final = {
    "degrees": Placed("EPSG:4326", (-3.9, 40.6, 0.0005), DOWN, 256, "deflate"),
    "mercator": Placed("EPSG:3857", (-440000.3, 4930000.7, 9.7), ROUNDED, 128, "jpeg"),
    "nztm": Placed("EPSG:2193", (1576000.5, 5429000.25, 2.5), DOWN, 512, "jpeg"),
    "utm": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), NARROW, 128, "deflate"),
    "antarctic": Placed("EPSG:3031", (-2700000, 2600000, 333.3), ROUNDED, 128, "jpeg"),
    "swiss": Placed("EPSG:2056", (2600000.5, 1200000.5, 0.1), ROUNDED, 256, "webp"),
    "feet": Placed("EPSG:2227", (6000000.25, 2100000.5, 1.5), NARROW, 128, "deflate"),
    "esri": Placed("ESRI:102003", (-500000.5, 300000.25, 30), ROUNDED, 128, "deflate"),
    "user-defined": Placed(LAEA, (-20000.5, 30000.25, 12.5), ROUNDED, 128, "deflate"),
    "shifted-degrees": Placed(BESSEL, (8.9, 40.6, 0.0005), ROUNDED, 128),
    "heights": Placed("EPSG:26915+6360", (430000, 4480000, 10), ROUNDED, 128, "deflate"),
    "factor-2.5": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), ((1000, 700), (400, 280)), 128),
    "half-then-2.5": Placed("EPSG:32630", (430000, 4480000, 1), ((1000, 700), (500, 350), (200, 140)), 128),
    "tiles-of-272": Placed("EPSG:32630", (430000, 4480000, 1), ((1000, 700), (333, 233)), 272),
}
KINDS: Final = (
    "jpeg-mask", "deflate-mask", "webp-rgba", "zstd-float", "lerc", "sparse", "planar", "big-endian", "oblong-tiles",
    "odd-factors", "pixel-is-point",
)  # fmt: skip
UTM: Final = Affine(10, 0, 430000, 0, -10, 4480000)
COLORS: Final = {number: (number, 255 - number, 7, 255) for number in range(256)}
ODD_TEXTS: Final = ("  <near> & 'infra' \"red\" ]]>  ", "a\tb\nc", "ö €")
"""Texts that a careless writer of XML within XML would change."""


def _deflate(more: str = "2", **options: str) -> dict[str, str]:
    return {"COMPRESS": "DEFLATE", "PREDICTOR": more, **options}


def _with_place(
    place: Affine | None, nodata: float | None = None, *, sparse: bool = False, factors: tuple[int, ...] = (2, 4)
) -> bytes:
    pixels = noise(1, "int16", 403, 605)
    profile = {"driver": "GTiff", "width": 605, "height": 403, "count": 1, "dtype": "int16", "nodata": nodata}
    more = {"crs": "EPSG:32630", "transform": place} if place else {}
    options = {"TILED": "YES", "BLOCKXSIZE": "128", "BLOCKYSIZE": "128", "COMPRESS": "DEFLATE", "SPARSE_OK": "TRUE"}
    with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE="128"), MemoryFile() as memory:
        with memory.open(**profile, **more, **options) as target:
            if sparse:
                target.write(pixels[:, :128, :256], window=Window(0, 0, 256, 128))
            else:
                target.write(pixels)
        with rasterio.open(memory.name, "r+") as target:
            target.build_overviews(factors, Resampling.nearest)
        return bytes(memory.read())


def _short_tile() -> bytes:
    """A file with a tile of which only the rows within the image are stored."""
    runs = b"\x81\x07" * 12  # of 128 bytes each
    return hm.tiff(hm.image(64, 24, (64, 32), tiles=[runs]).having({hm.COMPRESSION: (hm.SHORT, [32773])}))


def _changed(data: bytes, change: Callable[[DatasetReader], None]) -> bytes:
    with MemoryFile() as memory:  # one that is made of bytes cannot grow
        memory.write(data)
        with rasterio.open(memory.name, "r+") as dataset:
            change(dataset)
        memory.seek(0)
        return bytes(memory.read())


def _described(dataset: Any) -> None:
    dataset.scales, dataset.offsets, dataset.units = (0.01, 1, 2.5), (273.15, 0, -3), ("K", "", "µm")
    dataset.descriptions = ODD_TEXTS
    dataset.update_tags(1, WAVELENGTH="0.665", **{"a b": ODD_TEXTS[0]})
    dataset.update_tags(
        PLATFORM="S2B", TIFFTAG_SOFTWARE="rawcog's tests", TIFFTAG_XRESOLUTION="72.5", NOTE=ODD_TEXTS[1]
    )


def _scaled(dataset: Any) -> None:
    dataset.scales, dataset.offsets = (0.01,), (273.15,)


def _named(dataset: Any) -> None:
    dataset.descriptions = ("near infrared",)


def _by_control_points(**tags: str) -> bytes:
    def change(dataset: Any) -> None:
        corners = ((0, 0), (0, 110), (70, 0), (70, 110), (33.25, 41.5))
        points = [GroundControlPoint(row, col, 5e5 + 10 * col + row, 5e6 - 10 * row + col, 7.5) for row, col in corners]
        dataset.gcps = points, rasterio.CRS.from_epsg(32631)
        dataset.update_tags(**tags)

    plain = raster(noise(1, "uint8"), options=_deflate(), factors=(2, 4))
    return _changed(_without_place(plain), change)


def _without_place(data: bytes) -> bytes:
    with MemoryFile(data) as memory, memory.open() as source, MemoryFile() as target:
        profile = {**source.profile, "crs": None, "transform": Affine.identity()}
        with target.open(**profile) as dataset:
            dataset.write(source.read())
        with rasterio.open(target.name, "r+") as dataset:
            dataset.build_overviews((2, 4), Resampling.nearest)
        return bytes(target.read())


def _mask(height: int = 70, width: int = 110) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.where((x + y) % 37 > 9, 255, 0).astype(np.uint8)


def _with_mask(bands: int) -> bytes:
    return raster(noise(bands, "uint16"), mask=_mask(), options=_deflate(), factors=(2, 4))


def _in_colors(*colors: ColorInterp, factors: tuple[int, ...] = (2, 4)) -> bytes:
    options = _deflate(PHOTOMETRIC="RGB" if ColorInterp.red in colors else "MINISBLACK")
    return raster(noise(len(colors), "uint8") % 200, options=options, interpretation=colors, factors=factors)


_ALL: Final = ColorInterp
TYPES: Final[Mapping[str, Callable[[], bytes]]] = {
    "int16-nodata": lambda: _with_place(UTM, -9999),
    "int16-nodata-sparse": lambda: _with_place(UTM, -9999, sparse=True),
    "one-level-sparse": lambda: _with_place(UTM, -9999, sparse=True, factors=()),
    "oblong-pixels": lambda: _with_place(Affine(10.3, 0, 430000.7, 0, -7.9, 4480000.1), factors=()),
    "south-up": lambda: _with_place(Affine(10, 0, 430000, 0, 10, 4480000), factors=()),
    "nowhere": lambda: _with_place(None),
    "control-points": _by_control_points,
    "control-points-of-centres": lambda: _by_control_points(AREA_OR_POINT="Point"),
    "float-nan": lambda: raster(noise(1, "float32"), options=_deflate("3"), nodata=float("nan"), factors=(2,)),
    "float-lowest": lambda: raster(noise(1, "float32"), options=_deflate("3"), nodata=float(np.finfo("f4").min)),
    "int8": lambda: raster(noise(1, "int8"), options=_deflate()),
    "uint16-4-bands": lambda: raster(noise(4, "uint16", 403, 605), options=_deflate(), factors=(2, 4), tile=(128, 128)),
    "uint32": lambda: raster(noise(2, "uint32"), options=_deflate()),
    "int64": lambda: raster(noise(1, "int64"), options={"COMPRESS": "ZSTD"}),
    "int64-nodata": lambda: raster(noise(1, "int64"), options={"COMPRESS": "ZSTD"}, nodata=-(2**63), factors=(2,)),
    "uint64-nodata": lambda: raster(noise(1, "uint64"), options={"COMPRESS": "ZSTD"}, nodata=2**64 - 1, factors=(2,)),
    "float64": lambda: raster(noise(1, "float64"), options={"COMPRESS": "LZW"}),
    "complex": lambda: raster(noise(1, "complex64"), options={"COMPRESS": "ZSTD"}, factors=(2,)),
    "13-bands": lambda: raster(noise(13, "uint16", 403, 605), options=_deflate(), factors=(2,), tile=(128, 128)),
    "13-bands-apart": lambda: raster(noise(13, "uint8"), options=_deflate(INTERLEAVE="BAND"), factors=(2,)),
    "5-bands-with-mask": lambda: _with_mask(5),
    "2-bands-with-mask": lambda: _with_mask(2),
    "palette": lambda: raster(noise(1, "uint8"), options={"COMPRESS": "LZW"}, colors=COLORS, factors=(2, 4)),
    "palette-nodata": lambda: raster(noise(1, "uint8"), options=_deflate("1"), colors=COLORS, nodata=104, factors=(2,)),
    "one-bit": lambda: raster(noise(1, "uint8") % 2, options={"NBITS": "1", "COMPRESS": "DEFLATE"}, factors=(2,)),
    "four-bits": lambda: raster(noise(1, "uint8") % 16, options={"NBITS": "4", "COMPRESS": "DEFLATE"}),
    "twelve-bits": lambda: raster(noise(3, "uint16"), options={"NBITS": "12", "COMPRESS": "LZW"}, factors=(3,)),
    "half-floats": lambda: raster(noise(1, "float32"), options={"NBITS": "16", "COMPRESS": "LZW"}),
    "radar": lambda: _in_colors(_ALL.gray, _ALL.undefined),
    "grey-alpha": lambda: _in_colors(_ALL.gray, _ALL.alpha),
    "rgba": lambda: _in_colors(_ALL.red, _ALL.green, _ALL.blue, _ALL.alpha, factors=()),
    "near-infrared": lambda: _in_colors(_ALL.red, _ALL.green, _ALL.blue, _ALL.undefined),
    "blue-green-red": lambda: _in_colors(_ALL.blue, _ALL.green, _ALL.red),
    "five-with-alpha": lambda: _in_colors(_ALL.red, _ALL.green, _ALL.blue, _ALL.undefined, _ALL.alpha),
    "described": lambda: _changed(raster(noise(3, "int16"), options=_deflate(), factors=(2,)), _described),
    "scaled": lambda: _changed(raster(noise(1, "int16"), options=_deflate()), _scaled),
    "named": lambda: _changed(raster(noise(1, "int16"), options=_deflate()), _named),
    "aligned": web_mercator_tiff,
    "short-tile": _short_tile,
}
"""Name -> maker of the file."""

NAMES: Final = (*PLACES, *KINDS, *TYPES)


def data_of(name: str) -> bytes:
    """A file."""
    if name in PLACES:
        return placed_tiff(PLACES[name])
    return TYPES[name]() if name in TYPES else gdal_tiff(name)
