"""Every tile that the app serves holds the pixels that GDAL reads from that block of the file."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from server import create_app
from server.settings.load import load
from tests.support.app import ROOT, client, layer
from tests.support.tiffs import KINDS, gdal_tiff, levels_of, open_level

CORPUS = ROOT.parent / "shared" / "corpus" / "real"
"""A larger set of real files, where it is at hand."""
NOT_SHOWN = {"rasterio-rasterio/alpha.tif"}
"""JPEG of four bands."""
MANY = 100
"""Most tiles that are compared of a level: larger levels are mostly sparse."""

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # JPEG and WebP are not

Pixels = NDArray[Any]


def picture(data: bytes) -> Pixels:
    """Read a picture by GDAL's driver of its format, as (bands, rows, columns)."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        assert dataset.driver in ("JPEG", "WEBP")
        pixels: Pixels = dataset.read()
        return pixels


def block(dataset: DatasetReader, level: dict[str, Any], x: int, y: int) -> Pixels:
    """Read the tile's part of the image by GDAL."""
    left, top = x * level["tile_width"], y * level["tile_height"]
    width, height = min(level["tile_width"], dataset.width - left), min(level["tile_height"], dataset.height - top)
    pixels: Pixels = dataset.read(window=Window(left, top, width, height))
    return pixels


def assert_same(served: Pixels, stored: Pixels) -> None:
    if served.shape[0] == 3 and stored.shape[0] == 4:  # WebP has no alpha where all is opaque
        assert (stored[3] == 255).all()
        stored = stored[:3]
    _, height, width = stored.shape
    np.testing.assert_array_equal(served[:, :height, :width], stored)


def pixels_of(tiff: bytes) -> Pixels:
    with MemoryFile(tiff) as memory, memory.open() as dataset:
        pixels: Pixels = dataset.read()
        return pixels


def places(level: dict[str, Any]) -> list[tuple[int, int]]:
    """(x, y) of the tiles to compare."""
    every = [(x, y) for y in range(level["tiles_down"]) for x in range(level["tiles_across"])]
    return every if len(every) <= MANY else [*every[:: len(every) // MANY], every[-1]]


def assert_tiles_are_gdals(app: FlaskClient, name: str, data: bytes) -> None:
    """Compare the tiles of all levels."""
    about = app.get(f"/layers/{name}").get_json()
    with MemoryFile(data) as memory:
        assert len(about["levels"]) == levels_of(memory)
        for level in about["levels"]:
            extension = {"JPEG": "jpg", "WEBP": "webp"}.get(level["compression"], "tif")
            assert extension in level["formats"]
            with open_level(memory, level["level"]) as dataset:
                assert (dataset.width, dataset.height) == (level["width"], level["height"])
                for x, y in places(level):
                    reply = app.get(f"/layers/{name}/tiles/native/{level['z']}/{x}/{y}.{extension}")
                    stored = block(dataset, level, x, y)
                    if reply.status_code == 204:
                        assert not stored.any() or (stored == dataset.nodata).all(), "not sparse"
                    else:
                        assert reply.status_code == 200, reply.text
                        if extension == "tif":  # without the padding
                            np.testing.assert_array_equal(pixels_of(reply.data), stored)
                            continue
                        served = picture(reply.data)
                        assert served.shape[1:] == (level["tile_height"], level["tile_width"])
                        assert_same(served, stored)


def corpus() -> list[Path]:
    """The files with JPEG or WebP tiles that are to be served."""
    manifest = CORPUS / "manifest.json"
    files = json.loads(manifest.read_bytes())["files"] if manifest.is_file() else []
    return [
        CORPUS / file["path"]
        for file in files
        if file["expect"] == "serve" and file["path"] not in NOT_SHOWN
        if {"JPEG", "WEBP"} & {level["compression_name"] for level in file["levels"]}
    ]


@pytest.mark.parametrize("name", tomllib.loads((ROOT / "config/layers.toml").read_text())["layers"])
def test_tiles_of_the_demo(name: str) -> None:
    environment = {"RAWCOG_CONFIG": str(ROOT / "config/layers.toml"), "LOG_LEVEL": "critical"}
    settings = load(environment)
    data = Path(settings.layers[name].uri.location).read_bytes()
    assert_tiles_are_gdals(create_app(settings).test_client(), name, data)


@pytest.mark.parametrize("name", ["be_cog", "cog_rgb", "usda_naip_512_jpeg_z5", "usda_naip_512_webp_z5"])
def test_tiles_of_real_files(name: str, tmp_path: Path) -> None:
    path = ROOT / "tests" / "data" / f"{name}.tif"
    assert_tiles_are_gdals(client(tmp_path, layer("a", path)), "a", path.read_bytes())


@pytest.mark.parametrize("path", corpus(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_tiles_of_the_corpus(path: Path, tmp_path: Path) -> None:
    assert_tiles_are_gdals(client(tmp_path, layer("a", path)), "a", path.read_bytes())


@pytest.mark.parametrize("kind", [name for name in KINDS if name.startswith(("jpeg", "webp"))])
def test_tiles_of_what_gdal_writes(kind: str, tmp_path: Path) -> None:
    """Grids that are not square, edges, RGB, grey and YCbCr JPEG, with and without tables, masks; WebP of each kind."""
    data = gdal_tiff(kind)
    (tmp_path / "a.tif").write_bytes(data)
    assert_tiles_are_gdals(client(tmp_path, layer("a", "a.tif")), "a", data)
