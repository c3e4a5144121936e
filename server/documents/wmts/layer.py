"""A layer's part of the capabilities. It needs PROJ, so it is imported only to write a document."""

from hashlib import blake2b
from typing import Final
from zlib import compress

from cogread.crs.crs import Crs
from cogread.crs.georeference import Bounds
from cogread.crs.lookup import CrsResolver
from cogread.refusal import Refusal
from server.documents.pictures import MEDIA_TYPES, service_formats
from server.documents.templates import rendered
from server.documents.wmts.names import (
    BASE_URL_PLACEHOLDER,
    DIMENSION_PLACEHOLDER,
    QUERY_PLACEHOLDER,
    RESOURCES,
    SHARED_SIDE,
    TIME_IDENTIFIER,
    LayerPart,
    shares_web_mercator,
)
from server.documents.xml_text import xml_text
from server.layers.grids import HALF_WORLD_M, native_set_name
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.series import TimeLayer
from server.layers.tile_matrix_sets import Corner, TileMatrixSet, corners, native_set, web_mercator_set
from server.tiles.request import STYLE

_NEAR_ANTIMERIDIAN: Final = 181.0
"""Degrees that a grid with pixels of up to 2 degrees reaches whose first pixels have their centres at 180."""

Box = tuple[Corner, Corner]
"""Lower and upper corner."""


def layer_part(layer: Layer, opened: LayerVersion) -> LayerPart | Refusal:
    """Write a layer's part, if WMTS can describe it; of a layer in time without its times."""
    about = _about(opened)
    if isinstance(about, Refusal):
        return about
    native, bounds, formats = about
    shared = opened.grids.web_mercator if shares_web_mercator(opened.grids) else None
    config = layer.config
    is_timed = isinstance(layer, TimeLayer)
    box = corners(native.crs, bounds) if _is_in_reach(native.crs, bounds) else None
    element = rendered(
        "wmts_layer.xml",
        name=config.name,
        title=xml_text(config.title),
        abstract=xml_text(config.attribution.text if config.attribution else ""),
        wgs84=_wgs84(native, opened.resolver, bounds, is_alone=box is None),
        crs=native.crs.supported_crs,
        corners=box,
        style=STYLE,
        formats=formats,
        native=native_set_name(config.name),
        shared=shared,
        query=QUERY_PLACEHOLDER,
        dimension=DIMENSION_PLACEHOLDER if is_timed else "",
        time=f"/{{{TIME_IDENTIFIER}}}" if is_timed else "",
        tiles=f"{BASE_URL_PLACEHOLDER}{RESOURCES}/{layer.versioned_path(opened).rpartition('/')[2]}",
    )
    own = _tile_matrix_set_part(native_set_name(config.name), native, box)
    digest = blake2b("\0".join((config.name, opened.version_key, element, own)).encode(), digest_size=8).digest()
    z = shared.matrices[-1].z if shared else None
    return LayerPart(compress(element.encode()), compress(own.encode()), digest, z)


def wmts_refusal(opened: LayerVersion) -> Refusal | None:
    """Refuse a layer that WMTS cannot describe."""
    about = _about(opened)
    return about if isinstance(about, Refusal) else None


def shared_set_part(name: str, max_z: int) -> str:
    """Write the `TileMatrixSet` element that layers share, as far as they need it."""
    described = web_mercator_set(max_z, SHARED_SIDE)
    square = -HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M
    return _tile_matrix_set_part(name, described, corners(described.crs, square))


def _tile_matrix_set_part(name: str, described: TileMatrixSet, box: Box | None) -> str:
    """Write a `TileMatrixSet` element. ArcGIS goes by its box; without one it swaps the axes of north, east CRSs."""
    return rendered("wmts_tile_matrix_set.xml", name=name, set=described, box=box)


def _about(opened: LayerVersion) -> tuple[TileMatrixSet, Bounds, dict[str, str]] | Refusal:
    """The set of a layer's own grid, its bounds, and extension -> media type of the formats that all levels have."""
    native, bounds = native_set(opened.cog, opened.grids, opened.resolver), opened.cog.geo.bounds
    if isinstance(native, Refusal):
        return native
    if bounds is None:
        return Refusal("it has no bounds")
    extensions = service_formats(opened, range(len(opened.cog.levels)))
    formats = {extension: MEDIA_TYPES[extension] for extension in extensions}
    return (native, bounds, formats) if formats else Refusal("there is no format that all its levels have")


def _is_in_reach(crs: Crs, bounds: Bounds) -> bool:
    """Tell whether GDAL reads a box of the layer correctly: it swaps latitudes beyond 90 with longitudes.

    Such latitudes belong to grids whose first and last pixels are centred on the poles. Without the box, GDAL uses that
    in degrees, see `_wgs84`.
    """
    return not (crs.is_geographic and crs.swaps_axes) or -90 <= bounds[1] <= bounds[3] <= 90


def _wgs84(described: TileMatrixSet, resolver: CrsResolver, bounds: Bounds, *, is_alone: bool) -> Bounds | None:
    """The box in degrees; the whole circle across the antimeridian, since clients take west > east for empty.

    If it is the only box, GDAL places pixels by it: for a grid that begins at the antimeridian it has the edges of the
    pixels. A grid that begins at Greenwich has no such box within 180 degrees: None.
    """
    if is_alone:
        return bounds if max(-bounds[0], bounds[2]) <= _NEAR_ANTIMERIDIAN else None
    box = resolver.wgs84_bounds(described.crs, bounds)
    if box is None or box[0] <= box[2]:
        return box
    return -180.0, box[1], 180.0, box[3]
