"""Two kinds of outage: a server that does not answer, and one that refuses writes."""

import logging

import pytest
from redis.exceptions import ResponseError

from server.cache.redis.node_breaker import NodeBreaker, Use
from tests.support.clock import Clock

LOST, FULL = OSError("redis://user:secret@host"), ResponseError("OOM")


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def breaker(clock: Clock, caplog: pytest.LogCaptureFixture) -> NodeBreaker:
    caplog.set_level(logging.INFO, "server.cache.redis")
    return NodeBreaker("redis", 2.0, clock)


def allows(breaker: NodeBreaker, use: Use) -> bool:
    with breaker.attempt(use) as refusal:
        return refusal is None


def test_refused_writes_leave_reading(breaker: NodeBreaker, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert not breaker.failed(FULL, Use.WRITE, 0.0)
    breaker.succeeded(Use.READ, 1.0)
    assert [allows(breaker, use) for use in Use] == [True, False, True]
    clock.now = 2.0
    assert allows(breaker, Use.WRITE)
    breaker.succeeded(Use.WRITE, 2.0)
    assert allows(breaker, Use.WRITE)
    assert caplog.messages == ["redis refuses writes (ResponseError): serving without storing", "redis is back"]


@pytest.mark.parametrize("use", [Use.WRITE, Use.TIDY])
def test_only_an_answer_to_a_read_shows_that_the_server_is_back(
    breaker: NodeBreaker, clock: Clock, use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    assert breaker.failed(LOST, use, 0.0)
    clock.now = 5.0
    assert not allows(breaker, use)
    breaker.succeeded(use, 5.0)
    assert not allows(breaker, use)
    breaker.succeeded(Use.READ, 5.0)
    assert all(allows(breaker, use) for use in Use)
    assert caplog.messages == ["redis is not answering (OSError): serving without it", "redis is back"]
