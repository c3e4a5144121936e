"""GDAL finds in the WMTS layer of a file what the file holds: rasterio's GDAL, and the distribution's where it is."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from tests.support.app import layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.oracle import JPEG_DIFFERENCE
from tests.support.placed import Placed, placed_tiff
from tests.support.rasters import noise, raster
from tests.support.system_gdal import decode, gdal_program
from tests.support.tiffs import levels_of, open_level
from tests.support.webmercator import web_mercator_tiff

HALVES: Final = ((2301, 1403), (1150, 701), (575, 350))
"""Sizes as GDAL's COG driver makes them: rounded down."""
SMALL: Final = ((451, 303), (225, 151))
UP: Final = ((701, 1003), (351, 502), (176, 251))
"""As gdaladdo does: rounded up."""
ODD: Final = ((1000, 700), (400, 280))
"""A factor of 2.5."""
TO_POLES: Final = ((480, 241),)
"""Pixels of 0.75 degrees with their centres from pole to pole: halves of the first and the last lie beyond."""
LAEA: Final = "+proj=laea +lat_0=12.5 +lon_0=-71.25 +x_0=100 +datum=WGS84 +units=m +no_defs"

FILES: Final = {
    "degrees": Placed("EPSG:4326", (-3.9, 40.6, 0.0005), HALVES, 256, "deflate"),
    "poles": Placed("EPSG:4326", (-180.375, 90.375, 0.75), TO_POLES, 128, "deflate"),
    "mercator": Placed("EPSG:3857", (-440000.3, 4930000.7, 9.7), UP, 128, "deflate"),
    "nztm": Placed("EPSG:2193", (1576000.5, 5429000.25, 2.5), HALVES, 512, "jpeg"),
    "utm": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), ODD, 128, "webp"),
    "antarctic": Placed("EPSG:3031", (-2700000, 2600000, 333.3), UP, 128, "jpeg"),
    "swiss": Placed("EPSG:2056", (2600000.5, 1200000.5, 0.1), ODD, 256, "deflate"),
    "feet": Placed("EPSG:2227", (6000000.25, 2100000.5, 1.5), UP, 128, "deflate"),
    "esri": Placed("ESRI:102003", (-500000.5, 300000.25, 30), ODD, 128, "deflate"),
    "mollweide": Placed("ESRI:54009", (1000000.5, 3000000.25, 1000), UP, 128, "deflate"),
    "laea": Placed(LAEA, (-20000.5, 30000.25, 12.5), SMALL, 128, "webp"),
}
DISC: Final = np.where(np.hypot(*np.mgrid[-150:150, -200:200]) < 180, 255, 0).astype(np.uint8)
MASKED: Final = {
    "masked-jpeg": {"compress": "JPEG", "photometric": "YCBCR"},
    "masked-webp": {"compress": "WEBP", "webp_level": "70"},
    "masked-deflate": {"compress": "DEFLATE"},
}
"""Layers with masks -> GDAL's creation options."""
ALIGNED: Final = "aligned"
NAMES: Final = [*FILES, ALIGNED]
PLACED: Final = [name for name in NAMES if name != "feet"]
"""GDAL's WMTS driver takes all units for metres."""


def data_of(name: str) -> bytes:
    return web_mercator_tiff(compress="DEFLATE", width=700, height=500) if name == ALIGNED else placed_tiff(FILES[name])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name in NAMES:
        (folder / f"{name}.tif").write_bytes(data_of(name))
    for name, options in MASKED.items():
        pixels = noise(3, "uint8", *DISC.shape)
        data = raster(pixels, mask=DISC, factors=(2,), tile=(128, 128), options=options)
        (folder / f"{name}.tif").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    config = "".join(layer(name, folder / f"{name}.tif") for name in (*NAMES, *MASKED))
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_cache() -> Iterator[None]:
    with rasterio.Env(GDAL_ENABLE_WMS_CACHE="NO"):
        yield


def wmts(server: Gunicorn, name: str, more: str = "") -> str:
    return f"WMTS:{server.url}/wmts/1.0.0/WMTSCapabilities.xml,layer={name}{more}"


def own(name: str) -> str:
    return f",tilematrixset=native.{name}"


