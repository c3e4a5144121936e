"""GDAL opens `gdal.xml` as it opens the file, pixel for pixel at all levels; elsewhere the document is refused."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from rasterio.windows import Window

from tests.support import handmade as hm
from tests.support.app import client, layer, problem
from tests.support.gdal_layers import data_of
from tests.support.gunicorn import Gunicorn
from tests.support.system_gdal import gdal_program

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

NAMES: Final = (
    "mercator", "antarctic", "swiss", "esri", "user-defined", "sparse", "oblong-tiles", "one-level-sparse",
    "oblong-pixels", "south-up", "rgba", "int8", "int64", "float64", "four-bits", "half-floats", "float-lowest",
)  # fmt: skip
REFUSED: Final = {
    "degrees": "overview 1 has 1150 × 701 pixels, and the driver takes it for 1151 × 702",
    "factor-2.5": "overview 1 has 400 × 280 pixels, and the driver takes it for 500 × 350",
    "float-nan": "overview 1 has tiles of another size",
    "int16-nodata": "overview 2 has 152 × 101 pixels, and the driver takes it for 151 × 101",
    "odd-factors": "it is rotated",
    "control-points": "its place is told by ground control points",
    "nowhere": "it has no transform",
    "deflate-mask": "it has a mask",
    "palette": "band 1 is palette, and the driver takes it for gray",
    "radar": "band 2 is undefined, and the driver takes it for alpha",
    "near-infrared": "band 4 is undefined, and the driver takes it for alpha",
    "five-with-alpha": "band 1 is red, and the driver takes it for undefined",
    "scaled": "band 1 has a scale or an offset",
    "heights": "its bands are in the unit of its heights, US survey foot",
    "named": "band 1 has a unit or a description",
}


PLACE: Final[dict[int, hm.Field]] = {
    hm.SCALE: (hm.DOUBLE, [10, 10, 0]),
    hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 500000, 4000000, 0]),
}

LONGS: Final[dict[int, hm.Field]] = {
    **PLACE,
    hm.BITS: (hm.SHORT, [64]),
    hm.SAMPLE_FORMAT: (hm.SHORT, [2]),
    hm.NODATA: (hm.ASCII, b"1152921504606846977\0"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name in (*NAMES, *REFUSED):
        (folder / f"{name}.tif").write_bytes(data_of(name))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    config = "".join(layer(name, folder / f"{name}.tif") for name in (*NAMES, *REFUSED))
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def url_of(server: Gunicorn, name: str) -> str:
    return f"{server.url}/layers/{name}/gdal.xml"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_raster_of_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(folder / f"{name}.tif") as wanted, rasterio.open(url_of(server, name)) as actual:
        assert actual.driver == "WMS"
        assert (actual.width, actual.height, actual.count) == (wanted.width, wanted.height, wanted.count)
        assert actual.dtypes == wanted.dtypes or name == "half-floats"  # which were float32 before GDAL 3.11
        assert actual.colorinterp == wanted.colorinterp
        np.testing.assert_equal(actual.nodata, wanted.nodata)
        assert actual.block_shapes == wanted.block_shapes
        assert actual.crs == wanted.crs
        for corner in ((0, 0), (wanted.width, wanted.height)):
            assert ~wanted.transform * (actual.transform * corner) == pytest.approx(corner, abs=1e-6)
        np.testing.assert_array_equal(actual.read(), wanted.read())
        np.testing.assert_array_equal(actual.read_masks(), wanted.read_masks())
        levels = len(wanted.overviews(1))
        assert len(actual.overviews(1)) == levels
    for level in range(levels):
        path, url = folder / f"{name}.tif", url_of(server, name)
        with rasterio.open(path, OVERVIEW_LEVEL=level) as wanted, rasterio.open(url, OVERVIEW_LEVEL=level) as actual:
            np.testing.assert_array_equal(actual.read(), wanted.read())


@pytest.mark.parametrize("name", ["mercator", "swiss", "rgba"])
def test_windows_across_the_borders_of_tiles(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(folder / f"{name}.tif") as wanted, rasterio.open(url_of(server, name)) as actual:
        height, width = wanted.block_shapes[0]
        for window in (
            Window(width - 3, height - 5, 7, 11),
            Window(wanted.width - width - 3, wanted.height - height - 3, width + 3, height + 3),
        ):
            np.testing.assert_array_equal(actual.read(window=window), wanted.read(window=window))


def test_the_document_works_from_anywhere(server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "layer.xml").write_bytes(requests.get(url_of(server, "swiss"), timeout=10).content)
    with rasterio.open(folder / "swiss.tif") as wanted, rasterio.open(tmp_path / "layer.xml") as actual:
        np.testing.assert_array_equal(actual.read(), wanted.read())


@pytest.mark.parametrize("name", ["mercator", "esri", "user-defined", "one-level-sparse"])
def test_an_old_gdal_reads_it_too(name: str, server: Gunicorn, folder: Path) -> None:
    actual, wanted = _told(url_of(server, name)), _told(str(folder / f"{name}.tif"))
    assert actual == wanted


def _told(source: str) -> dict[str, list[str]]:
    """Type and checksum of each band, and the corners, as gdalinfo prints them."""
    command = [gdal_program("gdalinfo"), "-checksum", source]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    wanted = (r"Size is .*", r"Type=\w+", r"Checksum=\d+", r"NoData Value=\S+", r"(?:Upper|Lower) \w+ *\([^)]*\)")
    return {pattern: re.findall(pattern, text) for pattern in wanted}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_would_misread_is_left_to_the_vrt(name: str, server: Gunicorn) -> None:
    reply = requests.get(url_of(server, name), timeout=10)
    assert reply.status_code == 404
    detail = reply.json()["detail"]
    assert REFUSED[name] in detail
    assert requests.get(detail.rpartition(" ")[2], timeout=10).text.startswith("<VRTDataset")
    links = requests.get(f"{server.url}/layers/{name}", timeout=10).json()["links"]
    assert {link["rel"] for link in links} & {"gdal", "gdal-wms"} == {"gdal"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hm.tiff(hm.image(samples=65, planar=2)), "the 65 bands are stored apart"),
        (hm.tiff(hm.image().having({hm.COMPRESSION: (hm.SHORT, [34712])})), "GIS clients do not read JPEG2000"),
        (hm.tiff(hm.image().having({hm.BITS: (hm.SHORT, [96])})), "GDAL has no type for uint96"),
        (hm.tiff(hm.image(tiles=[bytes(4096)] * 9).having(LONGS)), "nodata 1152921504606846977 has no double"),
    ],
    ids=["65 planes", "a codec that GDAL does not read", "a type that GDAL does not have", "nodata"],
)
def test_what_gdal_cannot_open_is_not_promised(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    assert reason in problem(app.get("/layers/a/gdal.xml"), 404)
    assert "gdal-wms" not in {link["rel"] for link in app.get("/layers/a").get_json()["links"]}


def test_a_hostile_nodata_stays_outside_of_the_markup(tmp_path: Path) -> None:
    text = b'1"/><ServerUrl>http://elsewhere/</ServerUrl>\0'
    (tmp_path / "a.tif").write_bytes(hm.tiff(hm.image().having({hm.NODATA: (hm.ASCII, text), **PLACE})))
    document = client(tmp_path, layer("a", "a.tif")).get("/layers/a/gdal.xml").text
    assert "elsewhere" not in document
    assert '<DataValues NoData="1"/>' in document  # as GDAL reads the text
