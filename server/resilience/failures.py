"""Negative caching: an error is raised again for a moment, so that not every request asks a failing origin."""

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TypeVar

from cogread.errors import OutOfTime, SourceChanged, SourceError

FAILURES_S: Mapping[type[Exception], float] = {SourceError: 2.0}
"""Error class -> lifetime in seconds; the nearest class counts. Other errors are not remembered: a bug is no outage."""

E = TypeVar("E", bound=Exception)


class Failures:
    """Errors by key, at most `limit` of them. Thread-safe."""

    def __init__(
        self,
        ttl_s: Mapping[type[Exception], float] = FAILURES_S,
        limit: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = ttl_s
        self._limit = limit
        self._clock = clock
        self._mutex = Lock()
        self._errors: OrderedDict[str, tuple[Exception, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise the remembered error of the key, if any."""
        if not self._errors:
            return
        with self._mutex:
            error, expires_at = self._errors.get(key, (None, 0.0))
            if error is None:
                return
            if expires_at <= self._clock():
                del self._errors[key]
                return
        raise copy_of(error)

    def remember(self, keys: Sequence[str], error: Exception) -> None:
        """Remember the error of keys, but for those that say nothing of the next try: SourceChanged and OutOfTime."""
        ttl_s = next((self._ttl_s[kind] for kind in type(error).__mro__ if kind in self._ttl_s), 0.0)
        if isinstance(error, SourceChanged | OutOfTime) or ttl_s <= 0:
            return
        expires_at = self._clock() + ttl_s
        with self._mutex:
            for key in keys:
                self._errors[key] = (copy_of(error), expires_at)
                self._errors.move_to_end(key)
            while len(self._errors) > self._limit:
                self._errors.popitem(last=False)


def copy_of(error: E) -> E:
    """A copy to raise: an error that many threads raise would collect their tracebacks and keep their frames alive."""
    try:
        return copy.copy(error)
    except Exception:  # a class whose constructor takes other arguments than its args
        return error
