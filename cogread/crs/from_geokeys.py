"""The CRS that the GeoKeys of a file define, as GDAL reads them (gt_wkt_srs.cpp and libgeotiff's geo_normalize.c).

A code of the EPSG dataset is taken as it is; beside one of a projected CRS, another geodetic CRS, linear unit or method
overrides the code. Everything else is assembled as PROJJSON, which keeps every digit. Keys that contradict each other
or are not understood give no CRS rather than a wrong one, and a reason.
"""

import re
from typing import Final

from pyproj import CRS
from pyproj.crs import CoordinateOperation  # type: ignore[attr-defined]  # its documentation says so

from cogread.crs.citation import fields, names_web_mercator, names_web_mercator_in_metres, plain_name
from cogread.crs.crs import ProjJson
from cogread.crs.definition import Definition, definition_of, horizontal, user_definition
from cogread.crs.epsg import assembled, by_code, current, in_unit, projected_by_code
from cogread.crs.geodetic import geodetic, is_restated
from cogread.crs.geokeys import GEOCENTRIC, GEOGRAPHIC, PROJECTED, USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.projections import method_of, projected
from cogread.crs.units import cited_unit, keyed_unit, parameter_degrees
from cogread.errors import UndefinedCrs

_ESRI: Final = "ESRI PE String = "
_MAX_WKT_CHARS: Final = 8192
_HARMLESS: Final = re.compile(r"""\["PROJ4","\+PROJ=GEOS [A-Z0-9_+=. -]*"\]\]""")
"""The only extension that GDAL needs, the sweep of some satellites: others may have PROJ open a file that they name."""
_WEB_MERCATOR: Final = 3857
_USER_CITATIONS: Final = (GeoKey.PROJECTED_CITATION, GeoKey.CITATION)


def defined_crs(keys: GeoKeys) -> Definition:
    """Read the CRS that the keys define.

    Raises:
        UndefinedCrs: they define none, or none that is beyond doubt.
        CRSError: PROJ refuses a parameter.
    """
    model, code = keys.short(GeoKey.MODEL_TYPE), keys.epsg(GeoKey.PROJECTED_CRS)
    if not keys.items:
        raise UndefinedCrs("it states no CRS")
    if model == GEOCENTRIC:
        raise UndefinedCrs("its CRS is geocentric")
    if not keys.is_finite:
        raise UndefinedCrs("a number among its GeoKeys is not finite")
    if model == GEOGRAPHIC:
        return _geographic(keys)
    if code is not None:
        return projected_by_code(code, keys)
    return _user_defined(keys) if model == PROJECTED else _from_citation(keys)


def _geographic(keys: GeoKeys) -> Definition:
    """Read a geographic CRS: one with a dynamic datum by its code alone, others unless the keys contradict the code."""
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    if code is None:
        return user_definition(CRS.from_json_dict(geodetic(keys)), keys)
    crs = by_code(code)
    flat = horizontal(crs)
    if crs.is_compound and any(keys.short(key) is not None for key in (GeoKey.GEODETIC_DATUM, GeoKey.ELLIPSOID)):
        raise UndefinedCrs(f"its CRS is EPSG:{code}, which is compound, and it states a datum or an ellipsoid too")
    if not flat.is_geographic or _is_dynamic(flat):
        return definition_of(current(crs), keys)
    if is_restated(keys, flat):
        raise UndefinedCrs(f"its CRS is EPSG:{code}, and its ellipsoid, datum or unit is not that CRS's")
    return definition_of(crs if crs.is_compound else flat, keys)


def _is_dynamic(crs: CRS) -> bool:
    """True if GDAL takes coordinates of places to move with time; it reads such a CRS by its code alone."""
    return crs.datum is not None and crs.datum.type_name.startswith(("Dynamic", "Datum Ensemble"))


