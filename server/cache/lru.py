"""A least-recently-used map bounded in bytes, for file bytes, open layers, plans, replies and packed documents."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, Self, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ByteLru(Generic[K, V]):
    """Evicts the least recently used entries once all together cost more than the bound. Thread-safe.

    The caller states the cost of an entry, with its key and its overhead.
    """

    def __init__(self, bound_bytes: int, largest_bytes: int | None = None) -> None:
        """Make an empty map.

        Args:
            bound_bytes: of all entries.
            largest_bytes: an entry that costs more is refused, since it would evict too many for one hit; None: no
                entry is refused, and one larger than the bound is the only one.
        """
        self.bound_bytes = bound_bytes
        self.used_bytes = 0
        self._largest_bytes = largest_bytes
        self._mutex = Lock()
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, which becomes the most recently used; None: a miss.

        Without the mutex, for the hot path: both operations are atomic, and an entry evicted between them is a hit.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:  # noqa: SIM105 - `suppress` takes four times as long
            self._entries.move_to_end(key)
        except KeyError:
            pass
        return entry[0]

    def put(self, key: K, value: V, cost_bytes: int) -> bool:
        """Store a value in place of the key's last one.

        Returns:
            False: the value is too large, and the key has no value now.
        """
        with self._mutex:
            self._remove(key)
            if self._largest_bytes is not None and cost_bytes > self._largest_bytes:
                return False
            self._entries[key] = (value, cost_bytes)
            self.used_bytes += cost_bytes
            while self.used_bytes > self.bound_bytes and len(self._entries) > 1:
                _, (_, evicted_bytes) = self._entries.popitem(last=False)  # atomic: `get` reorders meanwhile
                self.used_bytes -= evicted_bytes
            return True

    def drop(self, key: K, value: V | None = None) -> None:
        """Remove the key's value; if `value` is given, only that very object."""
        with self._mutex:
            if value is None or self._entries.get(key, (None, 0))[0] is value:
                self._remove(key)

    def successor(self, keeps: Callable[[K, V], bool]) -> Self:
        """A map of the same bounds with those entries that `keeps` accepts; later changes of one leave the other."""
        other = type(self)(self.bound_bytes, self._largest_bytes)
        with self._mutex:
            entries = list(self._entries.items())
        for key, (value, cost_bytes) in entries:
            if keeps(key, value):
                other.put(key, value, cost_bytes)
        return other

    def retain(self, keeps: Callable[[K], bool]) -> None:
        """Remove all entries whose keys `keeps` does not accept."""
        with self._mutex:
            keys = list(self._entries)
        for key in keys:
            if not keeps(key):
                self.drop(key)

    def _remove(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used_bytes -= entry[1]
