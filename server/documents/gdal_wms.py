"""What GDAL's WMS driver needs to open a layer as its file is: bands, type, nodata, place.

The driver (gdal.org/drivers/raster/wms.html, frmts/wms/gdalwmsrasterband.cpp) takes each overview for half of the next
finer level, its z for one less, and its tiles for as large: it is told of the levels that are so. This needs PROJ, so
only documents import it.
"""

from dataclasses import dataclass
from typing import Final

from cogread.crs import Crs, crs_of
from cogread.errors import FormatNotOffered
from cogread.geo import Geotransform
from cogread.image import Cog, Image
from cogread.nodata import nodata_of, nodata_text
from cogread.tags import SampleFormat
from cogread.wrap.tiff import PADDED_TIFF
from server.catalog import Layer
from server.errors import UnknownUrl
from server.grid import NATIVE, NOMINAL_PX
from server.open_layer import IMAGE, OpenLayer
from server.xml_text import xml_text

_TYPES: Final = {
    SampleFormat.UINT: {8: "Byte", 16: "UInt16", 32: "UInt32", 64: "UInt64"},
    SampleFormat.INT: {8: "Int8", 16: "Int16", 32: "Int32", 64: "Int64"},
    SampleFormat.FLOAT: {16: "Float32", 24: "Float32", 32: "Float32", 64: "Float64"},
    SampleFormat.COMPLEX_INT: {32: "CInt16", 64: "CInt32"},
    SampleFormat.COMPLEX_FLOAT: {64: "CFloat32", 128: "CFloat64"},
}
"""GDAL's names, by sample format and bits."""


@dataclass(frozen=True, slots=True)
class GdalWms:
    """The values of the document."""

    tiles: str
    """Path of the tiles below the server's root, with the driver's own variables."""
    corners: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    width: int
    """Pixels."""
    height: int
    z: int
    """Of the full resolution."""
    overviews: int
    tile_width: int
    tile_height: int
    bands: int
    data_type: str
    nodata: str | None
    crs: str | None
    """A code or WKT."""


def gdal_wms(layer: Layer, opened: OpenLayer) -> GdalWms:
    """Describe a version of a layer.

    Raises:
        UnknownUrl: the driver cannot open it; the message says why.
        FormatNotOffered: its tiles cannot be had as the driver wants them.
    """
    cog, image = opened.cog, opened.cog.full
    reason = PADDED_TIFF.why_not(cog.levels[0])
    if reason is not None:
        raise FormatNotOffered(f"GDAL's WMS driver cannot open the layer: {reason}")
    crs, nodata = crs_of(cog.geo), nodata_of(cog)
    return GdalWms(
        tiles=f"{layer.path_of(opened)}/{IMAGE}/{NATIVE}/${{z}}/${{x}}/${{y}}.{PADDED_TIFF.extension}",
        corners=_corners(cog.geo.transform, image),
        width=image.width,
        height=image.height,
        z=len(cog.levels) - 1,
        overviews=_overviews(cog),
        tile_width=image.tile_width,
        tile_height=image.tile_height,
        bands=image.samples,
        data_type=_data_type(image),
        nodata=None if nodata is None else nodata_text(nodata),
        crs=None if crs is None or cog.geo.transform is None else _named(crs),
    )


def _named(crs: Crs) -> str:
    """A code, or the definition where none says all."""
    return crs.code if crs.code is not None and crs.whole is crs.pyproj else xml_text(crs.wkt())


def _corners(transform: Geotransform | None, image: Image) -> tuple[float, float, float, float]:
    if transform is None:
        return 0.0, 0.0, float(image.width), float(image.height)
    x0, dx, rx, y0, ry, dy = transform
    if rx or ry:
        raise UnknownUrl("GDAL's WMS driver cannot open the layer: it is rotated, and the driver knows no such place")
    return x0, y0, x0 + image.width * dx, y0 + image.height * dy


def _overviews(cog: Cog) -> int:
    """How many levels follow the full resolution, each half the size of the last, with tiles of the same size."""
    full, count = cog.full, 0
    for level in cog.levels[1:]:
        image, factor = level.image, 2 ** (count + 1)
        off = max(abs(image.width - full.width / factor), abs(image.height - full.height / factor))
        same = (image.tile_width, image.tile_height) == (full.tile_width, full.tile_height)
        if off > NOMINAL_PX or not same or PADDED_TIFF.why_not(level) is not None:
            break
        count += 1
    return count


def _data_type(image: Image) -> str:
    """As GDAL's TIFF driver has it: odd numbers of bits in the next larger type."""
    types = _TYPES.get(SampleFormat(image.sample_format), _TYPES[SampleFormat.UINT])
    name = next((name for bits, name in types.items() if image.bits <= bits), None)
    if name is None:
        raise UnknownUrl(f"GDAL's WMS driver cannot open the layer: GDAL has no type for {image.dtype}")
    return name
