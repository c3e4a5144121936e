"""A circuit breaker with two kinds of trouble, and one log line at each end of an outage.

A cache that does not answer is left alone altogether; one that refuses writes (full, read-only) is still read. When
the pause is over one caller tries while the others go on without. Each trouble ends with a call of the kind that
shows its end: something that answers any command with a number is no cache. Only calls that began after the last
change of state count: the reply of one that was under way when the trouble began says nothing about now.
"""

import logging
import time
from collections.abc import Callable
from enum import Enum
from threading import Lock


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
