"""Tile Map Service 1.0.0: GDAL opens the list of maps, and a map, and finds the file's pixels in it."""

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from rasterio.windows import from_bounds

from tests.support.app import client, layer, problem
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.system_gdal import gdal_program
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import WORLD_M, web_mercator_tiff

FILES: Final[dict[str, Callable[[], bytes]]] = {
    "aligned": web_mercator_tiff,
    "jpeg": lambda: web_mercator_tiff(compress="JPEG"),
    "large": lambda: web_mercator_tiff(side=512, aligned_levels=3),
    "masked": lambda: web_mercator_tiff(compress="JPEG", has_mask=True),
    "unaligned": lambda: gdal_tiff("jpeg-ycbcr"),
}
MAPS: Final = ("aligned", "jpeg", "large", "masked")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name, make in FILES.items():
        (folder / f"{name}.tif").write_bytes(make())
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    names = "".join(layer(name, folder / f"{name}.tif") for name in FILES)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, names + layer("gone", folder / "gone.tif")) as running:
        yield running


@pytest.mark.parametrize("name", ["aligned", "jpeg", "large"])
def test_gdal_finds_the_pixels_of_the_file_in_the_map(name: str, server: Gunicorn, folder: Path) -> None:
    with rasterio.open(f"{server.url}/tms/1.0.0/{name}") as actual, rasterio.open(folder / f"{name}.tif") as wanted:
        assert actual.crs == wanted.crs
        assert actual.bounds == pytest.approx((-WORLD_M / 2, -WORLD_M / 2, WORLD_M / 2, WORLD_M / 2))
        assert actual.transform.a == pytest.approx(wanted.transform.a, rel=1e-12)
        window = from_bounds(*wanted.bounds, actual.transform).round_offsets().round_lengths()
        assert (window.width, window.height) == (wanted.width, wanted.height)
        np.testing.assert_array_equal(actual.read((1, 2, 3), window=window), wanted.read())


def test_gdal_finds_what_a_mask_leaves_in_the_map(server: Gunicorn, folder: Path) -> None:
    """It takes all maps for three bands; colours of JPEG are smoothed as each library likes."""
    with rasterio.open(f"{server.url}/tms/1.0.0/masked") as actual, rasterio.open(folder / "masked.tif") as wanted:
        window = from_bounds(*wanted.bounds, actual.transform).round_offsets().round_lengths()
        visible = wanted.dataset_mask() > 0
        colours = actual.read((1, 2, 3), window=window)[:, visible].astype(int)
        assert np.abs(colours - wanted.read()[:, visible]).mean() < 4


def test_gdal_sees_nothing_beside_the_layer_and_at_coarser_zooms(server: Gunicorn) -> None:
    with rasterio.open(f"{server.url}/tms/1.0.0/aligned") as actual:
        assert not actual.read(1, window=((0, 10), (0, 10))).any()
        assert not actual.read(1, out_shape=(64, 64)).any()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_lists_the_maps(server: Gunicorn) -> None:
    for path in ("/tms", "/tms/1.0.0"):
        with rasterio.open(f"{server.url}{path}") as actual:
            assert sorted(actual.subdatasets) == sorted(f"{server.url}/tms/1.0.0/{name}" for name in MAPS)


@pytest.mark.parametrize("path", ["/tms", "/tms/1.0.0", "/tms/1.0.0/aligned"])
def test_gdal_opens_addresses_that_end_in_a_slash_too(path: str, server: Gunicorn) -> None:
    """The distribution's: rasterio takes such an address for a folder, whoever serves it."""
    said = [printed([gdal_program("gdalinfo"), f"{server.url}{path}{slash}"]) for slash in ("", "/")]
    assert said[0] == said[1]
    replies = [requests.get(f"{server.url}{path}{slash}", timeout=10) for slash in ("", "/")]
    assert replies[0].content == replies[1].content
    assert requests.get(f"{server.url}{path}//", timeout=10).status_code == 404


