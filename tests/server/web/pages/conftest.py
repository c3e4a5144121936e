"""A browser, its windows, and a server of layers to look at."""

from collections.abc import Iterator

import pytest

from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import DEVICES, REAL, SYNTHETIC
from tests.support.tiffs import gdal_tiff


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


@pytest.fixture(scope="module")
def pages(chromium: Chromium) -> dict[str, Page]:
    return {name: chromium.page(**device) for name, device in DEVICES.items()}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("pages")
    config = "".join(layer(name, ROOT / "data" / f"{name}.tif", f"title = 'Título {name}'") for name in REAL)
    for kind in SYNTHETIC:
        (folder / kind).write_bytes(gdal_tiff(kind))
        config += layer(kind, folder / kind)
    config += layer("gone", folder / "nothing.tif", f"title = 'The {'very' * 60} lost'")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running
