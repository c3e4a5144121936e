"""Conformance of every implementation of a cache."""

from collections.abc import Iterator
from functools import partial

import pytest

from server.cache import Cache, open_cache
from server.cache.memory import MemoryCache
from server.cache.redis.cache import RedisCache
from tests.support.counting_source import run_threads
from tests.support.redis import RedisServer
from tests.support.wait import wait_until

LONG_S = 100.0


class CacheConformance:
    @pytest.fixture
    def cache(self) -> Cache:
        raise NotImplementedError

    def test_gives_back_what_was_put_in_the_order_of_the_keys(self, cache: Cache) -> None:
        cache.put({"a": b"1", "b": b"", "c": bytes(range(256)) * 256}, LONG_S)
        assert cache.get(["c", "missing", "b", "a"]) == [bytes(range(256)) * 256, None, b"", b"1"]

    def test_the_last_value_counts(self, cache: Cache) -> None:
        cache.put({"a": b"old"}, LONG_S)
        cache.put({"a": b"new"}, LONG_S)
        assert cache.get(["a"]) == [b"new"]

    def test_nothing_asked_is_nothing_given(self, cache: Cache) -> None:
        cache.put({}, LONG_S)
        cache.drop([])
        cache.release({})
        assert cache.get([]) == []
        assert cache.acquire([], LONG_S) == {}

    def test_forgets_what_is_dropped(self, cache: Cache) -> None:
        cache.put({"a": b"1", "b": b"2", "c": b"3"}, LONG_S)
        cache.drop(["a", "c", "missing"])
        assert cache.get(["a", "b", "c"]) == [None, b"2", None]

    def test_a_value_expires(self, cache: Cache) -> None:
        cache.put({"short": b"1"}, 0.01)
        cache.put({"long": b"2"}, LONG_S)
        wait_until(lambda: cache.get(["short"]) == [None])
        assert cache.get(["long"]) == [b"2"]

    def test_a_lock_is_had_once(self, cache: Cache) -> None:
        first = cache.acquire(["a", "b"], LONG_S)
        second = cache.acquire(["b", "c"], LONG_S)
        assert (set(first), set(second)) == ({"a", "b"}, {"c"})

    def test_a_lock_is_not_a_value(self, cache: Cache) -> None:
        cache.put({"a": b"1"}, LONG_S)
        tokens = cache.acquire(["a"], LONG_S)
        assert set(tokens) == {"a"}
        assert cache.get(["a"]) == [b"1"]
        cache.release(tokens)
        assert cache.get(["a"]) == [b"1"]

    def test_only_the_holder_frees_a_lock(self, cache: Cache) -> None:
        held = cache.acquire(["a", "b"], LONG_S)
        cache.release(dict.fromkeys(held, "not the token"))
        assert cache.acquire(["a", "b"], LONG_S) == {}
        cache.release(held)
        assert set(cache.acquire(["a", "b"], LONG_S)) == {"a", "b"}

    def test_a_lock_expires_and_its_late_holder_does_not_free_the_next_ones(self, cache: Cache) -> None:
        expired = cache.acquire(["a"], 0.01)
        wait_until(lambda: bool(cache.acquire(["a"], LONG_S)))
        cache.release(expired)
        assert cache.acquire(["a"], LONG_S) == {}

    def test_of_many_threads_one_has_the_lock(self, cache: Cache) -> None:
        had: list[dict[str, str]] = []
        run_threads(32, lambda number: had.append(cache.acquire(["a"], LONG_S)))
        assert sum(map(len, had)) == 1

    def test_threads_get_their_own_values(self, cache: Cache) -> None:
        keys = [f"key {number}" for number in range(32)]
        cache.put({key: key.encode() for key in keys}, LONG_S)

        def work(number: int) -> None:
            for _ in range(20):
                assert cache.get([keys[number]]) == [keys[number].encode()]

        run_threads(32, work)

    def test_may_be_used_after_it_was_closed(self, cache: Cache) -> None:
        cache.put({"a": b"1"}, LONG_S)
        cache.close()
        assert cache.get(["a"]) == [b"1"]


class TestMemoryCache(CacheConformance):
    @pytest.fixture
    def cache(self) -> Cache:
        return MemoryCache(10_000_000)


URLS = {
    "one server": ("redis_server", "url"),
    "socket": ("redis_server", "socket_url"),
    "cluster": ("redis_cluster", "url"),
    "sentinel": ("watched_redis", "url"),
}
"""Kind -> fixture, and its attribute that has the URL."""


class TestRedisCache(CacheConformance):
    @pytest.fixture(params=URLS)
    def redis_cache(self, request: pytest.FixtureRequest) -> Iterator[RedisCache]:
        fixture, name = URLS[request.param]
        cache = RedisCache(getattr(request.getfixturevalue(fixture), name), timeout_s=10)
        yield cache
        cache.close()

    @pytest.fixture
    def cache(self, redis_cache: RedisCache) -> Cache:
        return redis_cache


def test_a_cache_is_opened_by_its_scheme(redis_server: RedisServer) -> None:
    cache = open_cache(redis_server.url)
    assert isinstance(cache, RedisCache)
    cache.close()
    assert open_cache(None) is None
    assert open_cache("") is None


@pytest.mark.parametrize("url", ["memcached://:secret@host", "redis://:secret@host:port/", "redis://:sec/ret@host"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="wanted") as caught:
        open_cache(url)
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_ttl_below_a_millisecond_is_no_error(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, timeout_s=10)
    cache.put({"a": b"1"}, 0.0)
    wait_until(partial(_misses, cache, "a"))
    cache.close()


def _misses(cache: Cache, key: str) -> bool:
    return cache.get([key]) == [None]