def printed(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("name", MAPS)
def test_tile_sets_have_the_tiles_of_the_other_urls_upside_down(name: str, server: Gunicorn) -> None:
    """TMS has URLs with extensions; auto gives JPEG layers WebP for tiles with transparent pixels."""
    session = requests.Session()
    tilejson = session.get(f"{server.url}/layers/{name}/tilejson.json").json()
    document = ET.fromstring(session.get(f"{server.url}/tms/1.0.0/{name}").content)
    extension = document.find("TileFormat").attrib["extension"]  # type: ignore[union-attr]
    sets = {int(each.attrib["order"]): each.attrib for each in document.iter("TileSet")}
    assert sorted(sets) == list(range(tilejson["maxzoom"] + 1))
    for z in range(tilejson["minzoom"], tilejson["maxzoom"] + 1):
        size = float(sets[z]["units-per-pixel"]) * tilejson["tileSize"]
        assert size * 2**z == pytest.approx(WORLD_M, rel=1e-15)
        x, y = int((601234.5 + 5000 + WORLD_M / 2) / size), int((5432109.8 - 5000 + WORLD_M / 2) / size)
        reply = session.get(f"{sets[z]['href']}/{x}/{y}.{extension}")
        other = f"{tilejson['tiles'][0]}.{'cutwebp' if extension == 'webp' else extension}"
        wanted = session.get(other.format(z=z, x=x, y=2**z - 1 - y))
        assert reply.status_code == 200
        assert reply.content == wanted.content
        assert {key: reply.headers[key] for key in ("Content-Type", "Cache-Control", "ETag")} == {
            key: wanted.headers[key] for key in ("Content-Type", "Cache-Control", "ETag")
        }
        again = session.get(reply.url, headers={"If-None-Match": reply.headers["ETag"]})
        assert again.status_code == 304


def test_the_log_names_layer_and_tile(server: Gunicorn) -> None:
    z = requests.get(f"{server.url}/layers/jpeg/tilejson.json", timeout=10).json()["maxzoom"]
    size = WORLD_M / 2**z
    x, y = int((606234.5 + WORLD_M / 2) / size), int((5427109.8 + WORLD_M / 2) / size)
    for _ in range(2):
        assert requests.get(f"{server.url}/tms/1.0.0/jpeg/{z}/{x}/{y}.jpg", timeout=10).status_code == 200
    wait_for(lambda: f" layer=jpeg tms={z}/{x}/{y}.jpg " in server.log(), "the tile's second request in the log")


def test_what_is_no_tile_is_not_found(tmp_path: Path, folder: Path) -> None:
    app = client(tmp_path, "".join(layer(name, folder / f"{name}.tif") for name in FILES))
    assert "wanted one of: native" in problem(app.get("/tms/1.0.0/unaligned/3/1/1.jpg"), 404)
    assert "is not aligned" in problem(app.get("/tms/1.0.0/unaligned"), 404)
    assert "z 15: wanted" in problem(app.get("/tms/1.0.0/aligned/15/1/1.webp"), 404)
    assert problem(app.get("/tms/1.0.0/aligned/3/8/1.webp"), 404)
    assert problem(app.get("/tms/1.0.0/aligned/3/1/8.webp"), 404)
    assert "wanted /tms/1.0.0/{layer}/{z}/{x}/{y}.{format}" in problem(app.get("/tms/1.0.0/aligned/3/-1/1.webp"), 404)
    assert "format in lower case" in problem(app.get("/tms/1.0.0/aligned/3/1/1.WEBP"), 404)
    assert "no layer" in problem(app.get("/tms/1.0.0/nobody/3/1/1.webp"), 404)
    assert app.get("/tms/1.0.0/aligned@old/3/1/1.webp").headers["Location"] == "/tms/1.0.0/aligned/3/1/1.webp"


def test_where_the_layer_is_not_its_tiles_are_as_empty_as_configured(tmp_path: Path, folder: Path) -> None:
    config = layer("a", folder / "aligned.tif") + layer("b", folder / "aligned.tif", "empty = '404'")
    app = client(tmp_path, config)
    assert app.get("/tms/1.0.0/a/3/0/0.webp").status_code == 204
    assert app.get("/tms/1.0.0/b/3/0/0.webp").status_code == 404


def test_titles_are_escaped_and_hold_nothing_that_xml_forbids(tmp_path: Path, folder: Path) -> None:
    title = 'title = "<b> & \\u0001 \\" end"\nattribution = "a \\u0000 &lt;c>"'
    app = client(tmp_path, layer("a", folder / "aligned.tif", title))
    for path in ("/tms/1.0.0", "/tms/1.0.0/a"):
        document = ET.fromstring(app.get(path).data)
        texts = {*document.itertext(), *(each.attrib.get("title", "") for each in document.iter())}
        assert '<b> & \ufffd " end' in texts
