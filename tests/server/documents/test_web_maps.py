"""Leaflet, MapLibre and OpenLayers show a layer that lies on the grid of web maps, each pixel where GDAL has it."""

from collections.abc import Iterator
from math import atan, degrees, pi, sinh
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.warp import transform
from rasterio.windows import from_bounds

from server.layers.file_grids import grids_of
from server.layers.grids import Matrix
from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.cogs import cog_of
from tests.support.gunicorn import Gunicorn
from tests.support.mapsite import MapSite
from tests.support.terrain import FORMULAS
from tests.support.tiffs import open_level
from tests.support.webmercator import BLOCK_PX, WORLD_M, web_mercator_dem, web_mercator_tiff

RADIUS_M: Final = WORLD_M / 2 / pi
WIDTH, HEIGHT = 400, 300
"""Size of the map on the page, in CSS pixels."""
SIDES: Final = (256, 512)
UPPER_LEFT: Final = (601234.5, 5432109.8)
"""Corner of the picture in the layers' files, in metres."""
MIDDLE: Final = (608434.5, 5426829.8)

LEAFLET: Final = """
const map = L.map("map", { zoomControl: false, attributionControl: false, zoomAnimation: false, fadeAnimation: false })
const tiles = L.tileLayer(url, { tileSize: side, zoomOffset: side === 512 ? -1 : 0 })
const loaded = new Promise((done) => tiles.on("load", done))
map.setView([latitude, longitude], zoom)
tiles.addTo(map)
await loaded
"""

MAPLIBRE: Final = """
const { Map } = await import("/maplibre-gl.mjs")
const map = new Map({
  container: "map", center: [longitude, latitude], zoom: zoom - 1, attributionControl: false, interactive: false,
  fadeDuration: 0, canvasContextAttributes: { antialias: false },
  style: { version: 8, sources: { cog: { type: "raster", url } }, layers: [
    { id: "black", type: "background", paint: { "background-color": "#000" } },
    { id: "cog", type: "raster", source: "cog",
      paint: { "raster-fade-duration": 0, "raster-resampling": "nearest" } } ] },
})
await new Promise((done, fail) => { map.on("idle", done); map.on("error", (event) => fail(event.error)) })
"""

OPENLAYERS: Final = """
const { ImageTile, Map, Projection, TileGrid, TileLayer, View } = await import("/ol.js")
const half = Math.PI * 6378137
const extent = [-half, -half, half, half]
const projection = new Projection({ code: "EPSG:3857", units: "m", extent })
const resolutions = Array.from({ length: 31 }, (_, z) => (2 * half) / side / 2 ** z)
const tileGrid = new TileGrid({ extent: bounds, origin: [-half, half], resolutions, tileSize: side })
const source = new ImageTile({ url, projection, tileGrid, transition: 0, interpolate: false })
const z = zoom - (side === 512 ? 1 : 0)
const center = [(longitude / 180) * half, (Math.log(Math.tan((90 + latitude) * Math.PI / 360)) / Math.PI) * half]
const view = new View({ projection, center, resolution: resolutions[z], constrainResolution: false })
const map = new Map({ target: "map", controls: [], layers: [new TileLayer({ source })], view })
await new Promise((done) => map.on("rendercomplete", done))
"""

TERRAIN: Final = """
const { Map } = await import("/maplibre-gl.mjs")
const map = new Map({
  container: "map", center, zoom, attributionControl: false, interactive: false,
  fadeDuration: 0, canvasContextAttributes: { antialias: false },
  style: {
    version: 8, terrain: { source: "ground" },
    sources: { ground: { type: "raster-dem", url }, slopes: { type: "raster-dem", url } },
    layers: [
      { id: "white", type: "background", paint: { "background-color": "#fff" } },
      { id: "shade", type: "hillshade", source: "slopes" } ] },
})
await new Promise((done, fail) => { map.on("idle", done); map.on("error", (event) => fail(event.error)) })
return places.map((place) => map.queryTerrainElevation(place))
"""
"""The documents alone tell the encoding."""