def _from_citation(keys: GeoKeys) -> Definition:
    """Read the CRS of Esri's WKT, which GDAL writes where GeoKeys cannot express one."""
    citation = keys.text(GeoKey.PROJECTED_CITATION) or ""
    text = citation.removeprefix(_ESRI)
    is_esri = text.startswith(("PROJCS[", "GEOGCS[")) and len(text) <= _MAX_WKT_CHARS
    if not is_esri or not all(_HARMLESS.fullmatch(extension) for extension in text.upper().split("EXTENSION")[1:]):
        raise UndefinedCrs("it does not say whether its CRS is projected or geographic")
    crs = CRS.from_wkt(text)
    flat = horizontal(crs)
    return Definition(flat, flat, crs if keys.minor_revision else flat)


def _user_defined(keys: GeoKeys) -> Definition:
    """Read a projected CRS by a method and its parameters, or by the code of a projection."""
    _refuse_zones(keys)
    lengths = keyed_unit(keys, is_coded=False)
    unit = cited_unit(keys, _USER_CITATIONS) or lengths
    name = _stated_name(keys)
    if names_web_mercator(name) and _has_projection(keys):
        if keys.doubles(GeoKey.TO_WGS84) and not names_web_mercator_in_metres(name):
            raise UndefinedCrs(
                f"its CRS is called {name!r}, and it states a shift to WGS 84, which that CRS does not have"
            )
        web_mercator = CRS.from_epsg(_WEB_MERCATOR)
        if unit is not None and not names_web_mercator_in_metres(name):
            web_mercator = in_unit(web_mercator, unit)
        return definition_of(web_mercator, keys)
    base = geodetic(keys)
    degrees = parameter_degrees(keys, CRS.from_json_dict(base))
    metres = lengths["conversion_factor"] if lengths else 1.0
    projection = projected(keys, degrees=degrees, metres=metres) or _by_projection(keys)
    parts = {"name": plain_name(name), "base_crs": base, "conversion": projection["conversion"]}
    return user_definition(assembled(parts, projection["coordinate_system"], unit or "metre"), keys)


def _has_projection(keys: GeoKeys) -> bool:
    """True if the keys name a projection; without one GDAL reads no projected CRS, whatever its name."""
    method = keys.short(GeoKey.PROJECTION_METHOD)
    return method_of(keys) is not None or (method in (None, USER_DEFINED) and keys.epsg(GeoKey.PROJECTION) is not None)


def _stated_name(keys: GeoKeys) -> str:
    """The name of a user-defined CRS, in the order of GDAL's preference."""
    whole, own = keys.text(GeoKey.CITATION), keys.text(GeoKey.PROJECTED_CITATION)
    marked = fields(whole).get("PCS Name")
    if marked is not None:
        return marked
    named = None if own is None or own.startswith("LUnits = ") else fields(own).get("PCS Name", own)
    return whole or named or "unknown" if named is None or "unnamed" in named else named


def _refuse_zones(keys: GeoKeys) -> None:
    """Refuse zones that GDAL looks up in a table of Esri's by a name in a citation of ERDAS IMAGINE."""
    zone = keys.text(GeoKey.PROJECTED_CITATION) or ""
    name = fields(keys.text(GeoKey.CITATION)).get("PCS Name", "")
    is_old_utm = "UTM Zone " in zone and fields(zone).get("Datum", "").upper() == "PSAD56"
    if "State Plane Zone " in zone or "_StatePlane_" in name or is_old_utm:
        raise UndefinedCrs("its CRS is a zone that only a citation names")


def _by_projection(keys: GeoKeys) -> ProjJson:
    """Read the code of a projection, such as 16030 for UTM zone 30N, if the file states no method of another kind."""
    code = keys.epsg(GeoKey.PROJECTION)
    stated = keys.short(GeoKey.PROJECTION_METHOD)
    if stated not in (None, USER_DEFINED):
        raise UndefinedCrs(f"its projection is by method {stated}, which is not read, or lacks parameters")
    if code is None:
        raise UndefinedCrs("its projected CRS has neither a code nor a method nor a projection")
    axes = CRS.from_string("+proj=utm +zone=1 +type=crs").to_json_dict()
    conversion = CoordinateOperation.from_epsg(code)
    if conversion.method_name == "Transverse Mercator (South Orientated)" or "Krovak" in conversion.method_name:
        raise UndefinedCrs(f"its projection, {conversion.name}, has axes that readers disagree about")
    return {**axes, "conversion": conversion.to_json_dict()}
