"""A cluster: nodes that fail alone, and slots that move."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.cache.redis.cache import RedisCache
from tests.support.raw_server import ending_tls, tcp_server
from tests.support.redis_cluster import ClusterNode, RedisCluster
from tests.support.wait import wait_until

LOGGER = "server.cache.redis"
ITEMS = {f"key {number}": bytes([number]) * 1000 for number in range(30)}
KEYS = list(ITEMS)


@pytest.fixture
def cache(redis_cluster: RedisCluster) -> Iterator[RedisCache]:
    cache = RedisCache(redis_cluster.url, timeout_s=10)
    cache.put(ITEMS, 100)
    yield cache
    cache.close()


@contextmanager
def starting_with(cluster: RedisCluster, timeout_s: float) -> Iterator[RedisCache]:
    """Open a cache and store all items."""
    cache = RedisCache(cluster.url, timeout_s=timeout_s, breaker_pause_s=0.01)
    wait_until(lambda: _keeps_all(cache))
    yield cache
    cache.close()


def _keeps_all(cache: RedisCache) -> bool:
    cache.put(ITEMS, 100)
    return cache.get(KEYS) == list(ITEMS.values())


def test_keys_are_spread_over_the_nodes_and_read_back(cache: RedisCache, redis_cluster: RedisCluster) -> None:
    assert cache.get(KEYS) == list(ITEMS.values())
    tokens = cache.acquire(KEYS, 100)
    assert set(tokens) == set(KEYS)
    sizes = [int(node.command("DBSIZE")[1:]) for node in redis_cluster.nodes]
    assert sum(sizes) == 2 * len(KEYS)
    assert min(sizes) > 0
    cache.release(tokens)
    cache.drop(KEYS)
    assert [node.command("DBSIZE") for node in redis_cluster.nodes] == [b":0\r\n"] * 3


def test_every_key_expires(cache: RedisCache, redis_cluster: RedisCluster) -> None:
    cache.acquire(KEYS, 100)
    for node in redis_cluster.nodes:
        names = node.command("KEYS", "*").split(b"\r\n")[2::2]
        assert all(int(node.command("PTTL", name)[1:]) > 0 for name in names)


@contextmanager
def without(cluster: RedisCluster, node: ClusterNode, stop: Callable[[ClusterNode], None]) -> Iterator[None]:
    """Stop a node, and start it again at the end."""
    stop(node)
    try:
        yield
    finally:
        node.thaw() if stop is ClusterNode.freeze else node.start()
        cluster.wait_until_ready()


def items_of_healthy_nodes(cluster: RedisCluster, dead: ClusterNode) -> list[bytes | None]:
    return [None if cluster.node_of(key) is dead else value for key, value in ITEMS.items()]


def test_a_killed_node_costs_only_its_keys_until_it_is_back(
    redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    dead = redis_cluster.nodes[1]
    expected = items_of_healthy_nodes(redis_cluster, dead)
    with starting_with(redis_cluster, timeout_s=10) as cache:
        with without(redis_cluster, dead, ClusterNode.kill):
            for _ in range(20):
                assert cache.get(KEYS) == expected
                cache.put(ITEMS, 100)
            assert set(cache.acquire(KEYS, 100)) == set(KEYS)
            unlocked = {key for key, value in zip(KEYS, expected, strict=True) if value is None}
            assert set(cache.acquire(KEYS, 100)) == unlocked
        wait_until(lambda: _keeps_all(cache))
    lines = [record.getMessage() for record in caplog.records]
    name = f"redis 127.0.0.1:{dead.port}"
    assert lines == [f"{name} is not answering (ConnectionError): serving without it", f"{name} is back"]


def test_a_hanging_node_costs_only_its_keys_until_it_answers(
    redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = redis_cluster.nodes[2]
    expected = items_of_healthy_nodes(redis_cluster, hanging)
    with starting_with(redis_cluster, timeout_s=0.5) as cache:
        with without(redis_cluster, hanging, ClusterNode.freeze):
            cache.get(KEYS)  # waits for the hanging node
            for _ in range(2):
                assert cache.get(KEYS) == expected
        wait_until(lambda: _keeps_all(cache))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_call_waits_for_one_of_several_hanging_nodes(
    redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    hanging, healthy = redis_cluster.nodes[:2], redis_cluster.nodes[2]
    expected = [value if redis_cluster.node_of(key) is healthy else None for key, value in ITEMS.items()]
    with starting_with(redis_cluster, timeout_s=0.5) as cache:
        for node in hanging:
            node.freeze()
        try:
            for calls in (1, 2):
                cache.get(KEYS)
                assert len(caplog.records) == calls
            assert cache.get(KEYS) == expected
        finally:
            for node in hanging:
                node.thaw()
            redis_cluster.wait_until_ready()
        wait_until(lambda: _keeps_all(cache))


@contextmanager
def two_nodes_of_a_slot(cluster: RedisCluster, key: str) -> Iterator[tuple[ClusterNode, ClusterNode, int]]:
    """Yield the node of the key's slot, a second node and the slot, which the first node has again at the end."""
    slot, source = cluster.slot_of(key), cluster.node_of(key)
    yield source, next(node for node in cluster.nodes if node is not source), slot
    cluster.flushall()  # a node does not give away a slot with keys in it
    for node in cluster.nodes:
        node.command("CLUSTER", "SETSLOT", slot, "STABLE")
        node.command("CLUSTER", "SETSLOT", slot, "NODE", source.id)


