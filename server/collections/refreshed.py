"""A value that is read in the background and renewed by age, such as the list of a bucket.

Nothing is read before the first use. A thread of its own reads, so that a list of minutes holds no request longer than
`PATIENCE_S`; meanwhile, and while the origin fails, the previous value serves.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Lock
from typing import Final, Generic, TypeVar

from cogread.deadline import Deadline
from cogread.detached import call_detached
from cogread.errors import CogError, SourceBusy, SourceTimeout
from server.http.errors import LayerFault
from server.resilience.failures import copy_of

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""Longest wait of a request for a value where there is none."""

LATE_PATIENCE_S: Final = 0.5
"""The same where there is an old one."""

RETRY_S: Final = 3.0
"""Pause after a failure; a value of another age is renewed by its `refresh_s`."""

BUDGET_S: Final = 600.0
"""Longest time that one reading may take."""


class Refreshed(Generic[T]):
    """A value and its age. Thread-safe."""

    def __init__(
        self,
        name: str,
        refresh_s: float,
        read: Callable[[Deadline], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet.

        Args:
            name: of the value, for the log and for the thread.
            refresh_s: age at which a reader waits for the next value; at half of it the next is read ahead.
            read: reads the value, before a deadline.
            clock: monotonic seconds.
        """
        self._name, self._refresh_s, self._read, self._clock = name, refresh_s, read, clock
        self._mutex = Lock()
        self._value: T | None = None
        self._part: T | None = None
        self._read_at = float("-inf")
        self._failure: CogError | None = None
        self._next_at = float("-inf")
        """When the next reading may begin: reading takes half of the time at most."""
        self._running: Future[None] | None = None

    def get(self) -> T:
        """The value, at most `refresh_s` old unless reading it takes longer or fails.

        Raises:
            CogError: there is no value, because reading failed or takes longer than PATIENCE_S.
        """
        age_s = self._clock() - self._read_at
        if age_s < self._refresh_s / 2:
            return self._checked()
        running = self._begin()
        if running is not None and (self._value is None or age_s >= self._refresh_s):
            wait([running], timeout=PATIENCE_S if self._value is None else LATE_PATIENCE_S)
        return self._checked()

    def publish(self, part: T) -> None:
        """Show a part of the value, while it is read, to readers that have no other."""
        self._part = part

    def latest(self) -> T | None:
        """The value without a wait, whatever its age; None: there is none. A reading is begun if it is due."""
        if self._clock() - self._read_at >= self._refresh_s / 2:
            with suppress(SourceBusy):
                self._begin()
        return self._value

    def _checked(self) -> T:
        value = self._part if self._value is None else self._value
        if value is not None:
            return value
        if self._failure is not None:
            raise copy_of(self._failure)
        raise SourceTimeout(f"{self._name}: still being read")

    def _begin(self) -> Future[None] | None:
        """The reading that is under way, or a new one; None: the last failed or, if it takes long, ended just now."""
        with self._mutex:
            if self._running is None and self._clock() >= self._next_at:
                try:
                    self._running = call_detached(self._renew, "collection")
                except RuntimeError as error:
                    raise SourceBusy(f"{self._name}: the machine has no more threads") from error
            return self._running

    def _renew(self) -> None:
        began_at = self._clock()
        try:
            value = self._read(Deadline.after(BUDGET_S))
        except Exception as error:  # an answer of a catalog that no code foresees costs this collection alone
            if not isinstance(error, CogError):
                log.exception("%s: an error that was not foreseen", self._name)
            elif str(error) != str(self._failure):
                log.warning("%s cannot be read: %s", self._name, error)
            self._failure = error if isinstance(error, CogError) else LayerFault(f"{type(error).__name__}: {error}")
            self._next_at, self._part = self._clock() + RETRY_S, None
        else:
            self._value, self._read_at, self._part, self._failure = value, began_at, None, None
            self._next_at = 2 * self._clock() - began_at
        finally:
            with self._mutex:
                self._running = None
