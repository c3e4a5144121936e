"""The map of a layer that offers JPEG XL: it uses it in browsers that show it, and JPEG in others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.support.app import layer
from tests.support.chromium import Chromium
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import best_shift, fact, gdals, map_picture, open_layer, press_button
from tests.support.tiffs import gdal_tiff

OLD_BROWSER: Final = """
const decode = window.createImageBitmap
window.createImageBitmap = (blob, ...more) =>
  blob.type === "image/jxl" ? Promise.reject(new Error("no such format")) : decode(blob, ...more)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jxl") / "a.tif"
    path.write_bytes(gdal_tiff("jpeg-rgb"))
    return path


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("a", path, "jxl = true")) as running:
        yield running


@pytest.mark.parametrize("is_old", [False, True], ids=["new-browser", "old-browser"])
def test_the_map_uses_jpeg_xl_where_the_browser_shows_it(
    is_old: bool, path: Path, chromium: Chromium, server: Gunicorn
) -> None:
    page = chromium.page()
    if is_old:
        page.send("Page.addScriptToEvaluateOnNewDocument", source=OLD_BROWSER)
    open_layer(page, f"{server.url}/layers/a")
    press_button(page, "full")
    wanted = "jpg" if is_old else "jxl"
    assert fact(page, "format-text") == wanted
    assert {url.rpartition(".")[2] for url in page.urls if "/tiles/native/" in url} == {wanted}
    picture = map_picture(page)
    script = "return getComputedStyle(document.querySelector('.map-box')).backgroundColor.match(/\\d+/g).map(Number)"
    background = np.array(page.run(script), np.float64)
    shift, difference, others = best_shift(picture, gdals(path, 0, picture, 1, background))
    assert max(map(abs, shift)) <= 1
    assert difference < 2.5
    assert others > 2 * difference
    assert page.complaints == []
