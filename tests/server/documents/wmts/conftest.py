"""Layers of the kinds that WMTS tells apart, served in this process."""

import pytest
from flask.testing import FlaskClient

from tests.support.app import client, layer
from tests.support.ogc import Element
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff
from tests.support.wmts import capabilities


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """JPEG in its own grid, JPEG that is aligned to web maps, JPEG with a mask, and 16 bit integers."""
    folder = tmp_path_factory.mktemp("layers")
    files = {
        "photo": gdal_tiff("jpeg-ycbcr"),
        "aligned": web_mercator_tiff(compress="JPEG", width=900, height=700),
        "masked": gdal_tiff("jpeg-mask"),
        "numbers": gdal_tiff("deflate"),
    }
    for name, data in files.items():
        (folder / f"{name}.tif").write_bytes(data)
    return client(folder, "".join(layer(name, f"{name}.tif") for name in files))


@pytest.fixture(scope="module")
def root(app: FlaskClient) -> Element:
    """Top element of its capabilities."""
    return capabilities(app)
