"""The CRS of a file against what GDAL reads from it, and against the datasets in PROJ."""

import subprocess
import sys
import warnings
from math import pi
from typing import Final

import msgspec
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from cogread.crs.crs import Crs
from cogread.crs.geokeys import GeoKey as Key
from cogread.crs.georeference import Georeference
from cogread.crs.lookup import PROJ, crs_of
from cogread.errors import CogError
from cogread.reader import open_cog
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.corpus import CORPUS, manifest
from tests.support.geotiffs import Keys, in_crs, with_keys

METRES: Final = Affine(10000, 0, -400000, 0, -10000, 700000)
DEGREES: Final = Affine(0.5, 0, -10, 0, -0.5, 50)

FLAVOURS: Final = [
    {"GEOTIFF_VERSION": "1.0", "GEOTIFF_KEYS_FLAVOR": "STANDARD"},
    {"GEOTIFF_VERSION": "1.1", "GEOTIFF_KEYS_FLAVOR": "STANDARD"},
    {"GEOTIFF_KEYS_FLAVOR": "ESRI_PE"},
]

EPSG: Final = [2193, 3031, 2056, 2227, 2285, 32661, 5514, 31467, 3035, 4267, 4326, 4807, 3857, 3395, 27572, 28992]

CODED: Final = {
    **{f"EPSG:{code}": ("EPSG", str(code)) for code in EPSG},
    "ESRI:102003": ("ESRI", "102003"),
    "ESRI:54009": ("ESRI", "54009"),
    "ESRI:53004": ("ESRI", "53004"),
    "ESRI:102100": ("EPSG", "3857"),
    "EPSG:4979": ("EPSG", "4326"),  # documents name the horizontal part
    "EPSG:4326+5773": ("EPSG", "4326"),
    "EPSG:2154+5720": ("EPSG", "2154"),
    "EPSG:2193+7839": ("EPSG", "2193"),
    "+proj=utm +zone=11 +datum=NAD27": ("EPSG", "26711"),
    "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45": ("EPSG", "3413"),
    "+proj=eqc": ("EPSG", "4087"),
}
"""CRS -> the code that documents name it by."""

UNCODED: Final = [
    "+proj=laea +lat_0=45 +lon_0=10",
    "+proj=lcc +lat_1=40 +lat_2=50 +lat_0=45 +lon_0=3 +x_0=1000 +y_0=2000",
    "+proj=lcc +lat_1=40 +lat_0=40 +lon_0=3 +k_0=0.999",
    "+proj=sinu",
    "+proj=sinu +R=6371007.181",
    "+proj=robin",
    "+proj=geos +h=35785831 +lon_0=0 +sweep=y",
    "+proj=geos +h=35785831 +lon_0=-75 +sweep=x",
    "+proj=stere +lat_0=52 +lon_0=5 +k=0.9999",
    "+proj=stere +lat_0=90 +lon_0=-45 +k=0.994",
    "+proj=stere +lat_0=-90 +lat_ts=-60 +lon_0=10",
    "+proj=sterea +lat_0=52 +lon_0=5 +k=0.9999",
    "+proj=aea +lat_1=30 +lat_2=45 +lat_0=40 +lon_0=-96",
    "+proj=tmerc +lon_0=9 +k=0.9996 +x_0=100000 +y_0=20000 +units=ft",
    "+proj=tmerc +lon_0=9 +k=0.9996 +x_0=100000 +y_0=20000 +units=us-ft",
    "+proj=tmerc +lon_0=9 +k=0.9996 +x_0=100000 +to_meter=0.5",
    "+proj=tmerc +axis=wsu +lon_0=19",
    "+proj=omerc +lat_0=4 +lonc=102 +alpha=33 +gamma=33 +k=0.9998",
    "+proj=omerc +lat_0=4 +lonc=102 +alpha=33 +gamma=33 +k=0.9998 +no_uoff",
    "+proj=poly +lat_0=10 +lon_0=-54",
    "+proj=eqc +lat_ts=30 +lon_0=10",
    "+proj=cea +lat_ts=30 +lon_0=5",
    "+proj=moll +lon_0=7",
    "+proj=utm +zone=11 +ellps=intl",
    "+proj=utm +zone=11 +ellps=GRS80",
    "+proj=merc +lat_ts=20",
    "+proj=merc +k=0.9 +lon_0=11",
    "+proj=aeqd +lat_0=45 +lon_0=10",
    "+proj=eqdc +lat_1=30 +lat_2=50 +lat_0=40 +lon_0=10",
    "+proj=cass +lat_0=10 +lon_0=-60",
    "+proj=gnom +lat_0=45 +lon_0=10",
    "+proj=ortho +lat_0=45 +lon_0=10",
    "+proj=mill",
    "+proj=vandg",
    "+proj=nzmg",
    "+proj=longlat +a=3396190 +b=3376200",
    "+proj=longlat +R=6371000 +pm=paris",
    "+proj=longlat +ellps=intl",
    "+proj=eqc +R=3396190 +lon_0=180",
    "IAU_2015:49900",
    "IAU_2015:49910",
]
"""CRSs that are in no dataset, or not surely."""


