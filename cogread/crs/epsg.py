"""CRSs by a code of the EPSG dataset, with the keys that stand beside the code, as GDAL reads them (gt_wkt_srs.cpp).

Another geodetic CRS, linear unit or method overrides what the code says. A deprecated code is replaced as in GDAL.
"""

from typing import Final

from pyproj import CRS
from pyproj.database import get_database_metadata
from pyproj.exceptions import CRSError

from cogread.crs.citation import fields, names_web_mercator
from cogread.crs.crs import ProjJson
from cogread.crs.definition import Definition, definition_of, horizontal
from cogread.crs.geodetic import contradicts
from cogread.crs.geokeys import USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.identify import same_numbers, same_place
from cogread.crs.projections import projected
from cogread.crs.units import cited_unit, keyed_unit, parameter_degrees
from cogread.errors import UndefinedCrs

_PSEUDO_MERCATOR_METHOD: Final = "1024"
_OWN_CITATION: Final = (GeoKey.CITATION,)
_DEFINING_KEYS: Final = (
    GeoKey.PROJECTION,
    GeoKey.PROJECTION_METHOD,
    GeoKey.GEODETIC_CRS,
    GeoKey.GEODETIC_DATUM,
    GeoKey.ELLIPSOID,
)
"""Keys that make GDAL read a definition key by key, rather than by the code of the projected CRS alone."""
_LIBGEOTIFF: Final = (
    "1024 1027 1028 1029 9801 9802 9804 9805 9806 9807 9809 9810 9811 9812 9815 9818 9820 9822 9829 9834 9842"
)
_EPSG_METHODS: Final = frozenset(_LIBGEOTIFF.split())
"""Methods of EPSG that libgeotiff knows, where it puts a CRS together that has a code."""


def by_code(code: int) -> CRS:
    """Look up a CRS of the EPSG dataset.

    Raises:
        UndefinedCrs: PROJ's copy of the dataset has no such code.
    """
    try:
        return CRS.from_epsg(code)
    except CRSError:
        version = get_database_metadata("EPSG.VERSION")
        raise UndefinedCrs(
            f"EPSG:{code} is not in the EPSG dataset {version} of the server's PROJ: it is newer, or no such code"
        ) from None


def current(crs: CRS) -> CRS:
    """Replace a deprecated CRS, as GDAL does: some were deprecated because they were wrong."""
    replacements = crs.get_non_deprecated() if crs.is_deprecated else []
    return CRS.from_json(replacements[0].to_json()) if len(replacements) == 1 else crs


def projected_by_code(code: int, keys: GeoKeys) -> Definition:
    """Read a projected CRS by its code and the keys that override it.

    Raises:
        UndefinedCrs: the keys contradict it, or there is no such CRS.
    """
    original = by_code(code)
    is_code_alone = all(keys.short(key) is None for key in _DEFINING_KEYS)
    flat = horizontal(original)
    if not is_code_alone and (original.is_compound or not flat.is_projected):
        raise UndefinedCrs(
            f"its projected CRS is EPSG:{code}, which is {original.type_name}, and it states another too"
        )
    if not flat.is_projected:
        return definition_of(current(original), keys)
    unit = cited_unit(keys, _OWN_CITATION) or keyed_unit(keys, is_coded=True)
    base = None if is_code_alone else _overriding_base(flat, keys)
    if base is None or _method_of(flat) == _PSEUDO_MERCATOR_METHOD:
        return _restated(original, flat, unit, keys)
    overridden = _overridden(flat, base, unit, keys)
    return definition_of(flat if same_place(overridden, flat) else overridden, keys)


