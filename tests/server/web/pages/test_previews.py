"""The previews of layers of values, and the cut of padded pictures, compared with GDAL's reading of the same level."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import accessible
from tests.support.pictures import grid, levels, open_quietly
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff

Pixels = NDArray[Any]

NAIP: Final = ROOT / "tests" / "data" / "usda_naip_512_jpeg_z5.tif"
CANVAS: Final = """
const canvas = document.querySelector(`${box} canvas`)
return [canvas.height, canvas.width, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]
"""


def canvas_of(page: Page, box: str) -> Pixels:
    """The picture that a script has drawn: (height, width, red, green, blue and opacity)."""
    height, width, *data = page.run(CANVAS, box=box)
    return np.array(data, np.uint8).reshape(height, width, 4)


def nothing() -> bytes:
    return raster(np.full((1, 300, 260), -9999, "float32"), nodata=-9999, options={"compress": "ZSTD"})


def half() -> bytes:
    """Heights whose left half is nodata: what is drawn is the right half."""
    pixels = np.cumsum(noise(1, "float32", 300, 260), axis=2)
    pixels[:, :, :130] = -9999
    return raster(pixels, nodata=-9999, tile=(256, 256), options={"compress": "LZW", "predictor": "3"})


def big_endian() -> bytes:
    """Three bands, drawn as red, green and blue."""
    return raster(noise(3, "uint16", 300, 260), tile=(256, 256), options={"compress": "DEFLATE", "endianness": "BIG"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("values")
    files = {name: gdal_tiff(name) for name in ("zstd-float", "deflate", "lerc", "sparse")}
    files |= {"nothing": nothing(), "half": half(), "big-endian": big_endian(), "naip": NAIP.read_bytes()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path, chromium: Chromium) -> Iterator[Page]:
    config = "".join(layer(path.name, path) for path in sorted(folder.iterdir()))
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as server:
        page = chromium.page(height=3000)
        page.open(f"{server.url}/")
        page.wait("document.querySelectorAll('[data-values] canvas').length === 5")  # and one of naip, at any time
        yield page


def level_for(path: Path) -> int:
    """The level that a preview shows: of those with four tiles at most the coarsest of 192 pixels, else the finest."""
    few = [level for level in range(levels(path)) if np.prod(grid(path, level)) <= 4]
    large = [level for level in few if max(open_quietly(path, level).shape) >= 192]
    return max(large) if large else min(few)


def stretched(band: Pixels, mask: Pixels) -> Pixels:
    """The values of a band from 0 to 255 between its 2 and 98 %."""
    values = np.sort(band[mask].astype(np.float64))
    low, high = (values[round(part * (values.size - 1))] for part in (0.02, 0.98))
    part: Pixels = np.clip((band.astype(np.float64) - low) / (high - low), 0, 1)
    return part * 255


@pytest.mark.parametrize("name", ["zstd-float", "lerc", "deflate", "big-endian", "half"])
def test_values_are_drawn_as_gdal_reads_them(name: str, folder: Path, page: Page) -> None:
    """Float with predictor 3, LERC, uint16 with predictor 2, three big-endian bands as colours, LZW with nodata."""
    drawn = canvas_of(page, f"[data-values='/layers/{name}']")
    with open_quietly(folder / name, level_for(folder / name)) as dataset:
        pixels, mask = dataset.read(), dataset.dataset_mask() > 0
    cols = np.flatnonzero(mask.any(axis=0))
    pixels, mask = pixels[:, :, cols[0] : cols[-1] + 1], mask[:, cols[0] : cols[-1] + 1]
    assert drawn.shape[:2] == mask.shape
    np.testing.assert_array_equal(drawn[..., 3] > 0, mask)
    bands = pixels if len(pixels) == 3 else pixels[[0, 0, 0]]
    wanted = np.stack([stretched(band, mask) for band in bands], axis=-1)
    difference = np.abs(drawn[..., :3].astype(np.float64) - wanted)[mask]
    assert difference.max() <= 1
    assert np.ptp(drawn[..., :3][mask]) > 200


def test_a_layer_without_values_or_stored_tiles_has_its_type(page: Page) -> None:
    text = "return document.querySelector(`a[href='/layers/${name}'] .preview`).innerText"
    assert page.run(text, name="nothing") == "float32\nEPSG:32630"
    page.wait("!document.querySelector(\"a[href='/layers/sparse'] svg\")")
    assert page.run(text, name="sparse").startswith("uint8\nEPSG:")
    assert page.complaints == []


def test_a_padded_picture_is_cut_to_what_it_shows(page: Page) -> None:
    """An eighth of the coarsest level is not masked: this part comes from the next level, which has pixels enough."""
    page.wait("document.querySelector(\"a[href='/layers/naip'] canvas\")")
    drawn = canvas_of(page, "a[href='/layers/naip']")
    with open_quietly(NAIP, 3) as dataset:
        pixels, mask = dataset.read(), dataset.dataset_mask() > 0
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    assert drawn.shape[:2] == mask[part].shape
    np.testing.assert_array_equal(drawn[..., 3] > 0, mask[part])
    assert np.abs(drawn[..., :3].astype(int) - np.moveaxis(pixels[(slice(None), *part)], 0, -1)).mean() < 3


def test_without_scripts_values_have_their_type(folder: Path, chromium: Chromium) -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("a", folder / "zstd-float")) as server:
        page = chromium.page()
        page.send("Emulation.setScriptExecutionDisabled", value=True)
        page.send("Page.navigate", url=f"{server.url}/")
        texts = {node["name"].get("value") for node in accessible(page) if "name" in node}
        while "float32" not in texts:
            texts = {node["name"].get("value") for node in accessible(page) if "name" in node}
        assert "EPSG:3857" in texts
