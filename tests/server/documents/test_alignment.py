"""Obstacles to the grid of web maps, and GDAL's command that removes them, run for real."""

import shlex
import subprocess
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

from server.documents.alignment import Misfit, misfit
from server.layers.file_grids import grids_of
from tests.support import handmade as hm
from tests.support.app import client, layer
from tests.support.cogs import cog_of
from tests.support.rasters import noise
from tests.support.system_gdal import gdal_program
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

SOURCES: Final[dict[str, tuple[str, Affine, int, int, int, str, dict[str, str]]]] = {
    "mercator": ("EPSG:3857", Affine(9.7, 0, -440000.3, 0, -9.7, 4930000.7), 3, 1301, 703, "uint8", {}),
    "jpeg": ("EPSG:3857", Affine(30, 0, 1440000, 0, -30, -4930000), 3, 700, 500, "uint8", {"COMPRESS": "JPEG"}),
    "utm": ("EPSG:32630", Affine(2, 0, 430000, 0, -2, 4480000), 3, 905, 703, "uint8", {"COMPRESS": "WEBP"}),
    "degrees": ("EPSG:4326", Affine(0.001, 0, 20, 0, -0.001, 10), 1, 600, 400, "int16", {"COMPRESS": "ZSTD"}),
    "dem": ("EPSG:2193", Affine(5, 0, 1576000, 0, -5, 5429000), 1, 520, 300, "float32", {"COMPRESS": "LERC"}),
    "small": ("EPSG:3857", Affine(10, 0, -440000, 0, -10, 4930000), 1, 90, 70, "uint8", {"COMPRESS": "LZW"}),
    "packbits": ("EPSG:3857", Affine(10, 0, -440000, 0, -10, 4930000), 1, 600, 300, "uint8", {"COMPRESS": "PACKBITS"}),
}
"""CRS, place, bands, width, height, type, creation options."""


@lru_cache(maxsize=16)
def unaligned(name: str) -> bytes:
    crs, place, bands, width, height, dtype, options = SOURCES[name]
    profile = {"driver": "GTiff", "count": bands, "width": width, "height": height, "dtype": dtype}
    blocks = {"TILED": "YES", "BLOCKXSIZE": "256", "BLOCKYSIZE": "256"}
    with rasterio.Env(GDAL_NUM_THREADS="1"), MemoryFile() as memory:
        with memory.open(**profile, crs=crs, transform=place, **blocks, **options) as target:
            target.write(noise(bands, dtype, height, width))
        with rasterio.open(memory.name, "r+") as target:
            target.build_overviews((2,))
        return bytes(memory.read())


def misfit_of(data: bytes) -> Misfit | None:
    cog = cog_of(data)
    return misfit(cog, grids_of(cog))


def told(data: bytes, folder: Path) -> dict[str, Any]:
    (folder / "a.tif").write_bytes(data)
    about: dict[str, Any] = client(folder, layer("a", "a.tif")).get("/layers/a").get_json()["web_mercator"]
    return about


def line_of(data: bytes) -> str:
    obstacle = misfit_of(data)
    assert obstacle is not None
    assert obstacle.command is not None
    return obstacle.command


def assert_is_aligned(data: bytes) -> None:
    assert misfit_of(data) is None
    cog = cog_of(data)
    grid = grids_of(cog).web_mercator
    assert grid is not None
    assert len(grid.matrices) == len(cog.levels) >= 2


@pytest.mark.parametrize("name", SOURCES)
def test_the_line_aligns_all_levels(name: str, tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(unaligned(name))
    words = shlex.split(line_of(unaligned(name)))
    options = dict(word.split("=") for before, word in pairwise(words) if before == "-co")
    with rasterio.Env(GDAL_NUM_THREADS="1"):
        copy(tmp_path / "in.tif", tmp_path / "out.tif", driver="COG", **options)
    assert_is_aligned((tmp_path / "out.tif").read_bytes())


@pytest.mark.parametrize("name", ["mercator", "jpeg", "degrees", "small"])
def test_the_line_can_be_pasted_into_a_shell(name: str, tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(unaligned(name))
    path = {"PATH": str(Path(gdal_program("gdal_translate")).parent)}
    subprocess.run(line_of(unaligned(name)), check=True, shell=True, cwd=tmp_path, env=path, timeout=60)
    assert_is_aligned((tmp_path / "out.tif").read_bytes())


@pytest.mark.parametrize(
    ("codec", "option"),
    [("mercator", "DEFLATE"), ("jpeg", "JPEG"), ("utm", "WEBP"), ("dem", "LERC"), ("packbits", "DEFLATE")],
)
def test_the_codec_is_kept_where_gdals_cog_driver_has_it(codec: str, option: str) -> None:
    data = gdal_tiff("deflate") if codec == "mercator" else unaligned(codec)
    assert f"-co COMPRESS={option} " in line_of(data)


def test_the_predictor_is_kept() -> None:
    assert "-co COMPRESS=ZSTD -co PREDICTOR=FLOATING_POINT " in line_of(gdal_tiff("zstd-float"))


@pytest.mark.parametrize(
    ("data", "reason", "has_line"),
    [
        (unaligned("mercator"), "its origin or its resolution is not that of the grid of web maps", True),
        (unaligned("utm"), "its CRS is EPSG:32630, that of web maps EPSG:3857: it has to be warped", True),
        (gdal_tiff("jpeg-ycbcr"), "its tiles are of 128 x 128 px, those of web maps of 256 or 512", True),
        (gdal_tiff("odd-factors"), "its CRS is EPSG:3035, that of web maps EPSG:3857: it has to be warped", True),
        (hm.tiff(hm.image()), "it lies nowhere: the file has no transform", False),
        (
            hm.tiff(
                hm.image().having({hm.SCALE: (hm.DOUBLE, [1, 1, 0]), hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 5, 5, 0])})
            ),
            "the file has no CRS",
            False,
        ),
    ],
    ids=["origin", "crs", "tile size", "rotated elsewhere", "no transform", "no crs"],
)
def test_the_layers_json_says_why(data: bytes, reason: str, has_line: bool, tmp_path: Path) -> None:
    about = told(data, tmp_path)
    assert about["reason"] == reason
    assert (about["command"] is not None) == has_line
    assert about["off_levels"] == list(range(len(cog_of(data).levels)))
    assert about["minzoom"] is about["maxzoom"] is about["tiles"] is about["tile_size"] is None


def test_a_layer_that_is_aligned_in_part_tells_its_zooms_and_which_levels_are_off(tmp_path: Path) -> None:
    data = web_mercator_tiff(aligned_levels=None)
    about, levels = told(data, tmp_path), len(cog_of(data).levels)
    assert (about["minzoom"], about["maxzoom"], about["tile_size"]) == (14, 14, 256)
    assert about["off_levels"] == list(range(levels - 1))
    assert about["reason"].startswith("the tiles of levels z 0, 1")
    assert about["tiles"].endswith("/tiles/WebMercatorQuad/{z}/{x}/{y}")
    assert about["command"].startswith("gdal_translate -of COG -co TILING_SCHEME=GoogleMapsCompatible ")


def test_a_layer_that_is_aligned_has_nothing_to_mend(tmp_path: Path) -> None:
    data = web_mercator_tiff(side=512, aligned_levels=3)
    if misfit_of(data) is not None:
        pytest.fail("GDAL aligned fewer levels than it was told")
    about = told(data, tmp_path)
    assert (about["off_levels"], about["reason"], about["command"]) == ([], None, None)
    assert about["tile_size"] == 512
