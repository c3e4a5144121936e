import logging

import pytest

from server.cache.breaker import Breaker, Trouble


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock, caplog: pytest.LogCaptureFixture) -> Breaker:
    caplog.set_level(logging.INFO)
    return Breaker("redis", logging.getLogger("test"), pause_s=2.0, clock=clock)


def test_one_caller_tries_after_each_pause(breaker: Breaker, clock: Clock) -> None:
    breaker.failed(0.0, Trouble.DOWN, OSError())
    assert not breaker.allows(writing=False)
    for clock.now in (2.0, 4.0):
        assert [breaker.allows(writing=False) for _ in range(3)] == [True, False, False]


def test_a_reply_that_was_under_way_does_not_end_the_outage(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = 1.0
    breaker.failed(0.9, Trouble.DOWN, OSError())
    breaker.succeeded(0.8, writing=False)
    assert not breaker.allows(writing=False)
    breaker.succeeded(3.0, writing=False)
    assert breaker.allows(writing=False)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_failure_that_was_under_way_begins_no_new_outage(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    breaker.failed(0.0, Trouble.DOWN, OSError())
    clock.now = 3.0
    breaker.succeeded(2.9, writing=False)
    breaker.failed(2.8, Trouble.DOWN, OSError())
    assert breaker.allows(writing=False)
    assert len(caplog.records) == 2


def test_refused_writes_leave_reading(breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    breaker.failed(0.0, Trouble.REFUSES_WRITES, OSError())
    breaker.succeeded(1.0, writing=False)
    assert breaker.allows(writing=False)
    assert not breaker.allows(writing=True)
    assert len(caplog.records) == 1
