"""What CRS the GeoKeys of a file define, as GDAL reads them (gt_wkt_srs.cpp and libgeotiff's geo_normalize.c).

A code of the EPSG dataset is taken as it is; beside one of a projected CRS, another geodetic CRS, linear unit or method
overrides what the code says. Everything else is put together as PROJJSON, which keeps every digit. Heights are left
out: a picture has none. Where keys contradict each other or are not understood there is no CRS rather than a wrong one.
"""

import re
from functools import lru_cache
from typing import Any, Final

from pyproj import CRS
from pyproj.crs import CoordinateOperation  # type: ignore[attr-defined]  # its documentation says so
from pyproj.database import get_units_map

from cogread.geodetic import angular_unit, contradicts, geodetic
from cogread.geokeys import GEOCENTRIC, GEOGRAPHIC, PROJECTED, USER_DEFINED, GeoKey, GeoKeys
from cogread.identity import same_place
from cogread.methods import MERCATOR, method_of, projected

Json = dict[str, Any]

_ESRI: Final = "ESRI PE String = "
_LONGEST_WKT: Final = 8192
_HARMLESS: Final = re.compile(r"""\["PROJ4","\+PROJ=GEOS [A-Z0-9_+=. -]*"\]\]""")
"""The only extension that GDAL needs, the sweep of some satellites: others may have PROJ open a file that they name."""
_PSEUDO_MERCATOR: Final = 3857
_PSEUDO_MERCATOR_METHOD: Final = "1024"
_KINDS: Final = ("Projected CRS", "Geographic 2D CRS")


def defined_crs(keys: GeoKeys) -> CRS | None:
    """The horizontal CRS that the keys define; None where they define none, or not surely.

    Raises:
        CRSError: PROJ knows no such code, or refuses a parameter.
    """
    model, code = keys.short(GeoKey.MODEL_TYPE), keys.epsg(GeoKey.PROJECTED_CRS)
    if model == GEOCENTRIC or not keys.is_finite:
        return None
    if model == GEOGRAPHIC:
        return _geographic(keys)
    if code is not None:
        return _coded(code, keys)
    return _user_defined(keys) if model == PROJECTED else _from_citation(keys)


def _current(crs: CRS) -> CRS:
    """What replaces a deprecated CRS, as GDAL reads it: some were deprecated because they were wrong."""
    current = crs.get_non_deprecated() if crs.is_deprecated else []
    return CRS.from_json(current[0].to_json()) if len(current) == 1 else crs


def horizontal(crs: CRS) -> CRS | None:
    """A CRS without its heights; None where it is neither projected nor geographic."""
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    if crs.type_name == "Geographic 3D CRS":
        crs = crs.to_2d()
    return crs if crs.type_name in _KINDS else None


def _geographic(keys: GeoKeys) -> CRS | None:
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    if code is not None:
        return horizontal(_current(CRS.from_epsg(code)))
    found = geodetic(keys)
    return CRS.from_json_dict(found) if found else None


def _from_citation(keys: GeoKeys) -> CRS | None:
    """What GDAL writes of a CRS that GeoKeys cannot express: Esri's WKT."""
    text = (keys.text(GeoKey.PROJECTED_CITATION) or "").removeprefix(_ESRI)
    is_esri = text.startswith(("PROJCS[", "GEOGCS[")) and len(text) <= _LONGEST_WKT
    if not is_esri or not all(_HARMLESS.fullmatch(extension) for extension in text.upper().split("EXTENSION")[1:]):
        return None
    return horizontal(CRS.from_wkt(text))


def _coded(code: int, keys: GeoKeys) -> CRS | None:
    """A projected CRS by its code, with what overrides it."""
    crs = horizontal(_current(CRS.from_epsg(code)))
    if crs is None or crs.geodetic_crs is None or not crs.is_projected or _method_code(crs) == _PSEUDO_MERCATOR_METHOD:
        return crs
    base = _overriding_base(crs.geodetic_crs, keys)
    unit = _linear_unit(keys)
    if base is None or unit is _CONTRADICTION:
        return None
    own = crs.to_json_dict()
    metres = unit["conversion_factor"] if unit else crs.axis_info[0].unit_conversion_factor
    made = projected(keys, degrees=angular_unit(keys, crs.geodetic_crs), metres=metres)
    parts = {"name": own["name"], "base_crs": base, "conversion": (made or own)["conversion"]}
    system = (made or own)["coordinate_system"]
    found = _assembled(parts, system, unit or own["coordinate_system"]["axis"][0]["unit"])
    return crs if same_place(found, crs) else found


