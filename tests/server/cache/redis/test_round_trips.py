"""The number of round trips to Redis that a tile takes, which are the latency of a tile where Redis is far."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient
from redis import Redis

from tests.support.app import client, layer
from tests.support.fault_proxy import FaultProxy
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

TILE: Final = "/layers/a/tiles/native/1/0/0.jpg"
OTHER_TILE: Final = "/layers/a/tiles/native/1/1/0.jpg"
FILE: Final = gdal_tiff("jpeg-ycbcr")


class Fleet:
    """Workers one after the other, whose memory is empty at first."""

    def __init__(self, folder: Path, origin: Origin, redis: RedisServer, proxy: FaultProxy) -> None:
        self.folder, self.origin, self._redis, self._proxy = folder, origin, redis, proxy
        origin.put("/a.tif", FILE)

    def worker(self) -> FlaskClient:
        config = "[server]\nrevalidate_s = 3600\n" + layer("a", f"{self.origin.url}/a.tif")
        return client(self.folder, config, {"REDIS_URL": f"redis://127.0.0.1:{self._proxy.port}?socket_timeout=10"})

    def round_trips(self, worker: FlaskClient, tile: str = TILE) -> int:
        before = self._proxy.round_trips
        assert worker.get(tile).status_code == 200
        return self._proxy.round_trips - before

    def stored(self) -> "Redis":
        return Redis.from_url(self._redis.url)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Origin() as origin, RedisServer() as redis, FaultProxy(redis.port) as proxy:
        yield Fleet(tmp_path, origin, redis, proxy)


def test_a_new_worker_asks_for_version_and_header_at_once_then_for_the_tile(fleet: Fleet) -> None:
    fleet.worker().get(TILE)
    new = fleet.worker()
    reads = len(fleet.origin.requests)
    assert fleet.round_trips(new) == 2
    assert len(fleet.origin.requests) == reads


def test_a_tile_of_an_open_layer_takes_one_round_trip_and_one_that_redis_lacks_three(fleet: Fleet) -> None:
    first, second = fleet.worker(), fleet.worker()
    first.get(TILE)
    second.get(TILE)
    assert fleet.round_trips(first, OTHER_TILE) == 3
    assert fleet.round_trips(second, OTHER_TILE) == 1
    assert fleet.round_trips(second, OTHER_TILE) == 0


def test_a_worker_that_finds_no_copy_of_the_first_block_leaves_one_for_the_next(fleet: Fleet) -> None:
    fleet.worker().get(TILE)
    with fleet.stored() as stored:
        stored.delete(*stored.keys("rawcog:*:start:*"))
    reads = len(fleet.origin.requests)
    assert fleet.round_trips(fleet.worker()) == 4
    assert fleet.round_trips(fleet.worker()) == 2
    assert len(fleet.origin.requests) == reads


def test_a_copy_of_the_first_block_of_another_version_is_not_used(fleet: Fleet) -> None:
    fleet.worker().get(TILE)
    with fleet.stored() as stored:
        (start,) = stored.keys("rawcog:*:start:*")
        old = stored.get(start)
        stored.flushall()
        fleet.origin.put("/a.tif", gdal_tiff("jpeg-rgb"))
        right = fleet.worker().get(TILE)
        stored.set(start, old)
        reply = fleet.worker().get(TILE)
    assert (reply.data, reply.headers["ETag"]) == (right.data, right.headers["ETag"])
    assert right.data != client_of_file(fleet).get(TILE).data


def client_of_file(fleet: Fleet) -> FlaskClient:
    """A worker that serves the first content of the file."""
    fleet.origin.put("/b.tif", FILE)
    return client(fleet.folder, layer("a", f"{fleet.origin.url}/b.tif"))
