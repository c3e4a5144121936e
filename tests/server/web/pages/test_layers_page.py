"""The page of all layers in a real browser: its search, and its previews against GDAL's reading of the files."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.app import ROOT, layer
from tests.support.chromium import Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import MADE, REAL, next_frame, show
from tests.support.pictures import open_quietly
from tests.support.tiffs import gdal_tiff

MANY: Final = 1000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A server of many layers."""
    path = tmp_path_factory.mktemp("many") / "a.tif"
    path.write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = "".join(layer(f"layer-{number}", path, f"title = 'Sheet {number}'") for number in range(MANY))
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


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
    page.open(f"{large.url}/")
    page.wait("document.images[0].complete")
    assert len(shown(page)) == MANY
    page.run("document.querySelector('#search').focus()")
    page.type("sheet 777")
    assert shown(page) == ["Sheet 777"]
    page.wait("document.images[777].complete && document.images[777].naturalWidth > 0")
    assert sum("/tiles/" in url for url in page.urls) < MANY / 5
    assert page.complaints == []


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
def test_a_preview_shows_the_middle_of_the_image_and_no_padding(
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
    found = page.screenshot()[:, round(top) : round(top + height), round(left) : round(left + width)].astype(np.float64)
    script = "return getComputedStyle(document.querySelector('.preview')).backgroundColor.match(/\\d+/g).map(Number)"
    wanted = covering(coarsest(name, page.run(script)), found.shape[1:], stretch)
    inner = (slice(None), slice(8, -8), slice(8, -8))  # not its round corners
    assert np.abs(smooth(found) - smooth(wanted))[inner].mean() < 6
    assert np.abs(smooth(found) - smooth(np.roll(wanted, wanted.shape[2] // 20, axis=2)))[inner].mean() > 12


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
