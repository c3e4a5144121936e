"""The code of a layer's page runs as it is copied, and shows what GDAL reads."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
import requests
from numpy.typing import NDArray
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from tests.support.app import ROOT, layer
from tests.support.browser import PATIENCE_S
from tests.support.chromium import Chromium, Page
from tests.support.copied import copied
from tests.support.exports import rawcog
from tests.support.gunicorn import Gunicorn
from tests.support.mapsite import MapSite
from tests.support.wait import wait_until
from tests.support.webmercator import WORLD_M, web_mercator_dem

WIDTH, HEIGHT = 400, 300
"""Size of the map, CSS pixels."""
BLOCK: Final = 20
"""Side of the squares whose means are compared, CSS pixels."""
MARGIN: Final = 60
"""Border of the map that is left out, where controls lie."""

Picture = NDArray[np.float64]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snippets")
    Path(path, "dem.tif").write_bytes(web_mercator_dem())
    for name in ("valley", "netherlands", "elk-mountains"):
        Path(path, f"{name}.tif").symlink_to(ROOT / f"data/{name}.tif")
    Path(path, "hidden.tif").write_bytes(masked_values())
    rasterio.shutil.copy(ROOT / "data/valley.tif", path / "plain.tif", driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=256)
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    config = "".join(layer(path.stem, path) for path in folder.iterdir())
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def masked_values() -> bytes:
    """An int16 COG of several tiles without nodata, whose mask hides its upper left quarter and a whole tile."""
    values = np.add.outer(np.arange(600) * 5, np.arange(700) * 3).astype(np.int16) - 1000
    mask = np.full(values.shape, 255, np.uint8)
    mask[:300, :350] = mask[512:, 512:] = 0
    place = rasterio.Affine(10, 0, 400000, 0, -10, 5000000)
    profile = {"driver": "GTiff", "count": 1, "dtype": "int16", "crs": "EPSG:32632", "transform": place}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
        rasterio.MemoryFile() as memory,
        rasterio.MemoryFile() as target,
    ):
        with memory.open(**profile, width=700, height=600) as dataset:
            dataset.write(values, 1)
            dataset.write_mask(mask)
        rasterio.shutil.copy(memory.name, target.name, driver="COG", COMPRESS="LZW", PREDICTOR="YES", BLOCKSIZE="256")
        return bytes(target.read())


def code_of(server: Gunicorn, name: str) -> dict[str, str]:
    """The texts of a layer's page by their labels."""
    return copied(requests.get(f"{server.url}/layers/{name}", headers={"Accept": "text/html"}, timeout=30).text)


def on_map(path: Path, resolution: float) -> tuple[Picture, NDArray[np.bool_]]:
    """The bands under each pixel of a map with the middle of the file in its middle, and the visible places.

    Args:
        path: the file.
        resolution: width of a pixel of the map in the file's CRS.
    """
    with rasterio.open(path) as dataset:
        bands, mask = dataset.read().astype(np.float64), dataset.dataset_mask() > 0
        across, down = dataset.res
    cols = np.floor((np.arange(WIDTH) + 0.5 - WIDTH / 2) * resolution / across + bands.shape[2] / 2).astype(int)
    rows = np.floor((np.arange(HEIGHT) + 0.5 - HEIGHT / 2) * resolution / down + bands.shape[1] / 2).astype(int)
    is_inside = ((rows >= 0) & (rows < bands.shape[1]))[:, None] & ((cols >= 0) & (cols < bands.shape[2]))
    rows, cols = np.clip(rows, 0, bands.shape[1] - 1)[:, None], np.clip(cols, 0, bands.shape[2] - 1)
    return bands[:, rows, cols], is_inside & mask[rows, cols]


def on_white(colours: Picture, visible: NDArray[np.bool_]) -> Picture:
    return np.where(visible, colours[:3] if colours.shape[0] >= 3 else colours[[0, 0, 0]], 255.0)


def means(picture: NDArray[Any]) -> Picture:
    """Mean colours of squares, without the border."""
    inner = picture[:, MARGIN : HEIGHT - MARGIN, MARGIN : WIDTH - MARGIN]
    bands, height, width = inner.shape
    return inner.reshape(bands, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(2, 4))


def run(chromium: Chromium, site: MapSite, code: str) -> Page:
    """Run code in a page that has nothing else than the libraries and the element of the map."""
    page = chromium.page(WIDTH, HEIGHT)
    page.open(f"{site.url}code")
    script = (
        "const s = document.createElement('script'); s.type = 'module'; s.textContent = code; document.body.append(s)"
    )
    page.run(script, code=code)
    return page


