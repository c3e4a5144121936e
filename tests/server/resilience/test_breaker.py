"""The states of a circuit breaker."""

import pytest

from server.resilience.breaker import CircuitBreaker, State
from tests.support.clock import Clock


class Recorded(CircuitBreaker):
    """With a clock of its own and a record of its changes."""

    def __init__(self) -> None:
        self.time = Clock(0.0)
        self.changes: list[str] = []
        super().__init__(
            lambda error: self.changes.append(str(error)),
            lambda: self.changes.append("closed"),
            pause_s=2.0,
            clock=self.time,
        )

    def allows(self) -> bool:
        with self.attempt() as error:
            return error is None


@pytest.fixture
def breaker() -> Recorded:
    return Recorded()


def test_one_caller_tries_after_each_pause(breaker: Recorded) -> None:
    breaker.failed(OSError("lost"), 0.0)
    assert not breaker.allows()
    for breaker.time.now in (2.0, 4.0):
        with breaker.attempt() as error:
            assert (error, breaker.state) == (None, State.HALF_OPEN)
            assert not breaker.allows()
        assert breaker.state is State.OPEN
        assert not breaker.allows()
    assert breaker.changes == ["lost"]


def test_a_trial_that_is_answered_closes_the_circuit(breaker: Recorded) -> None:
    breaker.failed(OSError("lost"), 0.0)
    breaker.time.now = 2.0
    with breaker.attempt():
        breaker.succeeded(2.0)
    assert breaker.state is State.CLOSED
    assert all(breaker.allows() for _ in range(3))
    assert breaker.changes == ["lost", "closed"]


def test_a_reply_that_was_under_way_does_not_close_the_circuit(breaker: Recorded) -> None:
    breaker.time.now = 1.0
    breaker.failed(OSError("lost"), 0.9)
    breaker.succeeded(0.8)
    assert not breaker.allows()
    breaker.succeeded(3.0)
    assert breaker.allows()
    assert breaker.changes == ["lost", "closed"]


def test_a_failure_that_was_under_way_does_not_open_the_circuit_again(breaker: Recorded) -> None:
    breaker.failed(OSError("lost"), 0.0)
    breaker.time.now = 3.0
    breaker.succeeded(2.9)
    breaker.failed(OSError("late"), 2.8)
    assert breaker.allows()
    assert breaker.changes == ["lost", "closed"]
