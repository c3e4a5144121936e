"""Geodetic CRSs as GeoKeys define them: datum, ellipsoid, prime meridian and angular unit -> PROJJSON."""

from math import isclose
from typing import Any, Final

from pyproj import CRS
from pyproj.crs import Datum, Ellipsoid, PrimeMeridian  # type: ignore[attr-defined]  # its documentation says so

from cogread.geokeys import USER_DEFINED, GeoKey, GeoKeys

Json = dict[str, Any]

_DEGREES: Final = {9101: 57.29577951308232, 9102: 1.0, 9105: 0.9, 9106: 0.9, 9107: 1.0, 9108: 1.0, 9122: 1.0}
"""EPSG's angular units in degrees; those of degrees, minutes and seconds are degrees in a file's coordinates."""
_NAMES: Final = {57.29577951308232: "radian", 0.9: "grad"}
_RADIANS: Final = 0.017453292519943295


def geodetic(keys: GeoKeys) -> Json | None:
    """The geographic CRS that a user-defined one is, or is based on; None where the keys do not define one.

    Raises:
        CRSError: PROJ knows no such code.
    """
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    base = CRS.from_epsg(code) if code else None
    if base is not None:
        base = base.to_2d()
        if not base.is_geographic:
            return None
        if not _overrides(keys, base):
            found: Json = base.to_json_dict()
            return found
    datum, degrees = _datum(keys, base), _unit(keys)
    if datum is None or degrees is None:
        return None
    unit: Any = "degree"
    if degrees != 1.0:
        unit = {"type": "AngularUnit", "name": _NAMES[degrees], "conversion_factor": degrees * _RADIANS}
    axes = [("Latitude", "lat", "north"), ("Longitude", "lon", "east")]
    rows = [{"name": name, "abbreviation": short, "direction": way, "unit": unit} for name, short, way in axes]
    kind = "datum_ensemble" if datum["type"] == "DatumEnsemble" else "datum"
    return {
        "type": "GeographicCRS",
        "name": _cited(keys, "GCS Name") or datum["name"],
        kind: datum,
        "coordinate_system": {"subtype": "ellipsoidal", "axis": rows},
    }


def angular_unit(keys: GeoKeys, base: CRS) -> float:
    """The unit of the angles among projection parameters, in degrees: what the keys state, else the base's own.

    libgeotiff converts since 1.7.4; older readers took them for degrees.
    """
    code = keys.short(GeoKey.GEOG_ANGULAR_UNITS)
    own = base.axis_info[0].unit_conversion_factor / _RADIANS
    return _DEGREES.get(code, own) if code else own


def _overrides(keys: GeoKeys, base: CRS) -> bool:
    """Whether keys beside the code of a geodetic CRS say something else than it."""
    ellipsoid = _ellipsoid(keys)
    own = base.ellipsoid
    if ellipsoid is not None and own is not None:
        major, flattening = _shape(ellipsoid)
        if not isclose(major, own.semi_major_metre, rel_tol=1e-9):
            return True
        is_stated = keys.double(GeoKey.INVERSE_FLATTENING, GeoKey.SEMI_MINOR_AXIS) is not None
        own_flattening = 1 / own.inverse_flattening if own.inverse_flattening else 0.0
        if (is_stated or "id" in ellipsoid) and not isclose(flattening, own_flattening, rel_tol=1e-7, abs_tol=1e-12):
            return True
    datum = keys.epsg(GeoKey.GEODETIC_DATUM)
    return datum is not None and bool(Datum.from_epsg(datum) != base.datum)


def contradicts(keys: GeoKeys, base: CRS) -> bool:
    """Whether the codes of a datum or an ellipsoid are there that are not the base's.

    Raises:
        CRSError: PROJ knows no such code.
    """
    datum, ellipsoid = keys.epsg(GeoKey.GEODETIC_DATUM), keys.epsg(GeoKey.ELLIPSOID)
    is_other_datum = datum is not None and Datum.from_epsg(datum) != base.datum
    return is_other_datum or (ellipsoid is not None and Ellipsoid.from_epsg(ellipsoid) != base.ellipsoid)


def _shape(ellipsoid: Json) -> tuple[float, float]:
    """Semi-major axis in metres and flattening."""
    if "radius" in ellipsoid:
        return ellipsoid["radius"], 0.0
    major = ellipsoid["semi_major_axis"]
    major = major["value"] if isinstance(major, dict) else major
    if "inverse_flattening" in ellipsoid:
        return major, 1 / ellipsoid["inverse_flattening"]
    minor = ellipsoid["semi_minor_axis"]
    return major, 1 - (minor["value"] if isinstance(minor, dict) else minor) / major


