"""Programs that read COGs open `cog.tif`, with the pixels of the file; what one has read costs the next no origin."""

import re
import subprocess
from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from rio_tiler.io import Reader

from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.system_gdal import gdal_program

NAMES: Final = "valley", "elk-mountains", "land-cover"
"""WebP, values, and a header and tiles of many blocks."""
READ_TWICE, READ_ONCE = Window(1000, 2000, 700, 500), Window(5000, 7000, 700, 500)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        for name in NAMES:
            running.put(f"/{name}", (ROOT / f"data/{name}.tif").read_bytes())
        running.put("/unread", (ROOT / "data/land-cover.tif").read_bytes())
        yield running


@pytest.fixture(scope="module")
def servers(origin: Origin) -> Iterator[tuple[Gunicorn, Gunicorn]]:
    """Two workers of a fleet, each the only one of its server."""
    config = "".join(layer(name, f"{origin.url}/{name}") for name in (*NAMES, "unread"))
    with RedisServer() as redis:
        environment = {"WEB_CONCURRENCY": "1", "REDIS_URL": redis.url}
        with Gunicorn(environment, config) as first, Gunicorn(environment, config) as second:
            yield first, second


def url(server: Gunicorn, name: str) -> str:
    return f"{server.url}/layers/{name}/cog.tif"


@pytest.mark.parametrize("name", NAMES)
def test_the_gdal_of_the_distribution_reads_the_pixels_of_the_file(
    name: str, servers: tuple[Gunicorn, Gunicorn]
) -> None:
    sums = []
    for dataset in (str(ROOT / f"data/{name}.tif"), f"/vsicurl/{url(servers[0], name)}"):
        command = [gdal_program("gdalinfo"), "-checksum", dataset]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        sums.append(re.findall(r"Checksum=\d+|Overviews: .*|Block=\S+|Size is .*", done.stdout))
    assert sums[0] == sums[1]
    assert len(sums[0]) > 2


@pytest.mark.parametrize("name", NAMES)
def test_rasterio_and_rio_tiler_read_the_pixels_of_the_file(name: str, servers: tuple[Gunicorn, Gunicorn]) -> None:
    local = ROOT / f"data/{name}.tif"
    with rasterio.open(local) as right, rasterio.open(url(servers[0], name)) as read:
        assert read.profile == right.profile
        assert read.tags() == right.tags()
        np.testing.assert_array_equal(read.read(), right.read())
    with Reader(str(local)) as right, Reader(url(servers[0], name)) as read:
        assert read.info() == right.info()
        np.testing.assert_array_equal(read.preview().array.filled(0), right.preview().array.filled(0))


def test_the_second_client_costs_the_origin_nothing_until_it_wants_another_tile(
    servers: tuple[Gunicorn, Gunicorn], origin: Origin
) -> None:
    with rasterio.open(url(servers[0], "unread")) as first:
        pixels = first.read(1, window=READ_TWICE)
    asked = len(origin.ranges("/unread"))
    assert asked > 0
    with rasterio.open(url(servers[1], "unread")) as second:
        np.testing.assert_array_equal(second.read(1, window=READ_TWICE), pixels)
        assert len(origin.ranges("/unread")) == asked
        other = second.read(1, window=READ_ONCE)
        assert len(origin.ranges("/unread")) > asked
    with rasterio.open(ROOT / "data/land-cover.tif") as right:
        np.testing.assert_array_equal(other, right.read(1, window=READ_ONCE))
