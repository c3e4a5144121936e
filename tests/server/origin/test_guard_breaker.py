"""A dead origin is left alone and tried now and then; one that is merely slow, or refuses, is not taken for dead."""

import logging
from contextlib import suppress

import pytest

from cogread.deadline import NEVER
from cogread.errors import SourceBusy, SourceError, SourceForbidden, SourceNotFound, SourceTimeout, SourceUnreachable
from server.origin.guard import FAILURES, PAUSE_S, STUCK_S, OriginGuard, origins_bulkhead
from tests.support.clock import Clock

TIMEOUT, REFUSED = SourceTimeout("no answer in time"), SourceUnreachable("no connection")


class Watched:
    """A guard with a clock of its own, and reads of any length."""

    def __init__(self) -> None:
        self.time = Clock(1000.0)
        self.guard = OriginGuard("layer 'a'", 32, origins_bulkhead(32, self.time), self.time)
        self.attempt = self.guard.breaker.attempt

    def read(self, error: SourceError | None, seconds: float = 0.0) -> None:
        with suppress(SourceError), self.guard.asking(NEVER):
            self.time.now += seconds
            if error is not None:
                raise error

    def current_error(self) -> Exception | None:
        with self.attempt() as error:
            return error


@pytest.fixture
def outage(caplog: pytest.LogCaptureFixture) -> Watched:
    caplog.set_level(logging.INFO, "server.origin.guard")
    return Watched()


def test_an_origin_without_an_answer_for_long_is_dead_at_once(outage: Watched) -> None:
    outage.read(TIMEOUT, STUCK_S)
    error = outage.current_error()
    assert (type(error), str(error)) == (SourceTimeout, "no answer in time")


@pytest.mark.parametrize("error", [TIMEOUT, REFUSED])
def test_short_failures_are_an_outage_after_a_few_in_a_row(error: SourceError, outage: Watched) -> None:
    for _ in range(FAILURES - 1):
        outage.read(error)
    outage.read(None)
    for _ in range(FAILURES):
        assert outage.current_error() is None
        outage.read(error, STUCK_S / 4)
    assert type(outage.current_error()) is type(error)


def test_a_timeout_says_nothing_while_others_are_answered(outage: Watched) -> None:
    began_at = outage.time.now
    outage.read(None, STUCK_S)
    outage.guard.breaker.failed(TIMEOUT, began_at)
    assert outage.current_error() is None


@pytest.mark.parametrize("error", [SourceNotFound(""), SourceForbidden(""), SourceBusy("")])
def test_an_origin_that_refuses_is_not_dead(error: SourceError, outage: Watched) -> None:
    for _ in range(2 * FAILURES):
        outage.read(error, 2 * STUCK_S)
    assert outage.current_error() is None


def test_one_thread_tries_after_each_pause(outage: Watched) -> None:
    outage.read(TIMEOUT, STUCK_S)
    for _ in range(3):
        assert outage.current_error() is not None
        outage.time.now += PAUSE_S
        with outage.attempt() as error:
            assert error is None
            outage.time.now += 2 * PAUSE_S
            assert outage.current_error() is not None, "two tries at the same time"


@pytest.mark.parametrize("answer", [None, SourceNotFound("")])
def test_any_answer_ends_an_outage_and_each_end_is_a_line(
    answer: SourceError | None, outage: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        outage.read(TIMEOUT, STUCK_S)
    outage.read(answer)
    outage.read(answer)
    assert outage.current_error() is None
    assert caplog.messages == [
        "layer 'a': the origin does not answer (no answer in time): failing at once",
        "layer 'a': the origin answers again",
    ]
