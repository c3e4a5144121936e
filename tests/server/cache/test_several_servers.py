"""Real workers, a real Redis and a far origin: what the fleet asks of the origin, and what happens when Redis goes."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from socket import socket

import pytest
import requests
from flask.testing import FlaskClient
from redis import Redis

from server.origin.blocks import BLOCK_BYTES
from tests.support.app import client, layer
from tests.support.gunicorn import ROOT, Gunicorn
from tests.support.load import Answer, Load
from tests.support.origin import Origin
from tests.support.raw_server import tcp_server
from tests.support.redis import RedisServer
from tests.support.s3 import KEYS, running_store, source_table
from tests.support.wait import wait_until

WORKERS = 4
CLIENTS = 64
FILE = ROOT / "data" / "world.tif"
LATENCY_S = 0.05

Tiles = dict[str, bytes]
"""Path of each tile of layer a -> what it must be."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Tiles:
    """As one worker serves them from the file; that they are right is shown in `test_tiles_oracle`."""
    app: FlaskClient = client(tmp_path_factory.mktemp("app"), layer("a", FILE))
    paths = [
        f"/layers/a/tiles/native/{level['z']}/{x}/{y}.jpg"
        for level in app.get("/layers/a").get_json()["levels"]
        for x in range(level["tiles_across"])
        for y in range(level["tiles_down"])
    ]
    return {path: app.get(path).data for path in paths}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(LATENCY_S) as running:
        running.put("/a.tif", FILE.read_bytes())
        yield running


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


def fleet(origin: Origin, redis_url: str = "", more: str = "") -> Gunicorn:
    """All workers with layer a; `more` is of the config file."""
    environment = {"WEB_CONCURRENCY": str(WORKERS), "REDIS_URL": redis_url}
    return Gunicorn(environment, layer("a", f"{origin.url}/a.tif") + more)


def rush(server: Gunicorn, tiles: Tiles) -> None:
    """Many clients at the same time, each on a connection of its own; every reply must be right."""
    wait_until(lambda: len(server.pids()) == WORKERS)
    paths = [list(tiles)[number % len(tiles)] for number in range(CLIENTS)]

    def fetch(path: str) -> requests.Response:
        return requests.get(server.url + path, timeout=30)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for path, reply in zip(paths, clients.map(fetch, paths), strict=True):
            assert reply.status_code == 200, reply.text
            assert reply.content == tiles[path]


