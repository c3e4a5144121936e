"""`gdal.xml`: a layer for GDAL's WMS driver, if the driver reads all of it correctly.

The driver (frmts/wms/gdalwmsdataset.cpp) takes each overview for half of the next finer level, rounded to nearest, with
tiles of the same size; two bands for grey and alpha, four for red, green, blue and alpha. It has no mask, palette,
scale or name. A file that differs is refused. This needs PROJ, so only documents import it.
"""

from collections.abc import Iterator
from typing import Final

from cogread.crs.lookup import vertical_unit
from cogread.image import Cog
from cogread.metadata.bands import Band, bands_of
from cogread.metadata.nodata import nodata_of
from cogread.refusal import Refusal
from server.documents.gdal.tiles import crs_text, gdal_tiles, tiles_refusal
from server.documents.templates import rendered
from server.http.errors import UnknownUrl
from server.http.public_urls import Links
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion

_COLORS: Final = {1: ("gray",), 2: ("gray", "alpha"), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}
"""Number of bands -> colours that the driver takes them for; others are undefined."""
EXACT: Final = 2**53
"""Bound of the integers that a double holds exactly: the driver keeps nodata as a double."""


def gdal_wms(layer: Layer, opened: LayerVersion, links: Links) -> bytes:
    """The document of a version of a layer; `links` makes its URLs.

    Raises:
        UnknownUrl: the driver would read the file incorrectly; the message has the difference.
    """
    cog = opened.cog
    refusal, transform = wms_refusal(opened), cog.geo.transform
    if refusal is not None or transform is None:
        vrt = links.to(f"{layer.path}/gdal.vrt")
        raise UnknownUrl(f"GDAL's WMS driver cannot read the layer as it is: {refusal}; GDAL can by {vrt}")
    x0, dx, _, y0, _, dy = transform
    tiles = gdal_tiles(layer, opened, 0, IMAGE)
    return rendered(
        "gdal_wms.xml",
        url=links.to(tiles.path),
        tiles=tiles,
        corners=(x0, y0, x0 + cog.full.width * dx, y0 + cog.full.height * dy),
        overviews=len(cog.levels) - 1,
        crs=crs_text(cog.geo, opened.resolver),
    ).encode()


def wms_refusal(opened: LayerVersion) -> Refusal | None:
    """Refuse a file that the driver would read incorrectly."""
    return next(map(Refusal, _untruths(opened)), None)


def _untruths(opened: LayerVersion) -> Iterator[str]:
    cog = opened.cog
    for level in cog.levels:
        refusal = tiles_refusal(level)
        if refusal is not None:
            yield refusal.reason
        if level.mask is not None:
            yield "it has a mask"
    yield from _misplaced(cog)
    yield from _misread(bands_of(cog))
    yield from _missized(cog)
    nodata = nodata_of(cog)
    if isinstance(nodata, int) and abs(nodata) > EXACT:
        yield f"nodata {nodata} has no double"
    unit = vertical_unit(cog.geo, opened.resolver)
    if unit is not None:
        yield f"its bands are in the unit of its heights, {unit}"


def _misplaced(cog: Cog) -> Iterator[str]:
    if cog.geo.transform is None:
        yield "its place is told by ground control points" if cog.geo.points else "it has no transform"
    elif cog.geo.transform[2] or cog.geo.transform[4]:
        yield "it is rotated"


def _missized(cog: Cog) -> Iterator[str]:
    full = cog.full
    for number, level in enumerate(cog.levels[1:], 1):
        image, scale = level.image, 0.5**number
        wanted = int(full.width * scale + 0.5), int(full.height * scale + 0.5)
        if (image.width, image.height) != wanted:
            yield (
                f"overview {number} has {image.width} × {image.height} pixels, "
                f"and the driver takes it for {wanted[0]} × {wanted[1]}"
            )
        if image.tile_size != full.tile_size:
            yield f"overview {number} has tiles of another size than the image"


def _misread(bands: tuple[Band, ...]) -> Iterator[str]:
    taken_for = _COLORS.get(len(bands), ("undefined",) * len(bands))
    for number, (band, color) in enumerate(zip(bands, taken_for, strict=True), 1):
        if band.color_interpretation != color:
            yield f"band {number} is {band.color_interpretation}, and the driver takes it for {color}"
        if band.scale not in (None, 1) or band.offset not in (None, 0):
            yield f"band {number} has a scale or an offset"
        if band.unit or band.description:
            yield f"band {number} has a unit or a description"
