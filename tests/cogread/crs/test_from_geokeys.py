"""Odd GeoKeys against what GDAL reads from the same file: where the numbers lie on Earth, and the heights."""

from typing import Final

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.io import MemoryFile

from cogread.crs.crs import Crs
from cogread.crs.geokeys import GeoKey as Key
from cogread.crs.lookup import crs_of, why_no_crs
from cogread.crs.web_mercator import is_web_mercator
from tests.support.cogs import cog_of
from tests.support.geotiffs import Keys, with_keys

USER: Final[Keys] = {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 32767, Key.GEODETIC_CRS: 4326}
TM: Final[Keys] = {**USER, Key.PROJECTION_METHOD: 1, Key.NATURAL_ORIGIN_LONGITUDE: 9.0, Key.FALSE_EASTING: 500000.0}
MERCATOR: Final[Keys] = {**USER, Key.PROJECTION_METHOD: 7, Key.LINEAR_UNITS: 9001}
GEOGRAPHIC: Final[Keys] = {Key.MODEL_TYPE: 2, Key.GEODETIC_CRS: 32767}
BESSEL: Final[Keys] = {Key.GEODETIC_CRS: 32767, Key.ELLIPSOID: 7004}
A_SHIFT: Final = 2e-5
"""In degrees: of several shifts of one datum, PROJ chooses by codes that only one of two definitions may have."""
SEVEN: Final = (598.1, 73.7, 418.2, 0.202, 0.045, -2.455, 6.7)


def coded(code: int) -> Keys:
    return {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: code}


def degrees(code: int) -> Keys:
    return {Key.MODEL_TYPE: 2, Key.GEODETIC_CRS: code}


def imagine(unit: str) -> str:
    """A citation as ERDAS IMAGINE writes it."""
    return (
        "IMAGINE GeoTIFF Support\nCopyright 1991 - 2005 by Leica Geosystems. All Rights Reserved\n"
        "@(#)$RCSfile: egtf.c $ $Revision: 10.0 $ $Date: 2005/07/26 15:10:00 EST $\n"
        f"Projection Name = State Plane\nUnits = {unit}\nGeoTIFF Units = {unit}"
    )


def datum(name: str) -> str:
    return f"GCS Name = Own|Datum = {name}|Ellipsoid = Bessel 1841|Primem = Greenwich|"


SHIFTS: Final[list[Keys]] = [
    {**GEOGRAPHIC, **BESSEL, Key.TO_WGS84: SEVEN},
    {**GEOGRAPHIC, **BESSEL, Key.TO_WGS84: SEVEN[:3]},
    {**GEOGRAPHIC, **BESSEL, Key.TO_WGS84: (0.0,) * 7},
    {**GEOGRAPHIC, **BESSEL, Key.PRIME_MERIDIAN: 8903, Key.TO_WGS84: SEVEN},
    {**TM, **BESSEL, Key.TO_WGS84: SEVEN},
    {**TM, **BESSEL, Key.GEODETIC_CITATION: datum("unknown"), Key.TO_WGS84: SEVEN},
    {**degrees(4314), Key.TO_WGS84: SEVEN},  # a known datum has no need of it
    {**GEOGRAPHIC, Key.GEODETIC_DATUM: 6314, Key.TO_WGS84: SEVEN},
    {**GEOGRAPHIC, **BESSEL, Key.GEODETIC_CITATION: datum("Deutsches_Hauptdreiecksnetz"), Key.TO_WGS84: SEVEN},
    {**coded(31467), Key.TO_WGS84: SEVEN},
    {**TM, Key.GEODETIC_CRS: 4314, Key.TO_WGS84: SEVEN},
]
NAMES: Final[list[Keys]] = [
    *[
        {**MERCATOR, key: name}
        for key in (Key.CITATION, Key.PROJECTED_CITATION)
        for name in (
            "Google Maps Global Mercator",
            "WGS_1984_Web_Mercator_Auxiliary_Sphere",
            "WGS_1984_Web_Mercator",
            "WGS 84 / Pseudo-Mercator",
            "WGS_84_Pseudo_Mercator",
            "PCS Name = WGS_1984_Web_Mercator_Auxiliary_Sphere|LUnits = meters|",
        )
    ],
    {**MERCATOR, Key.CITATION: "WGS_1984_Web_Mercator_Auxiliary_Sphere", Key.PROJECTED_CITATION: "LUnits = meters"},
    {**MERCATOR, Key.GEODETIC_CRS: 32767, Key.SEMI_MAJOR_AXIS: 6378137.0, Key.SEMI_MINOR_AXIS: 6378137.0},
    {**USER, Key.PROJECTION: 3856},
    coded(3857),
    coded(3785),
    {**coded(3857), Key.GEODETIC_CRS: 4326, Key.PROJECTION_METHOD: 7},
]
OTHER_MERCATORS: Final[list[Keys]] = [
    MERCATOR,
    {**MERCATOR, Key.CITATION: "WGS 84 / World Mercator"},
    {**MERCATOR, Key.CITATION: "WGS 84 / Pseudo-Mercator", Key.LINEAR_UNITS: 9002},
    {**coded(3857), Key.LINEAR_UNITS: 9002},
    {**coded(3857), Key.CITATION: "LUnits = feet"},
]
UNITS: Final[list[Keys]] = [
    *[
        {**coded(32632), Key.CITATION: imagine(unit)}
        for unit in ("meters", "feet", "international_feet", "yards", "cm")
    ],
    {**coded(2838), Key.CITATION: imagine("international_feet")},
    {**coded(26946), Key.CITATION: imagine("us_survey_feet")},
    {**coded(32632), Key.LINEAR_UNITS: 9001, Key.CITATION: imagine("feet")},
    {**coded(32632), Key.PROJECTED_CITATION: imagine("feet")},  # GDAL does not look there beside a code
    {**coded(32632), Key.CITATION: "PCS Name = x|LUnits = feet|"},
    {**TM, Key.CITATION: imagine("feet")},
    {**TM, Key.PROJECTED_CITATION: "LUnits = feet"},
    {**TM, Key.LINEAR_UNITS: 9003, Key.CITATION: imagine("feet")},
    {**TM, Key.LINEAR_UNIT_SIZE: 0.5},
    {**TM, Key.LINEAR_UNIT_SIZE: 0.5, Key.CITATION: imagine("halves")},
]
DEPRECATED: Final[list[Keys]] = [
    *[coded(code) for code in (26821, 26845, 26814, 26823, 3359, 26591, 2170, 2192, 6604, 5466)],
    *[degrees(code) for code in (4228, 4268, 4153)],
    {**coded(26821), Key.LINEAR_UNITS: 9003},
]
OVERRIDES: Final[list[Keys]] = [
    {**coded(27572), Key.GEODETIC_CRS: 4275},
    {**coded(5514), Key.LINEAR_UNITS: 9002},
    {**coded(3031), Key.GEODETIC_CRS: 4326},
    {**coded(2154), Key.GEODETIC_CRS: 4314},
    {**coded(31467), Key.LINEAR_UNITS: 9002},
    {**GEOGRAPHIC, **BESSEL, Key.GEODETIC_CITATION: datum("D_Deutsches_Hauptdreiecksnetz")},
    {**GEOGRAPHIC, **BESSEL, Key.GEODETIC_CITATION: datum("Own")},
]