def expect(page: Page, picture: Picture, tolerance: float, usual: str = "nothing") -> None:
    """Wait until the map shows a picture; its squares may differ by so many grey steps.

    Args:
        page: shows the map.
        picture: the right one.
        tolerance: grey steps.
        usual: a part of a library's own complaint that says nothing about us.
    """
    assert np.ptp(means(picture)) > 60  # or an empty map would do
    differences: list[float] = []

    def is_shown() -> bool:
        complaints = [complaint for complaint in page.complaints if usual not in complaint]
        assert not complaints, complaints
        differences.append(float(np.abs(means(page.screenshot()) - means(picture)).max()))
        return differences[-1] <= tolerance

    try:
        wait_until(is_shown, PATIENCE_S)
    except AssertionError:
        pytest.fail(f"the map differs by {min(differences):.1f} of 255: {page.complaints}")


@pytest.mark.parametrize("client", ["OpenLayers", "Leaflet", "MapLibre", "deck.gl"])
def test_a_picture_on_the_grid_of_web_maps_is_shown(
    client: str, chromium: Chromium, site: MapSite, server: Gunicorn, folder: Path
) -> None:
    path = folder / "valley.tif"
    with rasterio.open(path) as dataset:
        fit = max(dataset.width * dataset.res[0] / WIDTH, dataset.height * dataset.res[0] / HEIGHT)
        finest = dataset.res[0]
    zooms = WORLD_M / 256 / 2.0 ** np.arange(24)
    resolutions = {"Leaflet": zooms[zooms >= fit].min(), "deck.gl": finest}
    page = run(chromium, site, code_of(server, "valley")[client])
    expect(page, on_white(*on_map(path, resolutions.get(client, fit))), 16)


def test_a_picture_in_a_grid_of_its_own_is_shown(
    chromium: Chromium, site: MapSite, server: Gunicorn, folder: Path
) -> None:
    path = folder / "netherlands.tif"
    with rasterio.open(path) as dataset:
        fit = max(dataset.width * dataset.res[0] / WIDTH, dataset.height * dataset.res[1] / HEIGHT)
    page = run(chromium, site, code_of(server, "netherlands")["OpenLayers"])
    expect(page, on_white(*on_map(path, fit)), 16)


@pytest.mark.parametrize("name", ["elk-mountains", "hidden"])
def test_values_are_stretched_and_transparent_where_there_are_none(
    name: str, chromium: Chromium, site: MapSite, server: Gunicorn, folder: Path
) -> None:
    path = folder / f"{name}.tif"
    with rasterio.open(path) as dataset:
        fit = max(dataset.width * dataset.res[0] / WIDTH, dataset.height * dataset.res[1] / HEIGHT)
        coarsest = len(dataset.overviews(1)) - 1
    with rasterio.open(path, overview_level=coarsest) as dataset:
        window = Window(0, 0, *dataset.block_shapes[0][::-1]).intersection(Window(0, 0, dataset.width, dataset.height))
        seen = np.sort(dataset.read(1, window=window, masked=True).compressed())
    low, high = (float(seen[int(share * (len(seen) - 1))]) for share in (0.02, 0.98))
    values, visible = on_map(path, fit)
    grey = np.clip((values - low) / (high - low), 0, 1) * 255
    page = run(chromium, site, code_of(server, name)["OpenLayers"])
    expect(page, on_white(grey, visible), 16)


def test_heights_are_shaded(chromium: Chromium, site: MapSite, server: Gunicorn) -> None:
    page = run(chromium, site, code_of(server, "dem")["MapLibre"])
    wait_until(lambda: float(np.ptp(means(page.screenshot()))) > 20, PATIENCE_S)
    assert page.complaints == []
    assert any("encoding=terrarium" in url for url in page.urls)


@pytest.mark.parametrize("name", ["valley", "elk-mountains", "netherlands"])
def test_rasterio_reads_the_window_of_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    code = code_of(server, name)["Python"]
    assert f'"{server.url}/layers/{name}/gdal.vrt"' in code
    local = code.replace(f"{server.url}/layers/{name}/gdal.vrt", str(folder / f"{name}.tif"))
    printed: list[Any] = [
        subprocess.run(
            [sys.executable, "-c", each], capture_output=True, text=True, timeout=60, check=True
        ).stdout.splitlines()[-1]
        for each in (code, local)
    ]
    assert printed[0] == printed[1]
    assert len(printed[0].split()) == 6  # the bounds, the least and the greatest value


