"""The ways to open layers that docs/clients.md names, taken from that page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pytest
import rasterio
import requests
from numpy.typing import NDArray
from rio_tiler.io import Reader

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.mapsite import MapSite
from tests.support.qgis import HAS_QGIS, Picture, draw
from tests.support.rasters import raster
from tests.support.system_gdal import decode
from tests.support.webmercator import web_mercator_dem

PAGE: Final = (ROOT / "docs" / "clients.md").read_text()
HOST: Final = "http://127.0.0.1:8000"
Pixels = NDArray[Any]
TOKEN: Final = "token-" + "t" * 32


TIMES: Final = {"2018": (200, 30, 40), "2021": (20, 130, 240)}
"""Time -> colour of the file."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """The layers that the page names, one that takes a token, and a collection in time."""
    folder = tmp_path_factory.mktemp("clients")
    for time, colour in TIMES.items():
        (folder / f"{time}.tif").write_bytes(raster(plain(colour), options={"compress": "DEFLATE"}))
    layers = "".join(layer(name, ROOT / "data" / f"{name}.tif") for name in ("netherlands", "valley"))
    (folder / "dem.tif").write_bytes(web_mercator_dem())
    layers += layer("dem", folder / "dem.tif")
    private = layer("private", ROOT / "data" / "valley.tif", "access = 'token'")
    token = "[tokens.team]\nenv = 'TEAM'\nlayers = ['private']\n"
    series = f"[collections.ortho]\nfolder = '{folder}'\ntime = '{{name}}'\n"
    with Gunicorn({"WEB_CONCURRENCY": "1", "TEAM": TOKEN}, token + layers + private + series) as running:
        yield running


def plain(colour: tuple[int, int, int]) -> Pixels:
    return np.broadcast_to(np.array(colour, np.uint8)[:, None, None], (3, 70, 110))


def pixels(path: str | Path) -> Pixels:
    """Red, green and blue on white, as GDAL reads them."""
    with rasterio.open(path) as dataset:
        return np.where(dataset.dataset_mask() > 0, dataset.read([1, 2, 3]), 255)


def wmts(name: str, url: str, crs: str, media_type: str, more: str = "") -> str:
    place = f"layers={name}&tileMatrixSet=native.{name}&crs={crs}&format={media_type}&styles=default"
    return f"{place}&dpiMode=7&url={quote(url, safe='')}{more}"


def way_of_qgis(tab: str, url: str) -> Picture:
    """A layer at full resolution, as the data source manager makes it of a URL."""
    [name] = re.findall(r"/layers/(\w+)/", url) or ["valley"]
    with rasterio.open(ROOT / "data" / f"{name}.tif") as dataset:
        whole = Picture(name, "gdal", url, (*dataset.bounds,), (dataset.width, dataset.height))
    if tab == "XYZ":
        return replace(whole, provider="wms", uri=f"type=xyz&url={quote(url, safe='')}&zmin=16&zmax=18")
    uri = wmts(name, url, "EPSG:3857", "image/webp")
    return replace(whole, provider="wms", uri=uri) if tab == "WMS/WMTS" else whole


def test_qgis_shows_the_pixels_of_the_file_in_each_way(server: Gunicorn, tmp_path: Path) -> None:
    """GDAL's program opens what QGIS opens by GDAL; QGIS itself draws all where it is installed."""
    rows = re.findall(r"^\| (Raster|WMS/WMTS|XYZ)\S*.*? \| `(\S+)` \|", PAGE, re.MULTILINE)
    assert [tab for tab, _ in rows] == ["Raster", "Raster", "WMS/WMTS", "WMS/WMTS", "XYZ"]
    ways = [way_of_qgis(tab, url.replace(HOST, server.url)) for tab, url in rows]
    expected = [pixels(decode(ROOT / "data" / f"{way.name}.tif", tmp_path / "expected.tif")) for way in ways]
    valley, file = ways[2], expected[2]
    private = f"{server.url}/layers/private"
    password = f"&username=any&password={TOKEN}"
    by_password = wmts("private", f"{private}/wmts.xml", "EPSG:3857", "image/webp", password)
    ways += [
        replace(valley, uri=by_password),
        replace(valley, uri=f"/vsicurl/{private.replace('://', f'://any:{TOKEN}@')}/cog.tif", provider="gdal"),
    ]
    expected += [file, file]
    place = Picture("ortho", "wms", "", (430000, 4479300, 431100, 4480000), (110, 70))
    for time, colour in TIMES.items():
        uri = wmts(
            "ortho", f"{server.url}/layers/ortho/wmts.xml", "EPSG:32630", "image/png", f"&tileDimensions=Time%3D{time}"
        )
        ways.append(replace(place, uri=uri))
        expected.append(plain(colour))
    ways = [replace(way, name=str(at)) for at, way in enumerate(ways)]
    opened = {way.name: pixels(decode(way.uri, tmp_path / f"{way.name}.tif")) for way in ways if way.provider == "gdal"}
    assert len(opened) == 3
    maps = draw(ways, tmp_path) if HAS_QGIS else {}
    for name, colours in [*opened.items(), *maps.items()]:
        np.testing.assert_array_equal(colours, expected[int(name)], ways[int(name)].uri)


