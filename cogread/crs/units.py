"""Linear units as GeoKeys and citations state them -> PROJJSON; angular units in degrees.

False eastings are in the unit of the keys, the file's coordinates in that of a citation if one names a unit: GDAL and
libgeotiff read the two apart.
"""

from functools import lru_cache
from math import isclose
from typing import Final

from pyproj import CRS
from pyproj.database import get_units_map

from cogread.crs.citation import fields
from cogread.crs.crs import ProjJson
from cogread.crs.geokeys import USER_DEFINED, GeoKey, GeoKeys
from cogread.errors import UndefinedCrs

METRE: Final = 9001
"""EPSG's code."""
RADIANS: Final = 0.017453292519943295
"""Radians of a degree."""
_DEGREES: Final = {9101: 57.29577951308232, 9102: 1.0, 9105: 0.9, 9106: 0.9, 9107: 1.0, 9108: 1.0, 9122: 1.0}
"""EPSG's angular units in degrees; those of degrees, minutes and seconds are degrees in a file's coordinates."""
_US_FOOT: Final = 0.3048006096012192
_CITED: Final = (
    (1.0, "meters meter m"),
    (0.01, "centimeters"),
    (0.001, "millimeters"),
    (1000.0, "kilometers"),
    (_US_FOOT, "us_survey_feet us_survey_foot feet foot ft"),
    (0.3048, "international_feet international_foot"),
    (0.0254000508001, "inches"),
    (0.9144, "yards"),
    (0.3048122530, "modified_american_feet"),
    (0.3047972651, "clarke_feet"),
    (0.3047995142, "indian_feet"),
    (0.9143985307444408, "yard_indian"),
    (0.30479726540, "foot_clarke"),
    (0.3047997101815088, "foot_gold_coast"),
    (0.2011661951640, "link_clarke"),
    (0.9143984146160287, "yard_sears"),
    (50000.0, "50_kilometers"),
    (150000.0, "150_kilometers"),
)
"""Metres, and names of ERDAS IMAGINE as GDAL reads them (gt_citation.cpp), without its miles of 1304.544 m.

GDAL compares the names but for the last letter, in this order.
"""
_METRES: Final = ("metre", "metres")
_MISREAD: Final = ("mm", "mi", "in", "yd")
"""Names that this comparison confuses with others."""


def linear_unit(code: int, size: float | None) -> ProjJson:
    """A linear unit by its code, or by its size in metres where the code is user-defined.

    Raises:
        UndefinedCrs: there is no such unit.
    """
    if code != USER_DEFINED:
        unit = _epsg_units().get(code)
        if unit is None:
            raise UndefinedCrs(f"its linear unit is code {code}, which is none of EPSG's")
        return unit
    if size is None or not 1e-9 < size < 1e9:
        raise UndefinedCrs(f"its linear unit is user-defined and of size {size} m")
    return {"type": "LinearUnit", "name": "unknown", "conversion_factor": size}


def keyed_unit(keys: GeoKeys, *, is_coded: bool) -> ProjJson | None:
    """Read the unit of a projected CRS from its keys; a size without a code counts only if the CRS has no code.

    Raises:
        UndefinedCrs: there is no such unit.
    """
    code, size = keys.short(GeoKey.LINEAR_UNITS), keys.double(GeoKey.LINEAR_UNIT_SIZE)
    if code is None:
        code = keys.short(GeoKey.GEOG_LINEAR_UNITS)
    if code is None:
        return None if size is None or is_coded else linear_unit(USER_DEFINED, size)
    return linear_unit(code, size)


def cited_unit(keys: GeoKeys, citations: tuple[GeoKey, ...]) -> ProjJson | None:
    """Read the unit from the first of these citations that names one; None: none does.

    Raises:
        UndefinedCrs: there is no such unit.
    """
    names = (fields(keys.text(citation)).get("LUnits") for citation in citations)
    name = next((name for name in names if name), None)
    if name is None:
        return None
    start = name[:-1].lower()
    candidates = () if name.lower() in _MISREAD else _CITED
    size = next((size for size, units in candidates for unit in units.split() if unit.startswith(start)), None)
    if size is None:
        size = 1.0 if name.lower() in _METRES else keys.double(GeoKey.LINEAR_UNIT_SIZE)
    if size is None or not 1e-9 < size < 1e9:
        raise UndefinedCrs(f"the linear unit that its citation names, {name!r}, is not known")
    return {"type": "LinearUnit", "name": name, "conversion_factor": size}


def coordinate_degrees(keys: GeoKeys) -> float:
    """The angular unit of coordinates in degrees.

    Raises:
        UndefinedCrs: there is no such unit.
    """
    code = keys.short(GeoKey.GEOG_ANGULAR_UNITS)
    if code is None:
        return 1.0
    size = keys.double(GeoKey.GEOG_ANGULAR_UNIT_SIZE)
    if code == USER_DEFINED and size is not None and isclose(size, RADIANS, rel_tol=1e-9):
        return 1.0
    if code not in _DEGREES:
        raise UndefinedCrs(f"its angular unit is code {code}" + (f" of {size} radians" if size is not None else ""))
    return _DEGREES[code]


def parameter_degrees(keys: GeoKeys, base: CRS) -> float:
    """The unit of the angles among projection parameters, in degrees: that of the keys, else the base's own.

    libgeotiff converts since 1.7.4; older readers took them for degrees.
    """
    code = keys.short(GeoKey.GEOG_ANGULAR_UNITS)
    own = base.axis_info[0].unit_conversion_factor / RADIANS
    return _DEGREES.get(code, own) if code else own


@lru_cache(maxsize=1)
def _epsg_units() -> dict[int, ProjJson]:
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
