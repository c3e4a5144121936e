"""The bulkhead and the circuit breaker of one origin, so that a slow or dead one does not starve other layers.

A thread enters before it may wait: for the origin, or for another thread that reads it. Memory hits never enter. While
the circuit is open, threads inside have no time to wait: they get what the cache tiers have, or the error that the
circuit opened with.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import OutOfTime, SourceBusy, SourceError, SourceTimeout, SourceUnreachable
from server.gunicorn_worker.lead import lead
from server.resilience.breaker import CircuitBreaker
from server.resilience.bulkhead import Bulkhead

log = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 1.0

STUCK_S: Final = 1.0
"""An origin that answers no request for so long is stuck; shorter failures may be the caller's deadline."""

FAILURES: Final = 3
"""Failures in a row, sooner than that, after which it counts as dead."""

PAUSE_S: Final = 2.0
"""Between two trials of a dead origin."""


class _Current(threading.local):
    """The guard that this thread is inside of."""

    guard: "OriginGuard | None" = None


_current = _Current()


class OriginGuard:
    """The guard of one origin. Thread-safe."""

    def __init__(
        self,
        name: str,
        threads: int,
        origins: Bulkhead,
        clock: Callable[[], float] = time.monotonic,
        group: str = "",
    ) -> None:
        """Make a guard.

        Args:
            name: of the source, for messages.
            threads: of the worker.
            origins: the bulkhead around all origins; see `origins_bulkhead`.
            clock: monotonic seconds.
            group: see `CircuitBreaker`; label of its requests in the metrics too.
        """
        self._name, self._clock, self.group = name, clock, group
        busy = partial(SourceBusy, f"{name}: too many requests wait for the origin already", RETRY_AFTER_S)
        self.bulkhead: Final = Bulkhead(threads * 7 // 8, busy, origins, is_paced=True, clock=clock)
        """Nearly all threads: a healthy origin may have them."""
        self.breaker: Final = CircuitBreaker(
            partial(log.warning, "%s: the origin does not answer (%s): failing at once", name),
            partial(log.info, "%s: the origin answers again", name),
            failures=FAILURES,
            stuck_s=STUCK_S,
            pause_s=PAUSE_S,
            clock=clock,
            group=group,
        )

    @contextmanager
    def waiting(self, deadline: Deadline) -> Iterator[Deadline]:
        """Be inside for the length of a `with`, which may stand in another.

        Yields:
            The deadline to keep to: while the circuit is open, that is now.

        Raises:
            SourceBusy: the bulkhead is full.
            SourceError: what the circuit opened with.
        """
        if _current.guard is self:
            yield deadline
            if self._clock() < deadline.at_s:  # else the thread may have no permit, as with an open circuit
                self.bulkhead.progress()
            return
        lead.hand_over()
        with self.breaker.attempt() as outage, self._inside():
            if outage is None:
                with self.bulkhead.entered(deadline):
                    yield deadline
                return
            try:
                yield Deadline(self._clock())
            except OutOfTime as error:
                raise outage from error

    @contextmanager
    def asking(self, deadline: Deadline) -> Iterator[None]:
        """Ask the origin for the length of a `with`, and record how that ends.

        Raises:
            OutOfTime: the deadline has passed, or passed so soon that the failure says nothing about the origin.
        """
        began_at = self._clock()
        if began_at >= deadline.at_s:
            raise OutOfTime(f"{self._name}: no time left to ask the origin")
        try:
            yield
        except (SourceTimeout, SourceUnreachable) as error:
            now = self._clock()
            if isinstance(error, SourceTimeout) and deadline.at_s <= now < began_at + STUCK_S:
                raise OutOfTime(str(error)) from error
            self.breaker.failed(error, began_at)
            raise
        except SourceError:  # an answer, if not the wanted one
            self.breaker.succeeded(began_at)
            raise
        self.breaker.succeeded(began_at)
        if self._clock() - began_at < STUCK_S:
            self.bulkhead.record_call(self._clock() - began_at)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        outer, _current.guard = _current.guard, self
        try:
            yield
        finally:
            _current.guard = outer


def origins_bulkhead(threads: int, clock: Callable[[], float] = time.monotonic) -> Bulkhead:
    """The bulkhead around all origins of a worker: the last threads are for what needs no origin."""
    busy = partial(SourceBusy, "too many requests wait for origins already", RETRY_AFTER_S)
    return Bulkhead(threads * 15 // 16, busy, is_paced=True, clock=clock)
