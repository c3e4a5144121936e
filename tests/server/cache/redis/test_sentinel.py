"""The cache behind sentinels: a failover, and mistakes in the URL."""

import logging
import socket

import pytest

from server.cache.redis.cache import RedisCache
from tests.support.redis_sentinel import PASSWORD, SENTINEL_PASSWORD, WatchedRedis
from tests.support.wait import wait_until

LOGGER = "server.cache.redis"
ITEMS = {f"key {number}": bytes([number]) * 1000 for number in range(4)}
NEW = {"new": b"value"}
KEYS = list(ITEMS)


def test_a_failover_is_followed_with_one_warning_at_most(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with WatchedRedis() as watched:
        cache = RedisCache(watched.url, timeout_s=10, breaker_pause_s=0.01)
        cache.put(ITEMS, 100)
        watched.wait_until_replicated()
        watched.kill_master()

        def stores_in_the_new_master() -> bool:
            """Check that writes reach the former replica, by its own count of keys."""
            assert cache.get(KEYS) in (list(ITEMS.values()), [None] * len(KEYS))
            assert set(cache.acquire(KEYS, 0.01)) <= set(KEYS)
            cache.put(NEW, 100)
            is_master = watched.sentinel.master_port == watched.replica.port
            return (
                is_master and watched.replica.command("EXISTS", "new") == b":1\r\n" and cache.get(["new"]) == [b"value"]
            )

        wait_until(stores_in_the_new_master, limit_s=60)
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.close()
    levels = [record.levelname for record in caplog.records]
    assert levels in ([], ["WARNING", "INFO"])


def test_any_sentinel_of_the_url_is_enough(watched_redis: WatchedRedis, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:  # bound, but not listening
        unused.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
        cache = RedisCache(watched_redis.url.replace("@", f"@{dead},"), timeout_s=10)
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == list(ITEMS.values())
        cache.close()
    assert not caplog.records


MISTAKES = {
    "password of the sentinels": (SENTINEL_PASSWORD, "hunter2"),
    "password of the servers": (PASSWORD, "hunter2"),
    "service": ("/tiles", "/titles"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_url_is_a_miss_with_one_warning(
    mistake: str, watched_redis: WatchedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(watched_redis.url.replace(*MISTAKES[mistake]), timeout_s=10, breaker_pause_s=0.01)
    for _ in range(20):
        cache.put(ITEMS, 100)
        assert cache.get(KEYS) == [None] * len(KEYS)
    cache.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "hunter2" not in caplog.text + repr(cache)
