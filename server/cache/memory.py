"""The near tier: a least-recently-used cache in the worker's memory, bounded in bytes."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

OVERHEAD_BYTES = 100
"""What an entry costs beside its key and value: the tuple, two object headers, a float, its share of the table."""

LARGEST_SHARE = 4
"""A value larger than the bound divided by this is not kept: it would push out too much for one hit."""


class MemoryCache:
    """A `Cache` of this process alone."""

    def __init__(self, bound_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.bound_bytes = bound_bytes
        self.used_bytes = 0
        self._clock = clock
        self._mutex = Lock()
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._locks: dict[str, tuple[str, float]] = {}

    def lookup(self, key: str) -> bytes | None:
        """The value of one key: `get` without its lists, for the hot path."""
        with self._mutex:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry[1] <= self._clock():
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`."""
        return [self.lookup(key) for key in keys]

    def put(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """See `Cache.put`."""
        expires = self._clock() + ttl_s
        with self._mutex:
            for key, value in items.items():
                self._remove(key)
                if ttl_s > 0 and _cost(key, value) <= self.bound_bytes // LARGEST_SHARE:
                    self._entries[key] = (value, expires)
                    self.used_bytes += _cost(key, value)
            while self.used_bytes > self.bound_bytes:
                self._remove(next(iter(self._entries)))

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        with self._mutex:
            for key in keys:
                self._remove(key)

    def acquire(self, keys: Sequence[str], ttl_s: float) -> dict[str, str]:
        """See `Cache.acquire`."""
        token = secrets.token_hex(8)
        with self._mutex:
            now = self._clock()
            free = [key for key in keys if key not in self._locks or self._locks[key][1] <= now]
            self._locks.update(dict.fromkeys(free, (token, now + ttl_s)))
        return dict.fromkeys(free, token)

    def release(self, tokens: Mapping[str, str]) -> None:
        """See `Cache.release`."""
        with self._mutex:
            for key, token in tokens.items():
                if key in self._locks and self._locks[key][0] == token:
                    del self._locks[key]

    def close(self) -> None:
        """See `Cache.close`."""

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used_bytes -= _cost(key, entry[0])


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD_BYTES
