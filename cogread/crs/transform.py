"""Coordinates of a CRS in longitude and latitude on WGS 84, by PROJ.

CRSs are given as PROJJSON, which is hashable and needs no PROJ object to be kept.
"""

from functools import lru_cache
from math import atan, degrees, isclose, isfinite, sinh
from typing import Final

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cogread.crs.georeference import Bounds

EARTH_RADIUS_M: Final = 6378137
"""WGS 84's equatorial radius."""

_SAMPLES_M: Final = (-1.8e7, -1.1e6, 0.0, 5.2e6, 1.5e7)
"""Coordinates at which a CRS is compared with EPSG:3857."""
_MAX_DEGREES: Final = 720
"""Larger bounds are not in degrees."""


@lru_cache(maxsize=256)
def wgs84_bounds(definition: str, bounds: Bounds) -> Bounds | None:
    """Transform bounds; cached, because PROJ makes each thread a transformer of its own, in up to 0.1 s.

    Args:
        definition: the CRS in PROJJSON.
        bounds: left, bottom, right, top in x, y order.

    Returns:
        west, south, east, north in degrees; None where there is no transform or no finite result.
    """
    try:
        west, south, east, north = transformer(definition).transform_bounds(*bounds, densify_pts=21)
    except (CRSError, ProjError):
        return None
    if not all(isfinite(edge) and abs(edge) <= _MAX_DEGREES for edge in (west, south, east, north)):
        return None
    return wrapped((west, south, east, north))


def wrapped(box: Bounds) -> Bounds:
    """Bring longitudes into -180 to 180: west > east across the antimeridian (RFC 7946 §5.2).

    Args:
        box: west, south, east, north in degrees; longitudes any number of turns away.
    """
    west, south, east, north = box
    if west > east >= -180 and west <= 180:
        return west, south, east, north
    if east - west >= 360:
        return -180.0, south, 180.0, north
    return _turned(west, 180.0), south, -_turned(-east, 180.0), north


def is_web_mercator(definition: str) -> bool:
    """Compare places of a projected CRS in metres with those of EPSG:3857."""
    try:
        lons, lats = transformer(definition).transform(_SAMPLES_M, _SAMPLES_M)
    except ProjError:
        return False
    angles = [metres / EARTH_RADIUS_M for metres in _SAMPLES_M]
    exact = (*(degrees(angle) for angle in angles), *(degrees(atan(sinh(angle))) for angle in angles))
    return all(isclose(*pair, rel_tol=0, abs_tol=1e-8) for pair in zip((*lons, *lats), exact, strict=True))


def _turned(longitude: float, end: float) -> float:
    """A longitude from -180 up to, but without, `end`; one that is already within keeps every digit."""
    return longitude if -180 <= longitude < end else (longitude + 180) % 360 - 180


@lru_cache(maxsize=64)
def transformer(definition: str) -> Transformer:
    """Make the transformer from a CRS in PROJJSON, in x, y order, to longitude and latitude on WGS 84."""
    return Transformer.from_crs(CRS.from_json(definition), "OGC:CRS84", always_xy=True)
