"""Alignment of a layer's tiles to web maps: the obstacles, and the command that aligns the file.

The layer's JSON, the TileJSON and the pages all show it.
"""

from dataclasses import dataclass
from math import ceil, log2
from typing import Final

from cogread.conversion import cog_line, cog_options
from cogread.crs.geokeys import GeoKey
from cogread.crs.lookup import PROJ, CrsResolver
from cogread.crs.web_mercator import WEB_MERCATOR_EPSG, is_web_mercator
from cogread.image import Cog
from server.layers.grids import WEB_TILE_SIDES, Grids

_MOST_LEVELS: Final = 10
"""Largest number that GDAL aligns (frmts/gtiff/cogdriver.cpp)."""
_SIDE: Final = 256
"""Pixels of the tiles that GDAL makes for web maps."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """The reason why levels of a layer are not on the grid of web maps."""

    off_levels: tuple[int, ...]
    """Their z in the layer's own grid, coarse to fine."""
    reason: str
    """The reason, for users."""
    command: str | None
    """The command that makes a file with all levels aligned; None if GDAL cannot georeference the image."""


def misfit(cog: Cog, grids: Grids, resolver: CrsResolver = PROJ) -> Misfit | None:
    """Describe the obstacles between a layer and the grid of web maps; None: there are none."""
    on_grid = () if grids.web_mercator is None else grids.web_mercator.matrices
    fitting = {matrix.level for matrix in on_grid}
    off = tuple(matrix.z for matrix in grids.native.matrices if matrix.level not in fitting)
    if not off:
        return None
    return Misfit(off, _reason(cog, grids, off, resolver), None if _is_nowhere(cog) else _command(cog))


def _reason(cog: Cog, grids: Grids, off: tuple[int, ...], resolver: CrsResolver) -> str:
    full = cog.full
    if cog.geo.transform is None:
        return "it lies nowhere: the file has no transform"
    if not is_web_mercator(cog.geo, resolver):
        if _is_nowhere(cog):
            return "the file has no CRS"
        own = repr(cog.geo.name) if cog.geo.name else "one of its own"
        crs = own if cog.geo.epsg is None else f"EPSG:{cog.geo.epsg}"
        return f"its CRS is {crs}, that of web maps EPSG:{WEB_MERCATOR_EPSG}: it has to be warped"
    if grids.why_not_square is not None:
        return grids.why_not_square
    if full.tile_width not in WEB_TILE_SIDES or full.tile_height != full.tile_width:
        return f"its tiles are of {full.tile_width} x {full.tile_height} px, those of web maps of 256 or 512"
    if len(off) == len(cog.levels):
        return "its origin or its resolution is not that of the grid of web maps"
    levels = f"levels z {', '.join(str(z) for z in off)} of its own grid" if len(off) > 1 else f"level z {off[0]}"
    return f"the tiles of {levels} do not begin where those of web maps do, or not in that size"


def _is_nowhere(cog: Cog) -> bool:
    keys = cog.geo.keys
    has_crs = any(keys.short(key) is not None for key in (GeoKey.PROJECTED_CRS, GeoKey.GEODETIC_CRS))
    return cog.geo.transform is None or not has_crs


def _command(cog: Cog) -> str:
    """The command; it states the number of overviews, as GDAL would add smaller ones that are not aligned."""
    full = cog.full
    overviews = ceil(log2(max(full.width, full.height) / _SIDE)) if max(full.width, full.height) > _SIDE else 0
    levels = min(_MOST_LEVELS, max(2, overviews + 1))  # GDAL needs at least one overview
    options = {
        "TILING_SCHEME": "GoogleMapsCompatible",
        "ALIGNED_LEVELS": levels,
        "OVERVIEW_COUNT": levels - 1,
        **cog_options(full.directory),
    }
    return cog_line(options)