def crs_in(data: bytes) -> Crs:
    actual = crs_of(cog_of(data).geo)
    assert actual is not None
    return actual


def gdals(data: bytes) -> CRS:
    """Read the CRS of a file by GDAL, without heights."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        actual = CRS.from_wkt(dataset.crs.to_wkt(version="WKT2_2019"))
    return actual.sub_crs_list[0] if actual.is_compound else actual


def degrees_of(crs: CRS, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes and latitudes of points on the CRS's own datum, from Greenwich; inf where there is nothing."""
    transform = Transformer.from_crs(crs, crs.geodetic_crs.to_2d(), always_xy=True)  # type: ignore[union-attr]
    to_degrees = 180 / pi * crs.geodetic_crs.axis_info[0].unit_conversion_factor  # type: ignore[union-attr]
    meridian = crs.prime_meridian
    assert meridian is not None
    assert isinstance(meridian.unit_conversion_factor, float)
    from_greenwich = meridian.longitude * meridian.unit_conversion_factor * 180 / pi
    lon, lat = transform.transform(xs, ys)
    with np.errstate(invalid="ignore"):
        return np.array([np.mod(lon * to_degrees + from_greenwich + 180, 360), lat * to_degrees])


def assert_same_place(actual: CRS, wanted: CRS) -> None:
    """The same numbers are the same places, to 0.1 mm, and the Earth has the same shape."""
    xs, ys = np.meshgrid(np.linspace(-4e5, 6e5, 7), np.linspace(-3e5, 7e5, 7))
    if wanted.is_geographic:
        xs, ys = xs * 1e-4, ys * 1e-4
    np.testing.assert_allclose(degrees_of(actual, xs, ys), degrees_of(wanted, xs, ys), rtol=0, atol=1e-9)
    assert actual.ellipsoid is not None
    assert wanted.ellipsoid is not None
    assert actual.ellipsoid.semi_major_metre == pytest.approx(wanted.ellipsoid.semi_major_metre, rel=1e-12)
    assert actual.ellipsoid.inverse_flattening == pytest.approx(wanted.ellipsoid.inverse_flattening, rel=1e-9)


def assert_is_gdals(data: bytes) -> Crs:
    actual, wanted = crs_in(data), gdals(data)
    assert_same_place(CRS.from_json_dict(actual.horizontal_projjson()), wanted)
    if actual.proj_string is not None:
        assert_same_place(CRS.from_user_input(actual.proj_string), wanted)
    assert_same_place(CRS.from_user_input(actual.wkt), wanted)
    assert_same_place(CRS.from_json_dict(actual.projjson()), wanted)
    assert actual.is_geographic == wanted.is_geographic
    unit = wanted.axis_info[0]
    metres = pi * 6378137 / 180 if wanted.is_geographic else unit.unit_conversion_factor
    assert actual.metres_per_unit == pytest.approx(metres, rel=1e-12)
    return actual


def written(crs: str, flavour: dict[str, str]) -> bytes:
    is_geographic = CRS.from_user_input(crs).is_geographic
    return in_crs(crs, DEGREES if is_geographic else METRES, **flavour)


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: "-".join(flavour.values()))
@pytest.mark.parametrize("crs", CODED)
def test_a_crs_of_a_dataset_gets_its_code_however_it_is_written(crs: str, flavour: dict[str, str]) -> None:
    actual = assert_is_gdals(written(crs, flavour))
    authority, code = CODED[crs]
    assert actual.authority == (authority, code)
    assert actual.code == f"{authority}:{code}"
    assert actual.name == CRS.from_authority(authority, code).name
    assert actual.supported_crs == f"urn:ogc:def:crs:{authority}::{code}"
    assert actual.uri == f"http://www.opengis.net/def/crs/{authority}/0/{code}"


