import logging

import pytest

from server.resilience.breaker import Breaker, Trouble, Use


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
    assert not breaker.allows(Use.READ)
    for clock.now in (2.0, 4.0):
        assert [breaker.allows(Use.READ) for _ in range(3)] == [True, False, False]


def test_a_reply_that_was_under_way_does_not_end_the_outage(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = 1.0
    breaker.failed(0.9, Trouble.DOWN, OSError())
    breaker.succeeded(0.8, Use.READ)
    assert not breaker.allows(Use.READ)
    breaker.succeeded(3.0, Use.READ)
    assert breaker.allows(Use.READ)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_failure_that_was_under_way_begins_no_new_outage(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    breaker.failed(0.0, Trouble.DOWN, OSError())
    clock.now = 3.0
    breaker.succeeded(2.9, Use.READ)
    breaker.failed(2.8, Trouble.DOWN, OSError())
    assert breaker.allows(Use.READ)
    assert len(caplog.records) == 2


def test_refused_writes_leave_reading(breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    breaker.failed(0.0, Trouble.REFUSES_WRITES, OSError())
    breaker.succeeded(1.0, Use.READ)
    assert breaker.allows(Use.READ)
    assert not breaker.allows(Use.WRITE)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("use", [Use.WRITE, Use.TIDY])
def test_only_an_answer_to_a_read_shows_that_the_cache_is_back(breaker: Breaker, clock: Clock, use: Use) -> None:
    breaker.failed(0.0, Trouble.DOWN, OSError())
    clock.now = 5.0
    assert not breaker.allows(use)
    breaker.succeeded(5.0, use)
    assert not breaker.allows(use)
    breaker.succeeded(5.0, Use.READ)
    assert breaker.allows(use)
