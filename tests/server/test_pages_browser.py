"""The pages in a real browser: on a desk and a phone, by day and night, with keys alone, without scripts."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import open_layer, settle
from tests.support.pictures import open_quietly
from tests.support.tiffs import gdal_tiff

REAL: Final = ("world", "netherlands", "valley")
MADE: Final = ("jpeg-ycbcr", "zstd-float")
MANY: Final = 1000
LAYERS: Final = (*(f"/layers/{name}" for name in (*REAL, *MADE)),)
DEVICES: Final = {
    "desk": {},
    "night": {"is_dark": True},
    "phone": {"width": 360, "height": 740, "scale": 2, "is_phone": True},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("pages")
    config = "".join(layer(name, ROOT / "data" / f"{name}.tif", f"title = 'Título {name}'") for name in REAL)
    for kind in MADE:
        (folder / kind).write_bytes(gdal_tiff(kind))
        config += layer(kind, folder / kind)
    config += layer("gone", folder / "nothing.tif", f"title = 'The {'very' * 60} lost'")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A server of many layers."""
    path = tmp_path_factory.mktemp("many") / "a.tif"
    path.write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = "".join(layer(f"layer-{number}", path, f"title = 'Sheet {number}'") for number in range(MANY))
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


@pytest.fixture(scope="module")
def pages(chromium: Chromium) -> dict[str, Page]:
    return {name: chromium.page(**device) for name, device in DEVICES.items()}  # type: ignore[arg-type]


def show(page: Page, url: str) -> None:
    """Open a page and wait for its map and pictures."""
    page.open(url)
    if page.run("return document.querySelector('[data-map=map]') !== null"):
        settle(page)
    page.wait("[...document.images].every((image) => image.complete || image.loading === 'lazy')")


each_device = pytest.mark.parametrize("device", DEVICES)
each_path = pytest.mark.parametrize("path", ["/", *LAYERS])


@each_device
@each_path
def test_a_page_loads_without_a_complaint_and_fits_the_window(
    path: str, device: str, pages: dict[str, Page], server: Gunicorn
) -> None:
    page = pages[device]
    show(page, server.url + path)
    assert page.complaints == []
    script = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth, visualViewport.scale]"
    wide, window, scale = page.run(script)
    assert wide <= window
    assert scale == 1


