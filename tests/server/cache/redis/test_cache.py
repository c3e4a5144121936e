"""Damaged values, broken servers, lost replies and foreign locks: each a miss, and one warning for each outage."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from server.cache.redis.cache import RedisCache
from tests.support.counting_source import run_threads
from tests.support.fault_proxy import FaultProxy, Link, pass_on, reset, slow
from tests.support.raw_server import answering, ending_tls, tcp_server
from tests.support.redis import RedisServer
from tests.support.wait import wait_until

LOGGER = "server.cache.redis"
ITEMS = {f"key {number}": bytes([number]) * 1000 for number in range(4)}
KEYS = list(ITEMS)


@pytest.fixture
def cache(redis_server: RedisServer) -> Iterator[RedisCache]:
    cache = RedisCache(redis_server.url, timeout_s=10)
    cache.put(ITEMS, 100)
    yield cache
    cache.close()


def _flip(server: RedisServer) -> None:
    for offset in (0, 15, 16, 1015):
        stored = server.command("GETRANGE", KEYS[0], offset, offset).split(b"\r\n")[1]
        server.command("SETRANGE", KEYS[0], offset, bytes([stored[0] ^ 1]))


DAMAGE: dict[str, Callable[[RedisServer], object]] = {
    "flipped in the digest": lambda server: server.command("SETRANGE", KEYS[0], 3, "!"),
    "flipped in the value": lambda server: server.command("SETRANGE", KEYS[0], 500, "!"),
    "flipped in many places": _flip,
    "of another key": lambda server: server.command("COPY", KEYS[1], KEYS[0], "REPLACE"),
    "empty": lambda server: server.command("SET", KEYS[0], ""),
    "cut": lambda server: server.command("SET", KEYS[0], "short"),
    "longer": lambda server: server.command("APPEND", KEYS[0], "more"),
    "plain": lambda server: server.command("SET", KEYS[0], ITEMS[KEYS[0]]),
    "a list": lambda server: (server.command("DEL", KEYS[0]), server.command("LPUSH", KEYS[0], "x")),
    "gone": lambda server: server.command("DEL", KEYS[0]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_value_is_a_miss_and_may_be_put_again(
    damage: str, cache: RedisCache, redis_server: RedisServer
) -> None:
    DAMAGE[damage](redis_server)
    assert cache.get(KEYS) == [None, *list(ITEMS.values())[1:]]
    if damage != "a list":  # which reads as nothing
        assert redis_server.command("EXISTS", KEYS[0]) == b":0\r\n"
    cache.put(ITEMS, 100)
    assert cache.get(KEYS) == list(ITEMS.values())


def test_swapped_values_are_misses(cache: RedisCache, redis_server: RedisServer) -> None:
    redis_server.command("RENAME", KEYS[0], "other")
    redis_server.command("RENAME", KEYS[1], KEYS[0])
    redis_server.command("RENAME", "other", KEYS[1])
    assert cache.get(KEYS)[:2] == [None, None]


def test_every_key_expires(cache: RedisCache, redis_server: RedisServer) -> None:
    cache.acquire(KEYS, 100)
    names = redis_server.command("KEYS", "*").split(b"\r\n")[2::2]
    assert len(names) == 2 * len(KEYS)
    assert all(int(redis_server.command("PTTL", name)[1:]) > 0 for name in names)


def _keeps(cache: RedisCache, items: dict[str, bytes]) -> bool:
    cache.put(items, 100)
    return cache.get(list(items)) == list(items.values())


@contextmanager
def _refusing() -> Iterator[str]:
    with socket.socket() as unused:  # bound, but not listening
        unused.bind(("127.0.0.1", 0))
        yield f"redis://:hunter2@127.0.0.1:{unused.getsockname()[1]}/0"


@contextmanager
def _frozen() -> Iterator[str]:
    with RedisServer() as server:
        server.freeze()
        yield server.url


@contextmanager
def _wrong_password() -> Iterator[str]:
    with RedisServer(password="right") as server:
        yield server.url.replace("right", "hunter2")


@contextmanager
def _no_password() -> Iterator[str]:
    with RedisServer(password="right") as server:
        yield server.url.replace(":right@", "")


def _saying(reply: bytes) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def run() -> Iterator[str]:
        with tcp_server(answering(reply)) as port:
            yield f"redis://127.0.0.1:{port}/0"

    return run


BROKEN: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refused": _refusing,
    "hanging": _frozen,
    "wrong password": _wrong_password,
    "no password": _no_password,
    "closing": _saying(b""),
    "HTTP": _saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "noise": _saying(bytes(range(256))),
    "a number": _saying(b":7\r\n"),
    "no number": _saying(b":seven\r\n"),
    "nothing": _saying(b"$-1\r\n"),
    "a short list": _saying(b"*1\r\n$1\r\nx\r\n"),
    "an endless list": _saying(b"*999999999\r\n"),
    "nested lists": _saying(b"*1\r\n" * 5000),
    "a promise": _saying(b"$999999999\r\nx"),
    "an error": _saying(b"-ERR no\r\n"),
    "loading": _saying(b"-LOADING Redis is loading the dataset in memory\r\n"),
}


SPELLINGS: dict[str, Callable[[str], str]] = {
    "one server": lambda url: url,
    "cluster": lambda url: url.replace("redis://", "redis+cluster://"),
    "sentinel": lambda url: url.replace("redis://", "redis+sentinel://").replace("/0", "/tiles/0"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_redis_is_a_miss_with_one_warning(kind: str, spelling: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with BROKEN[kind]() as url:
        cache = RedisCache(SPELLINGS[spelling](url), timeout_s=0.05, breaker_pause_s=0.01)  # short, for many trials

        def work(number: int) -> None:
            for _ in range(5):
                assert cache.get(KEYS) == [None] * len(KEYS)
                cache.put(ITEMS, 100)
                tokens = cache.acquire(KEYS, 100)
                cache.release(tokens)
                cache.drop(KEYS)

        run_threads(8, work)
        assert set(cache.acquire(KEYS, 100)) == set(KEYS)
        wait_until(
            lambda: any(record.name == LOGGER for record in caplog.records)
        )  # the refresh of the slot map has a thread of its own
        cache.close()
    lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(lines) == 1
    assert re.match(r"redis( cluster)? is not answering \(", lines[0])
    assert "hunter2" not in caplog.text + repr(cache)


def test_a_killed_server_is_used_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with RedisServer() as server:
        cache = RedisCache(server.url, timeout_s=10, breaker_pause_s=0.01)
        for _ in range(2):
            cache.put(ITEMS, 100)
            assert cache.get(KEYS) == list(ITEMS.values())
            server.kill()
            run_threads(16, lambda number: cache.put(ITEMS, 100))
            assert cache.get(KEYS) == [None] * len(KEYS)
            server.start()
            wait_until(lambda: _keeps(cache, ITEMS))
        cache.close()
    levels = [record.levelname for record in caplog.records if record.name == LOGGER]
    assert levels == ["WARNING", "INFO"] * 2


def test_a_hanging_server_is_used_again_when_it_answers() -> None:
    with RedisServer() as server:
        cache = RedisCache(server.url, timeout_s=0.2, breaker_pause_s=0.01)
        wait_until(lambda: _keeps(cache, ITEMS))
        server.freeze()
        assert cache.get(KEYS) == [None] * len(KEYS)
        server.thaw()
        wait_until(lambda: cache.get(KEYS) == list(ITEMS.values()))
        cache.close()


def test_the_first_connection_that_a_firewall_forgot_closes_all_others(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.port) as proxy:
        cache = RedisCache(f"redis://127.0.0.1:{proxy.port}", timeout_s=2, breaker_pause_s=0.01)
        cache.put(ITEMS, 100)
        proxy.fail(slow)  # so that threads at the same time have a connection each

        def read_all(number: int) -> None:
            assert cache.get(KEYS) == list(ITEMS.values())

        run_threads(4, read_all)
        assert proxy.links > 1
        proxy.lose_links()
        assert cache.get(KEYS) == [None] * len(KEYS)
        wait_until(lambda: cache.get(KEYS) == list(ITEMS.values()))
        run_threads(4, read_all)
        cache.close()


def test_a_surplus_reply_costs_one_connection(redis_server: RedisServer) -> None:
    def double(link: Link, data: bytes) -> None:
        pass_on(link, data + data)

    with FaultProxy(redis_server.port) as proxy:
        cache = RedisCache(f"redis://127.0.0.1:{proxy.port}", timeout_s=10, breaker_pause_s=0.01)
        cache.put(ITEMS, 100)
        proxy.fail(double)
        cache.put({"more": b"value"}, 100)
        proxy.mend()
        assert cache.get(KEYS) == [None] * len(KEYS), "the first reply is the second one to SET"
        wait_until(lambda: cache.get(KEYS) == list(ITEMS.values()))
        cache.close()


def test_a_restart_between_two_calls_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer() as server:
        cache = RedisCache(server.url, timeout_s=10)
        cache.put(ITEMS, 100)
        server.kill()
        server.start()
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.close()
    assert not caplog.records


def test_a_lock_whose_reply_was_lost_is_acquired(redis_server: RedisServer) -> None:
    lost: list[bytes] = []

    def lose_one(link: Link, data: bytes) -> None:
        if lost:
            pass_on(link, data)
        else:
            lost.append(data)
            reset(link, data)

    with FaultProxy(redis_server.port) as proxy:
        cache = RedisCache(f"redis://127.0.0.1:{proxy.port}", timeout_s=10)
        cache.put(ITEMS, 100)
        proxy.fail(lose_one)
        tokens = cache.acquire(["a"], 100)
        assert lost
        assert cache.acquire(["a"], 100) == {}
        cache.release(tokens)
        assert set(cache.acquire(["a"], 100)) == {"a"}
        cache.close()


REFUSALS = {"full": ("CONFIG", "SET", "maxmemory", "1"), "read-only": ("REPLICAOF", "127.0.0.1", "1")}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_server_that_refuses_writes_is_still_read(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with RedisServer() as server:
        cache = RedisCache(server.url, timeout_s=10, breaker_pause_s=0.01)
        cache.put(ITEMS, 100)
        server.command(*REFUSALS[kind])
        for _ in range(50):
            cache.put({"new": b"value"}, 100)
            assert set(cache.acquire(["new"], 100)) == {"new"}
            assert cache.get([*KEYS, "new"]) == [*ITEMS.values(), None]
        assert [record.levelname for record in caplog.records if record.name == LOGGER] == ["WARNING"]
        assert "refuses writes" in caplog.text
        server.command("CONFIG", "SET", "maxmemory", "0")
        server.command("REPLICAOF", "NO", "ONE")
        wait_until(lambda: _keeps(cache, {"new": b"value"}))
        cache.close()
    assert [record.levelname for record in caplog.records if record.name == LOGGER] == ["WARNING", "INFO"]


def test_after_a_master_became_read_only_its_address_is_connected_to_anew(tmp_path: Path) -> None:
    address, renamed = tmp_path / "address", tmp_path / "renamed"
    with RedisServer() as old, RedisServer() as new:
        address.symlink_to(old.socket_url.removeprefix("unix://"))
        cache = RedisCache(f"unix://{address}", timeout_s=10, breaker_pause_s=0.01)
        cache.put(ITEMS, 100)
        old.command("REPLICAOF", "127.0.0.1", "1")
        renamed.symlink_to(new.socket_url.removeprefix("unix://"))
        renamed.replace(address)

        def stores_in_the_new_master() -> bool:
            cache.put(ITEMS, 100)
            return new.command("DBSIZE") == f":{len(ITEMS)}\r\n".encode()

        wait_until(stores_in_the_new_master)
        cache.close()


def test_after_a_failure_redis_is_left_alone() -> None:
    calls: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        calls.append(connection.recv(1000))

    with tcp_server(serve) as port:
        cache = RedisCache(f"redis://127.0.0.1:{port}", timeout_s=10, breaker_pause_s=1000)
        for _ in range(20):
            assert cache.get(KEYS) == [None] * len(KEYS)
        cache.close()
    assert len(calls) == 1


@pytest.mark.parametrize("option", ["", "?max_connections=2", "?protocol=3"])
def test_more_threads_than_connections_all_get_their_values(
    option: str, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(redis_server.url + option, timeout_s=10)
    cache.put(ITEMS, 100)

    def work(number: int) -> None:
        for _ in range(10):
            assert cache.get(KEYS) == list(ITEMS.values())

    run_threads(64, work)
    cache.close()
    assert not caplog.records


@pytest.mark.parametrize("tls_verify", [False, True])
def test_a_self_signed_certificate_is_accepted_only_without_verification(
    tls_verify: bool, redis_server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tcp_server(ending_tls(tmp_path, redis_server.port)) as port:
        cache = RedisCache(f"rediss://127.0.0.1:{port}/0", tls_verify, timeout_s=10)
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == ([None] * len(KEYS) if tls_verify else list(ITEMS.values()))
        cache.close()
    assert len(caplog.records) == int(tls_verify)


RIGHTS = ("+mget", "+set", "+del", "+eval", "+get")


FOREIGN_LOCKS: dict[str, tuple[str | int, ...]] = {
    "no expiry": ("SET", "{key}:lock", "foreign"),
    "an hour": ("SET", "{key}:lock", "foreign", "PX", 3_600_000),
    "a list": ("LPUSH", "{key}:lock", "foreign"),
}


@pytest.mark.parametrize("command", FOREIGN_LOCKS.values(), ids=FOREIGN_LOCKS)
def test_a_foreign_lock_is_waited_for_once(
    command: tuple[str | int, ...], cache: RedisCache, redis_server: RedisServer
) -> None:
    redis_server.command(*command)
    assert cache.acquire(["key"], 0.2) == {}
    assert 0 < int(redis_server.command("PTTL", "{key}:lock")[1:]) <= 200
    wait_until(lambda: bool(cache.acquire(["key"], 0.2)))


def test_few_rights_are_enough(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis_server.command("ACL", "SETUSER", "tiles", "on", ">secret", "~*key*", *RIGHTS)
    cache = RedisCache(redis_server.url.replace("//", "//tiles:secret@"), timeout_s=10)
    cache.put(ITEMS, 100)
    assert cache.get(KEYS) == list(ITEMS.values())
    cache.release(cache.acquire(KEYS, 100))
    assert set(cache.acquire(KEYS, 100)) == set(KEYS)
    cache.drop(KEYS)
    assert cache.get(KEYS) == [None] * len(KEYS)
    cache.close()
    redis_server.command("ACL", "DELUSER", "tiles")
    assert not caplog.records


def test_a_user_without_the_right_to_write_still_reads(
    cache: RedisCache, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.command("ACL", "SETUSER", "reader", "on", ">hunter2", "~*", "+mget")
    reader = RedisCache(redis_server.url.replace("//", "//reader:hunter2@"), timeout_s=10, breaker_pause_s=0.01)
    for _ in range(20):
        reader.put({KEYS[0]: b"other"}, 100)
        assert set(reader.acquire(KEYS, 100)) == set(KEYS)
        assert reader.get(KEYS) == list(ITEMS.values())
    reader.close()
    redis_server.command("ACL", "DELUSER", "reader")
    assert [record.getMessage() for record in caplog.records] == [
        "redis refuses writes (NoPermissionError): serving without storing"
    ]


def test_the_password_is_in_no_representation() -> None:
    for url in (
        "redis://user:hunter2@host:1/2",
        "unix:///socket?password=hunter2",
        "redis+cluster://user:hunter2@host:1,other:2",
        "redis+sentinel://user:hunter2@host:1/service?sentinel_password=hunter2",
    ):
        cache = RedisCache(url)
        assert "hunter2" not in repr(cache) + str(cache)


FORK = """
import os, sys
from server.cache.redis.cache import RedisCache
cache = RedisCache(sys.argv[1], timeout_s=10)
cache.put({"parent": b"parent", "child": b"child"}, 100)
pid = os.fork()
name = "parent" if pid else "child"
replies = {cache.get([name])[0] for _ in range(500)}
cache.close()
status = os.waitpid(pid, 0)[1] if pid else 0
os._exit(0 if replies == {name.encode()} and status == 0 else 1)
"""


@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster", "watched_redis"])
def test_a_connection_made_before_a_fork_is_not_used_after_it(kind: str, request: pytest.FixtureRequest) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    url = request.getfixturevalue(kind).url
    subprocess.run([sys.executable, "-c", FORK, url], env=environment, check=True, timeout=60)
