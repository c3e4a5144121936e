"""GDAL's OGCAPI driver, which rasterio lacks: the tools of Debian's GDAL open collections and read the file's pixels.

It takes PNG before JPEG, and every sample for a byte. GDAL 3.6 takes the extent for one in the CRS of the tiles, so its
users say where the layer lies; it knows neither WebP nor TIFF; and of a set with limits it asks for columns from 0 on,
so that WebMercatorQuad does not work. `gdal.xml` does all that.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader, MemoryFile

from tests.support.app import layer
from tests.support.gunicorn import Gunicorn
from tests.support.system_gdal import decode, gdal_program
from tests.support.tiffs import gdal_tiff, levels_of, open_level
from tests.support.webmercator import web_mercator_tiff

KINDS: Final = ("jpeg-ycbcr", "jpeg-rgb", "jpeg-grey", "jpeg-mask", "deflate-mask", "bigtiff", "sparse")
"""In EPSG:3857, 32630, 2193 (northing first) and 4326 (latitude first); `sparse` has tiles of nothing."""
ALIGNED: Final = {"aligned": 256, "aligned-512": 512}


@pytest.fixture(scope="module", autouse=True)
def _the_driver_that_was_tried() -> None:
    command = [gdal_program("gdal_translate"), "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "GDAL 3.6." not in version:
        pytest.skip(f"the OGCAPI driver is another in each release: wanted GDAL 3.6, found {version.strip()}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("layers")
    files = {kind: gdal_tiff(kind) for kind in KINDS}
    files |= {name: web_mercator_tiff(side=side, compress="DEFLATE") for name, side in ALIGNED.items()}
    for name, data in files.items():
        (folder / f"{name}.tif").write_bytes(data)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, "".join(layer(name, folder / f"{name}.tif") for name in files)) as running:
        yield running


def read(server: Gunicorn, name: str, dataset: DatasetReader, folder: Path, **options: object) -> NDArray[Any]:
    """Read a collection by GDAL, within the bounds of the file."""
    left, bottom, right, top = dataset.bounds
    given = {"MINX": left, "MINY": bottom, "MAXX": right, "MAXY": top, "CACHE": "NO", **options}
    choices = [word for key, value in given.items() for word in ("-oo", f"{key}={value}")]
    target = folder / "copy.tif"
    source = f"OGCAPI:{server.url}/collections/{name}"
    command = [gdal_program("gdal_translate"), "-q", "-if", "OGCAPI", *choices, source, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    with rasterio.open(target) as copy:
        assert copy.crs.to_epsg() == dataset.crs.to_epsg()
        assert tuple(copy.bounds) == pytest.approx(tuple(dataset.bounds), abs=1e-6 * dataset.transform.a)
        pixels: NDArray[Any] = copy.read()
    return pixels


def assert_same(actual: NDArray[Any], data: bytes, folder: Path, level: int = 0) -> None:
    """Compare with the pixels of a file; what GDAL adds, an alpha band and copies of a grey one, is passed over."""
    (folder / "file.tif").write_bytes(data)
    with rasterio.open(decode(folder / "file.tif", folder / "wanted.tif", level)) as wanted:
        pixels = wanted.read()
    assert actual.shape[1:] == pixels.shape[1:]
    np.testing.assert_array_equal(actual[: len(pixels)], pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_gdal_reads_every_level_of_a_layers_own_grid(kind: str, server: Gunicorn, tmp_path: Path) -> None:
    data = gdal_tiff(kind)
    with MemoryFile(data) as memory, memory.open() as full:
        assert_same(read(server, kind, full, tmp_path), data, tmp_path)
        count = levels_of(memory)
        for level in range(1, count):
            with open_level(memory, level) as wanted:
                if full.width % wanted.width or full.height % wanted.height:
                    continue  # GDAL would cut the level at the bounds of the full one, between two pixels
            actual = read(server, kind, full, tmp_path, TILEMATRIX=count - 1 - level)
            assert_same(actual, data, tmp_path, level)


@pytest.mark.parametrize("name", ALIGNED)
def test_gdal_takes_a_layers_own_grid_where_there_is_that_of_web_maps_too(
    name: str, server: Gunicorn, tmp_path: Path
) -> None:
    data = web_mercator_tiff(side=ALIGNED[name], compress="DEFLATE")
    with MemoryFile(data) as memory, memory.open() as full:
        assert_same(read(server, name, full, tmp_path), data, tmp_path)


def test_gdal_finds_a_layer_by_the_landing_page(server: Gunicorn) -> None:
    command = ["gdalinfo", "-json", "-if", "OGCAPI", f"OGCAPI:{server.url}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in (*KINDS, *ALIGNED):
        assert f"OGCAPI:{server.url}/collections/{name}" in done.stdout.replace("\\/", "/")


def test_gdal_needs_not_be_told_where_a_geographic_layer_lies(server: Gunicorn, tmp_path: Path) -> None:
    target = tmp_path / "copy.tif"
    source = f"OGCAPI:{server.url}/collections/jpeg-mask"
    command = [gdal_program("gdal_translate"), "-q", "-if", "OGCAPI", "-oo", "CACHE=NO", source, str(target)]
    subprocess.run(command, check=True, capture_output=True)
    with rasterio.open(target) as actual:
        assert_same(actual.read(), gdal_tiff("jpeg-mask"), tmp_path)