def test_what_the_policy_forbids_is_complained_of(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.open(f"{server.url}/")
    page.run("document.body.setAttribute('style', 'color: red')")
    page.wait("true")
    assert "Content Security Policy" in "".join(page.complaints)


CONTRAST: Final = """
const channels = (color) => color.match(/[0-9.]+/g).map(Number)
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0)
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(getComputedStyle(at).backgroundColor)
    if (color.length === 3 || color[3] === 1) return color
  }
  return [255, 255, 255]
}
const poor = []
for (const element of document.querySelectorAll("body *")) {
  const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim())
  if (!texts.length || !element.checkVisibility() || element.closest(".map, .for-readers, noscript")) continue
  const [one, other] = [channels(getComputedStyle(element).color), behind(element)].map(light)
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
  if (ratio < 4.5) poor.push([element.outerHTML.slice(0, 80), ratio])
}
return poor
"""


@pytest.mark.parametrize("device", ["desk", "night"])
@pytest.mark.parametrize("path", ["/", "/layers/world", "/layers/zstd-float"])
def test_text_stands_out_by_day_and_night(path: str, device: str, pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages[device]
    show(page, server.url + path)
    assert page.run(CONTRAST) == []
    dark = page.screenshot().mean() < 128
    assert dark or device == "desk" or path == "/layers/world"
    background = page.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(background) < 64) == (device == "night")


@each_path
def test_all_that_can_be_used_has_a_name_for_readers(path: str, pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    show(page, server.url + path)
    roles = {"button", "link", "checkbox", "combobox", "searchbox", "application", "img", "image", "region"}
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and node.get("role", {}).get("value") in roles
    ]
    assert named
    assert [role for role, name in named if not name.strip()] == []
    headings = page.run("return [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


@each_path
def test_fingers_hit_what_they_aim_at(path: str, pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["phone"]
    show(page, server.url + path)
    script = """return [...document.querySelectorAll("button, select, input")]
      .filter((element) => element.checkVisibility())
      .map((element) => (element.closest("label") ?? element).getBoundingClientRect())
      .filter(({ width, height }) => width < 40 || height < 40).length"""
    assert page.run(script) == 0


def test_a_button_copies_its_line(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.grant("clipboardReadWrite", "clipboardSanitizedWrite")
    show(page, f"{server.url}/layers/world")
    lines = page.run("return [...document.querySelectorAll('.line code')].map((line) => line.textContent)")
    for number, line in enumerate(lines, 1):
        page.click(f"[data-copy=line-{number}]")
        page.wait(f"document.querySelector('[data-copy=line-{number}]').textContent === 'Copied'")
        assert page.run("return await navigator.clipboard.readText()") == line
        assert line.startswith(("http://", "gdalinfo ", "gdal_translate ", "gdalwarp "))
    assert page.run("return document.querySelector('[data-copied]').textContent") == "Copied"


def shown(page: Page) -> list[str]:
    """The titles that are in the list now."""
    script = "return [...document.querySelectorAll('.cards > li:not([hidden]) h2')].map((title) => title.textContent)"
    found: list[str] = page.run(script)
    return found


def test_the_search_finds_layers_by_name_and_title(pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    show(page, f"{server.url}/")
    assert len(shown(page)) == len(REAL) + len(MADE) + 1
    page.run("document.querySelector('#search').focus()")
    page.type("titulo VALLEY")
    assert shown(page) == ["Título valley"]
    assert page.run("return document.querySelector('#found').textContent") == "1 of 6 layers"
    page.run("document.querySelector('#search').select()")
    page.type("no such")
    assert shown(page) == []
    assert page.run("return document.querySelector('#found').textContent") == "0 of 6 layers"


def test_many_layers_load_no_more_pictures_than_are_seen(pages: dict[str, Page], large: Gunicorn) -> None:
    page = pages["desk"]
    page.urls.clear()
    page.open(f"{large.url}/")
    page.wait("document.images[0].complete")
    assert len(shown(page)) == MANY
    page.run("document.querySelector('#search').focus()")
    page.type("sheet 777")
    assert shown(page) == ["Sheet 777"]
    page.wait("document.images[777].complete && document.images[777].naturalWidth > 0")
    assert sum("/tiles/" in url for url in page.urls) < MANY / 5
    assert page.complaints == []


def test_without_scripts_all_but_the_map_is_there(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=f"{server.url}/layers/world")
    text = text_of(page, "needs JavaScript")
    assert "/layers/world@" in text
    assert "EPSG:4326" in text
    assert "Copy" not in text
    assert "Whole image" not in text


def text_of(page: Page, awaited: str) -> str:
    """What a reader hears of a page without scripts, once a text is there."""
    for _ in range(200):
        nodes = page.send("Accessibility.getFullAXTree")["nodes"]
        text = "\n".join(str(node["name"].get("value", "")) for node in nodes if "name" in node and not node["ignored"])
        if awaited in text:
            return text
    raise AssertionError(text)


def coarsest(name: str) -> NDArray[np.float64]:
    path = ROOT / "data" / f"{name}.tif"
    with open_quietly(path) as dataset:
        level = len(dataset.overviews(1))
    with open_quietly(path, level) as dataset:
        return np.asarray(dataset.read([1, 2, 3]), np.float64)


@pytest.mark.parametrize("device", ["desk", "phone"])
@pytest.mark.parametrize(("name", "stretch"), [("world", 0.5), ("netherlands", 1.0), ("valley", 1.0)])
def test_a_preview_shows_the_middle_of_the_image_and_no_padding(
    name: str, stretch: float, device: str, pages: dict[str, Page], server: Gunicorn
) -> None:
    page = pages[device]
    show(page, f"{server.url}/")
    box = f"a[href='/layers/{name}'] svg"
    page.run("document.querySelector(s).scrollIntoView({ block: 'center', behavior: 'instant' })", s=box)
    page.wait(f'[...document.querySelectorAll("{box} img")].every((image) => image.complete && image.naturalWidth)')
    settle_frames(page)
    scale = 2 if device == "phone" else 1
    left, top, width, height = (value * scale for value in page.box(box))
    found = page.screenshot()[:, round(top) : round(top + height), round(left) : round(left + width)].astype(np.float64)
    wanted = covering(coarsest(name), found.shape[1:], stretch)
    inner = (slice(None), slice(8, -8), slice(8, -8))  # not its round corners
    assert np.abs(smooth(found) - smooth(wanted))[inner].mean() < 6
    assert np.abs(smooth(found) - smooth(np.roll(wanted, wanted.shape[2] // 20, axis=2)))[inner].mean() > 12


def settle_frames(page: Page) -> None:
    page.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def covering(pixels: NDArray[np.float64], shape: tuple[int, ...], stretch: float) -> NDArray[np.float64]:
    """An image that fills a box from its middle out."""
    height, width = pixels.shape[1], pixels.shape[2]
    zoom = max(shape[0] / (height * stretch), shape[1] / width)
    rows = (np.arange(shape[0]) + 0.5 - shape[0] / 2) / zoom / stretch + height / 2
    cols = (np.arange(shape[1]) + 0.5 - shape[1] / 2) / zoom + width / 2
    rows, cols = np.clip(rows, 0, height - 1).astype(int), np.clip(cols, 0, width - 1).astype(int)
    return pixels[:, rows[:, None], cols]


def smooth(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over five by five pixels, whatever way a browser resamples."""
    for axis in (1, 2):
        picture = sum(np.roll(picture, shift, axis) for shift in range(-2, 3)) / 5  # type: ignore[assignment]
    return picture


def test_a_layer_that_no_browser_shows_says_so_and_has_its_lines(pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    show(page, f"{server.url}/layers/zstd-float")
    text = page.run("return document.body.innerText")
    assert "a browser cannot show these tiles" in text
    assert "float32" in text
    assert page.run("return document.querySelectorAll('.line code').length") > 0


def test_the_map_is_reached_and_left_with_keys_alone(pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    open_layer(page, f"{server.url}/layers/netherlands")
    seen = []
    for _ in range(25):
        page.press("Tab")
        seen.append(page.run("const e = document.activeElement; return e.dataset.map ?? e.dataset.copy ?? e.tagName"))
    order = ["A", "in", "out", "whole", "full", "level", "format", "borders", "map", "tile", "line-1"]
    assert [name for name in seen if name in order][: len(order)] == order
    outline = page.run(
        "document.querySelector('[data-map=map]').focus({ focusVisible: true }); "
        "return getComputedStyle(document.querySelector('[data-map=map]')).outlineStyle"
    )
    assert outline == "solid"
