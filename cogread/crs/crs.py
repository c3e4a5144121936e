"""CRSs as documents need them: names, axis order, units, bounds. PROJ takes 0.1 s to load: import this late.

`definition` makes a CRS of the keys, `identity` finds its code. All is a pure function of a `Georeference`'s keys.
"""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from math import atan, degrees, isclose, isfinite, pi, sinh
from threading import Lock
from typing import Any, Final

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cogread.crs.from_geokeys import defined_crs
from cogread.crs.geokeys import GeoKeys
from cogread.crs.georeference import Bounds, Georeference
from cogread.crs.heights import Definition
from cogread.crs.identify import has_known_datum, identified
from cogread.errors import UndefinedCrs

_RADIUS_M: Final = 6378137
METRES_PER_DEGREE: Final = pi * _RADIUS_M / 180
_SPOTS_M: Final = (-1.8e7, -1.1e6, 0.0, 5.2e6, 1.5e7)
"""Coordinates at which CRSs are compared."""
_MOST_DEGREES: Final = 720
"""Of bounds: beyond, they are not degrees."""
_WARNINGS: Final = Lock()
"""Filters of warnings are the process's."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A projected or geographic CRS; what is said of it is of its horizontal part, save where it says otherwise."""

    authority: tuple[str, str] | None
    """("EPSG", "2193"), ("ESRI", "102003"); None: it has no code."""
    name: str
    supported_crs: str
    """The name in WMTS: `urn:ogc:def:crs:EPSG::2193`; without a code a PROJ string, or WKT where that loses the datum.

    Coordinates beside a PROJ string or WKT are in x, y order.
    """
    uri: str | None
    """What OGC API calls it: `http://www.opengis.net/def/crs/EPSG/0/2193`, None without a code."""
    swaps_axes: bool
    """Whether documents that follow the CRS's own axis order write (y, x); False where it goes by a PROJ string."""
    is_geographic: bool
    metres_per_unit: float
    """For scale denominators; of a geographic CRS always that of a degree on WGS 84's equator (OGC 07-057r7 §6.1)."""
    unit_name: str
    proj_string: str | None
    """In x, y order, with the shift to WGS 84 that the file states; None where PROJ strings cannot express the CRS."""
    vertical: str | None
    """Name of the CRS of heights; None: heights are not of this CRS."""
    pyproj: CRS = field(repr=False)
    """In 2D, without a shift."""
    placed: CRS = field(repr=False)
    """With the shift to WGS 84 that the file states: a bound CRS, or else `pyproj`."""
    whole: CRS = field(repr=False)
    """With heights and shift: a compound, bound or 3D CRS, or else `pyproj`."""

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
        return _wgs84_bounds(self.placed, bounds)

    @property
    def is_web_mercator(self) -> bool:
        """Whether its numbers mean the places that they mean in EPSG:3857."""
        return not self.is_geographic and self.metres_per_unit == 1 and _is_web_mercator(self.placed)

    def projjson(self) -> dict[str, Any]:
        """The definition in PROJJSON with heights and shift, its axes in the CRS's own order."""
        found: dict[str, Any] = self.whole.to_json_dict()
        return found

    def horizontal_projjson(self) -> dict[str, Any]:
        """The same without heights and shift."""
        found: dict[str, Any] = self.pyproj.to_json_dict()
        return found

    def wkt(self) -> str:
        """The definition with heights and shift in GDAL's WKT 1, or in WKT 2 (ISO 19162:2019) where that loses any."""
        return _wkt(self.whole)


def crs_of(geo: Georeference) -> Crs | None:
    """The CRS of a file; None where it has none, or none that PROJ knows and that is beyond doubt."""
    found = _crs(geo.keys)
    return found if isinstance(found, Crs) else None


def why_no_crs(geo: Georeference) -> str | None:
    """The reason why a file has no CRS, a clause about the file; None: it has one."""
    if geo.points:
        return "it lies by ground control points, and a CRS would be theirs"
    found = _crs(geo.keys)
    return found if isinstance(found, str) else None


