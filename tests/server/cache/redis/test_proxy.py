"""Faults of the network between the workers of a real server and Redis."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from server.cache.redis.url import CONNECTIONS
from tests.support import fault_proxy
from tests.support.app import layer
from tests.support.fault_proxy import FaultProxy
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.load import Load
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.wait import wait_until

WORKERS = 2
CLIENTS = 4
SIDE, TILE_PIXELS = 6, 128
LONGEST_S = 12
"""Bound on the duration of a request, as documented."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Two workers with memory for few tiles, a proxy of faults, and Redis."""

    proxy: FaultProxy
    server: Gunicorn
    tiles: dict[str, bytes]
    """URL -> expected samples."""

    def warnings(self, since: int) -> Counter[str]:
        """Count the warnings of each worker behind an offset of the log."""
        return Counter(re.findall(r"^\S+ WARNING (\d+) ", self.server.log()[since:], re.MULTILINE))

    def recovered(self, since: int) -> set[str]:
        """List the workers that logged the end of the outage."""
        return set(re.findall(r"^\S+ INFO (\d+) \S+ redis is back$", self.server.log()[since:], re.MULTILINE))

    def open_files(self) -> dict[int, int]:
        return {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.server.pids()}

    def threads(self) -> dict[int, int]:
        return {pid: len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in self.server.pids()}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    path = tmp_path_factory.mktemp("file") / "a.tif"
    side = SIDE * TILE_PIXELS
    samples = np.random.default_rng(1).integers(0, 255, (3, side, side), dtype=np.uint8)
    profile = {"width": side, "height": side, "count": 3, "dtype": "uint8", "tiled": True, "interleave": "pixel"}
    profile["transform"] = rasterio.transform.from_origin(0, 0, 2, 2)
    with rasterio.open(path, "w", driver="GTiff", blockxsize=TILE_PIXELS, blockysize=TILE_PIXELS, **profile) as file:
        file.write(samples)
    with Origin() as origin, RedisServer() as redis, FaultProxy(redis.port) as proxy:
        origin.put("/a.tif", path.read_bytes())
        config = "[server]\nrevalidate_s = 1\nmemory_bytes = 1048576\n" + layer("cached", f"{origin.url}/a.tif")
        config += layer("uncached", f"{origin.url}/a.tif", "cache_tiles = false")
        environment = {"WEB_CONCURRENCY": str(WORKERS), "REDIS_URL": f"redis://127.0.0.1:{proxy.port}"}
        with Gunicorn(environment, config) as server:
            wait_until(lambda: len(server.pids()) == WORKERS)
            tiles = {
                f"{server.url}/layers/{name}/tiles/native/0/{x}/{y}.bin": _tile(samples, x, y)
                for x in range(SIDE)
                for y in range(SIDE)
                for name in ("cached", "uncached")
            }
            with Load(list(tiles), CLIENTS) as load:  # connections are made, threads started
                load.more(200)
            yield Stack(proxy, server, tiles)


def _tile(samples: "np.typing.NDArray[np.uint8]", x: int, y: int) -> bytes:
    rows, cols = (slice(at * TILE_PIXELS, (at + 1) * TILE_PIXELS) for at in (y, x))
    return np.ascontiguousarray(samples[:, rows, cols].transpose(1, 2, 0)).tobytes()


LOST_LINKS = "loses what is connected"
"""No outage for a worker whose other threads get replies on new connections meanwhile."""

FAULTS: dict[str, Callable[[FaultProxy], None]] = {
    "is refused": FaultProxy.refuse,
    LOST_LINKS: FaultProxy.lose_links,
    **{
        fault.__name__: lambda proxy, fault=fault: proxy.fail(fault)  # type: ignore[misc]
        for fault in (
            fault_proxy.slow,
            fault_proxy.hang,
            fault_proxy.drip,
            fault_proxy.cut,
            fault_proxy.reset,
            fault_proxy.half_closed,
            fault_proxy.garbage,
        )
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_costs_one_line_a_worker_and_ends_with_the_fault(fault: str, stack: Stack) -> None:
    since, files, threads = len(stack.server.log()), stack.open_files(), stack.threads()
    with Load(list(stack.tiles), CLIENTS, LONGEST_S) as load:
        load.more(20)
        FAULTS[fault](stack.proxy)
        if fault != LOST_LINKS:
            wait_until(lambda: len(stack.warnings(since)) == WORKERS)
        load.more(100)
        stack.proxy.mend()
        wait_until(lambda: stack.recovered(since) == set(stack.warnings(since)))
        load.more(20)
    assert {answer.status for answer in load.answers} == {200}
    assert all(answer.body == stack.tiles[answer.url] for answer in load.answers)
    assert set(stack.warnings(since).values()) <= {1}, stack.server.log()[since:]
    assert "Traceback" not in stack.server.log()[since:]
    assert stack.proxy.links <= WORKERS * CONNECTIONS
    for pid in stack.server.pids():
        assert stack.open_files()[pid] <= files[pid] + 2 * CLIENTS, "each may have brought one to Redis and the origin"
        assert stack.threads()[pid] <= threads[pid] + CLIENTS


def test_values_damaged_by_the_network_are_read_from_the_origin(stack: Stack) -> None:
    since = len(stack.server.log())
    stack.proxy.fail(fault_proxy.flipped)
    with Load(list(stack.tiles), CLIENTS, LONGEST_S) as load:
        load.more(200)
        # a byte that is flipped between the values is an outage; one within a value comes sooner or later
        wait_for(lambda: "do not verify" in stack.server.log()[since:], "a value that does not verify")
    stack.proxy.mend()
    assert {answer.status for answer in load.answers} == {200}
    assert all(answer.body == stack.tiles[answer.url] for answer in load.answers)
