"""Layers of values as the page of a layer draws and tells them, compared with GDAL's reading of the files."""

import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
import requests
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import Affine

from tests.support.app import layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import fact, map_picture, next_frame, open_layer, press_button, settle
from tests.support.system_gdal import gdal_program
from tests.support.wait import wait_until

HEIGHT, WIDTH, TILE = 210, 300, 128
LOW, HIGH = 200.0, 900.0

PLACE: Final = Affine(10, 0, 500000, 0, -10, 5400000)


@dataclass(frozen=True, slots=True)
class Kind:
    """A file of values."""

    dtype: str
    options: dict[str, str]
    crs: str = "EPSG:32633"
    place: Affine = PLACE
    bands: int = 1
    nodata: float | None = None
    has_mask: bool = False
    scale: float = 1
    offset: float = 0
    unit: str = ""
    is_sparse: bool = False
    """The file leaves out tiles."""


KINDS: Final = {
    "float32-nan": Kind(
        "float32",
        {"compress": "DEFLATE", "predictor": "3"},
        "EPSG:3413",
        Affine(50, 0, -3e5, 0, -50, -12e5),
        nodata=math.nan,
    ),
    "float64-big": Kind("float64", {"compress": "ZSTD", "predictor": "3", "endianness": "BIG"}, unit="m"),
    "int16-nodata": Kind(
        "int16", {"compress": "LZW", "predictor": "2"}, "EPSG:4326", Affine(0.01, 0, 8, 0, -0.01, 47), nodata=-9999
    ),
    "uint16-masked": Kind(
        "uint16", {"compress": "DEFLATE", "predictor": "2"}, "EPSG:2056", Affine(2, 0, 26e5, 0, -2, 12e5), has_mask=True
    ),
    "uint16-bands": Kind(
        "uint16",
        {"compress": "DEFLATE", "predictor": "2", "endianness": "BIG"},
        bands=6,
        nodata=0,
        scale=0.0001,
        offset=-0.1,
    ),
    "uint16-planar": Kind(
        "uint16", {"compress": "ZSTD", "interleave": "band"}, "EPSG:3857", Affine(30, 0, 1e6, 0, -30, 6e6), bands=4
    ),
    "float32-sparse": Kind("float32", {"compress": "DEFLATE", "sparse_ok": "TRUE"}, is_sparse=True),
    "int16-sparse-nodata": Kind("int16", {"compress": "LZW", "sparse_ok": "TRUE"}, nodata=-9999, is_sparse=True),
}