def _overridden(flat: CRS, base: ProjJson, unit: ProjJson | None, keys: GeoKeys) -> CRS:
    """Put a CRS on another base, by another method or in another unit."""
    own = flat.to_json_dict()
    lengths = keyed_unit(keys, is_coded=True)
    metres = lengths["conversion_factor"] if lengths else _unit_of(flat)
    restated = projected(keys, degrees=parameter_degrees(keys, CRS.from_json_dict(base)), metres=metres)
    method = keys.short(GeoKey.PROJECTION_METHOD)
    if restated is None and method is not None:
        raise UndefinedCrs(f"its CRS is {flat.name}, and its method {method} is not read, or lacks parameters")
    if restated is None and _method_of(flat) not in _EPSG_METHODS and CRS.from_json_dict(base) != flat.geodetic_crs:
        raise UndefinedCrs(f"its CRS is {flat.name} on another datum, which GDAL does not apply to its method")
    if names_web_mercator(fields(keys.text(GeoKey.CITATION)).get("PCS Name", "")):
        raise UndefinedCrs(f"its CRS is {flat.name}, and its citation names that of web maps")
    parts = {"name": own["name"], "base_crs": base, "conversion": (restated or own)["conversion"]}
    system = (restated or own)["coordinate_system"]
    return assembled(parts, system, unit or own["coordinate_system"]["axis"][0]["unit"])


def _restated(original: CRS, flat: CRS, unit: ProjJson | str | None, keys: GeoKeys) -> Definition:
    """Put a CRS, or its replacement, into the unit that the file or else the CRS itself has."""
    newest = current(original)
    if unit is None:
        unit = flat.to_json_dict()["coordinate_system"]["axis"][0]["unit"]
    converted = in_unit(horizontal(newest), unit)
    if _unit_of(converted) == _unit_of(horizontal(newest)):
        return definition_of(newest, keys)
    if newest.is_compound:
        raise UndefinedCrs(f"its CRS, {newest.name}, is compound, and its linear unit is not that CRS's")
    return definition_of(flat if same_numbers(converted, flat) else converted, keys)


def in_unit(crs: CRS, unit: ProjJson | str) -> CRS:
    """Convert a projected CRS to a unit; one that has the unit is returned as it is."""
    whole = crs.to_json_dict()
    parts = {key: whole[key] for key in ("name", "base_crs", "conversion")}
    converted = assembled(parts, whole["coordinate_system"], unit)
    return crs if same_place(converted, crs) else converted


def _unit_of(crs: CRS) -> float:
    return float(crs.axis_info[0].unit_conversion_factor)


def _method_of(crs: CRS) -> str | None:
    operation = crs.coordinate_operation
    return None if operation is None else operation.method_code


def _overriding_base(crs: CRS, keys: GeoKeys) -> ProjJson:
    """The geodetic CRS to use with a code: that of the keys, else the code's own.

    Raises:
        UndefinedCrs: the keys contradict it.
    """
    own = crs.geodetic_crs
    if own is None:
        raise UndefinedCrs(f"its CRS, {crs.name}, has no geodetic one")
    code = keys.epsg(GeoKey.GEODETIC_CRS)
    base = own if code is None else by_code(code).to_2d()
    is_sound = base.is_geographic and not base.is_compound
    if not is_sound or contradicts(keys, base) or _is_unnamed(keys):
        raise UndefinedCrs(f"its CRS is based on {base.name}, and it states another datum, ellipsoid or meridian")
    return base.to_json_dict()


def _is_unnamed(keys: GeoKeys) -> bool:
    """True if the geodetic CRS is user-defined, and not by the code of a datum."""
    return keys.short(GeoKey.GEODETIC_CRS) == USER_DEFINED and keys.epsg(GeoKey.GEODETIC_DATUM) is None


def assembled(parts: ProjJson, system: ProjJson, unit: ProjJson | str) -> CRS:
    """Assemble a projected CRS of its name, `base_crs` and `conversion`, and the axes of `system` in a unit."""
    axes = [{**axis, "unit": unit} for axis in system["axis"]]
    whole = {"type": "ProjectedCRS", **parts, "coordinate_system": {"subtype": system["subtype"], "axis": axes}}
    return CRS.from_json_dict(whole)
