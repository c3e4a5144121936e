"""Failures, remembered for a moment: a dead origin is asked once in a while, not once a request."""

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TypeVar

from cogread.errors import SourceChanged, SourceError

FAILURES_S: Mapping[type[Exception], float] = {SourceError: 2.0}
"""Error class -> seconds; the nearest class counts, and what has none is not remembered: a bug is no outage."""

E = TypeVar("E", bound=Exception)


class Failures:
    """Key -> the error that its last load ended with. Of this process, thread-safe, at most `limit` keys."""

    def __init__(
        self,
        keep_s: Mapping[type[Exception], float] = FAILURES_S,
        limit: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_s = keep_s
        self._limit = limit
        self._clock = clock
        self._mutex = Lock()
        self._errors: OrderedDict[str, tuple[Exception, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise the remembered error of the key, if there is one."""
        if not self._errors:
            return
        with self._mutex:
            error, until = self._errors.get(key, (None, 0.0))
            if error is None:
                return
            if until <= self._clock():
                del self._errors[key]
                return
        raise another(error)

    def remember(self, keys: Sequence[str], error: Exception) -> None:
        """Let the keys fail with this error for a while. SourceChanged never: the next read may go well."""
        keep_s = next((self._keep_s[kind] for kind in type(error).__mro__ if kind in self._keep_s), 0.0)
        if isinstance(error, SourceChanged) or keep_s <= 0:
            return
        until = self._clock() + keep_s
        with self._mutex:
            for key in keys:
                self._errors[key] = (another(error), until)
                self._errors.move_to_end(key)
            while len(self._errors) > self._limit:
                self._errors.popitem(last=False)


def another(error: E) -> E:
    """The same error anew: one that many threads raise would gather their tracebacks, and keep their frames alive."""
    try:
        return copy.copy(error)
    except Exception:  # an exception class whose constructor wants more than its args
        return error
