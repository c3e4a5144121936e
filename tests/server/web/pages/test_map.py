"""The map of a layer's page in a real browser, compared with what GDAL reads from the file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from numpy.typing import NDArray

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import best_shift, choose, fact, gdals, map_picture, open_layer, press_button
from tests.support.placed import Placed, placed_tiff
from tests.support.tiffs import gdal_tiff

REAL: Final = ("world", "netherlands", "valley")
SYNTHETIC: Final = ("jpeg-rgb", "jpeg-mask", "webp-lossy", "deflate-mask", "sparse", "oblong-tiles", "odd-factors")
UP: Final = ((451, 303), (226, 152))
PLACED: Final = {
    "nztm": Placed("EPSG:2193", (1576000.5, 5429000.25, 2.5), UP),
    "antarctic": Placed("EPSG:3031", (-2700000, 2600000, 333.3), UP),
    "feet": Placed("EPSG:2227", (6000000.25, 2100000.5, 1.5), UP, codec="jpeg"),
    "esri": Placed("ESRI:102003", (-500000.5, 300000.25, 30), UP),
    "user-defined": Placed("+proj=laea +lat_0=12.5 +lon_0=-71.25 +datum=WGS84", (-20000.5, 30000.25, 12.5), UP),
    "factor-2.5": Placed("EPSG:32630", (430000.1, 4480000.9, 0.3), ((500, 350), (200, 140)), codec="webp"),
    "rounded-down": Placed("EPSG:4326", (-3.9, 40.6, 0.0005), ((451, 303), (225, 151))),
}
"""In CRSs of all kinds, most of which no map library knows."""
MASKED: Final = ("netherlands", "jpeg-mask", "deflate-mask")
"""Their mask is in their PNGs alone."""
CODEC: Final = 2.5
"""Mean difference that decoders of JPEG and WebP may have; of a lossless tile all are the same."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("maps")
    for kind in SYNTHETIC:
        (folder / kind).write_bytes(gdal_tiff(kind))
    for name, placed in PLACED.items():
        (folder / name).write_bytes(placed_tiff(placed))
    return {name: ROOT / "data" / f"{name}.tif" for name in REAL} | {
        name: folder / name for name in (*SYNTHETIC, *PLACED)
    }


@pytest.fixture(scope="module")
def server(files: dict[str, Path]) -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, "".join(layer(*each) for each in files.items())) as running:
        yield running


@pytest.fixture(scope="module")
def desktop(pages: dict[str, Page]) -> Page:
    return pages["desk"]


def coordinates(page: Page) -> tuple[float, float]:
    """Coordinates in the CRS, under the pointer."""
    x, y = fact(page, "coordinates").partition(" (")[0].split(", ")
    return float(x), float(y)


def background(page: Page) -> NDArray[np.float64]:
    """The colour of the map where nothing is."""
    script = "return getComputedStyle(document.querySelector('.map-box')).backgroundColor.match(/\\d+/g).map(Number)"
    return np.array(page.run(script), np.float64)


def assert_is_gdals(page: Page, path: Path, level: int, zoom: float = 1, scale: int = 1, limit: float = CODEC) -> None:
    actual = map_picture(page, scale)
    wanted = gdals(path, level, actual, zoom, background(page))
    most = max(1, round(zoom / 2))  # at 1:1, the middle of the map is moved by up to half a pixel of the image
    shift, difference, others = best_shift(actual, wanted, most + 1)
    assert max(map(abs, shift)) <= most, (shift, difference, others)
    assert difference < limit
    assert others > 1.5 * difference
    assert page.complaints == []