ON_WHITE: Final = {
    "leaflet": f'document.getElementById("map").style.background = "#fff"{LEAFLET}',
    "maplibre": MAPLIBRE.replace("#000", "#fff"),
    "openlayers": f'document.getElementById("map").style.background = "#fff"{OPENLAYERS}',
}
"""The same on a white map."""

VALLEY: Final = ROOT / "data/valley.tif"
EDGE: Final = (14321853.12 + 256 * 1.19432807, 4533021.525 - 512 * 1.19432807)
"""Corner of tiles at the level of 512 × 384 pixels of that file, below its lower edge."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("web-maps")
    for side in SIDES:
        Path(folder, f"{side}.tif").write_bytes(web_mercator_tiff(side))
    Path(folder, "masked.tif").write_bytes(masked())
    config = "".join(layer(f"w{side}", folder / f"{side}.tif") for side in SIDES)
    Path(folder, "dem.tif").write_bytes(web_mercator_dem())
    config += layer("masked", folder / "masked.tif") + layer("dem", folder / "dem.tif") + layer("valley", VALLEY)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def masked() -> bytes:
    return web_mercator_tiff(compress="JPEG", has_mask=True)


def matrix_of(side: int, at: int, data: bytes | None = None) -> Matrix:
    grid = grids_of(cog_of(data or web_mercator_tiff(side))).web_mercator
    assert grid is not None
    return grid.matrices[at]


def corner(side: int, matrix: Matrix, place: tuple[float, float]) -> tuple[int, int]:
    """The corner of four tiles that is nearest to a place, in pixels of the grid."""
    size = WORLD_M / 2**matrix.z
    return round((place[0] + WORLD_M / 2) / size) * side, round((WORLD_M / 2 - place[1]) / size) * side


def shown(
    page: Page, script: str, side: int, matrix: Matrix, url: str, place: tuple[float, float] = MIDDLE, **more: Any
) -> NDArray[np.uint8]:
    """The map with the corner of four tiles in its middle."""
    x, y = corner(side, matrix, place)
    world = side * 2**matrix.z
    latitude = degrees(atan(sinh(pi * (1 - 2 * y / world))))
    zoom = matrix.z + (1 if side == 512 else 0)
    page.run(script, url=url, side=side, latitude=latitude, longitude=x / world * 360 - 180, zoom=zoom, **more)
    return page.screenshot()


def complaints(page: Page) -> list[str]:
    """All but what the browser says of its own speed in drawing without a graphics card."""
    return [line for line in page.complaints if "GL Driver Message (OpenGL, Performance" not in line]


def gdals(side: int, matrix: Matrix) -> NDArray[Any]:
    """Read the window that the map shows by GDAL, black beside the image."""
    colours, _ = read(web_mercator_tiff(side), side, matrix, MIDDLE)
    assert colours.any()
    return colours


def read(data: bytes, side: int, matrix: Matrix, place: tuple[float, float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the window that the map shows by GDAL: colours, black beside the image, and the mask."""
    cell = WORLD_M / side / 2**matrix.z
    x, y = corner(side, matrix, place)
    left, top = -WORLD_M / 2 + (x - WIDTH / 2) * cell, WORLD_M / 2 - (y - HEIGHT / 2) * cell
    with MemoryFile(data) as memory, open_level(memory, matrix.level) as dataset:
        bounds = (left, top - HEIGHT * cell, left + WIDTH * cell, top)
        window = from_bounds(*bounds, transform=dataset.transform).round_offsets().round_lengths()
        colours = dataset.read(window=window, boundless=True, fill_value=0)
        return np.asarray(colours), np.asarray(dataset.dataset_mask(window=window, boundless=True))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("at", [-1, -2])
