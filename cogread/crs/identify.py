"""Codes of CRSs in PROJ's copies of the EPSG and Esri datasets, and comparisons of CRSs.

PROJ guesses and each guess is verified: a code that puts a layer elsewhere would be worse than none.
"""

from functools import lru_cache
from math import isclose
from typing import Final

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cogread.crs.crs import ProjJson

_AUTHORITIES: Final = ("EPSG", "ESRI")
_MIN_CONFIDENCE: Final = 50
_UNKNOWN: Final = ("unknown", "unnamed")
_WEB_MERCATOR: Final = "3857"
"""Precedes others of its kind, such as 900913, that few clients support."""


def identified(crs: CRS) -> tuple[tuple[str, str] | None, CRS]:
    """Find the CRS's code and definition in a dataset, EPSG's before Esri's; (None, itself) if it is in neither."""
    own = crs.to_json_dict().get("id", {})
    if own.get("authority") in _AUTHORITIES:
        return (own["authority"], str(own["code"])), crs
    if crs.is_projected and same_place(crs, _web_mercator()):
        return ("EPSG", _WEB_MERCATOR), _web_mercator()
    matches = _in_usual_order(crs).list_authority(min_confidence=_MIN_CONFIDENCE)
    matches = [match for match in matches if match.auth_name in _AUTHORITIES]
    for match in sorted(matches, key=lambda match: (_AUTHORITIES.index(match.auth_name), -match.confidence)):
        candidate = CRS.from_authority(match.auth_name, match.code)
        if candidate.is_deprecated:
            continue
        if candidate.type_name == crs.type_name and _may_match(crs, candidate) and same_place(crs, candidate):
            return (match.auth_name, match.code), candidate
    return None, crs


@lru_cache(maxsize=1)
def _web_mercator() -> CRS:
    return CRS.from_authority("EPSG", _WEB_MERCATOR)


def _in_usual_order(crs: CRS) -> CRS:
    """A geographic CRS with latitude first: PROJ hardly recognizes others, such as those of Esri's WKT."""
    if not crs.is_geographic:
        return crs
    whole = crs.to_json_dict()
    system = whole["coordinate_system"]
    axes = sorted(system["axis"], key=lambda axis: axis["direction"] != "north")
    return CRS.from_json_dict({**whole, "coordinate_system": {**system, "axis": axes}})


def _may_match(crs: CRS, candidate: CRS) -> bool:
    """False for a CRS of another name on an unknown datum: PROJ takes that for any datum on the same ellipsoid."""
    has_datum = crs.datum is not None and not crs.datum.name.lower().startswith(_UNKNOWN)
    return has_datum or _plain(crs.name) == _plain(candidate.name)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def same_place(one: CRS, other: CRS) -> bool:
    """True if the same numbers in x, y order mean the same place in both, names aside; False in any doubt."""
    if not one.is_projected or not other.is_projected:
        return one.is_projected == other.is_projected and one.equals(other, ignore_axis_order=True)
    first, second = one.to_json_dict(), other.to_json_dict()
    if _directions(first) != _directions(second) or not _same_unit(one, other):
        return False
    try:
        restated = {key: second[key] for key in ("type", "name", "base_crs", "conversion")}
        return one.equals(CRS.from_json_dict({**restated, "coordinate_system": first["coordinate_system"]}))
    except (CRSError, KeyError):
        return False


def has_registered_datum(crs: CRS) -> bool:
    """True if its datum is one of the EPSG dataset, by its own code or that of the geographic CRS."""
    parts = [part.to_json_dict() for part in (crs.geodetic_crs, crs.datum) if part is not None]
    return any(part.get("id", {}).get("authority") == "EPSG" for part in parts)


def same_numbers(one: CRS, other: CRS) -> bool:
    """True if two projected CRSs on one datum give a place the same numbers, to 1 mm, over the area of the second."""
    area, base = other.area_of_use, other.geodetic_crs
    if area is None or base is None or one.geodetic_crs != base or not _same_unit(one, other):
        return False
    east = area.east if area.east >= area.west else area.east + 360
    lons = [area.west + (east - area.west) * part for part in (0.25, 0.5, 0.75)]
    lats = [area.south + (area.north - area.south) * part for part in (0.25, 0.6, 0.75)]
    try:
        first, second = (Transformer.from_crs(base, crs, always_xy=True).transform(lons, lats) for crs in (one, other))
    except ProjError:
        return False
    tolerance = 0.001 / one.axis_info[0].unit_conversion_factor
    pairs = [*zip(first[0], second[0], strict=True), *zip(first[1], second[1], strict=True)]
    return all(abs(a - b) <= tolerance for a, b in pairs)


def _directions(projjson: ProjJson) -> set[str]:
    """Directions of the axes; around a pole both are the same, and names tell easting from northing."""
    directions = {axis["direction"] for axis in projjson["coordinate_system"]["axis"]}
    return {"east", "north"} if len(directions) == 1 else directions


def _same_unit(one: CRS, other: CRS) -> bool:
    factors = [crs.axis_info[0].unit_conversion_factor for crs in (one, other)]
    return isclose(*factors, rel_tol=1e-10)
