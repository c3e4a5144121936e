"""A bulkhead: a bound on the threads in one section, so that a slow dependency never takes all threads of a worker.

A thread that finds no free permit waits. Where the bulkhead is paced, it waits as long as holders leave or report
progress, and gives up once nothing has moved for the stall window: a dependency that is merely busy serves all its
callers, one that is stuck takes no more threads. Waiting threads are threads too, so the window follows the pace of the
dependency: twice the longest recent call.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from cogread.deadline import Deadline

SHORTEST_WINDOW_S: Final = 0.1
"""Shorter windows would take a pause between two answers for a stall."""

LONGEST_WINDOW_S: Final = 1.5
"""A call that lasts almost until its circuit breaker opens, and the time in which another process hears of its end."""

DECAY: Final = 0.95
"""Factor of the longest call after each further one."""


class Bulkhead:
    """Permits for threads. Thread-safe."""

    def __init__(
        self,
        permits: int,
        busy: Callable[[], Exception],
        outer: "Bulkhead | None" = None,
        *,
        is_paced: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a bulkhead with all permits free.

        Args:
            permits: threads that may be inside.
            busy: makes the error of a thread that gets no permit.
            outer: a bulkhead around several; its permits are taken and given back with those of this one.
            is_paced: whether waiting ends with the stall window, not with the deadline alone.
            clock: monotonic seconds.
        """
        self.permits: Final = permits
        self._busy, self._is_paced, self._clock = busy, is_paced, clock
        self._parts: Final = (self,) if outer is None else (self, outer)
        self._changed: Condition = Condition() if outer is None else outer._changed
        self._used = 0
        self._moved_at = 0.0
        self._longest_call_s = LONGEST_WINDOW_S / 2

    @contextmanager
    def entered(self, deadline: Deadline) -> Iterator[None]:
        """Hold a permit for the length of a `with`.

        Raises:
            Exception: that of `busy`: none came free before the deadline, or the holders are stuck.
        """
        with self._changed:
            if not self._acquire(deadline):
                raise self._busy()
        try:
            yield
        finally:
            with self._changed:
                for part in self._parts:
                    part._used -= 1
                    part._moved_at = self._clock()
                self._changed.notify_all()

    def progress(self) -> None:
        """Record that a holder of a permit got something it waited for."""
        with self._changed:
            for part in self._parts:
                part._moved_at = self._clock()

    def record_call(self, seconds: float) -> None:
        """Adapt the stall window to a call that was answered."""
        with self._changed:
            for part in self._parts:
                part._longest_call_s = max(seconds, part._longest_call_s * DECAY)

    def _acquire(self, deadline: Deadline) -> bool:
        for part in self._parts:
            part._moved_at = part._moved_at if part._used else self._clock()
        while full := next((part for part in self._parts if part._used >= part.permits), None):
            left_s = min(full._stalls_at, deadline.at_s) - self._clock()
            if left_s <= 0:
                return False
            self._changed.wait(left_s)
        for part in self._parts:
            part._used += 1
        return True

    @property
    def _stalls_at(self) -> float:
        if not self._is_paced:
            return float("inf")
        return self._moved_at + min(LONGEST_WINDOW_S, max(SHORTEST_WINDOW_S, 2 * self._longest_call_s))