def test_leaflet_shows_what_gdal_reads(side: int, at: int, chromium: Chromium, site: MapSite, server: Gunicorn) -> None:
    matrix = matrix_of(side, at)
    page = chromium.page(WIDTH, HEIGHT)
    page.open(site.url)
    url = f"{server.url}/layers/w{side}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.webp"
    np.testing.assert_array_equal(shown(page, LEAFLET, side, matrix, url), gdals(side, matrix))
    assert complaints(page) == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("at", [-1, -2])
def test_maplibre_shows_what_gdal_reads(
    side: int, at: int, chromium: Chromium, site: MapSite, server: Gunicorn
) -> None:
    matrix = matrix_of(side, at)
    page = chromium.page(WIDTH, HEIGHT)
    page.open(site.url)
    url = f"{server.url}/layers/w{side}/tilejson.json"
    np.testing.assert_array_equal(shown(page, MAPLIBRE, side, matrix, url), gdals(side, matrix))
    assert complaints(page) == []


def ground() -> tuple[tuple[float, float], list[list[float]], list[float]]:
    """The middle of the squares of the terrain, some of their middles in degrees, and their heights by GDAL."""
    with MemoryFile(web_mercator_dem()) as memory, memory.open() as dataset:
        heights = dataset.read(1, masked=True).filled(0)
        rows, cols = np.mgrid[10:20, 16:28] * BLOCK_PX + BLOCK_PX // 2
        x, y = dataset.transform * (cols.ravel(), rows.ravel())
    longitudes, latitudes = transform("EPSG:3857", "EPSG:4326", x, y)
    places = [list(place) for place in zip(longitudes, latitudes, strict=True)]
    return (mean(longitudes), mean(latitudes)), places, heights[rows, cols].ravel().tolist()


@pytest.mark.parametrize("encoding", FORMULAS)
def test_maplibre_has_the_heights_that_gdal_reads(
    encoding: str, chromium: Chromium, site: MapSite, server: Gunicorn
) -> None:
    middle, places, heights = ground()
    assert 0.0 in heights, "nodata is among them"
    page = chromium.page(WIDTH, HEIGHT)
    page.open(site.url)
    url = f"{server.url}/layers/dem/tilejson.json?encoding={encoding}"
    shown = page.run(TERRAIN, url=url, center=middle, zoom=12, places=places)
    np.testing.assert_allclose(shown, heights, rtol=0, atol=FORMULAS[encoding][1] / 2 + 1e-4)
    assert page.screenshot().std() > 5, "slopes have shades"
    assert complaints(page) == []


@pytest.mark.parametrize("library", ON_WHITE)
@pytest.mark.parametrize("name", ["masked", "valley"])
def test_what_is_hidden_or_outside_the_image_lets_what_is_below_through(
    name: str, library: str, chromium: Chromium, site: MapSite, server: Gunicorn
) -> None:
    """By the URLs that the layer states: in stored pictures it is black. Lossy colours are smoothed by libraries."""
    data, at, place = (masked(), -1, UPPER_LEFT) if name == "masked" else (VALLEY.read_bytes(), 1, EDGE)
    matrix = matrix_of(256, at, data)
    about = requests.get(f"{server.url}/layers/{name}", timeout=10).json()
    links = {link["rel"]: link["href"] for link in about["links"]}
    url = links["tilejson"] if library == "maplibre" else about["web_mercator"]["tiles"]
    page = chromium.page(WIDTH, HEIGHT)
    page.open(site.url)
    seen = shown(page, ON_WHITE[library], 256, matrix, server.url + url, place, bounds=about["bounds"])
    colours, mask = read(data, 256, matrix, place)
    assert 0 < np.count_nonzero(mask) < mask.size
    assert (seen[:, mask == 0] == 255).all()
    assert np.abs(seen[:, mask > 0].astype(int) - colours[:, mask > 0]).mean() < 4
    assert complaints(page) == []
