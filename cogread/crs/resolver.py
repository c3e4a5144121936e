"""GeoKeys -> `Crs`: the definition that GDAL reads, its code, and the names that documents give it."""

import re
import warnings
from math import isclose, isfinite, pi
from threading import Lock
from typing import Final

from pyproj import CRS, proj_version_str
from pyproj.database import get_database_metadata
from pyproj.exceptions import CRSError, ProjError

from cogread.crs.crs import Crs
from cogread.crs.definition import Definition
from cogread.crs.from_geokeys import defined_crs
from cogread.crs.geokeys import GeoKeys
from cogread.crs.identify import has_registered_datum, identified
from cogread.crs.transform import EARTH_RADIUS_M, is_web_mercator
from cogread.errors import UndefinedCrs
from cogread.refusal import Refusal

PROJ_REVISION: Final = f"{proj_version_str}-{get_database_metadata('EPSG.VERSION')}"
"""Versions of PROJ and of its EPSG dataset."""

_METRES_PER_DEGREE: Final = pi * EARTH_RADIUS_M / 180
_MERCATOR: Final = re.compile(r"\+proj=(web)?merc ")
_WARNINGS: Final = Lock()
"""Filters of warnings belong to the process, not to a thread."""


def resolved(keys: GeoKeys) -> Crs | Refusal:
    """The CRS that the keys define, or the reason why there is none."""
    try:
        return _described(defined_crs(keys))
    except UndefinedCrs as error:
        return Refusal(str(error))
    except (CRSError, ProjError) as error:
        return Refusal(f"PROJ does not take its CRS: {str(error).strip()[:200]}")


def _described(definition: Definition) -> Crs:
    is_bound = definition.placed.is_bound
    authority, crs = (None, definition.horizontal) if is_bound else identified(definition.horizontal)
    whole = crs if definition.whole is definition.horizontal else definition.whole
    bound = definition.placed if is_bound else crs
    proj_string = _proj_string(bound)
    metres = _METRES_PER_DEGREE if crs.is_geographic else crs.axis_info[0].unit_conversion_factor
    if authority is None and proj_string is None:
        raise UndefinedCrs(f"its CRS, {crs.name}, has neither a code nor a PROJ string")
    if not (isfinite(metres) and metres > 0):
        raise UndefinedCrs(f"its linear unit is of size {metres} m")
    may_be_web_mercator = metres == 1 and not crs.is_geographic and _MERCATOR.match(proj_string or "") is not None
    return Crs(
        authority=authority,
        name=crs.name,
        supported_crs=_supported_crs(authority, proj_string, crs, is_bound=is_bound),
        uri=f"http://www.opengis.net/def/crs/{authority[0]}/0/{authority[1]}" if authority else None,
        swaps_axes=authority is not None and authority[0] == "EPSG" and _is_northing_first(crs),
        is_geographic=crs.is_geographic,
        is_web_mercator=may_be_web_mercator and is_web_mercator(bound.to_json()),
        metres_per_unit=metres,
        unit_name=crs.axis_info[0].unit_name,
        proj_string=proj_string,
        vertical=_vertical_name(whole),
        is_complete_by_code=authority is not None and whole is crs and not crs.is_deprecated,
        wkt=_wkt(whole, states_axes=True),
        definition=whole.to_json(),
        horizontal_definition=None if whole is crs else crs.to_json(),
        bound_definition=bound.to_json() if is_bound else None,
    )


def _supported_crs(authority: tuple[str, str] | None, proj_string: str | None, crs: CRS, *, is_bound: bool) -> str:
    if authority is not None:
        return f"urn:ogc:def:crs:{authority[0]}::{authority[1]}"
    if proj_string is None or (not is_bound and _loses_datum(proj_string, crs)):
        return _wkt(crs)
    return proj_string


def _vertical_name(whole: CRS) -> str | None:
    if whole.is_compound:
        return str(whole.sub_crs_list[1].name)
    return "ellipsoidal height" if len(whole.axis_info) == 3 else None


def _wkt(crs: CRS, *, states_axes: bool = False) -> str:
    """GDAL's WKT 1, or WKT 2 where that loses anything; without axes, readers take geographic CRSs in x, y order."""
    rule = True if states_axes else None
    try:
        text = str(crs.to_wkt("WKT1_GDAL", output_axis_rule=rule))
        if CRS.from_wkt(text).equals(crs, ignore_axis_order=not states_axes):
            return text
    except CRSError:
        pass
    return str(crs.to_wkt("WKT2_2019"))


def _loses_datum(proj_string: str, crs: CRS) -> bool:
    """True where a PROJ string states the datum of a dataset as a mere ellipsoid, which would move the layer."""
    stated = CRS.from_user_input(proj_string).datum
    return has_registered_datum(crs) and (stated is None or stated.name.lower().startswith("unknown"))


def _is_northing_first(crs: CRS) -> bool:
    """True for axes (north, east), or both to or from a pole with the northing first: GDAL takes the second for x.

    It does so for EPSG's CRSs alone (OGRSpatialReference::EPSGTreatsAsNorthingEasting).
    """
    first, second = crs.axis_info[:2]
    if (first.direction, second.direction) == ("north", "east"):
        return True
    return first.direction == second.direction and first.name.startswith("Northing")


def _proj_string(crs: CRS) -> str | None:
    """The PROJ string, without the R_A that PROJ adds to methods that imply it, and then misreads."""
    if crs.is_geographic and not isclose(crs.axis_info[0].unit_conversion_factor, pi / 180, rel_tol=1e-9):
        return None  # PROJ strings of geographic CRSs are in degrees
    with _WARNINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You will likely lose", UserWarning)
        try:
            text = str(crs.to_proj4())
        except CRSError:
            return None
    return text.replace(" +type=crs", "").replace(" +R_A", "") if "+proj=" in text else None
