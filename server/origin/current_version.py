"""Which version of a source is current: asked of the origin once per interval for the whole fleet.

What the origin said is kept as a record with the instant of the asking, in worker memory and in the far tier. The
record's age counts from that instant wherever it lies, so the tiers' times never add up. Machines whose clocks differ
by more than a second do not trust each other's records, and ask the origin themselves.
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
"""How far in the future the asking may seem to lie."""


class Record(msgspec.Struct, frozen=True):
    """What the origin said, and when it was asked."""

    asked_at: float
    """Seconds since the epoch, just before the asking."""

    version: Version


_decode = msgspec.json.Decoder(Record).decode


def _read(data: bytes) -> Record | None:
    """The record, or None if the bytes are of another release of this code."""
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
        """Make the record's keeper; nothing is asked yet.

        Args:
            flight: the tiers.
            key: cache key of the record.
            revalidate_s: how old a record may be; 0: the origin is asked at every call.
            ask: asks the origin; gets the version that was current before, if known, and the deadline.
            clock: seconds since the epoch.
            watch: notes contradictions of the origin; None: they are not noted.
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
        """A version that was given up, until the origin has stated the next one."""

    def known(self) -> Version | None:
        """The version that was current at most `revalidate_s` ago, where this process knows it."""
        record = self._record
        if record is None or not self._is_fresh(record):
            return None
        if trace.tier == "-":
            trace.tier = "memory"
        return record.version

    def get(self, deadline: Deadline = NEVER) -> Version:
        """The version that was current at most `revalidate_s` ago; waits for it where it must.

        Raises:
            SourceError: as `Source.version`.
        """
        return self.known() or self._renew(deadline)

    def forget(self, version: Version) -> None:
        """Ask the origin next time, unless another version is known already; what was asked before now is void."""
        self._forgotten = Record(self._clock(), version)
        self._doubted = version
        self._record = None if _is_of(self._record, version) else self._record
        self._flight.drop(self._key, lambda data: _is_of(_read(data), version))

    def _renew(self, deadline: Deadline) -> Version:
        version = self._ask_anew(deadline)
        doubted, self._doubted = self._doubted, None
        if doubted is not None and self._watch is not None:
            self._watch.note(doubted, version)
        return version

    def _ask_anew(self, deadline: Deadline) -> Version:
        if self._revalidate_s <= 0:
            return self._ask(self._record.version if self._record else None, deadline)
        record = self._fetch(deadline)
        if self._is_void(record):  # of a flight that was under way when the version was forgotten
            record = self._fetch(deadline)
        self._record = record
        return record.version

    def _fetch(self, deadline: Deadline) -> Record:
        def load(keys: Sequence[str]) -> Mapping[str, bytes]:
            asked_at = self._clock()
            version = self._ask(self._record.version if self._record else None, deadline)
            return dict.fromkeys(keys, msgspec.json.encode(Record(asked_at, version)))

        found = self._flight.fetch([self._key], load, self._revalidate_s, deadline, usable=self._is_usable)
        return _decode(found[self._key])

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
