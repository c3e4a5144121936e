import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from cogread.crs.geokeys import NO_KEYS, GeoKey
from cogread.crs.georeference import Georeference
from cogread.errors import FormatError
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.tiffs import KINDS, gdal_tiff

NAN, INF = float("nan"), float("inf")
TEN_METRES: dict[int, hm.Field] = {
    hm.SCALE: (hm.DOUBLE, [10, 10, 0]),
    hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 500000, 4000000, 0]),
}


def geo_of(fields: dict[int, hm.Field], **layout: str) -> Georeference:
    return cog_of(hm.tiff(hm.image(80, 40).having(fields), **layout)).geo  # type: ignore[arg-type]


def keys(*rows: tuple[int, int, int, int]) -> hm.Field:
    return hm.SHORT, [1, 1, 0, len(rows), *[number for row in rows for number in row]]


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_gdal(kind: str) -> None:
    data = gdal_tiff(kind)
    geo = cog_of(data).geo
    with MemoryFile(data) as memory, memory.open() as oracle:
        assert geo.epsg == oracle.crs.to_epsg() == int(KINDS[kind].crs.partition(":")[2])
        assert geo.transform == pytest.approx(oracle.transform.to_gdal(), rel=1e-12)
        if oracle.transform.is_rectilinear:
            assert geo.bounds == pytest.approx(tuple(oracle.bounds), rel=1e-12)
    assert geo.name


def test_the_bounds_of_a_rotated_image_hold_its_corners() -> None:
    data = gdal_tiff("odd-factors")
    with MemoryFile(data) as memory, memory.open() as oracle:
        corners = [oracle.transform @ corner for corner in ((0, 0), (520, 0), (0, 300), (520, 300))]
    xs, ys = zip(*corners, strict=True)
    assert cog_of(data).geo.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))


MATRIX_OF = [10, 2, 0, 500000, 3, -10, 0, 4000000, 0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    "fields",
    [
        TEN_METRES,
        {hm.SCALE: (hm.DOUBLE, [10, -10, 0]), hm.TIEPOINT: TEN_METRES[hm.TIEPOINT]},  # GDAL: north-up all the same
        {hm.SCALE: (hm.DOUBLE, [-10, 10, 0]), hm.TIEPOINT: TEN_METRES[hm.TIEPOINT]},
        {hm.SCALE: (hm.DOUBLE, [10, 5]), hm.TIEPOINT: (hm.DOUBLE, [40, 20, 0, 500000, 4000000, 0])},
        {hm.MATRIX: (hm.DOUBLE, MATRIX_OF)},
        {hm.MATRIX: (hm.DOUBLE, MATRIX_OF), **TEN_METRES},
        {hm.MATRIX: (hm.DOUBLE, MATRIX_OF), hm.GEO_KEYS: keys((1025, 0, 1, 2))},
        {**TEN_METRES, hm.GEO_KEYS: keys((1025, 0, 1, 2))},
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_transforms_are_those_of_gdal(fields: dict[int, hm.Field], order: str) -> None:
    data = hm.tiff(hm.image(80, 40).having(fields), order=order)
    with MemoryFile(data) as memory, memory.open() as oracle:
        assert cog_of(data).geo.transform == pytest.approx(oracle.transform.to_gdal())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {hm.SCALE: TEN_METRES[hm.SCALE]},
        {hm.SCALE: (hm.DOUBLE, [0, 0, 0])},
        {hm.MATRIX: (hm.DOUBLE, MATRIX_OF[:15])},
    ],
)
def test_what_gdal_calls_not_georeferenced_has_no_transform(fields: dict[int, hm.Field]) -> None:
    data = hm.tiff(hm.image(80, 40).having(fields))
    with MemoryFile(data) as memory, pytest.warns(NotGeoreferencedWarning):
        memory.open().close()
    assert cog_of(data).geo == Georeference(None, None, None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {**TEN_METRES, hm.SCALE: (hm.DOUBLE, [NAN, NAN, 0])},
        {**TEN_METRES, hm.SCALE: (hm.DOUBLE, [INF, 10, 0])},
        {**TEN_METRES, hm.SCALE: (hm.DOUBLE, [1e308, 1e308, 0])},  # the bounds are beyond all numbers
        {**TEN_METRES, hm.SCALE: (hm.DOUBLE, [1e-320, 1e-320, 0])},
        {**TEN_METRES, hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, INF, -INF, 0])},
        {hm.MATRIX: (hm.DOUBLE, [NAN] * 16)},
        {hm.MATRIX: (hm.DOUBLE, [0] * 16)},
        {hm.MATRIX: (hm.DOUBLE, [1, 1, 0, 0, 1, 1] + [0] * 10)},
    ],
)
def test_numbers_that_lead_nowhere_are_no_transform(fields: dict[int, hm.Field]) -> None:
    geo = geo_of(fields)
    assert (geo.transform, geo.bounds) == (None, None)


CONTROL_POINTS = [0, 0, 0, 500000, 4000000, 0, 80, 0, 0, 500800, 4000010, 0, 0, 40, 0, 500010, 3999600, 0]


