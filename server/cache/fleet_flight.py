"""Single flight among processes: of all that miss a key in the shared tier, the holder of its lock loads it.

A lock is held while loading and never while waiting, so no two processes wait for each other. A lock that is lost, or
whose holder dies, costs a second read of the origin and nothing else: it expires, and waiting for it is bounded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cogread.deadline import NEVER, Deadline
from cogread.errors import OutOfTime
from server.cache.hits import count_hits
from server.cache.protocol import NO_LOCKS, Cache
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import WAITS

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.025


def any_value(data: bytes) -> bool:
    """Accept any cached value."""
    return True


@dataclass(frozen=True, slots=True)
class Job:
    """A way to get values that no tier has."""

    load: Callable[[Sequence[str]], Mapping[str, bytes]]
    """Returns the values of all given keys, or raises."""

    ttl_s: float
    """Lifetime of loaded values in the tiers, seconds."""

    deadline: Deadline = NEVER
    """End of the wait for other processes."""

    usable: Callable[[bytes], bool] = any_value
    """Returns False for a cached value that has to be loaded again."""

    has_missed: bool = False
    """True if the shared tier was just asked for the values and has none."""


class FleetFlight:
    """Loads values through the shared tier."""

    def __init__(self, shared: Cache, lock_ttl_s: float = 2.0) -> None:
        """Load through `shared`.

        Args:
            shared: the tier that all processes share.
            lock_ttl_s: time for a process to load, after which another tries. Twice that is the longest wait for locks.
        """
        self.shared = shared
        self._lock_ttl_s = lock_ttl_s

    def fetch(self, keys: Sequence[str], job: Job, values: dict[str, bytes]) -> None:
        """Add the values of all keys to `values`, as they come.

        Raises:
            OutOfTime: another process was still loading at the deadline.
            Exception: as `job.load`.
        """
        patience = Deadline.after(2 * self._lock_ttl_s)
        pause_s = FIRST_PAUSE_S
        missing = list(keys) if job.has_missed else self._ask(keys, job, values)
        while missing:
            if job.deadline.is_expired:
                raise OutOfTime("no tier had it, and no other process, at the deadline")
            if patience.is_expired:
                self._load(missing, job, values)
                return
            missing = self._load_what_is_free(missing, job, values)
            if missing:
                if pause_s == FIRST_PAUSE_S:
                    counters.add(WAITS, "fleet")
                time.sleep(min(pause_s, job.deadline.left_s))
                pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)

    def _load_what_is_free(self, keys: Sequence[str], job: Job, values: dict[str, bytes]) -> list[str]:
        """Load the values whose locks are free; returns the keys that others are loading."""
        stored: dict[str, bytes] = {}
        tokens = self.shared.acquire(keys, self._lock_ttl_s, stored)
        try:
            self._take(stored, job, values)
            free = [key for key in tokens if key not in values]
            if free:
                self._load(free, job, values, tokens)
                tokens = {}
        finally:
            if tokens:
                self.shared.release(tokens)
        return [key for key in keys if key not in values]

    def _load(
        self, keys: Sequence[str], job: Job, values: dict[str, bytes], tokens: Mapping[str, str] = NO_LOCKS
    ) -> None:
        loaded = job.load(keys)
        wanted = {key: loaded[key] for key in keys}
        count_hits(wanted, "origin")
        self.shared.put(wanted, job.ttl_s, tokens)
        values.update(wanted)

    def _ask(self, keys: Sequence[str], job: Job, values: dict[str, bytes]) -> list[str]:
        """Take what the shared tier has; returns the keys still missing, in their order."""
        stored = zip(keys, self.shared.get(keys), strict=True)
        self._take({key: value for key, value in stored if value is not None}, job, values)
        return [key for key in keys if key not in values]

    def _take(self, stored: Mapping[str, bytes], job: Job, values: dict[str, bytes]) -> None:
        for key, value in stored.items():
            if job.usable(value):
                values[key] = value
                trace.request.reach("redis")
                count_hits((key,), "redis")
