"""The pages in a browser, the map of a layer's, and what it ought to show by GDAL's reading of the file."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.support.chromium import Page
from tests.support.pictures import open_quietly, stored_tiles

Picture = NDArray[np.float64]

REAL: Final = ("world", "netherlands", "valley")
SYNTHETIC: Final = ("jpeg-ycbcr", "zstd-float")
"""The layers of the tests' server: the demo's, and kinds of `tiffs`."""
DEVICES: Final = {
    "desk": {},
    "night": {"is_dark": True},
    "phone": {"width": 360, "height": 740, "scale": 2, "is_phone": True},
}
"""Windows, as `Chromium.page` makes them."""

IS_READY: Final = "document.querySelector('[data-map=map]').getAttribute('aria-busy') === 'false'"


def accessible(page: Page) -> list[Any]:
    """The nodes of a page that a screen reader has, without scripts too."""
    return [node for node in page.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]


def text_of(page: Page) -> str:
    """The text that a screen reader has of a page without scripts."""
    return "\n".join(str(node["name"].get("value", "")) for node in accessible(page) if "name" in node)


def settle(page: Page) -> None:
    """Wait until the map shows all that it was told to."""
    next_frame(page)
    page.wait(IS_READY)


def next_frame(page: Page) -> None:
    """Wait until what was done can be seen."""
    page.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def show(page: Page, url: str) -> None:
    """Open a page and wait for its map and pictures."""
    page.open(url)
    if page.run("return document.querySelector('[data-map=map]') !== null"):
        settle(page)
    page.wait("[...document.images].every((image) => image.complete || image.loading === 'lazy')")


def open_layer(page: Page, url: str) -> None:
    """Open the page of a layer and wait for its map."""
    page.open(url)
    settle(page)


def choose(page: Page, name: str, value: str) -> None:
    """Choose a level or a format."""
    script = "const s = document.querySelector(q); s.value = v; s.dispatchEvent(new Event('change', { bubbles: true }))"
    page.run(script, q=f"[data-map={name}]", v=value)
    settle(page)


def press_button(page: Page, name: str) -> None:
    """Click one of the map's buttons."""
    page.click(f"[data-map={name}]")
    settle(page)


def fact(page: Page, name: str) -> str:
    """The facts on the page about the tile under the pointer."""
    text: str = page.run("return document.querySelector(q).textContent", q=f"[data-map={name}]")
    return text


def map_picture(page: Page, scale: int = 1) -> Picture:
    """A picture of the map without what floats above it: (bands, height, width) in device pixels."""
    page.run("document.querySelector('[data-map=map]').scrollIntoView({ block: 'end', behavior: 'instant' })")
    page.run("document.activeElement.blur()")
    settle(page)
    page.run("for (const each of document.querySelectorAll('.float, .ol-scale-line')) each.style.visibility = 'hidden'")
    left, top, width, height = (round(value * scale) for value in page.box("[data-map=map]"))
    next_frame(page)
    shot = page.screenshot()[:, top : top + height, left : left + width]
    page.run("for (const each of document.querySelectorAll('.float, .ol-scale-line')) each.style.visibility = ''")
    return shot.astype(np.float64)


def gdals(path: Path, level: int, like: Picture, zoom: float, background: NDArray[np.float64]) -> Picture:
    """The expected picture of a map with the middle of the image in its middle.

    Args:
        path: the file.
        level: whose pixels are shown, each as a sharp rectangle.
        like: a picture of the map's size.
        zoom: device pixels to a pixel of the full resolution, across.
        background: what is seen beside the image, where its mask hides it, and where no tile is stored.
    """
    with open_quietly(path) as full:
        across, down = full.width, full.height * _stretch(full.transform)
    with open_quietly(path, level) as dataset:
        pixels = dataset.read([1, 2, 3] if dataset.count >= 3 else [1, 1, 1]).astype(np.float64)
        mask = (dataset.dataset_mask() > 0) & _stored(path, level, *dataset.shape, *dataset.block_shapes[0])
    rows = _indices(like.shape[1], zoom, down, pixels.shape[1])
    cols = _indices(like.shape[2], zoom, across, pixels.shape[2])
    is_inside = ((rows >= 0) & (rows < pixels.shape[1]))[:, None] & ((cols >= 0) & (cols < pixels.shape[2]))
    rows, cols = np.clip(rows, 0, pixels.shape[1] - 1)[:, None], np.clip(cols, 0, pixels.shape[2] - 1)
    shown = is_inside & mask[rows, cols]
    return np.where(shown, pixels[:, rows, cols], background[:, None, None])


def _stored(path: Path, level: int, height: int, width: int, tile_height: int, tile_width: int) -> NDArray[np.bool_]:
    """The places with tiles."""
    changed = np.zeros((height, width), bool)
    for col, row in stored_tiles(path, level):
        changed[row * tile_height : (row + 1) * tile_height, col * tile_width : (col + 1) * tile_width] = True
    return changed


def _stretch(transform: tuple[float, ...]) -> float:
    """Height of a pixel over its width; a rotated image is shown in its pixels, which are square."""
    is_rotated = transform[1] or transform[3]
    return 1.0 if is_rotated else abs(transform[4] / transform[0])


def _indices(size: int, zoom: float, extent: float, count: int) -> NDArray[np.intp]:
    """Indices of the level's pixels under each pixel of the screen."""
    places = (np.arange(size) + 0.5 - size / 2) / zoom + extent / 2
    cells: NDArray[np.intp] = np.floor(places / extent * count).astype(np.intp)
    return cells


def best_shift(actual: Picture, wanted: Picture, most: int = 2) -> tuple[tuple[int, int], float, float]:
    """Measure the shift between two pictures.

    Returns:
        (x, y) in pixels, the mean absolute difference there, and the least of those at shifts two or more pixels away.
    """
    shifts = [(x, y) for x in range(-most, most + 1) for y in range(-most, most + 1)]
    shown, there = actual.astype(np.float32), wanted.astype(np.float32)
    means = {shift: _difference(shown, there, *shift, most) for shift in shifts}
    best = min(shifts, key=lambda shift: means[shift])
    others = [means[shift] for shift in shifts if max(abs(shift[0] - best[0]), abs(shift[1] - best[1])) > 1]
    return best, means[best], min(others)


def _difference(actual: NDArray[np.float32], wanted: NDArray[np.float32], x: int, y: int, most: int) -> float:
    height, width = actual.shape[1:]
    inner = wanted[:, most : height - most, most : width - most]
    return float(np.abs(actual[:, most + y : height - most + y, most + x : width - most + x] - inner).mean())