@pytest.mark.parametrize("raster_type", [1, 2], ids=["area", "point"])
@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({hm.TIEPOINT: (hm.DOUBLE, CONTROL_POINTS)}, 3),
        ({hm.TIEPOINT: (hm.DOUBLE, [*CONTROL_POINTS, 7, 7])}, 3),
        ({hm.TIEPOINT: TEN_METRES[hm.TIEPOINT], hm.SCALE: (hm.DOUBLE, [10])}, 1),
        ({hm.TIEPOINT: TEN_METRES[hm.TIEPOINT], hm.SCALE: (hm.DOUBLE, [0, 0, 0])}, 1),
    ],
)
def test_ground_control_points_are_no_transform_and_their_crs_is_not_the_images(
    fields: dict[int, hm.Field], points: int, raster_type: int
) -> None:
    rows = keys((1024, 0, 1, 1), (1025, 0, 1, raster_type), (3072, 0, 1, 32630))
    data = hm.tiff(hm.image(80, 40).having({**fields, hm.GEO_KEYS: rows}))
    geo = cog_of(data).geo
    with MemoryFile(data) as memory, memory.open() as oracle:
        wanted, crs = oracle.gcps
        assert len(wanted) == points
        assert oracle.crs is None
    assert (geo.epsg, geo.name, geo.transform, geo.bounds, geo.keys) == (None, None, None, None, NO_KEYS)
    assert [tuple(point) for point in geo.points] == [(p.col, p.row, p.x, p.y, p.z) for p in wanted]
    assert geo.point_keys.epsg(GeoKey.PROJECTED_CRS) == crs.to_epsg() == 32630


@pytest.mark.parametrize(
    ("rows", "epsg"),
    [
        ([(1024, 0, 1, 1), (3072, 0, 1, 32630)], 32630),
        ([(1024, 0, 1, 1), (2048, 0, 1, 4258), (3072, 0, 1, 25830)], 25830),
        ([(1024, 0, 1, 2), (2048, 0, 1, 4326)], 4326),
        ([(1024, 0, 1, 3), (2048, 0, 1, 4978)], 4978),
        ([(1024, 0, 1, 1), (3072, 0, 1, 32767)], None),  # user-defined
        ([(1024, 0, 1, 1), (3072, 0, 1, 0)], None),
        ([(1024, 0, 1, 1), (3072, 0, 1, 65535)], None),
        ([(1024, 0, 1, 1), (3072, 34736, 1, 0)], None),
        ([(1024, 0, 1, 1), (3072, 60000, 1, 0)], None),
        ([(1024, 0, 1, 2)], None),
        ([(3072, 0, 1, 32630)], 32630),  # as GDAL, see test_crs.py
        ([(2048, 0, 1, 4326)], None),
        ([(1024, 0, 1, 32767), (3072, 0, 1, 32630)], 32630),
        ([], None),
    ],
)
def test_the_code_of_the_crs(rows: list[tuple[int, int, int, int]], epsg: int | None) -> None:
    assert geo_of({**TEN_METRES, hm.GEO_KEYS: keys(*rows)}).epsg == epsg


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([(1024, 0, 1, 1), (1026, 34737, 6, 0), (3073, 34737, 7, 6)], "Survey"),
        ([(1024, 0, 1, 1), (3073, 34737, 7, 6)], "UTM 30"),
        ([(1024, 0, 1, 2), (2049, 34737, 7, 6)], "UTM 30"),
        ([(1024, 0, 1, 1), (3073, 34737, 5000, 6)], "UTM 30"),  # reaches beyond the text
        ([(1024, 0, 1, 1), (3073, 34737, 7, 60000)], None),
    ],
)
def test_the_name_of_the_crs(rows: list[tuple[int, int, int, int]], name: str | None) -> None:
    assert geo_of({hm.GEO_KEYS: keys(*rows), hm.GEO_ASCII: (hm.ASCII, b"SurveyUTM 30|\0")}).name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"GCS Name = Moon|Datum = D_Moon|", "Moon"),
        (b'ESRI PE String = PROJCS["Sheet 7",GEOGCS["x"]]|', "Sheet 7"),
        (b"ESRI PE String = |", "ESRI PE String"),
    ],
)
def test_the_name_is_without_what_writers_put_around_it(text: bytes, name: str) -> None:
    rows = keys((1024, 0, 1, 2), (2049, 34737, len(text), 0))
    assert geo_of({hm.GEO_KEYS: rows, hm.GEO_ASCII: (hm.ASCII, text + b"\0")}).name == name


@pytest.mark.parametrize("values", [[], [1, 1], [1, 1, 0, 65535], [1, 1, 0, 2, 1024, 0, 1]])
def test_a_key_directory_that_is_cut_off_holds_nothing(values: list[int]) -> None:
    geo = geo_of({**TEN_METRES, hm.GEO_KEYS: (hm.SHORT, values)})
    assert (geo.epsg, geo.name) == (None, None)
    assert geo.transform is not None


def test_keys_that_share_a_long_text_do_not_multiply_it() -> None:
    many = keys(*[(1026, 34737, 65535, 0)] * 65000)
    text = (hm.ASCII, b"A" * 65535)
    assert geo_of({hm.GEO_KEYS: many, hm.GEO_ASCII: text}).name == "A" * 65535


def test_names_the_field_of_another_type() -> None:
    with pytest.raises(FormatError, match="IFD 0 at byte 8: MODEL_PIXEL_SCALE is of type LONG, wanted FLOAT or DOUBLE"):
        geo_of({hm.SCALE: (hm.LONG, [10, 10])})
