"""The local tier: a cache in the memory of one worker."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

from server.cache.lru import ByteLru
from server.cache.protocol import NO_LOCKS

OVERHEAD_BYTES = 150
"""Cost of an entry beside its key and value: two tuples, two object headers, a float, its share of the table."""

LARGEST_SHARE = 4
"""A value larger than the bound divided by this is refused: it would evict too much for one hit."""


class MemoryCache:
    """A `Cache` of this process alone."""

    def __init__(self, bound_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values = ByteLru[str, tuple[bytes, float]](bound_bytes, bound_bytes // LARGEST_SHARE)
        self._mutex = Lock()
        self._locks: dict[str, tuple[str, float]] = {}

    def lookup(self, key: str) -> bytes | None:
        """The value of one key: `get` without its lists, for the hot path."""
        entry = self._values.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock():
            self._values.drop(key, entry)
            return None
        return entry[0]

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`."""
        return [self.lookup(key) for key in keys]

    def put(self, items: Mapping[str, bytes], ttl_s: float, tokens: Mapping[str, str] = NO_LOCKS) -> None:
        """See `Cache.put`."""
        if tokens:
            self.release(tokens)
        if ttl_s <= 0:
            self.drop(items)
            return
        expires_at = self._clock() + ttl_s
        for key, value in items.items():
            self._values.put(key, (value, expires_at), len(key) + len(value) + OVERHEAD_BYTES)

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        for key in keys:
            self._values.drop(key)

    def acquire(self, keys: Sequence[str], ttl_s: float, values: dict[str, bytes] | None = None) -> dict[str, str]:
        """See `Cache.acquire`."""
        if values is not None:
            values.update({key: value for key in keys if (value := self.lookup(key)) is not None})
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


class SideMemory(MemoryCache):
    """A memory of its own bound beside another one, whose values it has too: its values evict none of the other's."""

    def __init__(self, bound_bytes: int, main: MemoryCache) -> None:
        super().__init__(bound_bytes)
        self._main = main

    def lookup(self, key: str) -> bytes | None:
        """See `MemoryCache.lookup`."""
        return self._main.lookup(key) or super().lookup(key)