@pytest.mark.parametrize("flavour", FLAVOURS[::2], ids=lambda flavour: "-".join(flavour.values()))
@pytest.mark.parametrize("crs", UNCODED)
def test_another_crs_is_named_by_its_proj_string(crs: str, flavour: dict[str, str]) -> None:
    actual = assert_is_gdals(written(crs, flavour))
    assert (actual.authority, actual.code, actual.uri, actual.swaps_axes) == (None, None, None, False)
    assert actual.supported_crs == actual.proj_string
    assert actual.supported_crs.startswith("+proj=")


@pytest.mark.parametrize("crs", [crs for crs in (*CODED, *UNCODED) if "+5" not in crs and "+7" not in crs])
def test_gdal_understands_what_documents_call_it(crs: str) -> None:
    data = written(crs, FLAVOURS[0])
    text = crs_in(data).supported_crs
    assert_same_place(CRS.from_wkt(rasterio.CRS.from_user_input(text).to_wkt(version="WKT2_2019")), gdals(data))


def test_krovak_by_esris_definition_is_not_turned_around() -> None:
    """GDAL 3.12 writes it with axes to the east and north, and reads it as one with axes to the south and west."""
    actual = crs_in(written("+proj=krovak", FLAVOURS[0]))
    assert_same_place(CRS.from_json_dict(actual.horizontal_projjson()), CRS.from_user_input("+proj=krovak"))
    assert_same_place(CRS.from_user_input(actual.supported_crs), CRS.from_user_input("+proj=krovak"))


USER: Final[Keys] = {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 32767, Key.GEODETIC_CRS: 4326}
TM: Final[Keys] = {**USER, Key.PROJECTION_METHOD: 1, Key.NATURAL_ORIGIN_LONGITUDE: 9.0}
GEOGRAPHIC: Final[Keys] = {Key.MODEL_TYPE: 2, Key.GEODETIC_CRS: 32767}
NZTM: Final[Keys] = {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 2193}
MOLLWEIDE: Final = (
    'ESRI PE String = PROJCS["Sheet",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,'
    '298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Mollweide"],'
    'PARAMETER["False_Easting",0.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",7.0],UNIT["Meter",1.0]]'
)
INTERNATIONAL: Final[Keys] = {Key.SEMI_MAJOR_AXIS: 6378388.0, Key.INVERSE_FLATTENING: 297.0}


