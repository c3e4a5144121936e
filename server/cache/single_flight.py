"""Single flight: concurrent requests for a key cause one load, in the process and in the fleet.

A thread looks into worker memory, claims the missing keys that no other thread has claimed, gets them (from the shared
tier or by loading), hands them to the threads that wait, and only then waits for the claims of others. A claim never
waits for a claim, so there is no deadlock. A claim ends with its thread's work, however that ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock

from cogread.deadline import NEVER, Deadline
from cogread.errors import OutOfTime
from server.cache.fleet_flight import FleetFlight, Job, any_value
from server.cache.hits import count_hits
from server.cache.memory import MemoryCache
from server.cache.protocol import Cache
from server.gunicorn_worker.lead import lead
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import WAITS
from server.resilience.failures import Failures, copy_of


class _Claim:
    """A key that a thread is getting, and its outcome. Neither value nor error: the thread gave up."""

    __slots__ = ("done", "error", "tier", "value")

    def __init__(self) -> None:
        self.done = Event()
        self.value: bytes | None = None
        self.error: Exception | None = None
        self.tier = "-"

    def wait(self, deadline: Deadline) -> bytes | None:
        """The value, once the thread has it; None: it gave up.

        Raises:
            OutOfTime: the thread was still busy at the deadline.
            Exception: the error that the thread ended with.
        """
        counters.add(WAITS, "worker")
        lead.hand_over()
        if not self.done.wait(deadline.left_s):
            raise OutOfTime("another request was still reading the source at the deadline")
        trace.request.reach(self.tier)
        if self.error is not None:
            raise copy_of(self.error)
        return self.value


class SingleFlight:
    """Fetches values by key through worker memory and, if there is one, the shared tier."""

    def __init__(
        self,
        local: MemoryCache,
        shared: Cache | None = None,
        *,
        failures: Failures | None = None,
        lock_ttl_s: float = 2.0,
    ) -> None:
        """Fetch through the tiers.

        Args:
            local: worker memory.
            shared: the tier that all processes share; None: there is none.
            failures: remembers failed loads; None: with the usual lifetimes.
            lock_ttl_s: see `FleetFlight`.
        """
        self.local = local
        self.shared = shared
        self._fleet = FleetFlight(shared, lock_ttl_s) if shared is not None else None
        self._failures = failures or Failures()
        self._mutex = Lock()
        self._claims: dict[str, _Claim] = {}

    def fetch(
        self,
        keys: Sequence[str],
        load: Callable[[Sequence[str]], Mapping[str, bytes]],
        ttl_s: float,
        deadline: Deadline = NEVER,
        *,
        is_shared: bool = True,
        usable: Callable[[bytes], bool] = any_value,
        has_missed: bool = False,
    ) -> dict[str, bytes]:
        """Get the values of all keys.

        Args:
            keys: of the values.
            load: returns the values of the given keys (those that no tier has and no other thread loads, in the order
                of `keys`), or raises. Runs in this thread.
            ttl_s: lifetime of loaded values in the tiers.
            deadline: when waiting for other threads and processes ends.
            is_shared: whether the shared tier takes part.
            usable: whether a cached value will do.
            has_missed: whether the shared tier was just asked for them, by `get`.

        Raises:
            OutOfTime: another thread or process was still loading at the deadline.
            Exception: as `load`, in this thread or, now or a moment ago, in another.
        """
        job = Job(load, ttl_s, deadline, usable, has_missed)
        values: dict[str, bytes] = {}
        while missing := [key for key in keys if key not in values]:
            own, others = self._claim(missing, usable, values)
            if own:
                values |= self._get(own, job, is_shared)
            for key, claim in others.items():
                value = claim.wait(deadline)
                if value is not None:
                    values[key] = value
        return values

    def get(self, key: str, ttl_s: float) -> bytes | None:
        """The value of a key in one of the tiers; None: no tier has it.

        Args:
            key: of the value.
            ttl_s: lifetime in worker memory of a value of the shared tier.
        """
        value = self.local.lookup(key)
        if value is not None:
            trace.request.reach("memory")
            count_hits((key,), "memory")
        elif self.shared is not None:
            value = self.get_shared([key])[0]
            if value is not None:
                self.local.put({key: value}, ttl_s)
        return value

    def get_shared(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values that the shared tier has, None for the others; one round trip."""
        if self.shared is None:
            return [None] * len(keys)
        values = self.shared.get(keys)
        hits = [key for key, value in zip(keys, values, strict=True) if value is not None]
        if hits:
            trace.request.reach("redis")
            count_hits(hits, "redis")
        return values

    def put(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """Put values that came along with others into both tiers."""
        self.local.put(items, ttl_s)
        if self.shared is not None:
            self.shared.put(items, ttl_s)

    def drop(self, key: str, condition: Callable[[bytes], bool]) -> None:
        """Drop the value from the tiers in which it meets the condition."""
        for tier in (self.local, self.shared):
            if tier is not None and any(value is not None and condition(value) for value in tier.get([key])):
                tier.drop([key])

    def _claim(
        self, keys: Sequence[str], usable: Callable[[bytes], bool], values: dict[str, bytes]
    ) -> tuple[dict[str, _Claim], dict[str, _Claim]]:
        """Add local hits to `values`; claim the other keys, or take the claims that other threads have on them."""
        own: dict[str, _Claim] = {}
        others: dict[str, _Claim] = {}
        with self._mutex:  # memory is looked into under the mutex: a claim ends after its value is there
            for key in keys:
                value = self.local.lookup(key)
                if value is not None and usable(value):
                    values[key] = value
                    trace.request.reach("memory")
                    count_hits((key,), "memory")
                else:
                    self._failures.check(key)
            for key in keys:
                if key in values:
                    continue
                if key in self._claims:
                    others[key] = self._claims[key]
                else:
                    self._claims[key] = own[key] = _Claim()
        return own, others

    def _get(self, own: Mapping[str, _Claim], job: Job, is_shared: bool) -> dict[str, bytes]:
        """Get the claimed keys and end the claims."""
        values: dict[str, bytes] = {}
        failure: Exception | None = None
        try:
            if self._fleet is not None and is_shared:
                self._fleet.fetch(list(own), job, values)
            else:
                loaded = job.load(list(own))
                values.update({key: loaded[key] for key in own})
                count_hits(own, "origin")
            self.local.put(values, job.ttl_s)
        except OutOfTime:
            raise  # of this thread alone: those that wait for it may have more time, and claim the keys next
        except Exception as error:  # whatever it is, the threads that wait get it too
            failure = copy_of(error)
            values |= self._local_values(own, job)
            self._failures.remember([key for key in own if key not in values], failure)
            raise
        finally:
            self._end(own, values, failure)
        return values

    def _local_values(self, keys: Iterable[str], job: Job) -> dict[str, bytes]:
        """Values that a load put into worker memory before it failed for others."""
        values = {key: self.local.lookup(key) for key in keys}
        return {key: value for key, value in values.items() if value is not None and job.usable(value)}

    def _end(self, own: Mapping[str, _Claim], values: Mapping[str, bytes], failure: Exception | None) -> None:
        with self._mutex:
            for key, claim in own.items():
                del self._claims[key]
                claim.value = values.get(key)
                claim.error = failure if claim.value is None else None
                claim.tier = trace.request.tier
                claim.done.set()
