from collections.abc import Iterator

import pytest

from tests.support.redis_cluster import RedisCluster
from tests.support.redis_sentinel import WatchedRedis


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(running_cluster: RedisCluster) -> RedisCluster:
    """As `redis_server`, of three nodes; they take two seconds to agree."""
    running_cluster.flushall()
    return running_cluster


@pytest.fixture(scope="session")
def running_watched_redis() -> Iterator[WatchedRedis]:
    with WatchedRedis() as watched:
        yield watched


@pytest.fixture
def watched_redis(running_watched_redis: WatchedRedis) -> WatchedRedis:
    """As `redis_server`, with a replica and a sentinel."""
    running_watched_redis.flushall()
    return running_watched_redis