def test_a_slot_that_moved_is_followed_without_a_miss(
    cache: RedisCache, redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    key = KEYS[0]
    with two_nodes_of_a_slot(redis_cluster, key) as (source, target, slot):
        source.command("DEL", key)
        for node in (target, source):
            assert node.command("CLUSTER", "SETSLOT", slot, "NODE", target.id) == b"+OK\r\n"
        cache.put(ITEMS, 100)
        assert target.command("EXISTS", key) == b":1\r\n"
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.close()
        assert cache.get(KEYS) == list(ITEMS.values())
    assert not caplog.records


def test_a_key_on_neither_side_of_a_migrating_slot_is_a_miss(
    cache: RedisCache, redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    key = KEYS[0]
    with two_nodes_of_a_slot(redis_cluster, key) as (source, target, slot):
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.drop([key])
        cache.put({key: b"new"}, 100)
        assert cache.get(KEYS) == [None, *list(ITEMS.values())[1:]]
        assert set(cache.acquire(KEYS, 100)) == set(KEYS)
        source.command("CLUSTER", "SETSLOT", slot, "STABLE")
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == list(ITEMS.values())
    assert not caplog.records


def test_any_node_of_the_url_is_enough(redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:  # bound, but not listening
        unused.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
        cache = RedisCache(redis_cluster.url.replace("@", f"@{dead},"), timeout_s=10)
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.close()
    assert not caplog.records


@pytest.fixture(scope="module")
def small_cluster() -> Iterator[RedisCluster]:
    """Run a cluster of one node, without other nodes that must agree to a change."""
    with RedisCluster(size=1) as cluster:
        yield cluster


def test_a_slot_without_a_node_is_a_miss_with_one_warning(
    small_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    node, slot = small_cluster.nodes[0], small_cluster.slot_of(KEYS[0])
    with starting_with(small_cluster, timeout_s=10) as cache:
        node.flushall()
        node.command("CLUSTER", "DELSLOTS", slot)
        try:
            wait_until(lambda: _keeps_all(cache) or bool(caplog.records))
            assert cache.get(KEYS) == [None, *list(ITEMS.values())[1:]]
            assert set(cache.acquire(KEYS, 100)) == set(KEYS)
        finally:
            node.command("CLUSTER", "ADDSLOTS", slot)
        wait_until(lambda: _keeps_all(cache) and len(caplog.records) == 2)
    lines = [record.getMessage() for record in caplog.records]
    name = "redis cluster"
    assert lines == [f"{name} is not answering (SlotNotCoveredError): serving without it", f"{name} is back"]


def test_a_self_signed_certificate_is_accepted_only_without_verification(
    small_cluster: RedisCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = small_cluster.nodes[0]
    with tcp_server(ending_tls(tmp_path, node.port)) as port:
        node.command("CONFIG", "SET", "cluster-announce-port", port)
        url = small_cluster.url.replace("redis+", "rediss+").replace(str(node.port), str(port))
        strict, lax = (RedisCache(url, tls_verify, timeout_s=10) for tls_verify in (True, False))
        lax.put(ITEMS, 100)
        assert lax.get(KEYS) == list(ITEMS.values())
        assert not caplog.records
        assert strict.get(KEYS) == [None] * len(KEYS)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        for cache in (strict, lax):
            cache.close()
        node.command("CONFIG", "SET", "cluster-announce-port", 0)