def test_owslib_and_rio_tiler_read_tiles(server: Gunicorn) -> None:
    [_, code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    results: dict[str, Any] = {}
    exec(code.replace(HOST, server.url), results)
    hidden_in_part = f"{server.url}/layers/netherlands/tiles/native/1/0/0.png"
    assert results["tile"] == requests.get(hidden_in_part, timeout=30).content
    with Reader(str(ROOT / "data" / "valley.tif")) as file:
        expected = file.tile(56189, 25355, 16)
    np.testing.assert_array_equal(results["picture"].data, expected.data)


@dataclass(frozen=True)
class Snippet:
    """A piece of code of the page for programs in browsers."""

    part: str
    """A part of it, by which it is recognized."""
    before: str
    """Code that has run before it."""
    url: str
    """A part of the URL that it fetches in the end."""
    after: str = ""
    """Code that runs after it."""


_MAPLIBRE: Final = """
import { Map } from "maplibre-gl"
const map = new Map({ container: "map", center: CENTER, zoom: ZOOM, style: { version: 8, sources: {}, layers: [] } })
await map.once("load")
"""
_ADD: Final = """
map.addLayer({ id: "a", type: "raster", source: "valley" })
"""
SNIPPETS: Final = (
    Snippet("L.tileLayer", "const map = L.map('map').setView([37.669, 128.658], 17)\n", "WebMercatorQuad/17/"),
    Snippet(
        '"valley"', _MAPLIBRE.replace("CENTER", "[128.658, 37.669]").replace("ZOOM", "16"), "/layers/valley@", _ADD
    ),
    Snippet('"ground"', _MAPLIBRE.replace("CENTER", "[1.5, 0.6]").replace("ZOOM", "12"), ".png?encoding=terrarium"),
    Snippet("fromUrl", 'import GeoTIFFSource from "ol/source/GeoTIFF.js"\n', "/layers/netherlands/cog.tif"),
)


def test_the_code_for_browsers_fetches_tiles(server: Gunicorn) -> None:
    pieces = [code for code in re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL) if "readBand" not in code]
    assert len(pieces) == len(SNIPPETS)
    with Chromium() as chromium, MapSite() as site:
        for snippet in SNIPPETS:
            [code] = [piece for piece in pieces if snippet.part in piece]
            code = code.replace(HOST, server.url).replace('"/layers', f'"{server.url}/layers')
            page = chromium.page(400, 300)
            page.open(f"{site.url}code")
            page.run(RUN, code=snippet.before + code + snippet.after)
            wait_for(partial(has_fetched, page, snippet.url), f"the tiles of {snippet.part}")
            assert page.complaints == []


RUN: Final = """
const script = document.createElement("script")
script.type = "module"
script.textContent = code
document.body.append(script)
"""


def has_fetched(page: Page, url: str) -> bool:
    page.run("return 0")  # takes the events of the browser
    return bool(page.complaints) or any(url in each for each in page.urls)
