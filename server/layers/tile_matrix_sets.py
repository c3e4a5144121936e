"""Grids as the standards describe them: tile matrix sets with scales and corners in their CRS (OGC 07-057r7, 17-083r4).

The one computation behind WMTS, OGC API Tiles and the layer's JSON. It needs PROJ, so only documents import it.
"""

from dataclasses import dataclass
from typing import Final

from cogread.crs.crs import Crs
from cogread.crs.geokeys import PROJECTED, GeoKey, GeoKeys
from cogread.crs.georeference import Bounds, Georeference
from cogread.crs.lookup import PROJ, CrsResolver, crs_of, why_no_crs
from cogread.crs.web_mercator import WEB_MERCATOR_EPSG
from cogread.image import Cog
from cogread.refusal import Refusal
from server.layers.grids import HALF_WORLD_M, Grids

PIXEL_M: Final = 0.00028
"""Side of the pixel of a screen, to which scale denominators refer (OGC 07-057r7 §6.1)."""

_WEB_MERCATOR: Final = Georeference(
    WEB_MERCATOR_EPSG,
    name=None,
    transform=None,
    bounds=None,
    keys=GeoKeys(((GeoKey.MODEL_TYPE, PROJECTED), (GeoKey.PROJECTED_CRS, WEB_MERCATOR_EPSG))),
)

Corner = tuple[float, float]
"""Two coordinates in the order of the CRS's own axes."""


@dataclass(frozen=True, slots=True)
class TileMatrix:
    """One matrix of a set."""

    z: int
    """As in the URLs of its tiles, and as text its identifier."""
    cell_size: float
    """Width and height of a pixel in units of the CRS."""
    scale_denominator: float
    tile_width: int
    """Pixels."""
    tile_height: int
    width: int
    """Columns of tiles."""
    height: int


@dataclass(frozen=True, slots=True)
class TileMatrixSet:
    """A tile matrix set."""

    crs: Crs
    top_left: Corner
    """The corner of all matrices."""
    matrices: tuple[TileMatrix, ...]
    """Coarse to fine."""


def native_set(cog: Cog, grids: Grids, resolver: CrsResolver = PROJ) -> TileMatrixSet | Refusal:
    """The tile matrix set of a file's own grid, if standards can describe it."""
    grid, crs = grids.native, crs_of(cog.geo, resolver)
    if grids.why_not_square is not None or grid.origin is None:
        return Refusal(grids.why_not_square or "it has no transform")
    if crs is None:
        return Refusal(why_no_crs(cog.geo, resolver) or "it has no CRS")
    matrices = tuple(
        TileMatrix(m.z, m.cell_size, _scale(crs, m.cell_size), m.tile_width, m.tile_height, m.width, m.height)
        for m in grid.matrices
        if m.cell_size is not None
    )
    return TileMatrixSet(crs, _ordered(crs, *grid.origin), matrices)


def web_mercator_set(max_z: int, side: int = 256) -> TileMatrixSet:
    """The grid of web maps, WebMercatorQuad (OGC 17-083r4, D.1), of tiles of `side` pixels, from z 0 to `max_z`."""
    crs = crs_of(_WEB_MERCATOR)
    if crs is None:
        raise LookupError(f"PROJ does not know EPSG:{WEB_MERCATOR_EPSG}")
    sizes = (2 * HALF_WORLD_M / side / 2**z for z in range(max_z + 1))
    matrices = tuple(TileMatrix(z, size, _scale(crs, size), side, side, 2**z, 2**z) for z, size in enumerate(sizes))
    return TileMatrixSet(crs, _ordered(crs, -HALF_WORLD_M, HALF_WORLD_M), matrices)


def corners(crs: Crs, bounds: Bounds) -> tuple[Corner, Corner]:
    """The lower and the upper corner of an area, in the order of the CRS's own axes."""
    left, bottom, right, top = bounds
    return _ordered(crs, left, bottom), _ordered(crs, right, top)


def _scale(crs: Crs, cell_size: float) -> float:
    return cell_size * crs.metres_per_unit / PIXEL_M


def _ordered(crs: Crs, x: float, y: float) -> Corner:
    return (y, x) if crs.swaps_axes else (x, y)
