"""Grids: a file's own, and that of web maps where its tiles lie on it. What lies where is GDAL's word."""

from collections.abc import Iterator
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.windows import from_bounds

from cogread.image import Level
from server.layers.file_grids import grids_of
from server.layers.grids import Grids, Matrix
from tests.support.app import client, layer, problem
from tests.support.cogs import cog_of
from tests.support.decode import decoded
from tests.support.rasters import noise
from tests.support.tiffs import gdal_tiff, levels_of, open_level
from tests.support.webmercator import WORLD_M, tile_bounds, web_mercator_tiff


def grids(data: bytes) -> Grids:
    return grids_of(cog_of(data))


def placed(transform: Affine, crs: str = "EPSG:3857", width: int = 512, height: int = 256, side: int = 256) -> Grids:
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": side, "blockysize": side}
    with MemoryFile() as memory:
        with memory.open(**profile, width=width, height=height, crs=crs, transform=transform) as dataset:
            dataset.write(noise(1, "uint8", height, width))
        return grids(bytes(memory.read()))


@pytest.mark.parametrize("crs", ["ESRI:102100", "ESRI:102113", "EPSG:900913", "EPSG:3785"])
def test_the_grid_of_web_maps_is_that_of_web_mercator_by_any_name(crs: str) -> None:
    place = Affine(WORLD_M / 256 / 2**10, 0, 0, 0, -WORLD_M / 256 / 2**10, WORLD_M / 4)
    wanted = placed(place).web_mercator
    assert wanted is not None
    assert placed(place, crs).web_mercator == wanted


def tiles(matrix: Matrix) -> Iterator[tuple[int, int]]:
    for y in range(matrix.min_y, matrix.max_y + 1):
        for x in range(matrix.min_x, matrix.max_x + 1):
            yield x, y


@pytest.mark.parametrize("side", [256, 512])
def test_tiles_of_web_maps_hold_what_gdal_reads_there(side: int, tmp_path: Path) -> None:
    data = web_mercator_tiff(side)
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    grid = grids(data).web_mercator
    assert grid is not None
    compared = 0
    with MemoryFile(data) as memory:
        assert len(grid.matrices) == levels_of(memory) >= 3
        for matrix in grid.matrices:
            with open_level(memory, matrix.level) as dataset:
                assert matrix.z == round(log2(WORLD_M / side / dataset.res[0]))
                for x, y in tiles(matrix):
                    window = from_bounds(*tile_bounds(matrix.z, x, y), transform=dataset.transform)
                    wanted = dataset.read(window=window.round_offsets().round_lengths(), boundless=True, fill_value=0)
                    reply = app.get(f"/layers/a/tiles/WebMercatorQuad/{matrix.z}/{x}/{y}.webp")
                    assert reply.status_code == 200
                    np.testing.assert_array_equal(decoded(reply.data), wanted)
                    compared += 1
    assert compared > 20


def test_the_same_tile_has_the_same_etag_in_both_grids(tmp_path: Path) -> None:
    data = web_mercator_tiff()
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    grid = grids(data).web_mercator
    assert grid is not None
    matrix = grid.matrices[-1]
    own = f"/layers/a/tiles/native/{len(grid.matrices) - 1}/1/2.webp"
    theirs = f"/layers/a/tiles/WebMercatorQuad/{matrix.z}/{matrix.min_x + 1}/{matrix.min_y + 2}.webp"
    assert app.get(own).headers["ETag"] == app.get(theirs).headers["ETag"]
    assert app.get(own).data == app.get(theirs).data


def test_what_lies_beside_the_layer_is_out_of_range(tmp_path: Path) -> None:
    data = web_mercator_tiff()
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    grid = grids(data).web_mercator
    assert grid is not None
    z, x, y = grid.matrices[0].z, grid.matrices[0].min_x, grid.matrices[0].min_y
    assert f"wanted {z} to {grid.matrices[-1].z}" in problem(app.get("/layers/a/tiles/WebMercatorQuad/0/0/0.webp"), 404)
    for beside in (f"{x - 1}/{y}", f"{x}/{y - 1}", f"{grid.matrices[0].max_x + 1}/{y}"):
        problem(app.get(f"/layers/a/tiles/WebMercatorQuad/{z}/{beside}.webp"), 404)


