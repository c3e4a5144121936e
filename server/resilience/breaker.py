"""A circuit breaker: a dependency that fails is left alone, and a trial call now and then shows when it is back.

Calls that began before the last change of state say nothing about now: their results are ignored.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from threading import Lock

from server.resilience.failures import copy_of


class State(Enum):
    """States of a circuit breaker."""

    CLOSED = "closed"
    """All calls are made."""

    OPEN = "open"
    """No call is made."""

    HALF_OPEN = "half-open"
    """One trial call is under way."""


class CircuitBreaker:
    """The circuit breaker of one dependency. Thread-safe."""

    def __init__(
        self,
        opened: Callable[[Exception], None],
        closed: Callable[[], None],
        *,
        failures: int = 1,
        stuck_s: float = float("inf"),
        pause_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a closed breaker.

        Args:
            opened: told the error that the circuit opens with, to log it.
            closed: told when the circuit closes again.
            failures: failures in a row that open the circuit.
            stuck_s: duration of a failed call that opens it alone.
            pause_s: between two trials.
            clock: monotonic seconds.
        """
        self.clock = clock
        self.state = State.CLOSED
        self._opened, self._closed = opened, closed
        self._failures_allowed, self._stuck_s, self._pause_s = failures, stuck_s, pause_s
        self._mutex = Lock()
        self._error: Exception | None = None
        self._failures = 0
        self._answered_at = float("-inf")
        self._changed_at = float("-inf")
        self._retry_at = float("-inf")

    @contextmanager
    def attempt(self) -> Iterator[Exception | None]:
        """Tell the thread for the length of a `with` whether it may call: None, or the error to fail with."""
        if self._error is None:
            yield None
        elif self._begin_trial():
            try:
                yield None
            finally:
                self._end_trial()
        else:
            error = self._error
            yield None if error is None else copy_of(error)

    def succeeded(self, began_at: float) -> None:
        """Record an answer to a call that began at `began_at` of `clock`."""
        with self._mutex:
            self._failures, self._answered_at = 0, self.clock()
            if self.state is not State.CLOSED and began_at >= self._changed_at:
                self.state, self._error, self._changed_at = State.CLOSED, None, self._answered_at
                self._closed()

    def failed(self, error: Exception, began_at: float) -> None:
        """Record a failure. It counts unless the dependency has answered since the call began."""
        with self._mutex:
            if self.state is not State.CLOSED or began_at < max(self._answered_at, self._changed_at):
                return
            self._failures += 1
            now = self.clock()
            if self._failures >= self._failures_allowed or now - began_at >= self._stuck_s:
                self.state, self._error = State.OPEN, copy_of(error)
                self._changed_at, self._retry_at = now, now + self._pause_s
                self._opened(error)

    def _begin_trial(self) -> bool:
        with self._mutex:
            if self.state is not State.OPEN or self.clock() < self._retry_at:
                return False
            self.state = State.HALF_OPEN
            return True

    def _end_trial(self) -> None:
        with self._mutex:
            if self.state is State.HALF_OPEN:
                self.state, self._retry_at = State.OPEN, self.clock() + self._pause_s


class Use(Enum):
    """What a call is for."""

    READ = "read"
    WRITE = "write"
    TIDY = "tidy"
    """Removing what would expire anyway."""


class Trouble(Enum):
    """What is wrong; the value is for the log."""

    DOWN = "is not answering (%s): serving without it"
    REFUSES_WRITES = "refuses writes (%s): serving without storing"


SHOWS_END = {Trouble.DOWN: Use.READ, Trouble.REFUSES_WRITES: Use.WRITE}
"""Trouble -> the kind of call whose success ends it."""


class Breaker:
    """Decides whether the cache `name` is asked; logs to `log`."""

    def __init__(
        self, name: str, log: logging.Logger, pause_s: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._name = name
        self._log = log
        self._pause_s = pause_s
        self._mutex = Lock()
        self._trouble: Trouble | None = None
        self._changed_at = float("-inf")
        self._retry_at = float("-inf")

    @property
    def is_tripped(self) -> bool:
        """Whether there is trouble."""
        return self._trouble is not None

    def allows(self, use: Use) -> bool:
        """Whether a call may be made now; in an outage True for one caller after each pause."""
        trouble = self._trouble
        if trouble is None or (trouble is Trouble.REFUSES_WRITES and use is not Use.WRITE):
            return True
        if use is not SHOWS_END[trouble]:
            return False
        with self._mutex:
            now = self.clock()
            if now < self._retry_at:
                return False
            self._retry_at = now + self._pause_s
            return True

    def succeeded(self, started_at: float, use: Use) -> None:
        """Note an answer to a call that began at `started_at` of `clock`."""
        if self._trouble is None:
            return
        with self._mutex:
            if self._trouble is None or use is not SHOWS_END[self._trouble] or started_at < self._changed_at:
                return
            self._trouble = None
            self._changed_at = self.clock()
            self._log.info("%s is back", self._name)

    def failed(self, started_at: float, trouble: Trouble, error: Exception) -> None:
        """Note a failure; of the error only its class is logged, for a message may hold the URL."""
        with self._mutex:
            if started_at < self._changed_at:
                return
            is_news = self._trouble is None
            self._trouble = trouble
            self._retry_at = self.clock() + self._pause_s
            if is_news:
                self._changed_at = self.clock()
                self._log.warning(f"%s {trouble.value}", self._name, type(error).__name__)