@pytest.mark.parametrize("name", [*REAL, *SYNTHETIC])
def test_a_pixel_of_the_image_lies_on_one_of_the_screen(
    name: str, files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/{name}")
    if name in MASKED:
        choose(desktop, "format", "png")
    press_button(desktop, "full")
    assert_is_gdals(
        desktop, files[name], 0, limit=4 if name == "world" else CODEC
    )  # two of its rows are one on the screen


@pytest.mark.parametrize(
    ("name", "level"),
    [("jpeg-rgb", 1), ("jpeg-rgb", 2), ("netherlands", 1), ("odd-factors", 1), ("odd-factors", 3), ("world", 2)],
)
def test_a_level_that_is_chosen_is_shown_where_it_lies(
    name: str, level: int, files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/{name}")
    if name in MASKED:
        choose(desktop, "format", "png")
    choose(desktop, "level", str(level))
    press_button(desktop, "full")
    assert fact(desktop, "level-text").startswith(f"{level} (")
    assert_is_gdals(
        desktop, files[name], level, limit=8
    )  # a screen pixel at the edge of a large one may be its neighbour


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", PLACED)
def test_a_layer_of_any_crs_is_shown_in_its_own_grid(
    name: str, level: int, files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/{name}")
    choose(desktop, "level", str(level))
    press_button(desktop, "full")
    assert_is_gdals(desktop, files[name], level, limit=3)
    with rasterio.open(files[name]) as dataset:
        middle = dataset.transform * (dataset.width / 2, dataset.height / 2)
        desktop.point(1, 1)
        assert coordinates(desktop) == pytest.approx(middle, abs=dataset.res[0])


@pytest.mark.parametrize("name", MASKED)
def test_what_a_mask_hides_is_hidden_unless_told_otherwise(
    name: str, files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/{name}")
    press_button(desktop, "full")
    assert fact(desktop, "format-text") == "auto"
    assert_is_gdals(desktop, files[name], 0)


def test_pixels_are_sharp_when_the_screen_has_more_of_them(
    files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/valley")
    press_button(desktop, "full")
    for _ in range(3):
        press_button(desktop, "in")
    assert_is_gdals(desktop, files["valley"], 0, zoom=8)


def test_a_fine_screen_shows_fine_tiles(files: dict[str, Path], chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page(390, 844, scale=2, is_phone=True)
    open_layer(page, f"{server.url}/layers/jpeg-rgb")
    press_button(page, "full")
    press_button(page, "out")
    assert_is_gdals(page, files["jpeg-rgb"], 0, zoom=1, scale=2)


def test_borders_are_drawn_where_gdal_has_them(files: dict[str, Path], desktop: Page, server: Gunicorn) -> None:
    open_layer(desktop, f"{server.url}/layers/oblong-tiles")
    press_button(desktop, "full")
    plain = map_picture(desktop)
    press_button(desktop, "borders-button")
    changed = np.abs(map_picture(desktop) - plain).max(axis=0) > 40
    with rasterio.open(files["oblong-tiles"]) as dataset:
        left, top = (plain.shape[2] - dataset.width) // 2, (plain.shape[1] - dataset.height) // 2
        for _, window in dataset.block_windows(1):
            x, y = left + window.col_off, top + window.row_off
            assert changed[y : y + window.height, x - 1 : x + 2].any(axis=1).mean() > 0.9
            assert changed[y - 1 : y + 2, x : x + window.width].any(axis=0).mean() > 0.9
            assert changed[y + window.height // 2, x + 4 : x + window.width - 4].mean() < 0.2


def test_a_tile_whose_corner_is_out_of_sight_has_its_name_on_the_map(desktop: Page, server: Gunicorn) -> None:
    open_layer(desktop, f"{server.url}/layers/valley")
    press_button(desktop, "full")
    for _ in range(2):
        press_button(desktop, "in")
    plain = map_picture(desktop)
    press_button(desktop, "borders-button")
    changed = np.abs(map_picture(desktop) - plain).max(axis=0) > 40
    assert changed[:24, :60].mean() > 0.3
    assert changed[:24, 60:120].mean() < 0.1


def test_slow_tiles_are_announced(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.send("Fetch.enable", patterns=[{"urlPattern": "*/tiles/*"}])  # which none of them passes
    page.open(f"{server.url}/layers/valley")
    shown = "getComputedStyle(document.querySelector('.map'), '::before')"
    page.wait(f"{shown}.content.includes('Loading') && {shown}.visibility === 'visible'")
    page.send("Fetch.disable")
    page.wait(f"{shown}.content === 'none'")


def test_the_tile_under_the_pointer_is_told_as_the_file_has_it(
    files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/jpeg-rgb")
    press_button(desktop, "full")
    left, top, width, height = desktop.box("[data-map=map]")
    with rasterio.open(files["jpeg-rgb"]) as dataset:
        for col, row in ((10, 20), (300, 140), (519, 299)):
            desktop.point(
                left + width / 2 + col + 0.5 - dataset.width / 2, top + height / 2 + row + 0.5 - dataset.height / 2
            )
            assert coordinates(desktop) == pytest.approx(dataset.xy(row, col), abs=dataset.res[0])
            assert fact(desktop, "coordinates").endswith("(EPSG:32630)")
            place = f"{col // 128}, {row // 128}"
            assert (fact(desktop, "level-text"), fact(desktop, "place")) == ("0 (520 × 300 pixels)", place)
            tile = requests.get(desktop.run("return document.querySelector('[data-map=tile]').href"), timeout=30)
            assert tile.headers["Content-Type"] == f"image/{fact(desktop, 'format-text').replace('jpg', 'jpeg')}"
            assert fact(desktop, "bytes") == f"{len(tile.content):,}"
            assert tile.url.endswith(f"{fact(desktop, 'zxy')}.jpg")


def test_coordinates_of_a_rotated_image_are_those_of_its_crs(
    files: dict[str, Path], desktop: Page, server: Gunicorn
) -> None:
    open_layer(desktop, f"{server.url}/layers/odd-factors")
    press_button(desktop, "full")
    left, top, width, height = desktop.box("[data-map=map]")
    with rasterio.open(files["odd-factors"]) as dataset:
        assert dataset.transform.b != 0
        desktop.point(left + width / 2 + 100, top + height / 2 - 50)
        wanted = dataset.transform * (dataset.width / 2 + 100, dataset.height / 2 - 50)
    assert coordinates(desktop) == pytest.approx(wanted, abs=30)  # a pixel
    assert fact(desktop, "coordinates").endswith("(EPSG:3035)")


def test_a_tile_that_is_not_stored_is_told_as_such(desktop: Page, server: Gunicorn) -> None:
    open_layer(desktop, f"{server.url}/layers/sparse")
    press_button(desktop, "full")
    left, top, width, height = desktop.box("[data-map=map]")
    desktop.point(left + width / 2 + 200, top + height / 2 + 100)
    assert fact(desktop, "bytes") == "none, the tile is not stored"
    desktop.point(left + width / 2 - 200, top + height / 2 - 100)
    assert re.fullmatch(r"[0-9,]+", fact(desktop, "bytes"))
    assert desktop.complaints == []


def test_keys_move_and_zoom_the_map_and_say_where_it_is(desktop: Page, server: Gunicorn) -> None:
    open_layer(desktop, f"{server.url}/layers/jpeg-rgb")
    desktop.point(1, 1)
    for _ in range(20):
        desktop.press("Tab")
        if desktop.run("return document.activeElement.dataset.map") == "map":
            break
    x, y = coordinates(desktop)
    desktop.press("ArrowRight")
    desktop.wait(f"Number.parseFloat(document.querySelector('[data-map=coordinates]').textContent) > {x}")
    assert coordinates(desktop)[1] == y
    desktop.press("+", 2)
    desktop.wait("document.querySelector('[data-map=status]').textContent.startsWith('At ')")
    said = fact(desktop, "status")
    assert "level 0 (520 × 300 pixels)" in said
    assert f"tile column and row {fact(desktop, 'place')}" in said
    desktop.press("Tab")
    assert desktop.run("return document.activeElement.dataset.map") == "in"


def test_too_many_tiles_at_once_are_not_asked_for(desktop: Page, server: Gunicorn) -> None:
    open_layer(desktop, f"{server.url}/layers/oblong-tiles")
    for _ in range(4):
        press_button(desktop, "out")
    asked = [url for url in desktop.urls if "/tiles/" in url]
    desktop.wait("document.querySelector('[data-map=status]').textContent.startsWith('Zoom in')")
    press_button(desktop, "out")
    assert [url for url in desktop.urls if "/tiles/" in url] == asked
