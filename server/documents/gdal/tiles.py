"""Descriptions of the tiles of one level for GDAL's WMS driver (gdal.org/drivers/raster/wms.html), and GDAL's data
types.

This needs PROJ, so only documents import it.
"""

from dataclasses import dataclass, replace
from typing import Final

from cogread.crs.georeference import Georeference
from cogread.crs.lookup import CrsResolver, crs_of
from cogread.image import Image, Level
from cogread.metadata.nodata import nodata_of, nodata_text
from cogread.refusal import Refusal
from cogread.tiff.colors import converted_bands
from cogread.tiff.tags import SampleFormat
from cogread.wrap.tiff.wrapper import BARE_TIFF
from server.documents.xml_text import xml_text
from server.layers.grids import NATIVE
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion

_TYPES: Final = {
    SampleFormat.UINT: {8: "Byte", 16: "UInt16", 32: "UInt32", 64: "UInt64"},
    SampleFormat.INT: {8: "Int8", 16: "Int16", 32: "Int32", 64: "Int64"},
    SampleFormat.FLOAT: {16: "Float32", 24: "Float32", 32: "Float32", 64: "Float64"},
    SampleFormat.COMPLEX_INT: {32: "CInt16", 64: "CInt32"},
    SampleFormat.COMPLEX_FLOAT: {64: "CFloat32", 128: "CFloat64"},
}
"""GDAL's names, by sample format and bits."""


@dataclass(frozen=True, slots=True)
class GdalTiles:
    """Tiles of the image, or of the mask, at one level."""

    path: str
    """URL below the server's base URL, with variables of the driver."""
    z: int
    width: int
    """Pixels."""
    height: int
    tile_width: int
    tile_height: int
    bands: int
    data_type: str
    nodata: str | None
    """Value of tiles that are not stored."""


def gdal_tiles(layer: Layer, opened: LayerVersion, number: int, kind: str) -> GdalTiles:
    """Describe the tiles of a level.

    Args:
        layer: the layer.
        opened: its version.
        number: the level, 0 = full resolution.
        kind: IMAGE or MASK, of a level that has one.
    """
    cog = opened.cog
    level, z = cog.levels[number], len(cog.levels) - 1 - number
    image = level.image if kind == IMAGE or level.mask is None else level.mask
    nodata = nodata_of(cog) if kind == IMAGE else None
    return GdalTiles(
        path=f"{layer.versioned_path(opened)}/{kind}/{NATIVE}/${{z}}/${{x}}/${{y}}.{BARE_TIFF.extension}",
        z=z,
        width=image.width,
        height=image.height,
        tile_width=image.tile_width,
        tile_height=image.tile_height,
        bands=image.samples,
        data_type=data_type(image) or "Byte",
        nodata=None if nodata is None else nodata_text(nodata),
    )


def tiles_refusal(level: Level) -> Refusal | None:
    """Refuse a level whose tiles GDAL does not read correctly."""
    image = level.image
    if data_type(image) is None:
        return Refusal(f"GDAL has no type for {image.dtype}")
    bands = converted_bands(image.directory, image.samples, image.bits)
    if bands not in (None, image.samples):
        return Refusal(f"GDAL converts the {image.samples} bands of {image.photometric_name} into {bands}")
    return BARE_TIFF.refusal(level)


def data_type(image: Image) -> str | None:
    """The type in GDAL's TIFF driver, the next larger one for odd numbers of bits; None: GDAL has none."""
    types = _TYPES.get(SampleFormat(image.sample_format), _TYPES[SampleFormat.UINT])
    return next((name for bits, name in types.items() if image.bits <= bits), None)


def has_odd_bits(image: Image) -> bool:
    """Tell whether the integers have fewer bits than GDAL's type, which NBITS then states.

    False for floats: with NBITS, GDAL would round values that it reads through a VRT.
    """
    return image.sample_format == SampleFormat.UINT and image.bits not in _TYPES[SampleFormat.UINT]


def crs_text(geo: Georeference, resolver: CrsResolver) -> str | None:
    """CRS of the image, or of its ground control points, as GDAL reads it from a text: a code or WKT.

    A deprecated code is written as WKT, since GDAL would replace it. None without an unambiguous CRS.
    """
    crs = crs_of(replace(geo, keys=geo.point_keys, points=()) if geo.points else geo, resolver)
    if crs is None:
        return None
    return crs.code if crs.is_complete_by_code else xml_text(crs.wkt)
