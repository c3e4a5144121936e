"""A layer's part of the capabilities. It needs PROJ, so it is only imported when a document is written."""

from dataclasses import dataclass
from typing import Final

from flask import render_template
from markupsafe import Markup

from cogread.crs.crs import Crs
from cogread.crs.georeference import Bounds
from server.documents.wmts.names import MEDIA_TYPES, RESOURCES, SHARED_SIDE, shares_web_mercator
from server.documents.xml_text import xml_text
from server.layers.catalog import Layer
from server.layers.grids import HALF_WORLD_M, native_set_name
from server.layers.layer_version import IMAGE, OpenLayer
from server.layers.tile_matrix_sets import Corner, TileMatrixSet, corners, native_set, web_mercator_set
from server.tiles.request import STYLE

ROOT: Final = "\x1a"
"""Stands for the server's root, which is another for each client: no XML text can hold it."""

_NEAR_ANTIMERIDIAN: Final = 181.0
"""Degrees that a grid with pixels of up to 2 degrees reaches whose first pixels have their centres at 180."""

Box = tuple[Corner, Corner]
"""Lower and upper corner."""


@dataclass(frozen=True, slots=True)
class LayerPart:
    """What the capabilities say of a version of a layer."""

    layer: Markup
    """Its `Layer` element, with ROOT in place of the server's root."""
    tile_matrix_set: Markup
    """The `TileMatrixSet` of its own grid."""
    web_mercator_z: int | None
    """The highest z of the shared set at which it has tiles; None: it is not on that."""


def layer_part(layer: Layer, opened: OpenLayer) -> LayerPart | str:
    """Write a layer's part, or say why WMTS cannot describe it."""
    cog, grids = opened.cog, opened.grids
    native, reason, formats = native_set(cog, grids), refusal(opened), _formats(opened)
    if isinstance(native, str) or cog.geo.bounds is None or reason is not None:
        return reason or "it has no bounds"
    shared = grids.web_mercator if shares_web_mercator(grids) else None
    config = layer.config
    box = corners(native.crs, cog.geo.bounds) if _is_in_reach(native.crs, cog.geo.bounds) else None
    text = render_template(
        "wmts_layer.xml",
        name=config.name,
        title=xml_text(config.title),
        abstract=xml_text(config.attribution or ""),
        wgs84=_wgs84(native, cog.geo.bounds, is_alone=box is None),
        crs=native.crs.supported_crs,
        corners=box,
        style=STYLE,
        formats=formats,
        native=native_set_name(config.name),
        shared=shared,
        tiles=f"{ROOT}{RESOURCES}/{layer.path_of(opened).rpartition('/')[2]}",
    )
    own = _tile_matrix_set_part(native_set_name(config.name), native, box)
    return LayerPart(Markup(text), own, shared.matrices[-1].z if shared else None)  # noqa: S704 - of a template


def refusal(opened: OpenLayer) -> str | None:
    """Why WMTS cannot describe a layer; None if it can."""
    native = native_set(opened.cog, opened.grids)
    if isinstance(native, str):
        return native
    if opened.cog.geo.bounds is None:
        return "it has no bounds"
    return None if _formats(opened) else "there is no format that all its levels have"


def shared_set_part(name: str, max_z: int) -> Markup:
    """Write the `TileMatrixSet` element that layers share, as far as they need it."""
    described = web_mercator_set(max_z, SHARED_SIDE)
    square = -HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M
    return _tile_matrix_set_part(name, described, corners(described.crs, square))


def _tile_matrix_set_part(name: str, described: TileMatrixSet, box: Box | None) -> Markup:
    """Write a `TileMatrixSet` element. ArcGIS goes by its box; without one it swaps the axes of north, east CRSs."""
    text = render_template("wmts_tile_matrix_set.xml", name=name, set=described, box=box)
    return Markup(text)  # noqa: S704 - of a template


def _formats(opened: OpenLayer) -> dict[str, str]:
    """Extension -> media type of what all levels are offered as."""
    offered = [opened.offered(IMAGE, number) for number in range(len(opened.cog.levels))]
    return {
        extension: media_type
        for extension, media_type in MEDIA_TYPES.items()
        if all(extension in extensions for extensions in offered)
    }


def _is_in_reach(crs: Crs, bounds: Bounds) -> bool:
    """Whether a box of the layer is understood: GDAL takes latitudes beyond 90 for longitudes, and swaps them.

    Those are of grids whose first and last pixels have their centres at the poles. Without the box, GDAL goes by that
    in degrees, see `_wgs84`.
    """
    return not (crs.is_geographic and crs.swaps_axes) or -90 <= bounds[1] <= bounds[3] <= 90


def _wgs84(described: TileMatrixSet, bounds: Bounds, *, is_alone: bool) -> Bounds | None:
    """The box in degrees; across the antimeridian the whole turn, since clients take west > east for empty.

    Where it stands alone GDAL places pixels by it: of a grid from the antimeridian on it is the very edges of the
    pixels, and of one from Greenwich on, which has no such box within 180 degrees, None.
    """
    if is_alone:
        return bounds if max(-bounds[0], bounds[2]) <= _NEAR_ANTIMERIDIAN else None
    found = described.crs.wgs84_bounds(bounds)
    if found is None or found[0] <= found[2]:
        return found
    return -180.0, found[1], 180.0, found[3]