def _overriding_base(own: CRS, keys: GeoKeys) -> Json | None:
    """The geodetic CRS to use with a code: another one if the keys name it; None where they contradict the code."""
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    named = CRS.from_epsg(code).to_2d() if code else own
    used = named if named.is_geographic else own
    if contradicts(keys, used):
        return None
    found: Json = used.to_json_dict()
    return found


def _user_defined(keys: GeoKeys) -> CRS | None:
    """A projected CRS by a method and its parameters, or by the code of a projection."""
    if method_of(keys) == MERCATOR and keys.text(GeoKey.CITATION) == "WGS 84 / Pseudo-Mercator":
        return CRS.from_epsg(_PSEUDO_MERCATOR)  # as GDAL: writers that could not express its method
    base, unit = geodetic(keys), _linear_unit(keys)
    if base is None or unit is _CONTRADICTION:
        return None
    degrees = angular_unit(keys, CRS.from_json_dict(base))
    made = projected(keys, degrees=degrees, metres=unit["conversion_factor"] if unit else 1.0)
    if made is None:
        made = _by_projection(keys)
    if made is None:
        return None
    name = keys.text(GeoKey.PROJECTED_CITATION) or keys.text(GeoKey.CITATION) or "unknown"
    parts = {"name": name.partition("|")[0], "base_crs": base, "conversion": made["conversion"]}
    return _assembled(parts, made["coordinate_system"], unit or "metre")


def _by_projection(keys: GeoKeys) -> Json | None:
    """With the code of a projection, such as 16030 for UTM zone 30N, if the file states no method that is unknown."""
    code = keys.epsg(GeoKey.PROJECTION)
    stated = keys.short(GeoKey.PROJECTION_METHOD)
    if code is None or stated not in (None, USER_DEFINED):
        return None
    axes: Json = CRS.from_string("+proj=utm +zone=1 +type=crs").to_json_dict()
    conversion = CoordinateOperation.from_epsg(code)
    if conversion.method_name == "Transverse Mercator (South Orientated)" or "Krovak" in conversion.method_name:
        return None
    return {**axes, "conversion": conversion.to_json_dict()}


def _assembled(parts: Json, system: Json, unit: Json | str) -> CRS:
    axes = [{**axis, "unit": unit} for axis in system["axis"]]
    whole = {"type": "ProjectedCRS", **parts, "coordinate_system": {"subtype": system["subtype"], "axis": axes}}
    return CRS.from_json_dict(whole)


_CONTRADICTION: Final[Json] = {"conversion_factor": 0.0}
"""A unit that is none."""


def _linear_unit(keys: GeoKeys) -> Json | None:
    """The unit that the keys state in PROJJSON; None: they state none; _CONTRADICTION: one that is not known."""
    code = keys.short(GeoKey.LINEAR_UNITS)
    if code is None:
        code = keys.short(GeoKey.GEOG_LINEAR_UNITS)
    if code is None:
        return None
    if code != USER_DEFINED:
        return _linear_units().get(code, _CONTRADICTION)
    size = keys.double(GeoKey.LINEAR_UNIT_SIZE)
    if size is None or not 1e-9 < size < 1e9:
        return _CONTRADICTION
    return {"type": "LinearUnit", "name": "unknown", "conversion_factor": size}


@lru_cache(maxsize=1)
def _linear_units() -> dict[int, Json]:
    units = get_units_map(auth_name="EPSG", category="linear", allow_deprecated=True).values()
    return {
        int(unit.code): {
            "type": "LinearUnit",
            "name": unit.name,
            "conversion_factor": unit.conv_factor,
            "id": {"authority": "EPSG", "code": int(unit.code)},
        }
        for unit in units
        if unit.conv_factor > 0
    }


def _method_code(crs: CRS) -> str | None:
    operation = crs.coordinate_operation
    return operation.method_code if operation else None
