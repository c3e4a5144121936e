"""The pages in a real browser: on a desk and a phone, by day and night, with keys alone, without scripts."""

from itertools import pairwise
from typing import Final

import pytest

from tests.support.axe import axe_findings
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import DEVICES, REAL, SYNTHETIC, accessible, open_layer, show, text_of
from tests.support.wait import wait_until

LAYERS: Final = (*(f"/layers/{name}" for name in (*REAL, *SYNTHETIC)),)
TABS: Final = (*(f"/layers/zstd-float#tab={tab}" for tab in ("style", "use", "file", "tiles")),)
each_device = pytest.mark.parametrize("device", DEVICES)
DOCUMENTS: Final = (
    *("/collections", "/collections/valley", "/collections/valley/map/tiles/native", "/conformance", "/api"),
    *("/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad"),
)
each_path = pytest.mark.parametrize("path", ["/", "/?view=rows", *DOCUMENTS, *LAYERS])

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


@pytest.mark.parametrize("device", ["desk", "phone"])
@each_path
def test_text_of_twice_the_size_fits_the_window(
    path: str, device: str, pages: dict[str, Page], server: Gunicorn
) -> None:
    page = pages[device]
    show(page, server.url + path)
    page.run("document.documentElement.style.fontSize = '200%'")
    script = """const wide = document.documentElement.clientWidth + 1
      return [...document.querySelectorAll("body *")]
        .filter((element) => !element.closest(".wide, .for-readers, .map > *, svg"))
        .filter((element) => element.getBoundingClientRect().right > wide).map((element) => element.outerHTML)"""
    assert page.run(script) == []
    script = """return [...document.querySelectorAll("dd, code")]
      .filter((element) => element.checkVisibility() && element.offsetParent && element.offsetWidth)
      .filter((element) => getComputedStyle(element).display !== "inline" && element.clientWidth < 60)
      .map((element) => element.outerHTML)"""
    assert page.run(script) == []  # they would have a letter on each line


def test_a_window_without_height_has_its_map_and_no_complaint(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page(height=1)
    open_layer(page, f"{server.url}/layers/world")
    assert page.box("[data-map=map]")[3] > 100
    assert page.complaints == []


@pytest.mark.parametrize(
    ("path", "said"), [("/layers/gone", "the layer's file is not there"), ("/layers/other", "no layer 'other'")]
)
@each_device
def test_what_is_not_there_is_told_by_a_page(
    path: str, said: str, device: str, pages: dict[str, Page], server: Gunicorn
) -> None:
    page = pages[device]
    page.open(server.url + path)
    text = page.run("return document.body.innerText")
    assert "404 Not Found" in text
    assert said in text
    assert [complaint for complaint in page.complaints if "status of 404" not in complaint] == []
    assert page.run(CONTRAST) == []
    page.press("Tab", 3)
    assert page.run("return document.activeElement.textContent") == "See all layers"


def test_what_the_policy_forbids_is_complained_of(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.open(f"{server.url}/")
    page.run("document.body.setAttribute('style', 'color: red')")
    page.wait("true")
    assert "Content Security Policy" in "".join(page.complaints)


@pytest.mark.parametrize("device", ["desk", "night"])
@pytest.mark.parametrize("path", ["/", "/layers/world", "/layers/zstd-float"])
def test_text_stands_out_by_day_and_night(path: str, device: str, pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages[device]
    show(page, server.url + path)
    assert page.run(CONTRAST) == []
    script = "return [...document.querySelectorAll('body, .ol-scale-line-inner')].map((e) => getComputedStyle(e).color)"
    assert len(set(page.run(script))) == 1
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


@pytest.mark.parametrize("device", ["phone", "night"])
@pytest.mark.parametrize("path", ["/", "/?view=rows", "/?q=no+such", *DOCUMENTS, *TABS, "/layers/gone"])
def test_axe_finds_nothing(path: str, device: str, pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages[device]
    page.send("Page.navigate", url="about:blank")
    show(page, server.url + path)
    page.run("for (const more of document.querySelectorAll('details')) more.open = true")
    assert axe_findings(page) == []


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
    page.click("#tab-use")
    clients = page.run("return [...document.querySelectorAll('.clients button')].map((tab) => tab.id)")
    starts = ("http://", "/vsicurl/http://", "gdalinfo ", "gdal_translate ", "gdalwarp ", "import ", "const map")
    for client in clients:
        page.click(f"#{client}")
        script = (
            "return [...document.querySelectorAll('.lines[data-open] code')].map((line) => [line.id, line.textContent])"
        )
        for line, text in page.run(script):
            page.click(f"[data-copy={line}]")
            page.wait(f"document.querySelector('[data-copy={line}]').textContent === 'Copied'")
            assert page.run("return await navigator.clipboard.readText()") == text
            assert text.startswith(starts)
    assert page.run("return document.querySelector('[data-copied]').textContent") == "Copied"


def test_without_scripts_all_but_the_map_is_there(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=f"{server.url}/layers/world")
    wait_until(lambda: "needs JavaScript" in text_of(page) and not has_map(page))  # the style sheet hides the map
    text = text_of(page)
    assert "/layers/world@" in text
    assert "EPSG:4326" in text
    assert "Copy" not in text
    assert "Whole image" not in text


def has_map(page: Page) -> bool:
    return any(node["role"]["value"] == "application" for node in accessible(page))


def test_the_map_is_reached_and_left_with_keys_alone(pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    open_layer(page, f"{server.url}/layers/netherlands")
    seen = []
    for _ in range(25):
        page.press("Tab")
        seen.append(page.run("const e = document.activeElement; return e.dataset.map ?? e.dataset.tab ?? e.tagName"))
    order = ["A", "A", "A", "share", "map", "in", "out", "whole", "full", "borders-button", "style"]
    assert [name for name in seen if name in order][: len(order)] == order
    outline = page.run(
        "document.querySelector('[data-map=map]').focus({ focusVisible: true }); "
        "return getComputedStyle(document.querySelector('[data-map=map]')).outlineStyle"
    )
    assert outline == "solid"
