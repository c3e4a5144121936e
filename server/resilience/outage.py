"""Whether the origin of a source is dead: a circuit breaker, so that a dead one is not hammered and costs no threads.

An outage begins when an origin answered nobody for `STUCK_S`, or failed a few times in a row. In an outage one thread
at a time tries the origin, after a pause; any answer, be it a 404, ends it. Both ends are a line in the log.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from cogread.errors import SourceError, SourceTimeout, SourceUnreachable
from server.resilience.failures import another

log = logging.getLogger(__name__)

STUCK_S: Final = 1.0
"""An origin that answers none of those who ask it for so long is stuck."""

FAILURES: Final = 3
"""Reads in a row that fail sooner than that, until it is an outage."""

PAUSE_S: Final = 2.0
"""Between two tries in an outage."""


class Outage:
    """What is known of the origin of `name`. Thread-safe."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._name = name
        self._mutex = Lock()
        self._error: SourceError | None = None
        self._failures = 0
        self._answered_at = float("-inf")
        self._retry_at = float("-inf")
        self._is_tried = False

    @contextmanager
    def admit(self) -> Iterator[SourceError | None]:
        """Tell a thread for the length of a `with` whether it may ask the origin: None, or what to fail with."""
        if self._error is None:
            yield None
        elif self._begin_try():
            try:
                yield None
            finally:
                self._end_try()
        else:
            error = self._error
            yield None if error is None else another(error)

    def note(self, error: SourceError | None, began_at: float) -> None:
        """Note how a read of the origin ended.

        Args:
            error: what it raised, None for success.
            began_at: instant of `clock`.
        """
        with self._mutex:
            if not isinstance(error, SourceTimeout | SourceUnreachable):
                self._note_answer()
            elif self._error is None and began_at >= self._answered_at:
                self._note_failure(error, self.clock() - began_at)

    def _note_answer(self) -> None:
        self._answered_at = self.clock()
        self._failures = 0
        if self._error is not None:
            self._error = None
            log.info("%s: the origin answers again", self._name)

    def _note_failure(self, error: SourceError, lasted_s: float) -> None:
        self._failures += 1
        if lasted_s >= STUCK_S or self._failures >= FAILURES:
            self._error = another(error)
            self._retry_at = self.clock() + PAUSE_S
            log.warning("%s: the origin does not answer (%s): failing at once", self._name, error)

    def _begin_try(self) -> bool:
        with self._mutex:
            if self._is_tried or self.clock() < self._retry_at:
                return False
            self._is_tried = True
            return True

    def _end_try(self) -> None:
        with self._mutex:
            self._is_tried = False
            self._retry_at = self.clock() + PAUSE_S
