"""A CRS in the three forms that documents need: horizontal, with the file's shift to WGS 84, and with heights too.

GDAL heeds a shift (GeogTOWGS84GeoKey) only where neither the CRS nor its datum is one of the EPSG dataset.
"""

from dataclasses import dataclass
from typing import Final

from pyproj import CRS
from pyproj.crs.coordinate_operation import ToWGS84Transformation

from cogread.crs.geokeys import GeoKey, GeoKeys
from cogread.crs.heights import vertical_codes, with_heights
from cogread.crs.identify import has_registered_datum
from cogread.errors import UndefinedCrs

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
    """Take the heights off a CRS.

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
    """Add the keys' shift to WGS 84 and their heights to a CRS without a code."""
    placed = _shifted(crs, keys)
    return Definition(crs, placed, with_heights(placed, keys))


def definition_of(crs: CRS, keys: GeoKeys) -> Definition:
    """Split a CRS of a dataset or of WKT; its own heights hold, or else those that the keys state.

    Raises:
        UndefinedCrs: both it and the keys have heights, and they differ.
    """
    flat, codes = horizontal(crs), vertical_codes(keys)
    if crs.type_name in _KINDS:
        return Definition(flat, flat, with_heights(crs, keys))
    if codes.are_stated and str(codes.crs) not in (crs.to_authority() or ()):
        raise UndefinedCrs(f"its CRS, {crs.name}, has heights, and it states others")
    return Definition(flat, flat, flat if crs.is_compound and not keys.minor_revision else crs)


def _shifted(crs: CRS, keys: GeoKeys) -> CRS:
    """Bind a CRS to WGS 84 by the keys' shift; itself where they state none, or where its datum has a code."""
    shift = keys.doubles(GeoKey.TO_WGS84)
    if not shift or has_registered_datum(crs):
        return crs
    full = ToWGS84Transformation(crs, *shift).to_json_dict()
    transformation = {"name": f"{crs.name} to WGS 84", "method": full["method"], "parameters": full["parameters"]}
    parts = {"source_crs": crs.to_json_dict(), "target_crs": CRS.from_epsg(4326).to_json_dict()}
    return CRS.from_json_dict({"type": "BoundCRS", **parts, "transformation": transformation})
