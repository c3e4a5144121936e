"""The circuit breakers of a Redis server: one for all calls, and one for writes alone.

A server that is full or read-only refuses writes and is still read. Only the answer to a read shows that a server is
back: something that answers any command with a number is no cache.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from functools import partial
from typing import Final

from redis.exceptions import ReadOnlyError, ResponseError

from server.resilience.breaker import CircuitBreaker, State

log = logging.getLogger("server.cache.redis")

NOT_ANSWERING: Final = "%s is not answering (%s): serving without it"
GROUP: Final = "redis"
"""Group of all breakers of Redis; see `CircuitBreaker`."""

REFUSES_WRITES: Final = "%s refuses writes (%s): serving without storing"


class Use(Enum):
    """Purpose of a call."""

    READ = "read"
    WRITE = "write"
    TIDY = "tidy"
    """Removes what would expire anyway."""


def logged_breaker(
    name: str, message: str, pause_s: float, clock: Callable[[], float] = time.monotonic
) -> CircuitBreaker:
    """A breaker that logs each end of an outage; of the error its class alone, since its text may hold the URL."""

    def log_outage(error: Exception) -> None:
        log.warning(message, name, type(error).__name__)

    back = partial(log.info, "%s is back", name)
    return CircuitBreaker(log_outage, back, pause_s=pause_s, clock=clock, group=GROUP)


class NodeBreaker:
    """The two breakers of the server `name`. Thread-safe."""

    def __init__(self, name: str, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = logged_breaker(name, NOT_ANSWERING, pause_s, clock)
        self._writes = logged_breaker(name, REFUSES_WRITES, pause_s, clock)

    @property
    def is_open(self) -> bool:
        """True while the server does not answer."""
        return self._calls.state is not State.CLOSED

    def attempt(self, use: Use) -> AbstractContextManager[object]:
        """Tell the thread for the length of a `with` whether it may call: None if so; see `CircuitBreaker.attempt`."""
        if use is Use.READ:
            return self._calls.attempt()
        if self.is_open:
            return nullcontext(self)
        return self._writes.attempt() if use is Use.WRITE else nullcontext()

    def succeeded(self, use: Use, began_at: float) -> None:
        """Record an answer to a call that began at `began_at`, an instant of `time.monotonic()`."""
        if use is Use.READ:
            self._calls.succeeded(began_at)
        elif use is Use.WRITE:
            self._writes.succeeded(began_at)

    def failed(self, error: Exception, use: Use, began_at: float) -> bool:
        """Record a failure.

        Returns:
            True if the connections are of no more use: the server does not answer, or a write shows that it is no
            master. Sentinels, or the DNS of a cloud, lead new ones to the new master.
        """
        if use is Use.READ or not isinstance(error, ResponseError):
            self._calls.failed(error, began_at)
            return True
        if use is Use.WRITE:
            self._writes.failed(error, began_at)
            return isinstance(error, ReadOnlyError)
        return False