def values(kind: Kind) -> NDArray[Any]:
    """Smooth hills from about 100 to 1000 with grain, (bands, height, width); some pixels are nothing."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    hills = [550 + 300 * np.sin(x / (19 + 4 * b)) * np.cos(y / (23 + 3 * b)) + x / 2 for b in range(kind.bands)]
    values = (np.stack(hills) + random.uniform(0, 9, (kind.bands, HEIGHT, WIDTH))).astype(kind.dtype)
    if kind.nodata is not None:
        values[:, hole()] = kind.nodata
    if kind.is_sparse:
        values[:, :TILE, TILE:] = kind.nodata or 0
    return values


def hole(radius: float = 35) -> NDArray[np.bool_]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    circle: NDArray[np.bool_] = (y - 100) ** 2 + (x - 140) ** 2 < radius**2
    return circle


def write(path: Path, kind: Kind) -> None:
    profile = {"driver": "GTiff", "count": kind.bands, "height": HEIGHT, "width": WIDTH, "dtype": kind.dtype}
    place = {"crs": kind.crs, "transform": kind.place, "nodata": kind.nodata}
    blocks = {"tiled": True, "blockxsize": TILE, "blockysize": TILE}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES", GDAL_TIFF_OVR_BLOCKSIZE=str(TILE)):
        with rasterio.open(path, "w", **profile, **place, **blocks, **kind.options) as target:
            target.write(values(kind))
            target.scales, target.offsets = [kind.scale] * kind.bands, [kind.offset] * kind.bands
            target.units = [kind.unit] * kind.bands
            if kind.has_mask:
                target.write_mask(~hole())
        with rasterio.open(path, "r+") as target:
            target.build_overviews([2], Resampling.nearest)


def write_palette(path: Path) -> None:
    pixels = (values(Kind("float64", {}))[0] / 100).astype("uint8")
    colors = {number: (25 * number, 255 - 20 * number, 40 + 7 * number, 255) for number in range(11)}
    profile = {"driver": "GTiff", "count": 1, "height": HEIGHT, "width": WIDTH, "dtype": "uint8", "compress": "DEFLATE"}
    place = {"crs": "EPSG:32633", "transform": PLACE}
    with rasterio.open(path, "w", **profile, **place, tiled=True, blockxsize=TILE, blockysize=TILE) as target:
        target.write_colormap(1, colors)
        target.write(pixels, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("values")
    for name, kind in KINDS.items():
        write(folder / f"{name}.tif", kind)
    write_palette(folder / "palette.tif")
    return {path.stem: path for path in folder.glob("*.tif")}


@pytest.fixture(scope="module")
def server(files: dict[str, Path]) -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, "".join(layer(name, path) for name, path in files.items())) as running:
        yield running


@pytest.fixture(scope="module")
def page(pages: dict[str, Page]) -> Page:
    return pages["desk"]


def show(page: Page, server: Gunicorn, name: str, view: str) -> None:
    """Open a layer in full resolution."""
    page.send("Page.navigate", url="about:blank")
    open_layer(page, f"{server.url}/layers/{name}#{view}")
    press_button(page, "full")


def on_the_map(page: Page, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of the map with the image, whose middle is that of the map; its place is known to a pixel."""
    picture = map_picture(page)
    height, width = wanted.shape[1:]
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    parts = [picture[:, top + dy : top + dy + height, left + dx : left + dx + width] for dy in (0, 1) for dx in (0, 1)]
    return min(parts, key=lambda part: float(np.abs(part - wanted).mean()))