@pytest.mark.parametrize(
    "keys",
    [
        {Key.PROJECTED_CRS: 2193},
        {Key.MODEL_TYPE: 32767, Key.PROJECTED_CRS: 2193},
        {Key.MODEL_TYPE: 2, Key.GEODETIC_CRS: 32630},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 4326},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 5698},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 26591},  # deprecated
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 3857, Key.GEODETIC_CRS: 4326, Key.PROJECTION_METHOD: 7},
        {**NZTM, Key.LINEAR_UNITS: 9001},
        {**NZTM, Key.LINEAR_UNITS: 9002},
        {**NZTM, Key.LINEAR_UNITS: 32767, Key.LINEAR_UNIT_SIZE: 0.5},
        {**NZTM, Key.GEODETIC_CRS: 4326},
        {**NZTM, Key.PROJECTION_METHOD: 24, Key.CENTER_LONGITUDE: 5.0},
        {**NZTM, Key.GEODETIC_DATUM: 6167, Key.ELLIPSOID: 7019},
        {**NZTM, **INTERNATIONAL},
        {**NZTM, Key.PROJECTED_CITATION: MOLLWEIDE},
        {**NZTM, 4096: 5773},
        {**USER, Key.PROJECTION: 16030},
        {**USER, Key.PROJECTION: 16030, Key.LINEAR_UNITS: 9002},
        {**USER, Key.PROJECTION: 3856},
        {**USER, Key.PROJECTION_METHOD: 7, Key.CITATION: "WGS 84 / Pseudo-Mercator"},
        TM,
        {**TM, Key.FALSE_EASTING: 5.0, Key.LINEAR_UNITS: 9036},
        {**TM, Key.FALSE_EASTING: 5.0, Key.GEOG_LINEAR_UNITS: 9002},
        {**TM, Key.GEOG_ANGULAR_UNITS: 9105},
        {**TM, **INTERNATIONAL},
        {**TM, Key.ELLIPSOID: 7022},
        {**TM, Key.GEODETIC_DATUM: 6230},
        {**TM, Key.PROJECTED_CITATION: MOLLWEIDE},
        {**TM, 4096: 5773, 4099: 9001},
        {
            **USER,
            Key.PROJECTION_METHOD: 1,
            Key.FALSE_ORIGIN_LATITUDE: 10.0,
            Key.FALSE_ORIGIN_LONGITUDE: 5.0,
            Key.FALSE_ORIGIN_EASTING: 1.0,
            Key.FALSE_ORIGIN_NORTHING: 2.0,
            Key.SCALE_AT_CENTER: 0.5,
        },
        {
            **USER,
            Key.GEODETIC_CRS: 4807,  # in grads, from Paris
            Key.PROJECTION_METHOD: 9,
            Key.NATURAL_ORIGIN_LATITUDE: 52.0,
            Key.SCALE_AT_NATURAL_ORIGIN: 0.99987742,
            Key.FALSE_EASTING: 600000.0,
            Key.FALSE_NORTHING: 2200000.0,
        },
        {**USER, Key.PROJECTION_METHOD: 17, Key.CENTER_LATITUDE: 30.0, Key.STANDARD_PARALLEL_1: 20.0},
        {**USER, Key.PROJECTION_METHOD: 15, Key.NATURAL_ORIGIN_LATITUDE: -90.0, Key.SCALE_AT_NATURAL_ORIGIN: 0.994},
        {**USER, Key.PROJECTION_METHOD: 3, Key.CENTER_LATITUDE: 4.0, Key.CENTER_LONGITUDE: 102.0, Key.AZIMUTH: 33.0},
        {**USER, Key.PROJECTION_METHOD: 4, Key.CENTER_LATITUDE: -18.9, Key.CENTER_LONGITUDE: 44.1, Key.AZIMUTH: 18.9},
        {Key.PROJECTED_CITATION: MOLLWEIDE},
        {Key.MODEL_TYPE: 32767, Key.PROJECTED_CRS: 32767, Key.PROJECTED_CITATION: MOLLWEIDE},
        {**GEOGRAPHIC, Key.GEODETIC_DATUM: 6230},
        {**GEOGRAPHIC, Key.ELLIPSOID: 7022},
        {**GEOGRAPHIC, **INTERNATIONAL, Key.PRIME_MERIDIAN: 8903},
        {**GEOGRAPHIC, Key.SEMI_MAJOR_AXIS: 6378388.0},
        {**GEOGRAPHIC, Key.SEMI_MAJOR_AXIS: 6378388.0, Key.SEMI_MINOR_AXIS: 6356911.9},
        {**GEOGRAPHIC, Key.GEODETIC_DATUM: 6807, Key.PRIME_MERIDIAN: 8903, Key.GEOG_ANGULAR_UNITS: 9105},
        {Key.MODEL_TYPE: 2, Key.GEODETIC_CRS: 4326, **INTERNATIONAL, Key.GEOG_ANGULAR_UNITS: 9105},
    ],
)
def test_keys_mean_what_gdal_takes_them_for(keys: Keys) -> None:
    assert_is_gdals(with_keys(keys))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {Key.MODEL_TYPE: 1},
        {Key.GEODETIC_CRS: 4326},
        {Key.MODEL_TYPE: 32767, Key.GEODETIC_CRS: 4326},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 32599},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 54009},  # GDAL: codes end at 32767
        USER,
        {**USER, Key.PROJECTION_METHOD: 99},
        {**USER, Key.PROJECTION_METHOD: 2},
        {Key.MODEL_TYPE: 32767, Key.CITATION: MOLLWEIDE},
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 32767, Key.PROJECTED_CITATION: MOLLWEIDE},
    ],
)
def test_what_is_no_crs_to_gdal_is_none(keys: Keys) -> None:
    data = with_keys(keys)
    with MemoryFile(data) as memory, memory.open() as dataset:
        assert dataset.crs is None or not (dataset.crs.is_projected or dataset.crs.is_geographic)
    assert crs_of(cog_of(data).geo) is None


