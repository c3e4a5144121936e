"""The CRS of a file as plain data for documents: names, axis order, units, definitions.

A `Crs` that was encoded as JSON and decoded again needs no PROJ.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from cogread.crs.georeference import Bounds

ProjJson = dict[str, Any]
"""A CRS, or a part of one, as PROJ's JSON schema has it."""


class GeographicTable(NamedTuple):
    """Longitude and latitude of places at equal steps of x and y; see `geographic_table.py`."""

    formula: str | None
    """Name of the formula that gives them; None: the table does."""
    points: int
    """Number along each axis."""
    bounds: Bounds
    """left, bottom, right, top in the CRS."""
    vectors: tuple[float | None, ...]
    """x, y, z of each point, row by row from the bottom; None: the CRS does not reach the point."""
    error_m: float
    """Largest error of interpolation between the points."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A projected or geographic CRS; fields describe its horizontal part unless they say otherwise."""

    authority: tuple[str, str] | None
    """("EPSG", "2193"), ("ESRI", "102003"); None: it has no code."""
    name: str
    supported_crs: str
    """The name in WMTS: `urn:ogc:def:crs:EPSG::2193`; without a code a PROJ string, or WKT where that loses the datum.

    Coordinates beside a PROJ string or WKT are in x, y order.
    """
    uri: str | None
    """The name in OGC API: `http://www.opengis.net/def/crs/EPSG/0/2193`; None without a code."""
    swaps_axes: bool
    """Documents that follow the CRS's own axis order write (y, x); False where a PROJ string names the CRS."""
    is_geographic: bool
    is_web_mercator: bool
    """Coordinates mean the same places as in EPSG:3857."""
    metres_per_unit: float
    """Unit in scale denominators; of a geographic CRS always a degree on WGS 84's equator (OGC 07-057r7 §6.1)."""
    unit_name: str
    proj_string: str | None
    """PROJ string in x, y order, with the file's shift to WGS 84; None: PROJ strings cannot express the CRS."""
    vertical: str | None
    """Name of the CRS of heights; None: heights are not of this CRS."""
    is_complete_by_code: bool
    """The code says all: the CRS is not deprecated, and the file adds neither heights nor a shift."""
    wkt: str
    """The definition with heights, shift and axes in GDAL's WKT 1, or WKT 2 (ISO 19162:2019) where that loses any."""
    definition: str
    """PROJJSON with heights and shift, its axes in the CRS's own order."""
    horizontal_definition: str | None = None
    """PROJJSON without heights and shift; None: the same as `definition`."""
    bound_definition: str | None = None
    """PROJJSON with the shift to WGS 84 and without heights; None: there is no shift."""

    @property
    def code(self) -> str | None:
        """`EPSG:2193`, `ESRI:102003`; None without a code."""
        return ":".join(self.authority) if self.authority else None

    @property
    def placed_definition(self) -> str:
        """PROJJSON without heights, with the shift to WGS 84 that the file states, if any."""
        return self.bound_definition or self.horizontal_definition or self.definition

    @property
    def vertical_unit(self) -> str | None:
        """Name of the unit of heights, `metre` …; None: heights are of no CRS of their own."""
        parts = self.projjson().get("components")
        unit = parts[1]["coordinate_system"]["axis"][0].get("unit") if parts else None
        return unit["name"] if isinstance(unit, dict) else unit

    def projjson(self) -> ProjJson:
        """`definition` as an object."""
        return _parsed(self.definition)

    def horizontal_projjson(self) -> ProjJson:
        """`horizontal_definition` as an object."""
        return _parsed(self.horizontal_definition or self.definition)


def _parsed(definition: str) -> ProjJson:
    projjson: ProjJson = json.loads(definition)
    return projjson
