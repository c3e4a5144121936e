"""CRSs as documents need them: names, axis order, units, bounds. PROJ takes 0.1 s to load: import this late.

`definition` makes a CRS of the keys, `identity` finds its code.
"""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from math import isclose, isfinite, pi
from threading import Lock
from typing import Any, Final

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cogread.definition import defined_crs
from cogread.geo import Bounds, Georeference
from cogread.geokeys import GeoKeys
from cogread.identity import identified

METRES_PER_DEGREE: Final = pi * 6378137 / 180
_WARNINGS: Final = Lock()
"""Filters of warnings are the process's."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A horizontal CRS: projected or geographic."""

    authority: tuple[str, str] | None
    """("EPSG", "2193"), ("ESRI", "102003"); None: it has no code."""
    name: str
    supported_crs: str
    """What WMTS calls it: `urn:ogc:def:crs:EPSG::2193`, without a code a PROJ string, which is in x, y order."""
    uri: str | None
    """What OGC API calls it: `http://www.opengis.net/def/crs/EPSG/0/2193`, None without a code."""
    swaps_axes: bool
    """Whether documents that follow the CRS's own axis order write (y, x); False where it goes by a PROJ string."""
    is_geographic: bool
    metres_per_unit: float
    """For scale denominators; of a geographic CRS always that of a degree on WGS 84's equator (OGC 07-057r7 §6.1)."""
    unit_name: str
    proj_string: str | None
    """In x, y order; None where PROJ strings cannot express the CRS."""
    pyproj: CRS = field(repr=False)

    @property
    def code(self) -> str | None:
        """`EPSG:2193`, `ESRI:102003`; None without a code."""
        return ":".join(self.authority) if self.authority else None

    def wgs84_bounds(self, bounds: Bounds) -> Bounds | None:
        """Bounds in longitude and latitude, edges densified; None where there is no transform or no finite result.

        Args:
            bounds: left, bottom, right, top in x, y order.

        Returns:
            west, south, east, north in degrees; west > east where the area crosses the antimeridian.
        """
        return _wgs84_bounds(self.pyproj, bounds)

    def projjson(self) -> dict[str, Any]:
        """The definition in PROJJSON, its axes in the CRS's own order."""
        found: dict[str, Any] = self.pyproj.to_json_dict()
        return found

    def wkt(self) -> str:
        """The definition in GDAL's WKT 1, in WKT 2 (ISO 19162:2019) where the former cannot express it."""
        try:
            return str(self.pyproj.to_wkt("WKT1_GDAL"))
        except CRSError:
            return str(self.pyproj.to_wkt("WKT2_2019"))


def crs_of(geo: Georeference) -> Crs | None:
    """The CRS of a file; None where it has none, or none that PROJ knows and that is beyond doubt."""
    return _crs(geo.keys)


@lru_cache(maxsize=1024)
def _crs(keys: GeoKeys) -> Crs | None:
    try:
        found = defined_crs(keys)
        return _described(found) if found else None
    except (CRSError, ProjError):
        return None


def _described(found: CRS) -> Crs | None:
    authority, crs = identified(found)
    proj_string = _proj_string(crs)
    axis = crs.axis_info[0]
    metres = METRES_PER_DEGREE if crs.is_geographic else axis.unit_conversion_factor
    supported = f"urn:ogc:def:crs:{authority[0]}::{authority[1]}" if authority else proj_string
    if supported is None or not (isfinite(metres) and metres > 0):
        return None
    return Crs(
        authority=authority,
        name=crs.name,
        supported_crs=supported,
        uri=f"http://www.opengis.net/def/crs/{authority[0]}/0/{authority[1]}" if authority else None,
        swaps_axes=authority is not None and authority[0] == "EPSG" and _is_northing_first(crs),
        is_geographic=crs.is_geographic,
        metres_per_unit=metres,
        unit_name=axis.unit_name,
        proj_string=proj_string,
        pyproj=crs,
    )


def _is_northing_first(crs: CRS) -> bool:
    """Whether GDAL takes the second coordinate for x: axes (north, east), or both to or from a pole, northing first.

    It does so for EPSG's CRSs alone (OGRSpatialReference::EPSGTreatsAsNorthingEasting).
    """
    first, second = crs.axis_info[:2]
    if (first.direction, second.direction) == ("north", "east"):
        return True
    return first.direction == second.direction and first.name.startswith("Northing")


def _proj_string(crs: CRS) -> str | None:
    """Without R_A, which PROJ adds to methods that have it by nature and then reads as something else."""
    if crs.is_geographic and not isclose(crs.axis_info[0].unit_conversion_factor, pi / 180, rel_tol=1e-9):
        return None  # they are in degrees
    with _WARNINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You will likely lose", UserWarning)
        try:
            text = str(crs.to_proj4())
        except CRSError:
            return None
    return text.replace(" +type=crs", "").replace(" +R_A", "") if "+proj=" in text else None


@lru_cache(maxsize=16384)
def _wgs84_bounds(crs: CRS, bounds: Bounds) -> Bounds | None:
    """Kept: PROJ makes a transformer anew for each thread, in up to 0.1 s."""
    try:
        west, south, east, north = _to_wgs84(crs).transform_bounds(*bounds, densify_pts=21)
    except (CRSError, ProjError):
        return None
    result = (west, south, east, north)
    return result if all(abs(degrees) <= 360 for degrees in result) else None


@lru_cache(maxsize=256)
def _to_wgs84(crs: CRS) -> Transformer:
    return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