@pytest.mark.parametrize(
    "keys",
    [
        {Key.MODEL_TYPE: 2},  # GDAL: WGS 84, for want of an ellipsoid
        {Key.MODEL_TYPE: 3, Key.GEODETIC_CRS: 4978},  # geocentric
        {Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 5773},  # heights
        {**NZTM, Key.GEODETIC_DATUM: 6230},  # two datums
        {**NZTM, Key.ELLIPSOID: 7022},
        {**NZTM, Key.LINEAR_UNITS: 8888},
        {**TM, Key.LINEAR_UNITS: 32767},  # of no size
        {**TM, Key.LINEAR_UNITS: 32767, Key.LINEAR_UNIT_SIZE: 0.0},
        {**TM, Key.LINEAR_UNITS: 32767, Key.LINEAR_UNIT_SIZE: -1.0},
        {**TM, Key.LINEAR_UNITS: 9102},
        {**TM, Key.FALSE_EASTING: float("nan")},
        {**TM, Key.FALSE_EASTING: float("inf")},
        {**USER, Key.PROJECTION_METHOD: 8, Key.STANDARD_PARALLEL_1: 20.0},
        {**USER, Key.PROJECTION_METHOD: 7, Key.NATURAL_ORIGIN_LATITUDE: 10.0},
        {**USER, Key.PROJECTION_METHOD: 15, Key.NATURAL_ORIGIN_LATITUDE: 70.0, Key.SCALE_AT_NATURAL_ORIGIN: 0.9},
        {**USER, Key.PROJECTION_METHOD: 15, Key.STANDARD_PARALLEL_1: 70.0},
        {**GEOGRAPHIC, **INTERNATIONAL, Key.GEOG_ANGULAR_UNITS: 9105},  # neither a code nor a PROJ string
        {**GEOGRAPHIC, **INTERNATIONAL, Key.PRIME_MERIDIAN_LONGITUDE: 2.5, Key.GEOG_ANGULAR_UNITS: 9105},
        {**GEOGRAPHIC, **INTERNATIONAL, Key.GEOG_ANGULAR_UNITS: 32767, Key.GEOG_ANGULAR_UNIT_SIZE: 0.01},
        {**GEOGRAPHIC, Key.GEODETIC_DATUM: 6230, Key.SEMI_MAJOR_AXIS: 6371000.0, Key.SEMI_MINOR_AXIS: 6371000.0},
        {**GEOGRAPHIC, Key.GEODETIC_DATUM: 6807, Key.GEOG_ANGULAR_UNITS: 9105},  # from Paris, or not?
        {Key.PROJECTED_CITATION: "ESRI PE String = PROJCS[" + "[" * 5000},
        {Key.PROJECTED_CITATION: MOLLWEIDE[:-1] + ',EXTENSION["PROJ4","+proj=moll +nadgrids=/dev/zero"]]'},
        {Key.PROJECTED_CITATION: MOLLWEIDE[:-1] + ',EXTENSION["PROJ4","+proj=geos +h=3e7 +nadgrids=/dev/zero"]]'},
    ],
)
def test_what_is_not_beyond_doubt_is_none(keys: Keys) -> None:
    assert crs_of(cog_of(with_keys(keys)).geo) is None


def test_a_datum_that_is_not_named_is_not_taken_for_one_on_the_same_ellipsoid() -> None:
    unnamed = {**TM, Key.GEODETIC_CRS: 32767, Key.PROJECTION: 16031, **INTERNATIONAL, Key.FALSE_EASTING: 5e5}
    ed50 = {**unnamed, Key.GEODETIC_DATUM: 6230, Key.NATURAL_ORIGIN_LONGITUDE: 3.0, Key.SCALE_AT_CENTER: 0.9996}
    assert crs_in(with_keys(ed50)).code == "EPSG:23031"
    assert crs_in(with_keys({key: ed50[key] for key in ed50 if key != Key.GEODETIC_DATUM})).code is None