def test_without_aligned_levels_the_full_resolution_alone_fits() -> None:
    grid = grids(web_mercator_tiff(aligned_levels=None)).web_mercator
    assert grid is not None
    assert [matrix.level for matrix in grid.matrices] == [0]


CELL = WORLD_M / 256 / 2**15


@pytest.mark.parametrize(
    ("case", "transform"),
    {
        "half a pixel to the right": Affine(CELL, 0, CELL * (256 * 9 + 0.5), 0, -CELL, 0),
        "a pixel up": Affine(CELL, 0, 0, 0, -CELL, CELL),
        "pixels a thousandth too large": Affine(CELL * 1.001, 0, 0, 0, -CELL * 1.001, 0),
        "pixels between two zooms": Affine(CELL * 1.5, 0, 0, 0, -CELL * 1.5, 0),
        "not square": Affine(CELL, 0, 0, 0, -CELL * 1.01, 0),
        "south up": Affine(CELL, 0, 0, 0, CELL, 0),
        "outside of the world": Affine(CELL, 0, WORLD_M / 2, 0, -CELL, 0),
        "above the world": Affine(CELL, 0, 0, 0, -CELL, WORLD_M / 2 + CELL * 256),
    }.items(),
)
def test_what_is_off_the_grid_is_not_on_it(case: str, transform: Affine) -> None:
    assert placed(transform).web_mercator is None, case


def test_alignment_wants_the_crs_and_the_tiles_of_web_maps() -> None:
    fits = Affine(CELL, 0, -CELL * 512, 0, -CELL, CELL * 768)
    assert placed(fits).web_mercator is not None
    assert placed(fits, crs="EPSG:32630").web_mercator is None
    assert placed(fits, side=128).web_mercator is None


def test_an_unaligned_layer_has_no_such_grid(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("webp-lossy"))
    app = client(tmp_path, layer("a", "a.tif"))
    assert "one of: native" in problem(app.get("/layers/a/tiles/WebMercatorQuad/0/0/0.webp"), 404)


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (Affine(10, 0, 0, 0, -10.2, 0), "not square"),
        (Affine(10, 1, 0, 1, -10, 0), "rotated"),
        (Affine(10, 0, 0, 0, 10, 0), "south-up"),
        (Affine(-10, 0, 0, 0, -10, 0), "mirrored"),
    ],
)
def test_pixels_that_one_number_cannot_tell_the_size_of_have_none(transform: Affine, reason: str) -> None:
    grid = placed(transform)
    assert grid.why_not_square is not None
    assert reason in grid.why_not_square
    assert [matrix.cell_size for matrix in grid.native.matrices] == [None]


SIZES = {
    "halves, rounded down as by GDAL's COG driver": (((2301, 1403), (1150, 701), (575, 350)), (1, 2, 4)),
    "halves, rounded up as by gdaladdo": (((2301, 1403), (1151, 702), (576, 351)), (1, 2, 4)),
    "down to a pixel": (((90, 70), (45, 35), (22, 17), (11, 8), (5, 4), (2, 2), (1, 1)), (1, 2, 4, 8, 16, 32, 64)),
    "thirds": (((800, 700), (267, 234), (89, 78)), (1, 3, 9)),
    "no whole factor": (((1000, 500), (400, 200)), (1, 2.5)),
    "the larger of two": (((1000, 500), (410, 200)), (1, 2.5)),
}


@pytest.mark.parametrize("name", SIZES)
def test_levels_are_coarser_by_the_factor_that_was_meant(name: str) -> None:
    sizes, factors = SIZES[name]
    cog = cog_of(gdal_tiff("deflate"))
    levels = tuple(Level(replace(cog.full, width=width, height=height), None) for width, height in sizes)
    matrices = grids_of(replace(cog, levels=levels)).native.matrices
    full = matrices[-1].cell_size
    assert full == 10
    assert [(matrix.cell_size or 0) / full for matrix in reversed(matrices)] == pytest.approx(factors, rel=1e-15)