@pytest.mark.parametrize("name", PLACED)
def test_it_lies_where_the_file_does(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(folder / f"{name}.tif") as wanted, rasterio.open(wmts(server, name, own(name))) as actual:
        assert_same_place(actual, wanted)


def assert_same_place(actual: DatasetReader, wanted: DatasetReader) -> None:
    """To a millionth of a pixel, in both corners."""
    assert (actual.width, actual.height) == (wanted.width, wanted.height)
    for corner in ((0, 0), (wanted.width, wanted.height)):
        assert ~wanted.transform * (actual.transform * corner) == pytest.approx(corner, abs=1e-6)
    assert actual.crs == wanted.crs


@pytest.mark.parametrize("form", ["", "kvp"])
@pytest.mark.parametrize("name", NAMES)
def test_all_levels_have_the_pixels_of_the_file(name: str, form: str, server: Gunicorn) -> None:
    """By way of both kinds of capabilities, which lead to the same tiles."""
    source = wmts(server, name, own(name)) if not form else by_queries(server, name)
    with MemoryFile(data_of(name)) as memory:
        for level in range(levels_of(memory)):
            options = {} if level == 0 else {"OVERVIEW_LEVEL": level - 1}
            with open_level(memory, level) as wanted, rasterio.open(source, **options) as actual:
                assert_same_pixels(actual, wanted, is_in_feet=name == "feet")


def by_queries(server: Gunicorn, name: str) -> str:
    """GDAL finds the capabilities by key-value pairs."""
    return f"WMTS:{server.url}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities,layer={name}{own(name)}"


def assert_same_pixels(actual: DatasetReader, wanted: DatasetReader, *, is_in_feet: bool) -> None:
    """GDAL rounds the sizes of overviews in its own way, and takes feet for metres, which makes the image larger."""
    if not is_in_feet:
        assert abs(actual.width - wanted.width) <= 1
        assert abs(actual.height - wanted.height) <= 1
    width, height = min(actual.width, wanted.width), min(actual.height, wanted.height)
    window = ((0, height), (0, width))
    differences = np.abs(actual.read((1, 2, 3), window=window).astype(int) - wanted.read(window=window))
    assert differences.mean() <= (JPEG_DIFFERENCE if "jpeg" in wanted.profile.get("compress", "") else 0)


def test_the_grid_of_web_maps_has_the_same_pixels(server: Gunicorn) -> None:
    source = wmts(server, ALIGNED, ",tilematrixset=WebMercatorQuad")
    with MemoryFile(data_of(ALIGNED)) as memory, memory.open() as wanted, rasterio.open(source) as actual:
        assert actual.res == pytest.approx(wanted.res, rel=1e-12)
        left, top = ~actual.transform * (wanted.transform * (0, 0))
        assert (left, top) == pytest.approx((round(left), round(top)), abs=1e-3)
        window = Window(round(left), round(top), wanted.width, wanted.height)
        np.testing.assert_array_equal(actual.read((1, 2, 3), window=window), wanted.read())


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_any_format_has_the_same_pixels(extension: str, server: Gunicorn, tmp_path: Path) -> None:
    """Sizes are odd: GeoTIFFs end where the image does."""
    media_type = {"png": "image/png", "tif": "image/tiff;application=geotiff"}[extension]
    description = tmp_path / "wmts.xml"
    description.write_text(
        f"<GDAL_WMTS><GetCapabilitiesUrl>{server.url}/wmts/1.0.0/WMTSCapabilities.xml</GetCapabilitiesUrl>"
        f"<Layer>degrees</Layer><Format>{media_type}</Format></GDAL_WMTS>"
    )
    with MemoryFile(data_of("degrees")) as memory, memory.open() as wanted, rasterio.open(description) as actual:
        assert_same_pixels(actual, wanted, is_in_feet=False)
    last = f"layer=degrees@[0-9a-f]+ wmts=default/native.degrees/2/5/8.{extension} status=200"
    wait_for(lambda: re.search(last, server.log()), "the last tile in the log")


@pytest.mark.parametrize("name", MASKED)
def test_alpha_is_the_mask_by_default(name: str, server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    """In the format that GDAL takes by itself, the first; the distribution's release too."""
    source, target = wmts(server, name, own(name)), tmp_path / "translated.tif"
    for overview in ("NONE", "0"):
        options = {} if overview == "NONE" else {"OVERVIEW_LEVEL": overview}
        run("gdal_translate", "-ovr", overview, source, str(target), folder=tmp_path)
        with (
            rasterio.open(folder / f"{name}.tif", **options) as wanted,
            rasterio.open(source, **options) as actual,
            rasterio.open(target) as translated,
        ):
            window, mask = ((0, wanted.height), (0, wanted.width)), wanted.dataset_mask()
            for each in (actual, translated):
                np.testing.assert_array_equal(each.read(4, window=window), mask)
                colors = each.read((1, 2, 3), window=window)[:, mask > 0].astype(int)
                difference = np.abs(colors - wanted.read()[:, mask > 0])
                assert difference.mean() < 4 if "jpeg" in name else not difference.any()


def test_every_layer_is_listed(server: Gunicorn) -> None:
    with rasterio.open(wmts(server, "").removesuffix(",layer=")) as actual:
        layers = {option.removeprefix("layer=") for each in actual.subdatasets for option in each.split(",")}
    assert set(NAMES) <= layers


def run(program: str, *arguments: str, folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GDAL_ENABLE_WMS_CACHE": "NO"}
    command = [gdal_program(program), *arguments]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("name", NAMES)
def test_the_distributions_gdal_reads_the_same(name: str, server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    """Another release, with another PROJ and another libjpeg."""
    with MemoryFile(data_of(name)) as memory:
        levels = levels_of(memory)
    for level in range(levels):
        overview = "NONE" if level == 0 else str(level - 1)
        target = tmp_path / f"{level}.tif"
        bands = ("-b", "1", "-b", "2", "-b", "3", "-ovr", overview)
        run("gdal_translate", *bands, wmts(server, name, own(name)), str(target), folder=tmp_path)
        file = decode(folder / f"{name}.tif", tmp_path / f"{level}-wanted.tif", level)
        with rasterio.open(file) as wanted, rasterio.open(target) as actual:
            if level == 0 and name in PLACED:
                assert_same_place(actual, wanted)
            assert_same_pixels(actual, wanted, is_in_feet=name == "feet")
