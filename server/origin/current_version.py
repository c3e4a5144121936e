"""The current version of a source: the origin is asked once per interval for the whole fleet.

An answer is cached as a record with the instant of the question, in worker memory and in the shared tier. A record's
age counts from that instant in every tier, so lifetimes never add up. Machines whose clocks differ by more than a
second ignore each other's records and ask the origin themselves.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cogread.byterange import Version
from cogread.deadline import NEVER, Deadline
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.origin.validator_watch import ValidatorWatch

CLOCK_SKEW_S = 1.0
"""Tolerance for records from the future."""


class Record(msgspec.Struct, frozen=True):
    """A version that the origin stated, and the instant of the question."""

    asked_at: float
    """Seconds since the epoch, just before the question."""

    version: Version


_decode = msgspec.json.Decoder(Record).decode


def _read(data: bytes) -> Record | None:
    """The record; None: the bytes are of another release of this code."""
    try:
        return _decode(data)
    except msgspec.MsgspecError:
        return None


class CurrentVersion:
    """The current version of one source."""

    def __init__(
        self,
        flight: SingleFlight,
        key: str,
        revalidate_s: float,
        ask: Callable[[Version | None, Deadline], Version],
        clock: Callable[[], float] = time.time,
        watch: ValidatorWatch | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            flight: the cache tiers.
            key: cache key of the record.
            revalidate_s: lifetime of a record; 0: the origin is asked at every call.
            ask: asks the origin, given the version before, if any, and the deadline.
            clock: seconds since the epoch.
            watch: notes contradictions of the origin; None: they are ignored.
        """
        self._flight = flight
        self._key = key
        self._revalidate_s = revalidate_s
        self._ask = ask
        self._clock = clock
        self._record: Record | None = None
        self._forgotten: Record | None = None
        self._watch = watch
        self._doubted: Version | None = None
        """A version that was dropped, until the origin has stated the next one."""

    def cached(self) -> Version | None:
        """The version of this process's record, if that is fresh."""
        record = self._record
        if record is None or not self._is_fresh(record):
            return None
        if trace.request.tier == "-":
            trace.request.tier = "memory"
        return record.version

    @property
    def confirmed_at(self) -> float:
        """When the origin last stated the version, seconds since the epoch; now where it is asked at every call."""
        record = self._record
        return self._clock() if record is None else record.asked_at

    @property
    def is_new(self) -> bool:
        """True if no version is known yet, and Redis may know one."""
        return self._record is None and self._doubted is None and self._revalidate_s > 0

    def adopt(self, data: bytes | None) -> Version | None:
        """Take the version of a record from Redis; None: there is none, or not a usable one."""
        if data is None or not self._is_usable(data):
            return None
        self._record = _decode(data)
        return self._record.version

    def get(self, deadline: Deadline = NEVER, has_missed: bool = False) -> Version:
        """The version, at most `revalidate_s` old; asks the other tiers and the origin where it must.

        Args:
            deadline: when the call gives up.
            has_missed: whether the shared tier was just asked in vain.

        Raises:
            SourceError: as `Source.version`.
        """
        return self.cached() or self._renew(deadline, has_missed)

    def forget(self, version: Version) -> None:
        """Drop records of a version: this process's, the tiers', and those of questions that are under way."""
        self._forgotten = Record(self._clock(), version)
        self._doubted = version
        self._record = None if _is_of(self._record, version) else self._record
        self._flight.drop(self._key, lambda data: _is_of(_read(data), version))

    def _renew(self, deadline: Deadline, has_missed: bool) -> Version:
        version = self._ask_anew(deadline, has_missed)
        doubted, self._doubted = self._doubted, None
        if doubted is not None and self._watch is not None:
            self._watch.note(doubted, version)
        return version

    def _ask_anew(self, deadline: Deadline, has_missed: bool) -> Version:
        if self._revalidate_s <= 0:
            return self._ask(self._record.version if self._record else None, deadline)
        record = self._fetch(deadline, has_missed)
        if self._is_void(record):  # of a question that was under way when the version was dropped
            record = self._fetch(deadline)
        self._record = record
        return record.version

    def _fetch(self, deadline: Deadline, has_missed: bool = False) -> Record:
        def load(keys: Sequence[str]) -> Mapping[str, bytes]:
            asked_at = self._clock()
            version = self._ask(self._record.version if self._record else None, deadline)
            return dict.fromkeys(keys, msgspec.json.encode(Record(asked_at, version)))

        values = self._flight.fetch(
            [self._key], load, self._revalidate_s, deadline, usable=self._is_usable, has_missed=has_missed
        )
        return _decode(values[self._key])

    def _is_usable(self, data: bytes) -> bool:
        record = _read(data)
        return record is not None and self._is_fresh(record) and not self._is_void(record)

    def _is_fresh(self, record: Record) -> bool:
        return -CLOCK_SKEW_S <= self._clock() - record.asked_at < self._revalidate_s

    def _is_void(self, record: Record) -> bool:
        forgotten = self._forgotten
        return forgotten is not None and _is_of(record, forgotten.version) and record.asked_at < forgotten.asked_at


def _is_of(record: Record | None, version: Version) -> bool:
    return record is not None and record.version.same_as(version)