def test_geotiff_js_reads_the_window_of_the_file(
    chromium: Chromium, site: MapSite, server: Gunicorn, folder: Path
) -> None:
    code = code_of(server, "elk-mountains")["geotiff.js"]
    page = run(chromium, site, f"console.log = (...values) => {{ window.logged = values }}\n{code}")
    page.wait("window.logged")
    width, height, values = page.run("return [logged[0], logged[1], Array.from(logged[2][0])]")
    with rasterio.open(folder / "elk-mountains.tif") as dataset:
        assert (width, height) == (dataset.width, dataset.height)
        window = Window((width - 256) // 2, (height - 256) // 2, 256, 256)
        assert values == dataset.read(1, window=window).ravel().tolist()
    assert page.complaints == []


READERS: Final = {
    "OpenLayers": """
import GeoTIFF from "ol/source/GeoTIFF.js"
import Map from "ol/Map.js"
import View from "ol/View.js"
import WebGLTile from "ol/layer/WebGLTile.js"
new Map({
  target: "map",
  layers: [new WebGLTile({ source: new GeoTIFF({ sources: [{ url: URL }] }) })],
  view: new View({ projection: "EPSG:3857", center: CENTER, resolution: RESOLUTION, constrainResolution: false }),
})""",
    "deck.gl-raster": """
import { COGLayer, proj } from "@developmentseed/deck.gl-geotiff"
import { AmbientLight, Deck, LightingEffect, MapView } from "@deck.gl/core"
const light = new AmbientLight({ intensity: 1 / 0.35 }) // of a material that reflects 0.35 of it
const def = "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs"
const [x, y] = CENTER, radius = 6378137
new Deck({
  parent: document.getElementById("map"),
  views: new MapView(),
  effects: [new LightingEffect({ light })],
  initialViewState: {
    longitude: x / radius * 180 / Math.PI,
    latitude: (2 * Math.atan(Math.exp(y / radius)) - Math.PI / 2) * 180 / Math.PI,
    zoom: Math.log2(2 * Math.PI * radius / 512 / RESOLUTION),
  },
  layers: [
    new COGLayer({
      id: "cog",
      geotiff: URL,
      geoKeysParser: async () => ({ def, parsed: proj.parseCrs(def), coordinatesUnits: "metre" }),
    }),
  ],
})""",
}
"""Library that reads COGs by itself -> code that shows one; URL, CENTER and RESOLUTION are to be filled in."""


@pytest.mark.parametrize("reader", READERS)
def test_libraries_that_read_cogs_show_the_file_itself(
    reader: str, chromium: Chromium, site: MapSite, server: Gunicorn, folder: Path
) -> None:
    path = folder / "plain.tif"  # geotiff.js 2, of deck.gl-raster, reads no WebP of three bands
    with rasterio.open(path) as dataset:
        left, bottom, right, top = dataset.bounds
        resolution = max(dataset.width / WIDTH, dataset.height / HEIGHT) * dataset.res[0]
    values = {"URL": code_of(server, "plain")["COG"], "CENTER": [(left + right) / 2, (bottom + top) / 2]}
    code = READERS[reader]
    for name, value in {**values, "RESOLUTION": resolution}.items():
        code = code.replace(name, json.dumps(value))
    page = run(chromium, site, code)
    expect(page, on_white(*on_map(path, resolution)), 16, usual="luma.gl: Binding sampler not set")
    assert any(url == values["URL"] for url in page.urls)


def test_the_code_of_the_documentation_shows_an_exported_archive(
    chromium: Chromium, site: MapSite, folder: Path, tmp_path: Path
) -> None:
    path = folder / "valley.tif"
    assert rawcog("export", path, tmp_path / "scene.pmtiles").returncode == 0
    site.put("scene.pmtiles", (tmp_path / "scene.pmtiles").read_bytes())
    [code] = re.findall(r"```js\n(.*?)```", (ROOT / "docs/library-and-commands.md").read_text(), re.DOTALL)
    with rasterio.open(path) as dataset:
        fit = max(dataset.width * dataset.res[0] / WIDTH, dataset.height * dataset.res[0] / HEIGHT)
        bounds = list(transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds))
    code = code.replace("https://example.com/", site.url).replace("[5.8, 45.8, 10.6, 47.9]", str(bounds))
    page = run(chromium, site, code)
    expect(page, on_white(*on_map(path, fit)), 16)
