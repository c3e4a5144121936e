"""The lines of a layer's page do what they promise: their clients open them as they are."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import rasterio
import requests

from tests.support.app import layer
from tests.support.copied import copied
from tests.support.gunicorn import Gunicorn
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.webmercator import web_mercator_tiff

PLACED: Final = ("jpeg-rgb", "webp-lossy", "zstd-float", "odd-factors")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("lines")
    files = {kind: gdal_tiff(kind) for kind in PLACED} | {"aligned": web_mercator_tiff()}
    for name, data in files.items():
        Path(folder, name).write_bytes(data)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, "".join(layer(name, folder / name) for name in files)) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_cache() -> Iterator[None]:
    with rasterio.Env(GDAL_ENABLE_WMS_CACHE="NO"):
        yield


def lines(server: Gunicorn, name: str) -> dict[str, str]:
    """The texts by their labels."""
    return copied(requests.get(f"{server.url}/layers/{name}", headers={"Accept": "text/html"}, timeout=30).text)


def json(url: str) -> dict[str, Any]:
    about: dict[str, Any] = requests.get(url, timeout=30).json()
    return about


@pytest.mark.parametrize("name", ["jpeg-rgb", "webp-lossy"])
def test_gdal_opens_what_its_lines_name(name: str, server: Gunicorn) -> None:
    by_label = lines(server, name)
    opened = 0
    for label in ("GDAL", "GDAL, the file itself", "GDAL, by WMTS"):
        command, *arguments = shlex.split(by_label[label])
        assert (command, len(arguments)) == ("gdalinfo", 1)
        with rasterio.open(arguments[0]) as dataset:
            assert (dataset.width, dataset.height) == (KINDS[name].width, KINDS[name].height)
            assert "WMTS" in label or dataset.dtypes[0] == KINDS[name].dtype
            opened += 1
    assert opened == 3


def test_values_that_are_no_picture_are_opened_as_values(server: Gunicorn) -> None:
    by_label = lines(server, "zstd-float")
    assert "GDAL, by WMTS" not in by_label  # which makes bytes of them
    for name in (by_label["QGIS"], f"/vsicurl/{by_label['QGIS']}"):  # pasted as a file's name, or as a URL
        with rasterio.open(name) as dataset:
            assert dataset.dtypes[0] == KINDS["zstd-float"].dtype
            assert dataset.shape == (KINDS["zstd-float"].height, KINDS["zstd-float"].width)


@pytest.mark.parametrize("name", ["jpeg-rgb", "aligned"])
def test_the_urls_are_there(name: str, server: Gunicorn) -> None:
    by_label = lines(server, name)
    assert f"<ows:Identifier>{name}</ows:Identifier>" in requests.get(by_label["WMTS"], timeout=30).text
    assert by_label["QGIS, by WMTS"] == by_label["WMTS"]
    assert by_label["GDAL"] == f"gdalinfo {by_label['QGIS']}"
    assert next(iter(by_label)) == "QGIS"
    assert json(by_label["JSON"])["name"] == name
    tile = by_label["Tiles"].format(z=0, x=0, y=0)
    assert requests.get(tile, timeout=30).headers["Content-Type"].startswith("image/")


def test_a_web_map_has_its_own_lines(server: Gunicorn) -> None:
    by_label = lines(server, "aligned")
    document = json(by_label["TileJSON"])
    assert document["tiles"] == [by_label["XYZ"]]
    assert "Align it to web maps" not in by_label or "gdal_translate" in by_label["Align it to web maps"]


def test_what_is_no_web_map_says_how_it_becomes_one(server: Gunicorn) -> None:
    by_label = lines(server, "jpeg-rgb")
    assert not {"TileJSON", "XYZ"} & by_label.keys()
    assert by_label["Align it to web maps"].startswith("gdal_translate ")


def test_a_rotated_image_has_no_line_that_cannot_work(server: Gunicorn) -> None:
    by_label = lines(server, "odd-factors")
    assert not {"WMTS", "QGIS, by WMTS", "GDAL, by WMTS", "TileJSON"} & by_label.keys()
    assert {"GDAL", "QGIS", "Tiles", "JSON"} <= by_label.keys()
