"""The page of all layers in a real browser: its search, and its previews against GDAL's reading of the files."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import REAL, SYNTHETIC, next_frame, show, text_of
from tests.support.pictures import open_quietly
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

MANY: Final = 1000
LINES: Final = """
const range = document.createRange()
const lines = (heading) => (range.selectNodeContents(heading), range.getClientRects().length)
return Object.fromEntries([...document.querySelectorAll(".filters h2")].map((h2) => [h2.textContent, lines(h2)]))
"""
"""Heading of a filter -> lines that it takes."""
PADDING_PX: Final = 6
"""Between a preview and its box, in CSS pixels."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A server of many layers."""
    path = tmp_path_factory.mktemp("many") / "a.tif"
    path.write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = "".join(layer(f"layer-{number}", path, f"title = 'Sheet {number}'") for number in range(MANY))
    config += f"[collections.sheets]\nfolder = '{path.parent}'\n"
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def shown(page: Page) -> list[str]:
    """The titles that are in the list now."""
    titles: list[str] = page.run(
        "return [...document.querySelectorAll('.layers h3')].map((title) => title.textContent)"
    )
    return titles


def type_and_wait(page: Page, text: str, status: str) -> None:
    """Replace the text of the search field and wait for the number of layers that is then told."""
    page.run("document.querySelector('#search').focus(); document.querySelector('#search').select()")
    page.type(text)
    page.wait(f"document.querySelector('[data-list=status]').textContent === '{status}'")


def test_the_list_follows_the_search_field_and_so_does_the_url(pages: dict[str, Page], server: Gunicorn) -> None:
    page = pages["desk"]
    show(page, f"{server.url}/?view=rows")
    assert len(shown(page)) == len(REAL) + len(SYNTHETIC) + 1
    type_and_wait(page, "titulo VALLEY", "1 of 6 layers")
    assert shown(page) == ["Título valley"]
    assert page.run("return location.search") == "?q=titulo+VALLEY&view=rows"
    assert page.run("return document.activeElement.id") == "search"
    type_and_wait(page, "no such", "0 of 6 layers")
    assert shown(page) == []
    page.run("location.reload()")
    page.wait("document.readyState === 'complete' && document.querySelector('#search').value === 'no such'")
    assert shown(page) == []
    page.click(".notice a")
    page.wait("location.search === '?view=rows'")
    page.wait("document.querySelectorAll('.layers h3').length === 6")
    assert page.complaints == []


def test_the_search_and_the_filters_need_no_script(chromium: Chromium, server: Gunicorn) -> None:
    page = chromium.page()
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=f"{server.url}/")
    for _ in range(3):  # the link to the content, the title, the field
        wait_until(lambda: "Título netherlands" in text_of(page))
        page.press("Tab")
    page.type("valley")
    page.press("Enter")
    wait_until(lambda: "1 of 6 layers" in text_of(page))
    assert "Título valley" in text_of(page)
    assert "Título world" not in text_of(page)


def test_a_list_of_many_layers_is_as_long_as_a_phone_bears(pages: dict[str, Page], large: Gunicorn) -> None:
    page = pages["phone"]
    for view in ("wall", "rows"):
        page.open(f"{large.url}/?view={view}")
        page.wait("document.images[0].complete")
        assert page.run("return document.documentElement.scrollHeight") < 8 * 740
        assert sum("/tiles/" in url for url in page.urls) <= len(shown(page)) * 4
        assert page.run(LINES) == {"Collections": 1}
        assert page.complaints == []
    type_and_wait(page, "sheet 777", f"1 of {MANY:,} layers")
    assert shown(page) == ["Sheet 777"]
    page.wait("document.images[0].complete && document.images[0].naturalWidth > 0")


def coarsest(name: str, background: list[int]) -> NDArray[np.float64]:
    """The coarsest level, and the background where its mask hides it."""
    path = ROOT / "data" / f"{name}.tif"
    with open_quietly(path) as dataset:
        level = len(dataset.overviews(1))
    with open_quietly(path, level) as dataset:
        pixels = np.asarray(dataset.read([1, 2, 3]), np.float64)
        return np.where(dataset.dataset_mask() > 0, pixels, np.array(background, np.float64)[:, None, None])


@pytest.mark.parametrize("device", ["desk", "phone"])
@pytest.mark.parametrize(("name", "stretch"), [("world", 0.5), ("netherlands", 1.0), ("valley", 1.0)])
def test_a_preview_shows_the_whole_image_and_no_padding(
    name: str, stretch: float, device: str, pages: dict[str, Page], server: Gunicorn
) -> None:
    page = pages[device]
    show(page, f"{server.url}/")
    box = f"a[href='/layers/{name}'] svg"
    page.run("document.querySelector(s).scrollIntoView({ block: 'center', behavior: 'instant' })", s=box)
    page.wait(f'[...document.querySelectorAll("{box} img")].every((image) => image.complete && image.naturalWidth)')
    next_frame(page)
    scale = 2 if device == "phone" else 1
    left, top, width, height = (value * scale for value in page.box(box))
    picture = page.screenshot()[:, round(top) : round(top + height), round(left) : round(left + width)].astype(
        np.float64
    )
    script = "return getComputedStyle(document.querySelector('.preview')).backgroundColor.match(/\\d+/g).map(Number)"
    background = page.run(script)
    wanted = containing(coarsest(name, background), picture.shape[1:], stretch, PADDING_PX * scale, background)
    assert np.abs(smooth(picture) - smooth(wanted)).mean() < 6
    assert np.abs(smooth(picture) - smooth(np.roll(wanted, wanted.shape[2] // 20, axis=2))).mean() > 12


def containing(
    pixels: NDArray[np.float64], shape: tuple[int, ...], stretch: float, padding: int, background: list[float]
) -> NDArray[np.float64]:
    """An image as large as fits into a box, in its middle."""
    height, width = pixels.shape[1], pixels.shape[2]
    zoom = min((shape[0] - 2 * padding) / (height * stretch), (shape[1] - 2 * padding) / width)
    rows = np.floor((np.arange(shape[0]) + 0.5 - shape[0] / 2) / zoom / stretch + height / 2).astype(int)
    cols = np.floor((np.arange(shape[1]) + 0.5 - shape[1] / 2) / zoom + width / 2).astype(int)
    is_inside = ((rows >= 0) & (rows < height))[:, None] & ((cols >= 0) & (cols < width))
    picture = pixels[:, np.clip(rows, 0, height - 1)[:, None], np.clip(cols, 0, width - 1)]
    return np.where(is_inside, picture, np.array(background, np.float64)[:, None, None])


def smooth(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over five by five pixels, whatever way a browser resamples."""
    for axis in (1, 2):
        picture = sum(np.roll(picture, shift, axis) for shift in range(-2, 3)) / 5  # type: ignore[assignment]
    return picture
