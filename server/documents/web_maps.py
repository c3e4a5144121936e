"""Layers for web maps: their levels on the grid WebMercatorQuad, in formats of browsers, with bounds in degrees."""

from math import atan, degrees, pi, sinh
from typing import Final

from cogread.crs.georeference import Bounds
from cogread.errors import FormatNotOffered
from cogread.refusal import Refusal
from cogread.wrap import TERRAIN
from server.documents import Json
from server.documents.alignment import Misfit, misfit
from server.documents.pictures import tiles_suffix
from server.http.errors import UnknownGrid
from server.http.public_urls import Links
from server.layers.grids import WEB_MERCATOR, Grid
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion

_RADIUS_M: Final = 6378137.0
_MOST_LATITUDE: Final = degrees(atan(sinh(pi)))
"""Latitude at which the square of web maps ends."""


def facts(layer: Layer, opened: LayerVersion, links: Links) -> Json:
    """The member `web_mercator` of the layer's JSON: its aligned levels, and the obstacle of the others."""
    grid, obstacle = opened.grids.web_mercator, misfit(opened.cog, opened.grids, opened.resolver)
    suffix = None if grid is None else _suffix(opened, grid)
    return {
        "minzoom": None if grid is None else grid.matrices[0].z,
        "maxzoom": None if grid is None else grid.matrices[-1].z,
        "tile_size": None if grid is None else grid.matrices[0].tile_width,
        "tiles": None if suffix is None else links.to(tiles_template(layer, opened, suffix)),
        "off_levels": [] if obstacle is None else obstacle.off_levels,
        "reason": None if obstacle is None else obstacle.reason,
        "command": None if obstacle is None else obstacle.command,
    }


def web_mercator(opened: LayerVersion) -> Grid:
    """A layer's grid of web maps.

    Raises:
        UnknownGrid: the layer has none; the message has the reason and a remedy.
    """
    grid, obstacle = opened.grids.web_mercator, misfit(opened.cog, opened.grids, opened.resolver)
    if grid is not None:
        return grid
    advice = "" if obstacle is None or obstacle.command is None else f"; this makes a file that is: {obstacle.command}"
    raise UnknownGrid(f"the layer {_not_aligned(obstacle)}{advice}")


def web_map_refusal(opened: LayerVersion) -> Refusal | None:
    """Refuse a layer without an aligned level."""
    grid = opened.grids.web_mercator
    if grid is None:
        return Refusal(f"it {_not_aligned(misfit(opened.cog, opened.grids, opened.resolver))}")
    return Refusal("its tiles are in no format that browsers show") if _suffix(opened, grid) is None else None


def _not_aligned(obstacle: Misfit | None) -> str:
    return "is not aligned to the grid of web maps" + ("" if obstacle is None else f": {obstacle.reason}")


def picture_suffix(opened: LayerVersion, grid: Grid) -> str:
    """The end of the URLs of tiles that browsers show at all levels of a grid: see `tiles_suffix`.

    Raises:
        FormatNotOffered: no form is common to them.
    """
    suffix = _suffix(opened, grid)
    if suffix is None:
        raise no_pictures(opened, grid)
    return suffix


def no_pictures(opened: LayerVersion, grid: Grid) -> FormatNotOffered:
    """The error for a grid whose levels have no format in common that browsers show."""
    these = ", ".join(opened.offered(IMAGE, grid.matrices[-1].level)) or "none"
    terrain = "" if opened.terrain_refusal else f", and as terrain with encoding={' or '.join(TERRAIN)}"
    return FormatNotOffered(
        f"the layer's tiles are in no format that browsers show; they are offered as: {these}{terrain}"
    )


def terrain_format(opened: LayerVersion, grid: Grid, encoding: str) -> str:
    """The format of a layer's terrain in an encoding.

    Raises:
        FormatNotOffered: a level of the grid has none.
    """
    wrapper = TERRAIN[encoding]
    for matrix in reversed(grid.matrices):
        reason = wrapper.refusal(opened.cog.levels[matrix.level])
        if reason is not None:
            raise FormatNotOffered(f"the layer has no terrain: {reason}")
    return wrapper.extension


def tiles_template(layer: Layer, opened: LayerVersion, suffix: str) -> str:
    """URL template of the tiles of the grid, below the server's base URL."""
    return f"{layer.versioned_path(opened)}/{IMAGE}/{WEB_MERCATOR}/{{z}}/{{x}}/{{y}}{suffix}"


def lonlat_bounds(opened: LayerVersion) -> Bounds:
    """West, south, east, north of a layer in EPSG:3857, in degrees, within the square of web maps."""
    left, bottom, right, top = opened.cog.geo.bounds or (0.0, 0.0, 0.0, 0.0)
    return _longitude(left), _latitude(bottom), _longitude(right), _latitude(top)


def _suffix(opened: LayerVersion, grid: Grid) -> str | None:
    return tiles_suffix(opened, (matrix.level for matrix in grid.matrices))


def _longitude(x_m: float) -> float:
    return max(-180.0, min(180.0, degrees(x_m / _RADIUS_M)))


def _latitude(y_m: float) -> float:
    return max(-_MOST_LATITUDE, min(_MOST_LATITUDE, degrees(atan(sinh(max(-pi, min(pi, y_m / _RADIUS_M)))))))
