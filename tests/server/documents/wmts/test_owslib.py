"""OWSLib lists the layers of a real server and fetches their tiles, by both bindings."""

from collections.abc import Iterator

import numpy as np
import pytest
import requests
from owslib.util import ServiceException
from owslib.wmts import WebMapTileService
from rasterio.io import MemoryFile

from tests.support.app import layer
from tests.support.decode import block, decoded
from tests.support.gunicorn import Gunicorn
from tests.support.placed import Placed, placed_tiff
from tests.support.tiffs import gdal_tiff, levels_of
from tests.support.webmercator import web_mercator_tiff

PLACED = Placed("EPSG:2193", (1576000.5, 5429000.25, 2.5), ((300, 500), (150, 250)))


def aligned_tiff() -> bytes:
    return web_mercator_tiff(compress="DEFLATE", width=600, height=500)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("layers")
    (folder / "placed.tif").write_bytes(placed_tiff(PLACED))
    (folder / "aligned.tif").write_bytes(aligned_tiff())
    config = layer("placed", folder / "placed.tif", "title = 'A < B & C'\nattribution = 'Somebody'")
    (folder / "masked.tif").write_bytes(gdal_tiff("jpeg-mask"))
    config += layer("aligned", folder / "aligned.tif") + layer("masked", folder / "masked.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(scope="module", params=["/wmts", "/wmts/1.0.0/WMTSCapabilities.xml"])
def service(request: pytest.FixtureRequest, server: Gunicorn) -> WebMapTileService:
    return WebMapTileService(f"{server.url}{request.param}")


def test_it_lists_layers_and_tile_matrix_sets(service: WebMapTileService) -> None:
    assert list(service.contents) == ["placed", "aligned", "masked"]
    placed = service.contents["placed"]
    assert (placed.title, placed.abstract) == ("A < B & C", "Somebody")
    assert placed.formats == ["image/png", "image/tiff;application=geotiff"]
    assert list(placed.styles) == ["default"]
    assert set(service.tilematrixsets) == {"native.placed", "native.aligned", "native.masked", "WebMercatorQuad"}
    described = service.tilematrixsets["native.placed"]
    assert described.crs == "urn:ogc:def:crs:EPSG::2193"
    first, last = described.tilematrix["0"], described.tilematrix["1"]
    assert (last.matrixwidth, last.matrixheight, last.tilewidth, last.tileheight) == (3, 4, 128, 128)
    assert last.topleftcorner == first.topleftcorner == (5429000.25, 1576000.5)
    assert last.scaledenominator == pytest.approx(2.5 / 0.00028, rel=1e-12)
    assert first.scaledenominator == pytest.approx(5 / 0.00028, rel=1e-12)


def test_it_says_where_a_layer_has_tiles_of_the_shared_set(service: WebMapTileService) -> None:
    links = service.contents["aligned"].tilematrixsetlinks
    limits = links["WebMercatorQuad"].tilematrixlimits
    with MemoryFile(aligned_tiff()) as memory:
        assert len(limits) == levels_of(memory) > 2
    assert not links["native.aligned"].tilematrixlimits
    for z, limit in limits.items():
        row, col = (limit.mintilerow + limit.maxtilerow) // 2, limit.mintilecol
        reply = service.gettile(
            layer="aligned", tilematrixset="WebMercatorQuad", tilematrix=z, row=row, column=col, format="image/png"
        )
        assert decoded(reply.read()).shape[1:] == (256, 256)


def test_it_fetches_tiles_of_each_level(service: WebMapTileService) -> None:
    with MemoryFile(placed_tiff(PLACED)) as memory:
        for matrix, overview in (("0", {"OVERVIEW_LEVEL": 0}), ("1", {})):
            with memory.open(**overview) as dataset:
                reply = service.gettile(
                    layer="placed",
                    tilematrixset="native.placed",
                    tilematrix=matrix,
                    row=1,
                    column=0,
                    format="image/png",
                )
                wanted = block(dataset, 0, 1)
                actual = decoded(reply.read())[:3, : wanted.shape[1], : wanted.shape[2]]
                np.testing.assert_array_equal(actual, wanted)


def test_it_fetches_tiles_of_the_format_that_is_first_for_masked_jpeg(service: WebMapTileService) -> None:
    first, *_ = service.contents["masked"].formats
    assert first == "image/vnd.jpeg-png"
    of_set = {"layer": "masked", "tilematrixset": "native.masked", "tilematrix": "3", "format": first}
    kinds = [service.gettile(**of_set, row=row, column=row).info()["Content-Type"] for row in (0, 1)]
    assert kinds == ["image/png", "image/jpeg"]


def test_it_fetches_a_tile_by_its_resource(server: Gunicorn) -> None:
    service = WebMapTileService(f"{server.url}/wmts/1.0.0/WMTSCapabilities.xml")
    url = service.buildTileResource(
        layer="placed",
        style="default",
        format="image/png",
        tilematrixset="native.placed",
        tilematrix="1",
        row=0,
        column=1,
    )
    assert url.startswith(f"{server.url}/wmts/1.0.0/placed@")
    reply = requests.get(url, timeout=30)
    assert "immutable" in reply.headers["Cache-Control"]
    with MemoryFile(placed_tiff(PLACED)) as memory, memory.open() as dataset:
        np.testing.assert_array_equal(decoded(reply.content)[:3], block(dataset, 1, 0))


def test_wrong_requests_are_its_own_exceptions(service: WebMapTileService) -> None:
    with pytest.raises(ServiceException, match="tile 1/0/99"):
        service.gettile(
            layer="placed", tilematrixset="native.placed", tilematrix="1", row=99, column=0, format="image/png"
        )