@pytest.mark.parametrize(
    "code", [4326, 4258, 2193, 3035, 31467, 32661, 5041, 3031, 3413, 2056, 5514, 3857, 32630, 2227]
)
def test_axes_swap_where_gdal_swaps_them(code: int) -> None:
    swapped = {4326, 4258, 2193, 3035, 31467, 32661}
    model, key = (2, Key.GEODETIC_CRS) if code in (4326, 4258) else (1, Key.PROJECTED_CRS)
    assert crs_in(with_keys({Key.MODEL_TYPE: model, key: code})).swaps_axes == (code in swapped)


def test_a_deprecated_code_is_replaced_as_gdal_replaces_it() -> None:
    """EPSG:26591 was deprecated because its meridian was wrong by that of Rome."""
    actual = crs_in(with_keys({**NZTM, Key.PROJECTED_CRS: 26591}))
    assert actual.code == "EPSG:3003"
    bounds = (1400000.0, 4900000.0, 1500000.0, 5000000.0)
    assert PROJ.wgs84_bounds(actual, bounds) == pytest.approx(
        transform_bounds("EPSG:3003", "OGC:CRS84", *bounds), abs=1e-4
    )


@pytest.mark.parametrize(("code", "unit", "metres"), [(2227, "US survey foot", 0.3048006096012192), (2193, "metre", 1)])
def test_the_unit_is_that_of_the_dataset(code: int, unit: str, metres: float) -> None:
    actual = crs_in(with_keys({**NZTM, Key.PROJECTED_CRS: code}))
    assert actual.unit_name == unit
    assert actual.metres_per_unit == pytest.approx(metres, rel=1e-14)


@pytest.mark.parametrize(
    ("epsg", "bounds"),
    [
        (3857, (-440000.0, 4900000.0, -430000.0, 4930000.0)),
        (2193, (1576000.0, 5000000.0, 1600000.0, 5429000.0)),
        (4326, (-3.9, 40.0, -3.0, 40.6)),
        (3035, (2700000.0, 1400000.0, 6500000.0, 5400000.0)),
        (3460, (1800000.0, 3590000.0, 2400000.0, 4100000.0)),  # Fiji, on both sides of the antimeridian
        (2054, (-90000.0, 2800000.0, 100000.0, 3000000.0)),  # axes point south and west
    ],
)
def test_bounds_in_degrees_are_those_of_gdal(epsg: int, bounds: tuple[float, float, float, float]) -> None:
    wanted = transform_bounds(f"EPSG:{epsg}", "OGC:CRS84", *bounds, densify_pts=21)
    actual = PROJ.wgs84_bounds(crs_in(with_keys({**NZTM, Key.PROJECTED_CRS: epsg})), bounds)
    assert actual == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize(
    ("keys", "bounds"),
    [
        ({**NZTM, Key.PROJECTED_CRS: 32630}, (1e300, 1e300, 1e301, 1e301)),
        ({**NZTM, Key.PROJECTED_CRS: 3857}, (float("nan"),) * 4),
        ({**GEOGRAPHIC, Key.SEMI_MAJOR_AXIS: 3396190.0, Key.SEMI_MINOR_AXIS: 3376200.0}, (0.0, 0.0, 1.0, 1.0)),  # Mars
    ],
)
def test_bounds_without_a_place_on_earth_are_none(keys: Keys, bounds: tuple[float, float, float, float]) -> None:
    assert PROJ.wgs84_bounds(crs_in(with_keys(keys)), bounds) is None


SHIFTED: Final[Keys] = {**GEOGRAPHIC, **INTERNATIONAL, Key.TO_WGS84: (-87.0, -98.0, -121.0)}
"""On a datum of its own, which the file shifts to WGS 84."""
HIGH: Final[Keys] = {**NZTM, Key.VERTICAL_CRS: 7839, Key.VERTICAL_UNITS: 9001}

_DECODE: Final = """
import sys
import msgspec
from cogread.crs.crs import Crs
crs = msgspec.json.decode(sys.stdin.buffer.read(), type=Crs)
answers = [crs.code, crs.wkt, crs.placed_definition, crs.is_web_mercator, crs.projjson(), crs.horizontal_projjson()]
print(msgspec.json.encode([answers, "pyproj" in sys.modules]).decode())
"""


