"""The vertical part of a CRS as GeoKeys state it, as GDAL reads it (gt_wkt_srs.cpp): a compound CRS, or a CRS in 3D.

GDAL leaves compound CRSs out of files of GeoTIFF 1.0, whose writers confused codes of vertical CRSs and datums.
"""

from dataclasses import dataclass
from typing import Any, Final

from pyproj import CRS
from pyproj.crs import Datum  # type: ignore[attr-defined]  # its documentation says so
from pyproj.exceptions import CRSError

from cogread.crs.geokeys import USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.shift import shifted
from cogread.crs.units import linear_unit
from cogread.errors import UndefinedCrs

Json = dict[str, Any]

_METRE: Final = 9001
_ELLIPSOIDS: Final = range(5001, 5034)
"""Codes of ellipsoidal heights in GeoTIFF 1.0; the geodetic datum's is 1000 higher."""
_WGS84_DATUM: Final = 6030
_WGS84: Final = 4326
_WGS84_3D: Final = 4979
_NAME_MARK: Final = "VCS Name = "
_KINDS: Final = ("Projected CRS", "Geographic 2D CRS")


@dataclass(frozen=True, slots=True)
class Definition:
    """A CRS in three forms."""

    horizontal: CRS
    """Projected or geographic, in 2D, without a shift."""
    placed: CRS
    """The same with the shift to WGS 84 that the file states, if any."""
    whole: CRS
    """The same with the vertical part too."""


def horizontal(crs: CRS) -> CRS:
    """A CRS without its heights.

    Raises:
        UndefinedCrs: it is neither projected nor geographic.
    """
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    if flat.type_name == "Geographic 3D CRS":
        flat = flat.to_2d()
    if flat.type_name not in _KINDS:
        raise UndefinedCrs(f"its CRS, {crs.name}, is neither projected nor geographic")
    return flat


def user_definition(crs: CRS, keys: GeoKeys) -> Definition:
    """A CRS without a code, with the shift to WGS 84 and the heights that the keys state."""
    placed = shifted(crs, keys)
    return Definition(crs, placed, _with_heights(placed, keys))


def definition_of(crs: CRS, keys: GeoKeys) -> Definition:
    """A CRS of a dataset or of WKT, with its own heights or else those that the keys state."""
    flat, codes = horizontal(crs), _codes(keys)
    if crs.type_name in _KINDS:
        return Definition(flat, flat, _with_heights(crs, keys))
    if codes.are_stated and str(codes.crs) not in (crs.to_authority() or ()):
        raise UndefinedCrs(f"its CRS, {crs.name}, has heights, and it states others")
    return Definition(flat, flat, flat if crs.is_compound and not keys.minor_revision else crs)


@dataclass(frozen=True, slots=True)
class _Codes:
    crs: int
    datum: int
    unit: int
    """Each 0 if it is not stated, USER_DEFINED if it has no code."""

    @property
    def are_stated(self) -> bool:
        return any((self.crs, self.datum, self.unit)) and max(self.crs, self.datum, self.unit) <= USER_DEFINED


def _with_heights(crs: CRS, keys: GeoKeys) -> CRS:
    """A CRS with the vertical part that the keys state; itself where they state none that GDAL takes."""
    codes = _codes(keys)
    if not codes.are_stated:
        return crs
    solid = _in_3d(crs, codes)
    if solid is not None:
        return solid
    vertical = _vertical(codes, keys) if keys.minor_revision else None
    if vertical is None:
        return crs
    parts = [crs.to_json_dict(), vertical]
    return CRS.from_json_dict({"type": "CompoundCRS", "name": f"{crs.name} + {vertical['name']}", "components": parts})


def _codes(keys: GeoKeys) -> _Codes:
    crs, datum, unit = (
        keys.short(key) or 0 for key in (GeoKey.VERTICAL_CRS, GeoKey.VERTICAL_DATUM, GeoKey.VERTICAL_UNITS)
    )
    if crs in _ELLIPSOIDS and datum == 0:
        crs, datum = 0, crs + 1000
    return _Codes(crs, datum, unit)


def _in_3d(crs: CRS, codes: _Codes) -> CRS | None:
    """The CRS with ellipsoidal heights, if the vertical code is that of the same datum in 3D, and it has a code."""
    base = crs.geodetic_crs
    own = (base.to_json_dict().get("id") or {}).get("code") if base is not None else None
    code = _WGS84_3D if codes.datum == _WGS84_DATUM and own == _WGS84 else codes.crs
    solid = _coded(code)
    if base is None or own is None or solid is None or solid.type_name != "Geographic 3D CRS":
        return None
    if "id" not in crs.to_json_dict() or solid.datum != base.datum:
        return None
    return solid if crs.is_geographic else crs.to_3d()


def _vertical(codes: _Codes, keys: GeoKeys) -> Json | None:
    if codes.crs not in (0, USER_DEFINED):
        coded = _coded(codes.crs)
        found: Json | None = coded.to_json_dict() if coded is not None and coded.is_vertical else None
        return found
    citation = keys.text(GeoKey.VERTICAL_CITATION) or "unknown"
    try:
        unit = linear_unit(codes.unit if codes.unit not in (0, USER_DEFINED) else _METRE, None)
    except UndefinedCrs:
        return None
    return {
        "type": "VerticalCRS",
        "name": citation.partition("|")[0].removeprefix(_NAME_MARK),
        "datum": _datum(codes.datum),
        "coordinate_system": {
            "subtype": "vertical",
            "axis": [{"name": "Up", "abbreviation": "", "direction": "up", "unit": unit}],
        },
    }


def _datum(code: int) -> Json:
    if code not in (0, USER_DEFINED):
        try:
            found: Json = Datum.from_epsg(code).to_json_dict()
        except CRSError:
            pass
        else:
            if found["type"].endswith("VerticalReferenceFrame"):
                return found
    return {"type": "VerticalReferenceFrame", "name": "unknown"}


def _coded(code: int) -> CRS | None:
    try:
        return CRS.from_epsg(code) if code else None
    except CRSError:
        return None
