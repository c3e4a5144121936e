"""Tiles stay right with damaged values in Redis and with a Redis in trouble."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from cogread.deadline import Deadline
from server.cache.redis.node import Node
from server.cache.redis.node_breaker import Use
from server.cache.redis.pool import server_pool
from server.gunicorn_worker.lead import lead
from server.metrics.counters import counters
from server.metrics.definitions import REDIS_BUSY
from tests.support.app import client, layer
from tests.support.log import written
from tests.support.origin import Origin
from tests.support.raw_server import answering, tcp_server
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

FILE = gdal_tiff("jpeg-ycbcr")
TILES = ["/layers/a/tiles/native/0/0/0.jpg", "/layers/a/tiles/native/1/0/0.jpg", "/layers/a/tiles/native/1/1/0.jpg"]
WARNING = " WARNING "


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("file")
    (folder / "a.tif").write_bytes(FILE)
    app = client(folder, layer("a", "a.tif"))
    return [app.get(tile).data for tile in TILES]


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        yield origin


def worker(folder: Path, origin: Origin, redis_url: str) -> FlaskClient:
    """Make a worker whose memory is empty."""
    config = "[server]\nrevalidate_s = 3600\n" + layer("a", f"{origin.url}/a.tif")
    return client(folder, config, {"REDIS_URL": redis_url, "LOG_LEVEL": "info"})


def tiles_of(app: FlaskClient) -> list[bytes]:
    replies = [app.get(tile) for tile in TILES]
    assert [reply.status_code for reply in replies] == [200] * len(TILES)
    return [reply.data for reply in replies]


Spoil = Callable[[Any, list[bytes]], object]
"""Damages the values of the keys in Redis."""


def swap(stored: Any, keys: list[bytes]) -> None:
    values = stored.mget(keys)
    stored.mset(dict(zip(keys, values[1:] + values[:1], strict=True)))


def replace_all(value: Callable[[bytes], bytes]) -> Spoil:
    def spoil(stored: Any, keys: list[bytes]) -> None:
        stored.mset({key: value(stored.get(key)) for key in keys})

    return spoil


def to_lists(stored: Any, keys: list[bytes]) -> None:
    stored.delete(*keys)
    for key in keys:
        stored.lpush(key, b"value")


SPOILS: dict[str, Spoil] = {
    "evicted": lambda stored, keys: stored.delete(*keys),
    "half evicted": lambda stored, keys: stored.delete(*keys[::2]),
    "swapped": swap,
    "flipped": replace_all(lambda value: value[:-1] + bytes([value[-1] ^ 1])),
    "cut": replace_all(lambda value: value[: len(value) // 2]),
    "longer": replace_all(lambda value: value + b"\0"),
    "emptied": replace_all(lambda value: b""),
    "poisoned": replace_all(lambda value: b"\0" * 100_000),
    "of another type": to_lists,
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_damaged_values_are_read_from_the_origin_and_replaced(
    spoil: str, running: RedisServer, origin: Origin, right: list[bytes], tmp_path: Path
) -> None:
    running.flushall()
    assert tiles_of(worker(tmp_path, origin, running.url)) == right
    with Redis.from_url(running.url) as stored:
        keys = sorted(stored.keys("rawcog:*"))
        assert len(keys) >= 1 + 1 + len(TILES)
        SPOILS[spoil](stored, keys)
    before = len(origin.requests)
    assert tiles_of(worker(tmp_path, origin, running.url)) == right
    assert len(origin.requests) > before
    before = len(origin.requests)
    assert tiles_of(worker(tmp_path, origin, running.url)) == right
    assert len(origin.requests) == before


def test_a_call_that_finds_no_free_connection_is_counted_and_holds_up_no_other_request(
    running: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators then raise `max_connections`, not the memory of Redis."""
    handed_over: list[int] = []
    node = Node("redis", server_pool(port=running.port, max_connections=1), timeout_s=0.4, pause_s=2)

    def hold(_: object) -> dict[str, object]:
        monkeypatch.setattr(lead, "hand_over", lambda: handed_over.append(1))
        return node.ask(Use.READ, {"b": ("GET", "b")}, lambda reply: reply, Deadline.after(0.4))

    before = counters.snapshot().get((REDIS_BUSY, (), 0), 0)
    assert node.ask(Use.READ, {"a": ("GET", "a")}, hold, Deadline.after(60)) == {"a": {}}
    assert counters.snapshot()[REDIS_BUSY, (), 0] == before + 1
    assert handed_over, "before the wait for the connection"
    node.close()


def want_password(redis: RedisServer) -> None:
    """Ask for a password from now on, on open connections too."""
    with Redis.from_url(redis.url) as connected:
        connected.config_set("requirepass", "x")
        connected.client_kill_filter(_type="normal", skipme=True)


TROUBLES: dict[str, Callable[[RedisServer], object]] = {
    "hangs": lambda redis: redis.freeze(),
    "is killed": lambda redis: redis.kill(),
    "is full": lambda redis: redis.command("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction"),
    "is read-only": lambda redis: redis.command("REPLICAOF", "127.0.0.1", "9"),
    "wants a password": want_password,
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_redis_in_trouble_costs_one_line_and_no_tile(
    trouble: str, when: str, origin: Origin, right: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RedisServer() as redis:
        app = worker(tmp_path, origin, redis.url)
        if when == "after":
            assert app.get(TILES[0]).data == right[0]
        TROUBLES[trouble](redis)
        try:
            for _ in range(2):
                assert tiles_of(app) == right
        finally:
            if trouble == "hangs":
                redis.thaw()
    lines = [line for line in written(capfd).splitlines() if " request: " not in line]
    assert len([line for line in lines if WARNING in line]) == 1, lines
    assert len(origin.requests) <= 2 + len(TILES)


@pytest.mark.parametrize(
    "reply",
    [b"garbage\r\n", b"+OK\r\n", b":1\r\n", b"$3\r\nabc\r\n", b"*-1\r\n", bytes(100), b"HTTP/1.1 200 OK\r\n\r\n"],
)
def test_nonsense_replies_cost_no_tile(
    reply: bytes, origin: Origin, right: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tcp_server(answering(reply)) as port:
        app = worker(tmp_path, origin, f"redis://127.0.0.1:{port}")
        for _ in range(2):
            assert tiles_of(app) == right
    assert "Traceback" not in written(capfd)