@lru_cache(maxsize=1024)
def _crs(keys: GeoKeys) -> Crs | str:
    try:
        return _described(defined_crs(keys))
    except UndefinedCrs as error:
        return str(error)
    except (CRSError, ProjError) as error:
        return f"PROJ does not take its CRS: {str(error).strip()[:200]}"


def _described(found: Definition) -> Crs:
    is_bound = found.placed.is_bound
    authority, crs = (None, found.horizontal) if is_bound else identified(found.horizontal)
    whole = crs if found.whole is found.horizontal else found.whole
    placed = found.placed if is_bound else crs
    proj_string = _proj_string(placed)
    axis = crs.axis_info[0]
    metres = METRES_PER_DEGREE if crs.is_geographic else axis.unit_conversion_factor
    if authority is None and proj_string is None:
        raise UndefinedCrs(f"its CRS, {crs.name}, has neither a code nor a PROJ string")
    supported = f"urn:ogc:def:crs:{authority[0]}::{authority[1]}" if authority else proj_string
    if supported is None or (authority is None and not is_bound and _loses_datum(supported, crs)):
        supported = _wkt(crs)
    if not (isfinite(metres) and metres > 0):
        raise UndefinedCrs(f"its linear unit is of size {metres} m")
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
        vertical=_vertical_name(whole),
        pyproj=crs,
        placed=placed,
        whole=whole,
    )


def _vertical_name(whole: CRS) -> str | None:
    if whole.is_compound:
        return str(whole.sub_crs_list[1].name)
    return "ellipsoidal height" if len(whole.axis_info) == 3 else None


def _wkt(crs: CRS) -> str:
    try:
        text = str(crs.to_wkt("WKT1_GDAL"))
        if CRS.from_wkt(text).equals(crs, ignore_axis_order=True):
            return text
    except CRSError:
        pass
    return str(crs.to_wkt("WKT2_2019"))


def _loses_datum(proj_string: str, crs: CRS) -> bool:
    """Whether a PROJ string states the datum of a dataset as a mere ellipsoid, which would move the layer."""
    stated = CRS.from_user_input(proj_string).datum
    return has_known_datum(crs) and (stated is None or stated.name.lower().startswith("unknown"))


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
    if not all(isfinite(edge) and abs(edge) <= _MOST_DEGREES for edge in (west, south, east, north)):
        return None
    return wrapped((west, south, east, north))


def wrapped(box: Bounds) -> Bounds:
    """A box in degrees with longitudes from -180 to 180: west > east across the antimeridian (RFC 7946 §5.2).

    Args:
        box: west, south, east, north; longitudes any number of turns away.
    """
    west, south, east, north = box
    if west > east >= -180 and west <= 180:
        return west, south, east, north
    if east - west >= 360:
        return -180.0, south, 180.0, north
    return _turned(west, 180.0), south, -_turned(-east, 180.0), north


def _turned(longitude: float, end: float) -> float:
    """A longitude from -180 up to, but without, `end`; one that is already within keeps every digit."""
    return longitude if -180 <= longitude < end else (longitude + 180) % 360 - 180


@lru_cache(maxsize=1024)
def _is_web_mercator(crs: CRS) -> bool:
    try:
        lons, lats = _to_wgs84(crs).transform(_SPOTS_M, _SPOTS_M)
    except ProjError:
        return False
    wanted = [(degrees(spot / _RADIUS_M), degrees(atan(sinh(spot / _RADIUS_M)))) for spot in _SPOTS_M]
    pairs = zip((*lons, *lats), (*(lon for lon, _ in wanted), *(lat for _, lat in wanted)), strict=True)
    return all(isclose(found, exact, rel_tol=0, abs_tol=1e-8) for found, exact in pairs)


@lru_cache(maxsize=256)
def _to_wgs84(crs: CRS) -> Transformer:
    return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
