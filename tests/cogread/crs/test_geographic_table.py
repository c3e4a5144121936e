"""Tables of longitude and latitude, compared with PROJ between their points."""

from math import asin, atan2, degrees

import numpy as np
import pytest
from pyproj import CRS, Geod, Transformer

from cogread.crs.geographic_table import geographic_table, interpolated

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("crs", "bounds", "tolerance_m"),
    [
        ("EPSG:2056", (2600000.0, 1195000.0, 2607000.0, 1200000.0), 0.01),
        ("EPSG:32633", (300000.0, 5300000.0, 700000.0, 5900000.0), 2),
        ("EPSG:3031", (-2700000.0, -2600000.0, 2700000.0, 2600000.0), 30),
        ("EPSG:2193", (1e6, 4.7e6, 2.6e6, 6.2e6), 5),
        ("EPSG:4267", (-110.0, 30.0, -90.0, 45.0), 10),
    ],
)
def test_places_between_the_points_are_projs_within_the_stated_error(
    crs: str, bounds: tuple[float, float, float, float], tolerance_m: float
) -> None:
    table = geographic_table(CRS(crs).to_json(), bounds, tolerance_m)
    assert table is not None
    assert table.error_m <= tolerance_m
    left, bottom, right, top = bounds
    vectors = [tuple(table.vectors[at : at + 3]) for at in range(0, len(table.vectors), 3)]
    to_degrees = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    for across, down in RANDOM.uniform(0, 1, (200, 2)):
        vector = interpolated(vectors, table.points, across * (table.points - 1), down * (table.points - 1))  # type: ignore[arg-type]
        assert vector is not None
        x, y, z = vector
        wanted = to_degrees.transform(left + across * (right - left), bottom + down * (top - bottom))
        distance_m = Geod(a=6371008.8, b=6371008.8).inv(*wanted, degrees(atan2(y, x)), degrees(asin(z)))[2]
        assert distance_m <= 2 * table.error_m + 0.001


@pytest.mark.parametrize(
    ("crs", "bounds", "formula"),
    [
        ("EPSG:4326", (-180.0, -90.0, 180.0, 90.0), "degrees"),
        ("EPSG:3857", (-20037508.0, -20037508.0, 20037508.0, 20037508.0), "mercator"),
        ("EPSG:3395", (-1e6, -1e6, 1e6, 1e6), None),
    ],
)
def test_degrees_and_web_mercator_need_no_table(
    crs: str, bounds: tuple[float, float, float, float], formula: str | None
) -> None:
    table = geographic_table(CRS(crs).to_json(), bounds, 100)
    assert table is not None
    assert (table.formula, bool(table.vectors)) == (formula, formula is None)


def test_a_place_that_the_crs_does_not_reach_has_none() -> None:
    table = geographic_table(CRS("ESRI:54009").to_json(), (-18e6, -9e6, 18e6, 9e6), 1000)
    assert table is not None
    assert table.vectors[:3] == (None, None, None)
    assert geographic_table(CRS("ESRI:54009").to_json(), (1e9, 1e9, 2e9, 2e9), 1000) is None
