"""Geodetic CRSs as GeoKeys define them: datum, ellipsoid, prime meridian and angular unit -> PROJJSON."""

from math import isclose
from typing import Any, Final

from pyproj import CRS
from pyproj.crs import Datum, Ellipsoid, PrimeMeridian  # type: ignore[attr-defined]  # its documentation says so
from pyproj.exceptions import CRSError

from cogread.crs.citation import fields
from cogread.crs.crs import ProjJson
from cogread.crs.geokeys import USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.units import RADIANS, coordinate_degrees
from cogread.errors import UndefinedCrs

_UNIT_NAMES: Final = {57.29577951308232: "radian", 0.9: "grad"}
"""Size in degrees -> name."""
_GREENWICH: Final = {"name": "Greenwich", "longitude": 0.0}


def geodetic(keys: GeoKeys) -> ProjJson:
    """Read the geographic CRS that a user-defined one is, or is based on.

    Raises:
        CRSError: PROJ knows no such code.
        UndefinedCrs: the keys define none.
    """
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    base = CRS.from_epsg(code) if code else None
    if base is not None:
        base = base.to_2d()
        if not base.is_geographic or base.is_compound:
            raise UndefinedCrs(f"it is based on EPSG:{code}, which is not geographic")
        if not _overrides(keys, base):
            return base.to_json_dict()
    datum, degrees = _datum(keys, base), coordinate_degrees(keys)
    unit: Any = "degree"
    if degrees != 1.0:
        unit = {"type": "AngularUnit", "name": _UNIT_NAMES[degrees], "conversion_factor": degrees * RADIANS}
    axes = [("Latitude", "lat", "north"), ("Longitude", "lon", "east")]
    rows = [{"name": name, "abbreviation": short, "direction": way, "unit": unit} for name, short, way in axes]
    kind = "datum_ensemble" if datum["type"] == "DatumEnsemble" else "datum"
    return {
        "type": "GeographicCRS",
        "name": _cited(keys, "GCS Name") or datum["name"],
        kind: datum,
        "coordinate_system": {"subtype": "ellipsoidal", "axis": rows},
    }


def is_restated(keys: GeoKeys, crs: CRS) -> bool:
    """Compare the keys beside the code of a geographic CRS with it: True if they differ, units included."""
    own = crs.axis_info[0].unit_conversion_factor / RADIANS
    stated = coordinate_degrees(keys) if keys.short(GeoKey.GEOG_ANGULAR_UNITS) is not None else own
    return _overrides(keys, crs) or not isclose(stated, own, rel_tol=1e-9)


def _overrides(keys: GeoKeys, base: CRS) -> bool:
    """Compare the keys beside the code of a geodetic CRS with it: True if they state another ellipsoid or datum."""
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
    """True if the keys state another datum, ellipsoid or prime meridian than the base's, or a user-defined one in part.

    Raises:
        CRSError: PROJ knows no such code.
    """
    datum, ellipsoid = keys.short(GeoKey.GEODETIC_DATUM), keys.short(GeoKey.ELLIPSOID)
    has_axis = keys.double(GeoKey.SEMI_MAJOR_AXIS) is not None
    is_incomplete = datum == USER_DEFINED or (ellipsoid == USER_DEFINED and not has_axis)
    code = keys.epsg(GeoKey.ELLIPSOID)
    is_other = code is not None and Ellipsoid.from_epsg(code) != base.ellipsoid
    return is_incomplete or is_other or _overrides(keys, base) or _moves_meridian(keys, base)


def _moves_meridian(keys: GeoKeys, base: CRS) -> bool:
    """True if the keys state another prime meridian than the base's."""
    if keys.short(GeoKey.PRIME_MERIDIAN) is None and keys.double(GeoKey.PRIME_MERIDIAN_LONGITUDE) is None:
        return False
    own = base.prime_meridian
    stated = _longitude(_meridian(keys))
    return own is None or not isclose(stated, _longitude(own.to_json_dict()), abs_tol=1e-9)


def _shape(ellipsoid: ProjJson) -> tuple[float, float]:
    """Semi-major axis in metres and flattening."""
    parsed = Ellipsoid.from_json_dict({"type": "Ellipsoid", **ellipsoid})
    return parsed.semi_major_metre, 1 / parsed.inverse_flattening if parsed.inverse_flattening else 0.0


