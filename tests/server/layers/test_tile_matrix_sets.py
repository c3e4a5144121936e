"""Tile matrix sets: scales, corners and axis order, as pyproj, GDAL and the registry of the OGC have them."""

from math import pi

import pytest
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from cogread.refusal import Refusal
from server.layers.file_grids import grids_of
from server.layers.tile_matrix_sets import TileMatrixSet, corners, native_set, web_mercator_set
from tests.support.cogs import cog_of
from tests.support.rasters import noise

TRANSFORM = Affine(10, 0, 430000, 0, -10, 4480000)


def described(crs: str | None, transform: Affine = TRANSFORM) -> TileMatrixSet | Refusal:
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 48, "blockysize": 32}
    with MemoryFile() as memory:
        with memory.open(**profile, width=110, height=70, crs=crs, transform=transform) as dataset:
            dataset.write(noise(1, "uint8"))
        cog = cog_of(bytes(memory.read()))
    return native_set(cog, grids_of(cog))


def set_of(crs: str, transform: Affine = TRANSFORM) -> TileMatrixSet:
    tile_matrix_set = described(crs, transform)
    assert isinstance(tile_matrix_set, TileMatrixSet), tile_matrix_set
    return tile_matrix_set


def test_a_matrix_is_the_grid_of_the_levels_own_tiles() -> None:
    (matrix,) = set_of("EPSG:32630").matrices
    assert (matrix.z, matrix.cell_size, matrix.tile_width, matrix.tile_height) == (0, 10, 48, 32)
    assert (matrix.width, matrix.height) == (3, 3)


@pytest.mark.parametrize(
    ("crs", "metres"),
    [
        ("EPSG:32630", 1.0),
        ("EPSG:2227", 12 / 39.37),
        ("EPSG:2222", 0.3048),
        ("EPSG:4326", pi * 6378137 / 180),
        ("EPSG:4267", pi * 6378137 / 180),
    ],
)
def test_scales_count_in_metres(crs: str, metres: float) -> None:
    transform = Affine(0.001, 0, -3.5, 0, -0.001, 40.5) if crs in ("EPSG:4326", "EPSG:4267") else TRANSFORM
    (matrix,) = set_of(crs, transform).matrices
    assert matrix.scale_denominator == pytest.approx(transform.a * metres / 0.00028, rel=1e-14)


@pytest.mark.parametrize("crs", ["EPSG:2193", "EPSG:3035", "EPSG:31467", "EPSG:32661"])
def test_corners_follow_a_crs_that_puts_northing_first(crs: str) -> None:
    tile_matrix_set = set_of(crs)
    assert tile_matrix_set.top_left == (4480000, 430000)
    assert corners(tile_matrix_set.crs, (1, 2, 3, 4)) == ((2, 1), (4, 3))


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:3031", "EPSG:3413", "EPSG:2056", "EPSG:5514", "ESRI:102003"])
def test_corners_follow_a_crs_that_puts_easting_first(crs: str) -> None:
    tile_matrix_set = set_of(crs)
    assert tile_matrix_set.top_left == (430000, 4480000)
    assert corners(tile_matrix_set.crs, (1, 2, 3, 4)) == ((1, 2), (3, 4))


def test_a_layer_that_no_standard_describes_says_why() -> None:
    assert described(None) == Refusal("it states no CRS")
    assert "not square" in str(described("EPSG:32630", Affine(10, 0, 0, 0, -11, 0)))


def test_the_grid_of_web_maps_is_the_registered_one() -> None:
    """OGC 17-083r4, annex D.1: the scale denominators of WebMercatorQuad."""
    tile_matrix_set = web_mercator_set(24)
    assert tile_matrix_set.crs.supported_crs == "urn:ogc:def:crs:EPSG::3857"
    assert tile_matrix_set.top_left == pytest.approx((-20037508.3427892, 20037508.3427892), rel=1e-14)
    registered = {0: 559082264.028717, 1: 279541132.014358, 18: 2132.72958384978, 24: 33.3238997476529}
    for z, scale in registered.items():
        matrix = tile_matrix_set.matrices[z]
        assert matrix.scale_denominator == pytest.approx(scale, rel=1e-12)
        assert (matrix.z, matrix.width, matrix.height, matrix.tile_width) == (z, 2**z, 2**z, 256)


def test_tiles_of_512_pixels_are_of_the_zoom_before() -> None:
    small, large = web_mercator_set(3), web_mercator_set(2, 512)
    assert [matrix.cell_size for matrix in large.matrices] == [matrix.cell_size for matrix in small.matrices[1:]]