def image_on(page: Page, screenshot: NDArray[Any]) -> NDArray[Any]:
    """The middle of the map, where its image is, without what floats at its edges."""
    left, top, width, height = (round(value) for value in page.box("[data-map=map]"))
    return screenshot[:, top + height // 4 : top + 3 * height // 4, left + width // 4 : left + 3 * width // 4]


def background(page: Page) -> NDArray[np.float64]:
    script = "return getComputedStyle(document.querySelector('.map-box')).backgroundColor.match(/\\d+/g).map(Number)"
    return np.array(page.run(script), np.float64)[:, None, None]


def greys(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """The stretch that the tests ask for, from 0 to 255."""
    with np.errstate(invalid="ignore"):
        stretched: NDArray[np.float64] = np.clip((numbers.astype(np.float64) - LOW) / (HIGH - LOW), 0, 1) * 255
    return stretched


def expected(page: Page, path: Path, bands: list[int]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The picture of these bands by GDAL, and where it has values."""
    with rasterio.open(path) as dataset:
        numbers, mask = dataset.read(bands), dataset.dataset_mask() > 0
    colors = np.broadcast_to(greys(numbers), (3, HEIGHT, WIDTH))
    return np.where(mask, colors, background(page)), mask


@pytest.mark.parametrize("name", KINDS)
def test_values_are_drawn_to_a_grey_step_and_nothing_where_gdal_has_nothing(
    name: str, files: dict[str, Path], page: Page, server: Gunicorn
) -> None:
    show(page, server, name, f"as=values&ramp=Grey&stretch={LOW},{HIGH}&band={KINDS[name].bands}")
    wanted, mask = expected(page, files[name], [KINDS[name].bands])
    drawn = on_the_map(page, wanted)
    assert np.abs(drawn - wanted).max() <= 1
    np.testing.assert_array_equal(drawn[:, ~mask], np.broadcast_to(background(page), wanted.shape)[:, ~mask])
    assert page.complaints == []


@pytest.mark.parametrize(("name", "bands"), [("uint16-bands", [5, 3, 1]), ("uint16-planar", [4, 1, 2])])
def test_any_three_bands_are_drawn_as_red_green_and_blue(
    name: str, bands: list[int], files: dict[str, Path], page: Page, server: Gunicorn
) -> None:
    show(page, server, name, f"as=bands&stretch={LOW},{HIGH}&bands={','.join(map(str, bands))}")
    wanted, _ = expected(page, files[name], bands)
    assert np.abs(on_the_map(page, wanted) - wanted).max() <= 1


def test_each_of_three_bands_has_a_stretch_of_its_own(files: dict[str, Path], page: Page, server: Gunicorn) -> None:
    show(page, server, "uint16-planar", f"as=bands&stretch={LOW},{HIGH}&bands=4,1,2")
    page.click("[name=channel][value='1']")
    page.click("[data-stretch=high]")
    page.run("document.activeElement.select()")
    page.type("500")
    page.press("Enter")
    settle(page)
    assert f"stretch={LOW:.0f},{HIGH:.0f},{LOW:.0f},500,{LOW:.0f},{HIGH:.0f}" in page.run("return location.hash")
    wanted, _ = expected(page, files["uint16-planar"], [4, 1, 2])
    with rasterio.open(files["uint16-planar"]) as dataset:
        wanted[1] = np.clip((dataset.read(1) - LOW) / (500 - LOW), 0, 1) * 255
    assert np.abs(on_the_map(page, wanted) - wanted).max() <= 1


@pytest.mark.parametrize("name", ["float64-big", "uint16-masked", "float32-nan"])
def test_a_hillshade_is_that_of_gdaldem(
    name: str, files: dict[str, Path], page: Page, server: Gunicorn, tmp_path: Path
) -> None:
    show(page, server, name, "as=hillshade&shade=on&height=0.5")
    command = [gdal_program("gdaldem"), "hillshade", "-q", "-z", "0.5", str(files[name]), f"{tmp_path}/shade.tif"]
    subprocess.run(command, check=True, timeout=60)
    with rasterio.open(tmp_path / "shade.tif") as dataset:
        shade = dataset.read(1).astype(np.float64)
    wanted = np.broadcast_to(shade, (3, HEIGHT, WIDTH))
    drawn = on_the_map(page, wanted)
    is_known = shade > 0  # gdaldem leaves out the border, and pixels beside those without a value
    if KINDS[name].has_mask:
        is_known &= ~hole(37)
    assert is_known.mean() > 0.8
    assert np.abs(drawn - wanted)[:, is_known].max() <= 2


def test_a_change_of_style_loads_no_tile_again(page: Page, server: Gunicorn) -> None:
    show(page, server, "uint16-bands", "as=values")
    asked = len([url for url in page.urls if ".bin" in url])
    plain = map_picture(page)
    for selector in (
        "[name=stretch][value=minmax]",
        "[name=mode][value=bands]",
        "[data-style=nodata]",
        "[name=mode][value=values]",
    ):
        page.run("document.querySelector(s).click()", s=selector)
        settle(page)
    assert (map_picture(page) != plain).any()
    assert len([url for url in page.urls if ".bin" in url]) == asked


def test_nodata_and_masks_are_drawn_if_asked(files: dict[str, Path], page: Page, server: Gunicorn) -> None:
    for name, view in (("int16-nodata", "nodata=off"), ("uint16-masked", "mask=off")):
        show(page, server, name, f"as=values&ramp=Grey&stretch={LOW},{HIGH}&{view}")
        with rasterio.open(files[name]) as dataset:
            wanted = np.broadcast_to(greys(dataset.read()), (3, HEIGHT, WIDTH))
        assert np.abs(on_the_map(page, wanted) - wanted).max() <= 1


def point(page: Page, col: int, row: int) -> None:
    """Move the mouse to a pixel of the image, which is shown in full resolution."""
    left, top, width, height = page.box("[data-map=map]")
    page.point(left + width / 2 + col + 0.5 - WIDTH / 2, top + height / 2 + row + 0.5 - HEIGHT / 2)
    next_frame(page)


def pointed(page: Page, dataset: Any) -> tuple[int, int]:
    """Column and row of the pixel whose coordinates the page tells."""
    x, y = map(float, fact(page, "coordinates").partition(" (")[0].split(", "))
    col, row = ~dataset.transform * (x, y)
    return math.floor(col), math.floor(row)


def told(page: Page) -> str:
    return fact(page, "value").strip().replace(",", "").replace("−", "-")


@pytest.mark.parametrize("name", ["float32-nan", "float64-big", "int16-nodata", "uint16-masked", "float32-sparse"])
def test_the_value_under_the_pointer_is_the_stored_one_at_its_place(
    name: str, files: dict[str, Path], page: Page, server: Gunicorn
) -> None:
    show(page, server, name, "as=values")
    with rasterio.open(files[name]) as dataset:
        pixels = dataset.read(1)
        to_degrees = Transformer.from_crs(dataset.crs, "OGC:CRS84", always_xy=True)
        for place in ((10, 20), (127, 180), (250, 90)):
            point(page, *place)
            col, row = pointed(page, dataset)
            assert max(abs(col - place[0]), abs(row - place[1])) <= 1
            number, _, unit = told(page).partition(" ")
            assert pixels.dtype.type(float(number)) == pixels[row, col]
            assert unit == KINDS[name].unit
            longitude, latitude = to_degrees.transform(*dataset.xy(row, col))
            east, east_letter, north, north_letter = fact(page, "geographic").replace("°", "").split()
            assert east_letter + north_letter == ("E" if longitude > 0 else "W") + "N"
            tolerance = dataset.res[0] * (1 if dataset.crs.is_geographic else 2e-5)  # a pixel, or two in high latitudes
            assert (float(east), float(north)) == pytest.approx((abs(longitude), latitude), abs=tolerance)
    assert ("not stored" in fact(page, "other-values")) == KINDS[name].is_sparse
    if KINDS[name].nodata is not None:
        point(page, 140, 100)
        assert told(page) == "nodata"


def test_values_of_many_bands_are_told_with_names_scale_and_offset(
    files: dict[str, Path], page: Page, server: Gunicorn
) -> None:
    show(page, server, "uint16-bands", "as=bands&bands=5,3,1")
    point(page, 40, 30)
    with rasterio.open(files["uint16-bands"]) as dataset:
        col, row = pointed(page, dataset)
        stored = dataset.read()[:, row, col].astype(float)
    physical = [round(stored[band - 1] * 0.0001 - 0.1, 9) for band in (5, 3, 1)]
    text = told(page)
    for band, number in zip((5, 3, 1), physical, strict=True):
        assert f"Band {band} {number:.12g}" in text
    assert f"Band 2 {stored[1] * 0.0001 - 0.1:.12g}" in fact(page, "other-values").replace("−", "-")
    assert f"stored {stored[4]:.0f}" in fact(page, "other-values")


def test_fingers_reach_the_values_of_all_bands(
    files: dict[str, Path], pages: dict[str, Page], server: Gunicorn
) -> None:
    phone = pages["phone"]
    show(phone, server, "uint16-bands", "as=bands&bands=5,3,1&tab=tiles")
    hint = "return document.querySelector('[data-map=tap-hint]').checkVisibility()"
    assert phone.run(hint)
    left, top, width, height = phone.box("[data-map=map]")
    phone.tap(left + width / 2 + 20.5, top + height / 2 - 60.5)
    phone.wait("!document.querySelector('[data-map=tap-hint]').checkVisibility()")
    with rasterio.open(files["uint16-bands"]) as dataset:
        col, row = pointed(phone, dataset)
        stored = dataset.read()[:, row, col].astype(float)
    rows = phone.run("return [...document.querySelectorAll('[data-map=all-values] > div')].map((e) => e.innerText)")
    texts = dict(text.replace("−", "-").split("\n") for text in rows)
    assert texts == {f"Band {band}": f"{stored[band - 1] * 0.0001 - 0.1:.12g}" for band in range(1, 7)}
    assert "tap" in phone.run("return document.querySelector('#panel-tiles').innerText")


def test_tiles_that_are_larger_than_textures_are_told_as_such(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    script = "WebGLRenderingContext.prototype.getParameter = () => 100"
    page.send("Page.addScriptToEvaluateOnNewDocument", source=script)
    page.open(f"{server.url}/layers/float64-big")
    page.wait("!document.querySelector('[data-map=message]').hidden")
    assert "tiles have 128 × 128 pixels, and this device draws up to 100 × 100" in fact(page, "message-text")
    assert not page.run("return document.querySelector('[data-map=retry]').checkVisibility()")
    assert page.run("return document.querySelector('#panel-use').checkVisibility()")


def test_the_page_tells_whence_a_tile_came_and_when_the_version_was_confirmed(
    chromium: Chromium, server: Gunicorn
) -> None:
    page = chromium.page()
    for source in ("the server", "the browser’s cache"):
        show(page, server, "float64-big", "as=values")
        point(page, 20, 20)
        page.wait(f"document.querySelector('[data-map=from]').textContent === '{source}'")
    asked = requests.get(f"{server.url}/layers/float64-big", timeout=30).headers["Rawcog-Confirmed"]
    assert abs(parsedate_to_datetime(asked) - datetime.now(UTC)) < timedelta(minutes=1)
    confirmed = page.run("return Date.parse(document.querySelector('[data-map=confirmed]').textContent)")
    assert abs(confirmed / 1000 - datetime.now(UTC).timestamp()) < 600


def test_a_palette_is_told_by_its_colour(files: dict[str, Path], page: Page, server: Gunicorn) -> None:
    show(page, server, "palette", "")
    point(page, 200, 60)
    with rasterio.open(files["palette"]) as dataset:
        col, row = pointed(page, dataset)
        red, green, blue, _ = dataset.colormap(1)[dataset.read(1)[row, col]]
    assert told(page) == f"R {red}G {green}B {blue}"


def test_the_view_is_in_the_url_and_a_copy_of_it_shows_the_same(page: Page, server: Gunicorn) -> None:
    show(page, server, "uint16-bands", "")
    press_button(page, "in")
    page.run("document.querySelector('[name=mode][value=values]').click()")
    script = "const s = document.querySelector('[data-style=band]'); s.value = 4; s.dispatchEvent(new Event('change'))"
    page.run(script)
    page.run("document.querySelector('[name=ramp][value=Heat]').click()")
    page.run("document.querySelector('#tab-tiles').click()")
    settle(page)
    wait_until(lambda: "tab=tiles" in page.run("return location.hash"))
    url, picture = page.run("return location.href"), map_picture(page)
    assert {"as=values", "band=4", "ramp=Heat", "tab=tiles"} <= set(url.partition("#")[2].split("&"))
    page.send("Page.navigate", url="about:blank")
    open_layer(page, url)
    np.testing.assert_array_equal(map_picture(page), picture)
    assert page.run("return location.href") == url
    assert page.run("return document.querySelector('#panel-tiles').checkVisibility()")


def test_the_first_frame_of_other_colours_has_all_tiles(page: Page, server: Gunicorn) -> None:
    show(page, server, "uint16-bands", "as=values&band=4")
    page.run(
        "window.frame = window.requestAnimationFrame; window.held = [];"
        "document.querySelector('[name=ramp][value=Heat]').click();"  # asks for a frame
        "window.requestAnimationFrame = (draw) => window.held.push(draw);"
        "return new Promise((done) => window.frame(() => window.frame(done)))"
    )
    first = page.screenshot()
    page.run("window.requestAnimationFrame = window.frame; window.held.forEach((draw) => window.frame(draw))")
    settle(page)
    np.testing.assert_array_equal(image_on(page, first), image_on(page, page.screenshot()))


def test_tiles_that_fail_are_tried_again_told_and_loaded_on_demand(page: Page, server: Gunicorn) -> None:
    page.send("Page.navigate", url="about:blank")
    page.send("Network.setBlockedURLs", urls=["*.bin"])
    page.open(f"{server.url}/layers/int16-nodata#as=values&ramp=Grey&stretch={LOW},{HIGH}")
    page.wait("!document.querySelector('[data-map=message]').hidden")
    assert "could not be loaded" in fact(page, "message-text")
    page.send("Network.setBlockedURLs", urls=[])
    page.run("document.querySelector('[data-map=retry]').click()")
    settle(page)
    page.wait("document.querySelector('[data-map=message]').hidden")
    point(page, 20, 20)
    page.wait("/^[\\d,]+/.test(document.querySelector('[data-map=value]').textContent)")