def _datum(keys: GeoKeys, base: CRS | None) -> ProjJson:
    """Read the datum: by its code, else by its name in the citation, else by its ellipsoid alone."""
    ellipsoid, meridian = _ellipsoid(keys), _meridian(keys)
    code = keys.epsg(GeoKey.GEODETIC_DATUM)
    if code is not None:
        return _checked(Datum.from_epsg(code).to_json_dict(), ellipsoid, meridian)
    if ellipsoid is None:
        raise UndefinedCrs("it has neither the code of a geodetic CRS nor a datum nor an ellipsoid")
    name = _cited(keys, "Datum")
    named = None if base is not None or name is None else _named_datum(name)
    if named is not None:
        return _checked(named, ellipsoid, meridian)
    name = name or (f"unknown, instead of {base.datum.name}" if base and base.datum else "unknown")
    return {"type": "GeodeticReferenceFrame", "name": name, "ellipsoid": ellipsoid, "prime_meridian": meridian}


def _named_datum(name: str) -> ProjJson | None:
    """A datum of EPSG by its name or an alias, which GDAL and Esri write with underscores; None: there is none."""
    for spelling in (name, name.replace("_", " ")):
        try:
            datum: ProjJson = Datum.from_name(spelling, "EPSG").to_json_dict()
        except CRSError:
            continue
        return datum
    return None


def _checked(datum: ProjJson, ellipsoid: ProjJson | None, meridian: ProjJson) -> ProjJson:
    """Return a datum of a dataset, unless the keys state another ellipsoid or prime meridian than its own."""
    if ellipsoid is not None:
        stated, own = _shape(ellipsoid), _shape(datum["ellipsoid"])
        if not isclose(stated[0], own[0], rel_tol=1e-9) or not isclose(stated[1], own[1], rel_tol=1e-7):
            raise UndefinedCrs(f"its datum is {datum['name']!r}, and its ellipsoid is not that datum's")
    own_meridian = datum.get("prime_meridian", _GREENWICH)
    if not isclose(_longitude(own_meridian), _longitude(meridian), abs_tol=1e-9):
        raise UndefinedCrs(f"its datum is {datum['name']!r}, and its prime meridian is not that datum's")
    return datum


def _ellipsoid(keys: GeoKeys) -> ProjJson | None:
    """Read the ellipsoid: numbers before the code, as libgeotiff; an axis alone is a sphere. None: not stated."""
    code = keys.epsg(GeoKey.ELLIPSOID)
    major = keys.double(GeoKey.SEMI_MAJOR_AXIS)
    minor = keys.double(GeoKey.SEMI_MINOR_AXIS)
    inverse = keys.double(GeoKey.INVERSE_FLATTENING)
    if major is None:
        if code is None:
            return None
        ellipsoid: ProjJson = Ellipsoid.from_epsg(code).to_json_dict()
        return ellipsoid
    name = _cited(keys, "Ellipsoid") or "unknown"
    is_flat = minor is not None and not 0 < minor <= major
    if not 1 < major < 1e12 or is_flat or (inverse and inverse <= 1):
        raise UndefinedCrs(f"its ellipsoid has the axes {major} and {minor} m, and the inverse flattening {inverse}")
    if inverse:
        return {"name": name, "semi_major_axis": major, "inverse_flattening": inverse}
    if minor is None or minor == major:
        return {"name": name, "radius": major}
    return {"name": name, "semi_major_axis": major, "semi_minor_axis": minor}


def _meridian(keys: GeoKeys) -> ProjJson:
    code = keys.epsg(GeoKey.PRIME_MERIDIAN)
    if code is not None:
        meridian: ProjJson = PrimeMeridian.from_epsg(code).to_json_dict()
        return meridian
    longitude = keys.double(GeoKey.PRIME_MERIDIAN_LONGITUDE) or 0.0
    if longitude == 0.0:
        return {"name": _cited(keys, "Primem") or "Greenwich", "longitude": 0.0}
    if coordinate_degrees(keys) != 1.0 or abs(longitude) > 180:  # GDAL itself has read and written these in two ways
        raise UndefinedCrs(f"its prime meridian is at {longitude} in an ambiguous unit")
    return {"name": _cited(keys, "Primem") or "unknown", "longitude": longitude}


def _longitude(meridian: ProjJson) -> float:
    """The longitude of a prime meridian in degrees."""
    parsed = PrimeMeridian.from_json_dict({"type": "PrimeMeridian", **meridian})
    return float(parsed.longitude) * float(parsed.unit_conversion_factor) / RADIANS


def _cited(keys: GeoKeys, field: str) -> str | None:
    return fields(keys.text(GeoKey.GEODETIC_CITATION)).get(field)
