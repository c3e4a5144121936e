"""How much of a worker one source may take, so that a slow or dead one does not starve the others.

Strategy: a thread passes the gate of its source before it may wait, be it for the origin or for another thread that
reads it; who finds what he wants in memory never comes here. The threads behind a gate, and behind all gates, are
bounded, so that some of a worker's are left for what needs no origin. Who comes when all places are taken waits for one
as long as now and then somebody leaves, or gets one of the things that he is there for, and is turned away when nobody
does: a source that is merely busy answers all its clients, one that is stuck takes no more threads, and what queues in
the server behind them is served. As who waits holds the last threads, how long that may last goes by the source's own
pace: a fifth of a second for most, the longest for one that is not known yet.

In an outage threads have no time to wait: they get what the tiers have, or the error that the outage began with.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import OutOfTime, SourceBusy, SourceError, SourceTimeout
from server.resilience.outage import STUCK_S, Outage

RETRY_AFTER_S: Final = 1.0

SHORTEST_WAIT_S: Final = 0.1
"""That nobody got on for this long says nothing yet."""

LONGEST_WAIT_S: Final = 1.5
"""Who got nothing for this long is stuck: a read of almost `STUCK_S`, and what it takes to hear of another worker's."""

FORGET: Final = 0.95
"""What is left of the longest read after another one."""


@dataclass(slots=True)
class _Crowd:
    """Those who are behind a gate."""

    count: int = 0
    moved_at: float = 0.0
    """When the last one left or got on, or the first one came."""
    read_s: float = LONGEST_WAIT_S / 2
    """About the longest of the recent reads of the origin, stuck ones aside. At first it makes for the longest wait."""

    @property
    def stuck_at(self) -> float:
        """When it is stuck, if nobody gets on before: all who are there may have come at the same moment."""
        return self.moved_at + min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, 2 * self.read_s))


class Places:
    """The bounds on the threads behind a worker's gates. Thread-safe."""

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Make the bounds.

        Args:
            threads: of the worker.
            clock: monotonic seconds.
        """
        self.most_of_one: Final = threads * 7 // 8
        """Behind one gate: nearly all, for a healthy source may have them."""
        self.most: Final = threads * 15 // 16
        """Behind all gates."""
        self._clock = clock
        self._changed = threading.Condition()
        self._all = _Crowd()

    def take(self, crowd: _Crowd, deadline: Deadline) -> bool:
        """Take a place. False if there is none and nobody gets on, or nobody leaves before the deadline."""
        with self._changed:
            for joined in (crowd, self._all):
                joined.moved_at = joined.moved_at if joined.count else self._clock()
            while (full := self._full(crowd)) is not None:
                until = min(full.stuck_at, deadline.at_s)
                left_s = until - self._clock()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            for joined in (crowd, self._all):
                joined.count += 1
            return True

    def leave(self, crowd: _Crowd) -> None:
        """Give back a place."""
        with self._changed:
            for joined in (crowd, self._all):
                joined.count -= 1
                joined.moved_at = self._clock()
            self._changed.notify_all()  # few wait: no more than there are threads without a place

    def get_on(self, crowd: _Crowd) -> None:
        """Note that one who has a place got something that it waited for."""
        with self._changed:
            for joined in (crowd, self._all):
                joined.moved_at = self._clock()

    def note_read(self, crowd: _Crowd, lasted_s: float) -> None:
        """Note a read of the origin."""
        if lasted_s < STUCK_S:
            with self._changed:
                for joined in (crowd, self._all):
                    joined.read_s = max(lasted_s, joined.read_s * FORGET)

    def _full(self, crowd: _Crowd) -> _Crowd | None:
        if crowd.count >= self.most_of_one:
            return crowd
        return self._all if self._all.count >= self.most else None


class _Here(threading.local):
    """The gate that this thread is behind."""

    gate: "Gate | None" = None


_here = _Here()


class Gate:
    """The gate of one source. Thread-safe."""

    def __init__(self, name: str, places: Places, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a gate.

        Args:
            name: of the source, for messages.
            places: those of the worker.
            clock: monotonic seconds.
        """
        self._name = name
        self._places = places
        self._clock = clock
        self._crowd = _Crowd()
        self._outage = Outage(name, clock)

    @contextmanager
    def passed(self, deadline: Deadline) -> Iterator[Deadline]:
        """Be behind the gate for the length of a `with`, which may stand in another.

        Args:
            deadline: when the call gives up.

        Yields:
            The deadline to keep to: in an outage, that is now.

        Raises:
            SourceBusy: too many wait for the source already.
            SourceError: what the outage began with.
        """
        if _here.gate is self:
            yield deadline
            if self._clock() < deadline.at_s:  # else it may have no place, as in an outage
                self._places.get_on(self._crowd)
            return
        with self._outage.admit() as outage, self._behind():
            if outage is None:
                with self._place(deadline):
                    yield deadline
                return
            try:
                yield Deadline(self._clock())
            except OutOfTime as error:
                raise outage from error

    @contextmanager
    def asking(self, deadline: Deadline) -> Iterator[None]:
        """Around a read of the origin: notes how it ended.

        Raises:
            OutOfTime: the deadline has passed, or passed so soon that it says nothing about the source.
        """
        began_at = self._clock()
        if began_at >= deadline.at_s:
            raise OutOfTime(f"{self._name}: no time left to ask the origin")
        try:
            yield
        except SourceError as error:
            now = self._clock()
            if isinstance(error, SourceTimeout) and deadline.at_s <= now < began_at + STUCK_S:
                raise OutOfTime(str(error)) from error
            self._outage.note(error, began_at)
            raise
        self._outage.note(None, began_at)
        self._places.note_read(self._crowd, self._clock() - began_at)

    @contextmanager
    def _place(self, deadline: Deadline) -> Iterator[None]:
        if not self._places.take(self._crowd, deadline):
            raise SourceBusy(f"{self._name}: too many requests wait for the origin already", RETRY_AFTER_S)
        try:
            yield
        finally:
            self._places.leave(self._crowd)

    @contextmanager
    def _behind(self) -> Iterator[None]:
        outer, _here.gate = _here.gate, self
        try:
            yield
        finally:
            _here.gate = outer