def header_blocks(origin: Origin) -> Counter[int]:
    """Count the reads of each block of the header that begin with it."""
    ranges = [span for span in origin.ranges("/a.tif") if span is not None]
    blocks = [(start // BLOCK_BYTES, start % BLOCK_BYTES, stop - start) for start, stop in ranges]
    return Counter(number for number, rest, size in blocks if rest == 0 and size % BLOCK_BYTES == 0)


def probes(origin: Origin) -> int:
    return origin.ranges("/a.tif").count((0, 1))


def test_a_stampede_of_clients_reads_each_header_block_once_for_all_workers(
    tiles: Tiles, origin: Origin, redis: RedisServer
) -> None:
    with fleet(origin, redis.url) as server:
        rush(server, tiles)
        assert set(header_blocks(origin).values()) == {1}
        assert 0 in header_blocks(origin)
        reads = Counter(origin.ranges("/a.tif"))
        assert set(reads.values()) == {1}, "nor a tile twice"
        assert_raw_ranges_that_expire(redis, origin.host)
    before = len(origin.requests)
    with fleet(origin, redis.url) as server:
        rush(server, tiles)
        assert len(origin.requests) - before <= 1, "a fleet that starts anew finds all in Redis"
        assert probes(origin) == len(origin.requests) - before


def assert_raw_ranges_that_expire(redis: RedisServer, host: str) -> None:
    """Redis holds bytes of the file as they are, for a while, under keys that tell no place."""
    data, kinds = FILE.read_bytes(), set()
    with Redis.from_url(redis.url) as stored:
        for key in stored.scan_iter():
            assert stored.pttl(key) != -1, "never expires"
            assert host.encode() not in key
            assert b"tif" not in key
            if key.endswith(b":lock"):
                continue
            kind, *_, last = key.split(b":")[2:]
            kinds.add(kind)
            if kind == b"block":
                start = int(last) * BLOCK_BYTES
                assert stored.get(key).endswith(data[start : start + BLOCK_BYTES])
            if kind == b"start":
                assert stored.get(key).endswith(data[:BLOCK_BYTES])
            if kind == b"tile":
                start, stop = map(int, last.split(b"-"))
                assert stored.get(key).endswith(data[start:stop])
    assert kinds == {b"block", b"start", b"tile", b"version"}


def test_without_redis_each_worker_reads_the_header_once(tiles: Tiles, origin: Origin) -> None:
    with fleet(origin) as server:
        for _ in range(2):
            rush(server, tiles)
        assert 1 <= max(header_blocks(origin).values()) <= WORKERS
        assert told(server, "") == Counter()


def told(server: Gunicorn, field: str) -> Counter[str]:
    """Count the lines of each worker in the log."""
    return Counter(re.findall(rf"(\d+) server\.cache\.redis: redis is {field}", server.log()))


def under_load(server: Gunicorn, tiles: Tiles) -> Load:
    return Load([server.url + path for path in tiles])


def wrong(load: Load, server: Gunicorn, tiles: Tiles) -> list[Answer]:
    """Replies to a client other than the right tile."""
    return [
        answer
        for answer in load.answers
        if (answer.status, answer.body) != (200, tiles[answer.url.removeprefix(server.url)])
    ]


def test_killing_redis_under_load_fails_no_tile_and_each_worker_says_so_once(
    tiles: Tiles, origin: Origin, redis: RedisServer
) -> None:
    """The version is trusted for an instant only, so that every worker goes on asking Redis for it."""
    with fleet(origin, redis.url, "[server]\nrevalidate_s = 0.1") as server:
        rush(server, tiles)
        with under_load(server, tiles) as load:
            load.more(50)
            assert told(server, "") == Counter()
            redis.kill()
            wait_until(lambda: len(told(server, "not answering")) == WORKERS)
            load.more(100)
            redis.start()
            wait_until(lambda: len(told(server, "back")) == WORKERS)
            load.more(50)
            assert b"rawcog" in redis.command("KEYS", "*"), "Redis is used again"
        assert wrong(load, server, tiles) == []
        assert set(told(server, "not answering").values()) == {1}
        assert set(told(server, "back").values()) == {1}
        assert "Traceback" not in server.log()


def test_a_redis_that_is_none_costs_each_worker_a_line_and_no_tile(tiles: Tiles, origin: Origin) -> None:
    """It hangs up on everyone from the start, and the line is not repeated with every try."""
    tries = 0

    def hang_up(connection: socket) -> None:
        nonlocal tries
        tries += 1

    impatient = "[server]\nrevalidate_s = 0.1"
    with tcp_server(hang_up) as port, fleet(origin, f"redis://127.0.0.1:{port}", impatient) as server:
        rush(server, tiles)
        with under_load(server, tiles) as load:
            wait_until(lambda: len(told(server, "not answering")) == WORKERS)
            so_far = tries
            wait_until(lambda: tries >= so_far + 2 * WORKERS)
        assert wrong(load, server, tiles) == []
        assert set(told(server, "not answering").values()) == {1}
        assert max(header_blocks(origin).values()) <= WORKERS


def test_files_origins_and_stores_give_the_same_tiles(tiles: Tiles, origin: Origin) -> None:
    with running_store() as store:
        table = source_table(store.endpoint_url)
        uri = store.put("deep/a b.tif", FILE.read_bytes())
        config = table + layer("a", FILE) + layer("b", f"{origin.url}/a.tif") + layer("c", uri, "source = 'store'")
        environment = {"WEB_CONCURRENCY": "1", **KEYS}
        with Gunicorn(environment, config) as server, requests.Session() as session:
            for path, body in tiles.items():
                for name in ("a", "b", "c"):
                    url = f"{server.url}{path.replace('/a/', f'/{name}/')}"
                    reply = session.get(url, timeout=30)
                    assert (reply.status_code, reply.content) == (200, body), f"{name}: {reply.text[:200]}"
                    revalidated = session.get(url, headers={"If-None-Match": reply.headers["ETag"]}, timeout=30)
                    head = session.head(url, timeout=30)
                    assert (revalidated.status_code, revalidated.headers["ETag"]) == (304, reply.headers["ETag"])
                    assert (head.status_code, head.headers["ETag"]) == (200, reply.headers["ETag"])
                    assert int(head.headers["Content-Length"]) == len(body)
