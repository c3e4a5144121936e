"""What PROJ knows of a CRS. Imported only when a document is written: it takes 0.1 s to load."""

from functools import lru_cache

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cogread.geo import Bounds


@lru_cache(maxsize=1024)
def crs_name(epsg: int) -> str | None:
    """The CRS's name in the EPSG dataset; None for a code that PROJ does not know."""
    try:
        return str(CRS.from_epsg(epsg).name)
    except CRSError:
        return None


def wgs84_bounds(epsg: int, bounds: Bounds) -> Bounds | None:
    """Bounds in longitude and latitude, edges densified; None where there is no transform or no finite result.

    Args:
        epsg: the CRS of `bounds`.
        bounds: left, bottom, right, top in x, y order.

    Returns:
        west, south, east, north in degrees; west > east where the area crosses the antimeridian.
    """
    try:
        west, south, east, north = _to_wgs84(epsg).transform_bounds(*bounds, densify_pts=21)
    except (CRSError, ProjError):
        return None
    result = (west, south, east, north)
    return result if all(abs(degrees) <= 360 for degrees in result) else None


@lru_cache(maxsize=256)
def _to_wgs84(epsg: int) -> Transformer:
    return Transformer.from_crs(CRS.from_epsg(epsg), "OGC:CRS84", always_xy=True)
