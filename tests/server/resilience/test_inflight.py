"""The memory of large tiles while they are made and sent, in the parts and in a running worker."""

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Final

import numpy as np
import pytest
import requests
from rasterio.io import MemoryFile

from cogread.deadline import NEVER, Deadline
from server.http.errors import ServerBusy
from server.resilience.inflight import MemoryBudget, Share, decoders_bulkhead
from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn
from tests.support.memory import peak_bytes
from tests.support.rasters import noise, raster
from tests.support.wait import wait_until

MiB: Final = 1 << 20
SIDE: Final = 2048
BUDGET_BYTES: Final = 80 * MiB
CLIENTS: Final = 16
ROUNDS: Final = 4
SMALL_TILE: Final = "/layers/world/tiles/native/0/0/0.jpg"

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def waiting(budget: MemoryBudget, pool: ThreadPoolExecutor, size_bytes: int, before: int = 0) -> "Future[Share]":
    """A request that waits for a share, behind so many others."""
    asked = pool.submit(budget.take, size_bytes, NEVER)
    wait_until(lambda: len(budget._waiting) == before + 1 or asked.done())
    return asked


def test_shares_are_given_in_turn_as_others_are_given_back(pool: ThreadPoolExecutor) -> None:
    budget = MemoryBudget(100, clock=lambda: 0.0)
    first = budget.take(60, NEVER)
    large = waiting(budget, pool, 100)
    small = waiting(budget, pool, 30, before=1)
    assert not small.done(), "it came later, though there is room for it"
    first.shrink(1)
    first.close()
    first.close()
    large.result(10).close()
    small.result(10)


def test_a_tile_larger_than_the_budget_is_made_alone(pool: ThreadPoolExecutor) -> None:
    budget = MemoryBudget(100, clock=lambda: 0.0)
    large = budget.take(1000, NEVER)
    other = waiting(budget, pool, 1)
    assert not other.done()
    del large  # as where a reply is dropped on the way
    other.result(10)


def test_what_cannot_be_served_soon_is_turned_away(pool: ThreadPoolExecutor) -> None:
    now = 0.0
    budget = MemoryBudget(100, clock=lambda: now)
    share = budget.take(100, NEVER)
    with pytest.raises(ServerBusy):
        budget.take(1, Deadline(now))
    asked = [waiting(budget, pool, 100, before) for before in range(2)]
    with pytest.raises(ServerBusy, match=r"up to 1 bytes .* 100 of 100"):
        budget.take(1, NEVER)
    share.close()
    wait_until(asked[0].done)
    asked[0].result().close()
    asked[1].result(10)


def test_decoders_are_bounded(pool: ThreadPoolExecutor) -> None:
    decoders, begun, may_end = decoders_bulkhead(1), Event(), Event()

    def decode() -> None:
        with decoders.entered(NEVER):
            begun.set()
            may_end.wait(10)

    decoding = pool.submit(decode)
    begun.wait(10)
    with pytest.raises(ServerBusy), decoders.entered(Deadline(0.0)):
        pytest.fail("two at the same time")
    may_end.set()
    decoding.result(10)
    with decoders.entered(Deadline(0.0)):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """One worker, with tiles that take 68 MiB as `png`, and some of 16 MiB as they are."""
    folder = tmp_path_factory.mktemp("inflight")
    options = {"compress": "deflate", "predictor": "2", "photometric": "rgb"}
    pixels = noise(3, "uint8", SIDE, SIDE)
    (folder / "rgb.tif").write_bytes(raster(pixels, tile=(SIDE, SIDE), options=options))
    (folder / "heights.tif").write_bytes(raster(noise(1, "float32", SIDE, SIDE), tile=(SIDE, SIDE), options={}))
    config = f"[server]\ninflight_bytes = {BUDGET_BYTES}\n" + layer("world", ROOT / "data" / "world.tif")
    config += layer("rgb", folder / "rgb.tif") + layer("heights", folder / "heights.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def test_a_crowd_that_wants_large_pictures_costs_no_more_than_the_budget(server: Gunicorn) -> None:
    (pid,) = server.pids()
    with ThreadPoolExecutor(CLIENTS) as clients:
        url = f"{server.url}/layers/rgb/tiles/native/0/0/0.png"
        replies = list(clients.map(lambda _: requests.get(url, timeout=60), range(ROUNDS * CLIENTS)))
        small = requests.get(server.url + SMALL_TILE, timeout=60)
    assert small.status_code == 200
    statuses = Counter(reply.status_code for reply in replies)
    assert statuses.keys() == {200, 503}
    for reply in replies:
        if reply.status_code == 503:
            assert reply.headers["Retry-After"] == "2"
            assert reply.headers["Content-Type"] == "application/problem+json"
    served = {reply.content for reply in replies if reply.status_code == 200}
    assert len(served) == 1
    with MemoryFile(served.pop()) as memory, memory.open() as picture:
        assert np.array_equal(picture.read(), noise(3, "uint8", SIDE, SIDE))
    assert peak_bytes(pid) < BUDGET_BYTES + 64 * MiB, "the budget, and the server itself with its decoders"
    assert "takes up to" in server.log()


def test_clients_that_do_not_read_hold_their_share_until_they_go(server: Gunicorn) -> None:
    path = "/layers/heights/tiles/native/0/0/0.bin"
    held: list[socket.socket] = []
    while len(held) < BUDGET_BYTES // (SIDE * SIDE * 4):  # 16 MiB each, twice that while it is read
        client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        held.append(client)
        if client.recv(12) != b"HTTP/1.1 200":
            break
    assert len(held) >= 3
    refused = requests.get(server.url + path, timeout=60)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert requests.get(server.url + SMALL_TILE, timeout=60).status_code == 200
    for client in held:
        client.close()
    wait_until(lambda: requests.get(server.url + path, timeout=60).status_code == 200)
