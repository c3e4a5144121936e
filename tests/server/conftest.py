"""Redis, and the state of the process that an app or a worker of another test may have left."""

import logging
from collections.abc import Iterator

import pytest

from server.gunicorn_worker.ending import ending
from tests.support.redis import RedisServer


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(running_redis: RedisServer) -> RedisServer:
    """A server that every test finds empty; a test that stops it takes one of its own."""
    running_redis.flushall()
    return running_redis


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `caplog` see the log, from WARNING on, as before any app; and let no worker be ending."""
    monkeypatch.setattr(logging.getLogger("server"), "propagate", True)
    logging.getLogger("server").setLevel("NOTSET")
    ending.clear()
