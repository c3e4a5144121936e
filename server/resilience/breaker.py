"""A circuit breaker: a dependency that fails is left alone, and a trial call now and then shows when it is back.

Calls that began before the last change of state say nothing about now: their results are ignored.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from threading import Lock
from typing import Final
from weakref import WeakSet

from server.resilience.failures import copy_of


class State(Enum):
    """States of a circuit breaker."""

    CLOSED = "closed"
    """All calls are made."""

    OPEN = "open"
    """No call is made."""

    HALF_OPEN = "half-open"
    """One trial call is under way."""


class _Outages:
    """The breakers of the process that are not closed. Thread-safe."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._breakers: WeakSet[CircuitBreaker] = WeakSet()

    def add(self, breaker: "CircuitBreaker") -> None:
        """Note an open breaker."""
        with self._mutex:
            self._breakers.add(breaker)

    def discard(self, breaker: "CircuitBreaker") -> None:
        """Note a closed breaker."""
        with self._mutex:
            self._breakers.discard(breaker)

    def counts(self) -> Counter[tuple[str, State]]:
        """Count them by group and state."""
        with self._mutex:
            return Counter((breaker.group, breaker.state) for breaker in self._breakers)


outages: Final = _Outages()


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
        group: str = "",
    ) -> None:
        """Make a closed breaker.

        Args:
            opened: told the error that the circuit opens with, to log it.
            closed: told when the circuit closes again.
            failures: failures in a row that open the circuit.
            stuck_s: duration of a failed call that opens it alone.
            pause_s: between two trials.
            clock: monotonic seconds.
            group: name under which `outages` counts it.
        """
        self.clock, self.group = clock, group
        self.state = State.CLOSED
        self._opened, self._closed = opened, closed
        self._failures_allowed, self._stuck_s, self._pause_s = failures, stuck_s, pause_s
        self._mutex = Lock()
        self._error: Exception | None = None
        self._failures = 0
        self._answered_at = float("-inf")
        self._changed_at = float("-inf")
        self._retry_at = float("-inf")

    def attempt(self) -> AbstractContextManager[Exception | None]:
        """Tell the thread for the length of a `with` whether it may call: None, or the error to fail with."""
        return nullcontext() if self._error is None else self._attempt()

    @contextmanager
    def _attempt(self) -> Iterator[Exception | None]:
        if self._begin_trial():
            try:
                yield None
            finally:
                self._end_trial()
        else:
            error = self._error
            yield None if error is None else copy_of(error)

    def succeeded(self, began_at: float) -> None:
        """Record an answer to a call that began at `began_at` of `clock`.

        Without the mutex where nothing is to be undone, as after nearly every call: an assignment is atomic.
        """
        if self.state is State.CLOSED and not self._failures:
            self._answered_at = self.clock()
            return
        with self._mutex:
            self._failures, self._answered_at = 0, self.clock()
            if self.state is not State.CLOSED and began_at >= self._changed_at:
                self.state, self._error, self._changed_at = State.CLOSED, None, self._answered_at
                outages.discard(self)
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
                outages.add(self)
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