def _datum(keys: GeoKeys, base: CRS | None) -> Json | None:
    ellipsoid, meridian = _ellipsoid(keys), _meridian(keys)
    code = keys.epsg(GeoKey.GEODETIC_DATUM)
    if meridian is None:
        return None
    if code is not None:
        return _known_datum(code, ellipsoid, meridian)
    if ellipsoid is None:
        return None
    name = _cited(keys, "Datum") or (f"unknown, instead of {base.datum.name}" if base and base.datum else "unknown")
    return {"type": "GeodeticReferenceFrame", "name": name, "ellipsoid": ellipsoid, "prime_meridian": meridian}


def _known_datum(code: int, ellipsoid: Json | None, meridian: Json) -> Json | None:
    """A datum by its code; None where the keys state another ellipsoid or prime meridian than its own."""
    found: Json = Datum.from_epsg(code).to_json_dict()
    if ellipsoid is not None:
        stated, own = _shape(ellipsoid), _shape(found["ellipsoid"])
        if not isclose(stated[0], own[0], rel_tol=1e-9) or not isclose(stated[1], own[1], rel_tol=1e-7):
            return None
    own_meridian = found.get("prime_meridian", {"longitude": 0.0})
    return found if isclose(_longitude(own_meridian), _longitude(meridian), abs_tol=1e-9) else None


def _ellipsoid(keys: GeoKeys) -> Json | None:
    """Numbers before the code, as libgeotiff; an axis alone is a sphere."""
    code = keys.epsg(GeoKey.ELLIPSOID)
    major = keys.double(GeoKey.SEMI_MAJOR_AXIS)
    minor = keys.double(GeoKey.SEMI_MINOR_AXIS)
    inverse = keys.double(GeoKey.INVERSE_FLATTENING)
    if major is None:
        if code is None:
            return None
        known: Json = Ellipsoid.from_epsg(code).to_json_dict()
        return known
    name = _cited(keys, "Ellipsoid") or "unknown"
    if not 1 < major < 1e12 or (minor is not None and not 0 < minor <= major):
        return None
    if inverse:
        return {"name": name, "semi_major_axis": major, "inverse_flattening": inverse} if inverse > 1 else None
    if minor is None or minor == major:
        return {"name": name, "radius": major}
    return {"name": name, "semi_major_axis": major, "semi_minor_axis": minor}


def _meridian(keys: GeoKeys) -> Json | None:
    code = keys.epsg(GeoKey.PRIME_MERIDIAN)
    if code is not None:
        known: Json = PrimeMeridian.from_epsg(code).to_json_dict()
        return known
    longitude = keys.double(GeoKey.PRIME_MERIDIAN_LONGITUDE) or 0.0
    if longitude == 0.0:
        return {"name": _cited(keys, "Primem") or "Greenwich", "longitude": 0.0}
    if _unit(keys) != 1.0 or abs(longitude) > 180:  # GDAL itself has read and written these in two ways
        return None
    return {"name": _cited(keys, "Primem") or "unknown", "longitude": longitude}


def _longitude(meridian: Json) -> float:
    """In degrees."""
    longitude = meridian["longitude"]
    if not isinstance(longitude, dict):
        return float(longitude)
    unit = longitude["unit"]
    factor = unit["conversion_factor"] / _RADIANS if isinstance(unit, dict) else 1.0
    return float(longitude["value"]) * factor


def _unit(keys: GeoKeys) -> float | None:
    """The unit of coordinates in degrees, None where it is not one of those that are used."""
    code = keys.short(GeoKey.GEOG_ANGULAR_UNITS)
    if code is None:
        return 1.0
    if code != USER_DEFINED:
        return _DEGREES.get(code)
    size = keys.double(GeoKey.GEOG_ANGULAR_UNIT_SIZE)
    return 1.0 if size is not None and isclose(size, _RADIANS, rel_tol=1e-9) else None


def _cited(keys: GeoKeys, field: str) -> str | None:
    """What GDAL's citation `GCS Name = X|Datum = Y|Ellipsoid = Z|Primem = W` says of a field."""
    for part in (keys.text(GeoKey.GEODETIC_CITATION) or "").split("|"):
        name, _, value = part.partition("=")
        if name.strip() == field and value.strip():
            return value.strip()
    return None
