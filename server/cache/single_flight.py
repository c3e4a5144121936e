"""Single flight: what many want at the same time is loaded once, for the process and for the fleet.

A thread looks into worker memory, then claims those missing keys that no other thread has claimed, gets them (from
the far tier or by loading), hands them to whoever waits, and only then waits for the keys of others. So a claim never
waits for a claim, and there is no circle. A claim ends with its thread's work, however that ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock

from cogread.deadline import NEVER, Deadline
from cogread.errors import OutOfTime
from server.cache.fleet_flight import Fleet, Job, any_value
from server.cache.memory import MemoryCache
from server.cache.protocol import Cache
from server.logs.trace import trace
from server.resilience.failures import Failures, another


class _Claim:
    """A key that a thread is getting, and what became of it. Neither value nor error: the thread gave up."""

    __slots__ = ("done", "error", "tier", "value")

    def __init__(self) -> None:
        self.done = Event()
        self.value: bytes | None = None
        self.error: Exception | None = None
        self.tier = "-"


class Flight:
    """Fetches values by key through worker memory and, if there is one, the far tier."""

    def __init__(
        self, near: MemoryCache, far: Cache | None = None, *, failures: Failures | None = None, lock_ttl_s: float = 2.0
    ) -> None:
        self.near = near
        self._far = far
        self._fleet = Fleet(far, lock_ttl_s) if far is not None else None
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
        shared: bool = True,
        usable: Callable[[bytes], bool] = any_value,
    ) -> dict[str, bytes]:
        """Get the values of all keys.

        Args:
            keys: what is wanted.
            load: brings the values of the keys it is given (those that no tier has and no other loads, in the order
                of `keys`), or raises. Runs in this thread.
            ttl_s: how long the tiers may keep what is loaded.
            deadline: when waiting for others ends.
            shared: whether the far tier takes part.
            usable: whether a value that a tier has will do.

        Raises:
            SourceTimeout: another was still loading at the deadline.
            Exception: what `load` raised, here or, a moment ago or just now, in another thread.
        """
        job = Job(load, ttl_s, deadline, usable)
        found: dict[str, bytes] = {}
        while missing := [key for key in keys if key not in found]:
            mine, others = self._claim(missing, usable, found)
            if mine:
                self._get(mine, job, shared, found)
            for key, claim in others.items():
                _wait(claim, deadline)
                if claim.value is not None:
                    found[key] = claim.value
        return found

    def keep(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """Put values that came along with others into both tiers."""
        self.near.put(items, ttl_s)
        if self._far is not None:
            self._far.put(items, ttl_s)

    def forget(self, key: str, condition: Callable[[bytes], bool]) -> None:
        """Drop the value from the tiers where it meets the condition."""
        for tier in (self.near, self._far):
            if tier is not None and any(value is not None and condition(value) for value in tier.get([key])):
                tier.drop([key])

    def _claim(
        self, keys: Sequence[str], usable: Callable[[bytes], bool], found: dict[str, bytes]
    ) -> tuple[dict[str, _Claim], dict[str, _Claim]]:
        """Take what is near; share out the rest into our claims and those of others."""
        mine: dict[str, _Claim] = {}
        others: dict[str, _Claim] = {}
        with self._mutex:  # memory is looked into under the mutex: a claim ends after its value is there
            for key in keys:
                value = self.near.lookup(key)
                if value is not None and usable(value):
                    found[key] = value
                    trace.reach("memory")
                else:
                    self._failures.check(key)
            for key in keys:
                if key in found:
                    continue
                if key in self._claims:
                    others[key] = self._claims[key]
                else:
                    self._claims[key] = mine[key] = _Claim()
        return mine, others

    def _get(self, mine: Mapping[str, _Claim], job: Job, shared: bool, found: dict[str, bytes]) -> None:
        """Get the claimed keys and end the claims."""
        values: dict[str, bytes] = {}
        failure: Exception | None = None
        try:
            if self._fleet is not None and shared:
                self._fleet.fetch(list(mine), job, values)
            else:
                loaded = job.load(list(mine))
                values.update({key: loaded[key] for key in mine})
            self.near.put(values, job.ttl_s)
        except OutOfTime:
            raise  # of this thread alone: who waits for it may have more time, and claims the keys next
        except Exception as error:
            failure = another(error)
            values |= self._kept(mine, job)
            self._failures.remember([key for key in mine if key not in values], failure)
            raise
        finally:
            self._end(mine, values, failure)
        found.update(values)

    def _kept(self, keys: Iterable[str], job: Job) -> dict[str, bytes]:
        """What a load that failed brought of others before, and kept."""
        values = {key: self.near.lookup(key) for key in keys}
        return {key: value for key, value in values.items() if value is not None and job.usable(value)}

    def _end(self, mine: Mapping[str, _Claim], values: Mapping[str, bytes], failure: Exception | None) -> None:
        with self._mutex:
            for key, claim in mine.items():
                del self._claims[key]
                claim.value = values.get(key)
                claim.error = failure if claim.value is None else None
                claim.tier = trace.tier
                claim.done.set()


def _wait(claim: _Claim, deadline: Deadline) -> None:
    if not claim.done.wait(deadline.left_s):
        raise OutOfTime("another request was still reading the source at the deadline")
    trace.reach(claim.tier)
    if claim.error is not None:
        raise another(claim.error)
