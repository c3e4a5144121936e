"""GDAL opens `gdal.xml` as it opens the file: the same pixels, place, type and bands, at all levels that it can."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from rasterio.enums import Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window

from tests.support import handmade as hm
from tests.support.app import client, layer, problem
from tests.support.gunicorn import Gunicorn
from tests.support.placed import Placed, placed_tiff
from tests.support.rasters import noise, raster
from tests.support.system_gdal import gdal_program
from tests.support.tiffs import gdal_tiff, levels_of, open_level
from tests.support.webmercator import web_mercator_tiff

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

DOWN: Final = ((2301, 1403), (1150, 701), (575, 350), (287, 175))
"""Halves as GDAL's COG driver makes them: rounded down, so that GDAL's WMS driver takes them for a pixel larger."""
UP: Final = ((605, 403), (303, 202), (152, 101))
NARROW: Final = ((513, 270), (256, 135), (128, 67))
"""The WMS driver looks for a column of tiles that there is not."""
LAEA: Final = "+proj=laea +lat_0=12.5 +lon_0=-71.25 +x_0=100 +datum=WGS84 +units=m +no_defs"

PLACES: Final = {
    "degrees": Placed("EPSG:4326", (-3.9, 40.6, 0.0005), DOWN, 256, "webp"),
    "mercator": Placed("EPSG:3857", (-440000.3, 4930000.7, 9.7), UP, 128, "jpeg"),
    "nztm": Placed("EPSG:2193", (1576000.5, 5429000.25, 2.5), DOWN, 512, "jpeg"),
    "utm": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), NARROW, 128, "deflate"),
    "antarctic": Placed("EPSG:3031", (-2700000, 2600000, 333.3), UP, 128, "jpeg"),
    "swiss": Placed("EPSG:2056", (2600000.5, 1200000.5, 0.1), UP, 256, "webp"),
    "feet": Placed("EPSG:2227", (6000000.25, 2100000.5, 1.5), NARROW, 128, "deflate"),
    "esri": Placed("ESRI:102003", (-500000.5, 300000.25, 30), UP, 128, "deflate"),
    "user-defined": Placed(LAEA, (-20000.5, 30000.25, 12.5), UP, 128, "deflate"),
    "factor-2.5": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), ((1000, 700), (400, 280)), 128),
    "half-then-2.5": Placed("EPSG:32630", (430000, 4480000, 1), ((1000, 700), (500, 350), (200, 140)), 128),
}

KINDS: Final = ("jpeg-mask", "webp-rgba", "zstd-float", "lerc", "sparse", "planar", "big-endian", "oblong-tiles")

LEFT_OUT: Final = {"factor-2.5": 1, "half-then-2.5": 1, "float-predictor-3": 1}
"""Levels that the driver cannot have: they are no halves, or their tiles are of another size."""


def _deflate(more: str = "") -> dict[str, str]:
    return {"COMPRESS": "DEFLATE", "PREDICTOR": more or "2"}


def _with_place(place: Affine | None, nodata: float | None = None, *, sparse: bool = False) -> bytes:
    pixels = noise(1, "int16", 403, 605)
    profile = {"driver": "GTiff", "width": 605, "height": 403, "count": 1, "dtype": "int16", "nodata": nodata}
    more = {"crs": "EPSG:32630", "transform": place} if place else {}
    options = {"TILED": "YES", "BLOCKXSIZE": "128", "BLOCKYSIZE": "128", "COMPRESS": "DEFLATE", "SPARSE_OK": "TRUE"}
    with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE="128"), MemoryFile() as memory:
        with memory.open(**profile, **more, **options) as target:
            if sparse:
                target.write(pixels[:, :128, :256], window=Window(0, 0, 256, 128))
            else:
                target.write(pixels)
        with rasterio.open(memory.name, "r+") as target:
            target.build_overviews((2, 4), Resampling.nearest)
        return bytes(memory.read())


def _short_tile() -> bytes:
    """Of the tile only the rows within the image are stored."""
    runs = b"\x81\x07" * 12  # of 128 bytes each
    return hm.tiff(hm.image(64, 24, (64, 32), tiles=[runs]).having({hm.COMPRESSION: (hm.SHORT, [32773])}))


COLORS: Final = {number: (number, 255 - number, 7, 255) for number in range(256)}
TYPES: Final[dict[str, Callable[[], bytes]]] = {
    "int16-nodata": lambda: _with_place(Affine(10, 0, 430000, 0, -10, 4480000), -9999),
    "int16-nodata-sparse": lambda: _with_place(Affine(10, 0, 430000, 0, -10, 4480000), -9999, sparse=True),
    "oblong-pixels": lambda: _with_place(Affine(10.3, 0, 430000.7, 0, -7.9, 4480000.1)),
    "south-up": lambda: _with_place(Affine(10, 0, 430000, 0, 10, 4480000)),
    "nowhere": lambda: _with_place(None),
    "float-predictor-3": lambda: raster(noise(1, "float32"), options=_deflate("3"), nodata=float("nan"), factors=(2,)),
    "int8": lambda: raster(noise(1, "int8"), options=_deflate()),
    "uint16-4-bands": lambda: raster(noise(4, "uint16", 403, 605), options=_deflate(), factors=(2, 4), tile=(128, 128)),
    "uint32": lambda: raster(noise(2, "uint32"), options=_deflate()),
    "int64": lambda: raster(noise(1, "int64"), options={"COMPRESS": "ZSTD"}),
    "float64": lambda: raster(noise(1, "float64"), options={"COMPRESS": "LZW"}),
    "complex": lambda: raster(noise(1, "complex64"), options={"COMPRESS": "ZSTD"}),
    "13-bands": lambda: raster(noise(13, "uint16", 403, 605), options=_deflate(), factors=(2,), tile=(128, 128)),
    "13-bands-apart": lambda: raster(noise(13, "uint8"), options={"INTERLEAVE": "BAND", **_deflate()}),
    "palette": lambda: raster(noise(1, "uint8"), options={"COMPRESS": "LZW"}, colors=COLORS),
    "four-bits": lambda: raster(noise(1, "uint8") % 16, options={"NBITS": "4", "COMPRESS": "DEFLATE"}),
    "aligned": web_mercator_tiff,
    "short-tile": _short_tile,
}
"""Name -> how the file is made."""

NAMES: Final = (*PLACES, *KINDS, *TYPES)


def data_of(name: str) -> bytes:
    if name in PLACES:
        return placed_tiff(PLACES[name])
    return TYPES[name]() if name in TYPES else gdal_tiff(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name in NAMES:
        (folder / f"{name}.tif").write_bytes(data_of(name))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    config = "".join(layer(name, folder / f"{name}.tif") for name in NAMES)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def url_of(server: Gunicorn, name: str) -> str:
    return f"{server.url}/layers/{name}/gdal.xml"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_raster_of_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(folder / f"{name}.tif") as wanted, rasterio.open(url_of(server, name)) as found:
        assert found.driver == "WMS"
        assert (found.width, found.height, found.count) == (wanted.width, wanted.height, wanted.count)
        assert found.dtypes == wanted.dtypes
        np.testing.assert_equal(found.nodata, wanted.nodata)
        assert found.block_shapes == wanted.block_shapes
        assert found.crs == wanted.crs
        for corner in ((0, 0), (wanted.width, wanted.height)):
            assert ~wanted.transform * (found.transform * corner) == pytest.approx(corner, abs=1e-6)
        np.testing.assert_array_equal(found.read(), wanted.read())


@pytest.mark.parametrize("name", NAMES)
def test_its_overviews_are_those_of_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    data = (folder / f"{name}.tif").read_bytes()
    with MemoryFile(data) as memory:
        levels = levels_of(memory)
        with rasterio.open(url_of(server, name)) as found:
            assert len(found.overviews(1)) == levels - 1 - LEFT_OUT.get(name, 0)
        for level in range(1, levels - LEFT_OUT.get(name, 0)):
            url = url_of(server, name)
            with open_level(memory, level) as wanted, rasterio.open(url, OVERVIEW_LEVEL=level - 1) as found:
                assert_same_pixels(found, wanted)


def assert_same_pixels(found: DatasetReader, wanted: DatasetReader) -> None:
    """The driver rounds the sizes of overviews in its own way."""
    assert abs(found.width - wanted.width) <= 1
    assert abs(found.height - wanted.height) <= 1
    window = Window(0, 0, min(found.width, wanted.width), min(found.height, wanted.height))
    _ = found.read()  # all of it, the pixel too many as well
    np.testing.assert_array_equal(found.read(window=window), wanted.read(window=window))


@pytest.mark.parametrize("name", ["degrees", "int16-nodata", "13-bands"])
def test_windows_across_the_borders_of_tiles(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(folder / f"{name}.tif") as wanted, rasterio.open(url_of(server, name)) as found:
        height, width = wanted.block_shapes[0]
        for window in (
            Window(width - 3, height - 5, 7, 11),
            Window(wanted.width - width - 3, wanted.height - height - 3, width + 3, height + 3),
        ):
            np.testing.assert_array_equal(found.read(window=window), wanted.read(window=window))


def test_the_document_works_from_anywhere(server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "layer.xml").write_bytes(requests.get(url_of(server, "feet"), timeout=10).content)
    with rasterio.open(folder / "feet.tif") as wanted, rasterio.open(tmp_path / "layer.xml") as found:
        np.testing.assert_array_equal(found.read(), wanted.read())


@pytest.mark.parametrize("name", ["degrees", "mercator", "feet", "esri", "user-defined", "int16-nodata", "jpeg-mask"])
def test_an_old_gdal_reads_it_too(name: str, server: Gunicorn, folder: Path) -> None:
    found, wanted = _told(url_of(server, name)), _told(str(folder / f"{name}.tif"))
    assert found == wanted


def _told(source: str) -> dict[str, list[str]]:
    """Of each band type and checksum, and where the corners are, as gdalinfo prints it."""
    command = [gdal_program("gdalinfo"), "-checksum", source]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    wanted = (r"Size is .*", r"Type=\w+", r"Checksum=\d+", r"NoData Value=\S+", r"(?:Upper|Lower) \w+ *\([^)]*\)")
    return {pattern: re.findall(pattern, text) for pattern in wanted}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gdal_tiff("odd-factors"), "it is rotated"),
        (hm.tiff(hm.image(samples=65, planar=2)), "the 65 bands are stored apart"),
        (hm.tiff(hm.image().having({hm.COMPRESSION: (hm.SHORT, [34712])})), "GIS clients do not read JPEG2000"),
        (hm.tiff(hm.image().having({hm.BITS: (hm.SHORT, [96])})), "GDAL has no type for uint96"),
    ],
    ids=["rotated", "65 planes", "a codec that GDAL does not read", "a type that GDAL does not have"],
)
def test_what_gdal_cannot_open_is_not_promised(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    assert reason in problem(app.get("/layers/a/gdal.xml"), 404)
    assert "gdal" not in {link["rel"] for link in app.get("/layers/a").get_json()["links"]}


def test_a_hostile_nodata_stays_outside_of_the_markup(tmp_path: Path) -> None:
    text = b'1"/><ServerUrl>http://elsewhere/</ServerUrl>\0'
    (tmp_path / "a.tif").write_bytes(hm.tiff(hm.image().having({hm.NODATA: (hm.ASCII, text)})))
    found = client(tmp_path, layer("a", "a.tif")).get("/layers/a/gdal.xml").text
    assert "elsewhere" not in found
    assert '<DataValues NoData="1"/>' in found  # the number at its beginning, as GDAL reads it
