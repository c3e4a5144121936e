"""The vertical part of a CRS as GeoKeys state it, as GDAL reads it (gt_wkt_srs.cpp): a compound CRS, or a CRS in 3D.

GDAL leaves compound CRSs out of files of GeoTIFF 1.0, whose writers confused codes of vertical CRSs and datums.
"""

from dataclasses import dataclass
from typing import Final

from pyproj import CRS
from pyproj.crs import Datum  # type: ignore[attr-defined]  # its documentation says so
from pyproj.exceptions import CRSError

from cogread.crs.crs import ProjJson
from cogread.crs.geokeys import USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.units import METRE, linear_unit
from cogread.errors import UndefinedCrs

_ELLIPSOIDS: Final = range(5001, 5034)
"""Codes of ellipsoidal heights in GeoTIFF 1.0; the geodetic datum's is 1000 higher."""
_WGS84_DATUM: Final = 6030
_WGS84: Final = 4326
_WGS84_3D: Final = 4979
_NAME_MARK: Final = "VCS Name = "


@dataclass(frozen=True, slots=True)
class VerticalCodes:
    """EPSG codes of the vertical part; 0: not stated, USER_DEFINED: it has no code."""

    crs: int
    datum: int
    unit: int

    @property
    def are_stated(self) -> bool:
        """True if the keys state a vertical part that GDAL takes."""
        return any((self.crs, self.datum, self.unit)) and max(self.crs, self.datum, self.unit) <= USER_DEFINED


def vertical_codes(keys: GeoKeys) -> VerticalCodes:
    """Read the codes; those of ellipsoidal heights in GeoTIFF 1.0 become codes of datums."""
    crs, datum, unit = (
        keys.short(key) or 0 for key in (GeoKey.VERTICAL_CRS, GeoKey.VERTICAL_DATUM, GeoKey.VERTICAL_UNITS)
    )
    if crs in _ELLIPSOIDS and datum == 0:
        crs, datum = 0, crs + 1000
    return VerticalCodes(crs, datum, unit)


def with_heights(crs: CRS, keys: GeoKeys) -> CRS:
    """Add the vertical part that the keys state; the CRS itself where they state none that GDAL takes."""
    codes = vertical_codes(keys)
    if not codes.are_stated:
        return crs
    solid = _in_3d(crs, codes)
    if solid is not None:
        return solid
    vertical = _vertical_crs(codes, keys) if keys.minor_revision else None
    if vertical is None:
        return crs
    parts = [crs.to_json_dict(), vertical]
    return CRS.from_json_dict({"type": "CompoundCRS", "name": f"{crs.name} + {vertical['name']}", "components": parts})


def _in_3d(crs: CRS, codes: VerticalCodes) -> CRS | None:
    """The CRS with ellipsoidal heights, if the vertical code is that of the same datum in 3D, and it has a code."""
    base = crs.geodetic_crs
    own = (base.to_json_dict().get("id") or {}).get("code") if base is not None else None
    code = _WGS84_3D if codes.datum == _WGS84_DATUM and own == _WGS84 else codes.crs
    solid = _by_code(code)
    if base is None or own is None or solid is None or solid.type_name != "Geographic 3D CRS":
        return None
    if "id" not in crs.to_json_dict() or solid.datum != base.datum:
        return None
    return solid if crs.is_geographic else crs.to_3d()


def _vertical_crs(codes: VerticalCodes, keys: GeoKeys) -> ProjJson | None:
    if codes.crs not in (0, USER_DEFINED):
        coded = _by_code(codes.crs)
        return coded.to_json_dict() if coded is not None and coded.is_vertical else None
    citation = keys.text(GeoKey.VERTICAL_CITATION) or "unknown"
    try:
        unit = linear_unit(codes.unit if codes.unit not in (0, USER_DEFINED) else METRE, None)
    except UndefinedCrs:
        return None
    axis = {"name": "Up", "abbreviation": "", "direction": "up", "unit": unit}
    return {
        "type": "VerticalCRS",
        "name": citation.partition("|")[0].removeprefix(_NAME_MARK),
        "datum": _vertical_datum(codes.datum),
        "coordinate_system": {"subtype": "vertical", "axis": [axis]},
    }


def _vertical_datum(code: int) -> ProjJson:
    unknown = {"type": "VerticalReferenceFrame", "name": "unknown"}
    if code in (0, USER_DEFINED):
        return unknown
    try:
        datum: ProjJson = Datum.from_epsg(code).to_json_dict()
    except CRSError:
        return unknown
    return datum if datum["type"].endswith("VerticalReferenceFrame") else unknown


def _by_code(code: int) -> CRS | None:
    try:
        return CRS.from_epsg(code) if code else None
    except CRSError:
        return None