def gdals(data: bytes) -> CRS:
    with MemoryFile(data) as memory, memory.open() as dataset:
        return CRS.from_wkt(dataset.crs.to_wkt(version="WKT2_2019"))


def crs_in(data: bytes) -> Crs:
    geo = cog_of(data).geo
    actual = crs_of(geo)
    assert actual is not None, why_no_crs(geo)
    return actual


def flat(crs: CRS) -> CRS:
    actual = crs.sub_crs_list[0] if crs.is_compound else crs
    return actual if actual.is_bound else actual.to_2d()


def places(crs: CRS, spots: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.array(Transformer.from_crs(flat(crs), "OGC:CRS84", always_xy=True).transform(*spots))


def spots_of(crs: CRS, code: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of two places where the projected CRS of this code is used, if it has one."""
    own = crs.source_crs if crs.is_bound else crs
    assert own is not None
    area = CRS.from_epsg(code).area_of_use if isinstance(code, int) and code != 32767 else own.area_of_use
    lon, lat = (9.5, 50.0) if area is None else ((area.west + area.east) / 2, (area.south + area.north) / 2)
    lons, lats = np.array([lon - 0.1, lon + 0.1]), np.array([lat - 0.1, lat + 0.1])
    if own.is_geographic:
        return lons, lats
    assert own.geodetic_crs is not None
    spots: tuple[NDArray[np.float64], NDArray[np.float64]] = Transformer.from_crs(
        own.geodetic_crs.to_2d(), own, always_xy=True
    ).transform(lons, lats)
    return spots


def assert_lies_where_gdal_says(keys: Keys) -> Crs:
    data = with_keys(keys, minor=1)
    actual, wanted = crs_in(data), gdals(data)
    placed = CRS.from_json(actual.placed_definition)
    spots = spots_of(placed, keys.get(Key.PROJECTED_CRS))
    right = places(wanted, spots)
    assert np.isfinite(right).all()
    named = CRS.from_user_input(actual.supported_crs)
    for crs in (placed, CRS.from_wkt(actual.wkt), CRS.from_json_dict(actual.projjson()), named):
        np.testing.assert_allclose(places(crs, spots), right, rtol=0, atol=A_SHIFT)
    assert flat(wanted).is_bound == placed.is_bound
    return actual


@pytest.mark.parametrize("keys", [*SHIFTS, *UNITS, *DEPRECATED, *OVERRIDES])
def test_numbers_mean_the_places_that_gdal_takes_them_for(keys: Keys) -> None:
    assert not assert_lies_where_gdal_says(keys).is_web_mercator


@pytest.mark.parametrize("keys", NAMES)
def test_web_mercator_is_known_by_any_name(keys: Keys) -> None:
    assert assert_lies_where_gdal_says(keys).is_web_mercator
    assert is_web_mercator(cog_of(with_keys(keys)).geo)


@pytest.mark.parametrize("keys", OTHER_MERCATORS)
def test_another_mercator_is_not_taken_for_it(keys: Keys) -> None:
    assert not assert_lies_where_gdal_says(keys).is_web_mercator
    assert not is_web_mercator(cog_of(with_keys(keys)).geo)


UTM: Final = coded(32632)


@pytest.mark.parametrize(
    "keys",
    [
        {**UTM, Key.VERTICAL_CRS: 5773},
        {**UTM, Key.VERTICAL_CRS: 6360},
        {**UTM, Key.VERTICAL_CRS: 5703, Key.VERTICAL_UNITS: 9003},
        {**UTM, Key.VERTICAL_CRS: 5030},
        {**UTM, Key.VERTICAL_CRS: 4979},
        {**UTM, Key.GEODETIC_CRS: 4326, Key.VERTICAL_CRS: 5773},
        {**UTM, Key.VERTICAL_CRS: 32767},
        {**UTM, Key.VERTICAL_CRS: 40000},
        {**UTM, Key.VERTICAL_CRS: 9999},
        {**UTM, Key.VERTICAL_CRS: 4326},
        {**UTM, Key.VERTICAL_UNITS: 9003},
        {**UTM, Key.VERTICAL_DATUM: 5103},
        {**UTM, Key.VERTICAL_DATUM: 32767, Key.VERTICAL_CITATION: "VCS Name = My heights|VDatum = Own|"},
        {**TM, Key.VERTICAL_CRS: 5773},
        {**TM, **BESSEL, Key.TO_WGS84: SEVEN, Key.VERTICAL_CRS: 5773},
        {**degrees(4326), Key.VERTICAL_CRS: 5773},
        {**degrees(4326), Key.VERTICAL_CRS: 4979},
        {**degrees(4258), Key.VERTICAL_CRS: 4979},
        degrees(4979),
        degrees(4937),
        degrees(5488),
        degrees(9518),
        coded(5698),
    ],
)
@pytest.mark.parametrize("minor", [0, 1])
def test_heights_are_those_of_gdal(keys: Keys, minor: int) -> None:
    data = with_keys(keys, minor=minor)
    actual, wanted = CRS.from_json(crs_in(data).definition), gdals(data)
    assert [axis.unit_name for axis in actual.axis_info][2:] == [axis.unit_name for axis in wanted.axis_info][2:]
    assert actual.is_compound == wanted.is_compound
    assert CRS.from_wkt(crs_in(data).wkt).is_compound == wanted.is_compound
    if wanted.is_compound:
        ours, theirs = actual.sub_crs_list[1].datum, wanted.sub_crs_list[1].datum
        assert ours is not None
        assert theirs is not None
        assert ours.name == theirs.name


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "states no CRS"),
        (coded(32000 + 599), "EPSG:32599 is not in the EPSG dataset v"),
        (degrees(32599), "it is newer, or no such code"),
        ({Key.MODEL_TYPE: 3, Key.GEODETIC_CRS: 4978}, "geocentric"),
        ({**TM, Key.LINEAR_UNITS: 32767}, "its linear unit is user-defined and of size None m"),
        ({**TM, Key.CITATION: imagine("furlongs")}, "names, 'furlongs', is not known"),
        ({**TM, Key.PROJECTED_CITATION: "State Plane Zone 405 NAD83"}, "a zone that only a citation names"),
        ({**USER, Key.PROJECTION_METHOD: 99}, "method 99, which is not read"),
        ({**degrees(4314), Key.SEMI_MAJOR_AXIS: 6378388.0, Key.INVERSE_FLATTENING: 297.0}, "ellipsoid, datum or unit"),
        ({**coded(2227), Key.GEODETIC_CRS: 32767, Key.ELLIPSOID: 7008}, "another datum, ellipsoid or meridian"),
        ({**coded(2193), Key.PRIME_MERIDIAN: 8903, Key.PROJECTION: 32767}, "another datum, ellipsoid or meridian"),
        ({**coded(5514), Key.GEODETIC_CRS: 4275}, "on another datum"),
        ({**degrees(4979), Key.VERTICAL_DATUM: 1027}, "has heights, and it states others"),
        ({**TM, **BESSEL, Key.TO_WGS84: (float("nan"),) * 7}, "not finite"),
    ],
)
def test_a_reason_stands_for_a_crs_that_is_not_beyond_doubt(keys: Keys, reason: str) -> None:
    geo = cog_of(with_keys(keys, minor=1)).geo
    assert crs_of(geo) is None
    assert reason in str(why_no_crs(geo))


def test_a_crs_without_a_code_is_named_with_its_datum() -> None:
    """A PROJ string states this datum as its ellipsoid alone, which lies 150 m off."""
    actual = assert_lies_where_gdal_says({**TM, Key.GEODETIC_CRS: 4314})
    assert actual.code is None
    by_gdal = rasterio.CRS.from_user_input(actual.supported_crs)
    assert CRS.from_wkt(by_gdal.to_wkt(version="WKT2_2019")).equals(
        CRS.from_json_dict(actual.horizontal_projjson()), ignore_axis_order=True
    )