@pytest.mark.parametrize(
    ("keys", "minor"), [(NZTM, 0), (HIGH, 1), (SHIFTED, 0), ({**NZTM, Key.PROJECTED_CRS: 3857}, 0), (TM, 0)]
)
def test_a_crs_survives_json_and_needs_no_proj_afterwards(keys: Keys, minor: int) -> None:
    actual = crs_in(with_keys(keys, minor=minor))
    encoded = msgspec.json.encode(actual)
    decoded = msgspec.json.decode(encoded, type=Crs)
    bounds = (1.0, 2.0, 3.0, 4.0) if actual.is_geographic else (1.4e6, 4.9e6, 1.5e6, 5.0e6)
    assert decoded == actual
    assert PROJ.wgs84_bounds(decoded, bounds) == PROJ.wgs84_bounds(actual, bounds) is not None
    done = subprocess.run([sys.executable, "-c", _DECODE], input=encoded, check=True, capture_output=True)
    answers, loads_proj = msgspec.json.decode(done.stdout)
    assert answers == [
        actual.code,
        actual.wkt,
        actual.placed_definition,
        actual.is_web_mercator,
        CRS.from_json(actual.definition).to_json_dict(),
        CRS.from_json(actual.horizontal_definition or actual.definition).to_json_dict(),
    ]
    assert not loads_proj


def real_files() -> list[str]:
    """Those of the shared corpus, where it stands beside the checkout."""
    if not CORPUS.exists():
        return []
    records = manifest(CORPUS / "real")["files"]
    return [record["path"] for record in records if "error" not in record["gdal"] and record["expect"] != "reject"]


@pytest.mark.parametrize("path", real_files())
def test_real_files_lie_where_gdal_says(path: str) -> None:
    name = CORPUS / "real" / path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(name) as dataset:
            wanted = dataset.crs
    try:
        with open_cog(str(name)) as reader:
            actual = crs_of(reader.cog.geo)
    except CogError:
        return
    if wanted is None or not (wanted.is_projected or wanted.is_geographic):
        assert actual is None
        return
    assert actual is not None
    assert_same_place(
        CRS.from_json_dict(actual.horizontal_projjson()), CRS.from_wkt(wanted.to_wkt(version="WKT2_2019"))
    )
    epsg = wanted.to_epsg()
    assert epsg is None or actual.code == f"EPSG:{epsg}"


SHORTS: Final = st.integers(0, 65535)
CODES: Final = st.sampled_from([0, 1, 2, 3, 7, 8, 15, 24, 4326, 4978, 5773, 6230, 7022, 8903, 9001, 9102, 9105, 32767])
ROWS: Final = st.lists(
    st.tuples(
        st.sampled_from(list(Key)) | SHORTS,
        st.sampled_from([0, 34735, 34736, 34737]) | SHORTS,
        st.sampled_from([0, 1, 2]) | SHORTS,
        CODES | SHORTS,
    ),
    max_size=25,
)
NUMBERS: Final = st.lists(st.floats() | st.sampled_from([0.0, 1.0, 0.9996, 45.0, 90.0, 6378137.0, 298.25]), max_size=8)
TEXTS: Final = st.binary(max_size=60) | st.text("PROJCSGE[]\",+=0123'", max_size=60).map(
    lambda text: b"ESRI PE String = PROJCS[" + text.encode()
)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, count=st.none() | SHORTS, numbers=NUMBERS, text=TEXTS)
def test_no_keys_break_anything(
    rows: list[tuple[int, int, int, int]], count: int | None, numbers: list[float], text: bytes
) -> None:
    directory = [1, 1, 0, len(rows) if count is None else count, *[number for row in rows for number in row]]
    fields: dict[int, hm.Field] = {hm.GEO_KEYS: (hm.SHORT, directory)}
    if numbers:
        fields[34736] = (hm.DOUBLE, numbers)
    if text:
        fields[hm.GEO_ASCII] = (hm.ASCII, text)
    geo = cog_of(hm.tiff(hm.image(80, 40).having(fields))).geo
    assert isinstance(geo, Georeference)
    actual = crs_of(geo)
    if actual is not None:
        assert actual.metres_per_unit > 0
        assert CRS.from_json_dict(actual.projjson())
        assert CRS.from_user_input(actual.supported_crs)
        assert CRS.from_user_input(actual.wkt)
        PROJ.wgs84_bounds(actual, (0.0, 0.0, 1.0, 1.0))
