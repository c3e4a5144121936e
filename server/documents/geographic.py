"""Longitude and latitude for the page of a layer: data from which its scripts compute them."""

from typing import Final, NamedTuple

from cogread.crs.crs import GeographicTable
from cogread.crs.lookup import crs_of
from server.layers.layer_version import LayerVersion

_PARTS_OF_PIXEL: Final = 4
"""The tolerance is this part of a pixel."""
_MOST_DIGITS: Final = 9
_METRES_PER_DEGREE: Final = 111_320


class Geographic(NamedTuple):
    """Places of a layer on Earth."""

    table: GeographicTable
    digits: int
    """Decimals of degrees, the last of about the size of a pixel, and no finer than the table."""


def geographic_of(opened: LayerVersion) -> Geographic | None:
    """The data of a layer; None: it lies nowhere."""
    geo = opened.cog.geo
    crs = crs_of(geo, opened.resolver)
    if crs is None or geo.transform is None or geo.bounds is None:
        return None
    pixel_m = max(abs(geo.transform[1]), abs(geo.transform[2])) * crs.metres_per_unit
    table = opened.resolver.geographic_table(crs, geo.bounds, pixel_m / _PARTS_OF_PIXEL)
    return None if table is None else Geographic(table, _digits(max(pixel_m, table.error_m)))


def _digits(size_m: float) -> int:
    digits, step_m = 0, float(_METRES_PER_DEGREE)
    while step_m > size_m and digits < _MOST_DIGITS:
        digits, step_m = digits + 1, step_m / 10
    return digits
