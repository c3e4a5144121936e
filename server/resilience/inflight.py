"""Bounds on the memory and the decoders that tiles take while they are made and sent.

Strategy: a tile that needs more than `SMALL_BYTES` takes its share of the budget before it is read. The share shrinks
to the size of the body once that is made, and is given back when the body was sent or the client has gone. Shares are
given in the order in which they are asked for. Twice what the budget holds may wait, for `PATIENCE_S`; beyond that a
request fails at once with `ServerBusy`, so that threads stay free for small tiles. A tile that needs more than all
of it is made while no other has a share.

Decoders are bounded by number, for more of them than CPUs make no tile sooner. A thread takes its share first and its
decoder later, with the stored bytes read: a slow origin keeps no decoder waiting, and neither waits for the other.
"""

import ctypes
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Condition
from typing import Final, NamedTuple

from cogread.deadline import Deadline
from server.http.errors import ServerBusy

SMALL_BYTES: Final = 1 << 20
"""Need of a tile that takes no share: of a worker's 32 threads, 32 MiB together."""

PATIENCE_S: Final = 2.0
"""Longest wait for a share."""

WAITING_BUDGETS: Final = 2
"""How many budgets may be waited for: by all threads of a worker for tiles of 1024 pixels, by few for larger ones."""

MAPPED_BYTES: Final = 4 << 20
"""Blocks of memory of this size and more are not kept when they are freed; smaller ones are faster to use again."""
_M_MMAP_THRESHOLD: Final = -3
"""Of malloc.h."""

LEAST_DECODERS: Final = 2
"""One slow tile does not stop all others."""


class Share:
    """A part of the budget. Given back by `close`, or at the latest with the object itself."""

    __slots__ = ("_budget", "_size_bytes")

    def __init__(self, budget: "Budget", size_bytes: int) -> None:
        self._budget, self._size_bytes = budget, size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Give back all but so much."""
        if size_bytes < self._size_bytes:
            freed_bytes, self._size_bytes = self._size_bytes - size_bytes, size_bytes
            self._budget.give_back(freed_bytes)

    def close(self) -> None:
        """Give back all; may be called again."""
        self.shrink(0)

    __del__ = close


class Budget:
    """The memory of a worker's tiles in flight. Thread-safe."""

    def __init__(self, bound_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Make the budget.

        Args:
            bound_bytes: of all shares together.
            clock: monotonic seconds.
        """
        self._bound_bytes: Final = bound_bytes
        self._clock = clock
        self._changed = Condition()
        self._used_bytes = 0
        self._waiting: deque[object] = deque()
        self._waiting_bytes = 0

    def take(self, size_bytes: int, deadline: Deadline) -> Share:
        """Take a share; waits for it where it must.

        Args:
            size_bytes: the share.
            deadline: when the call gives up, if it comes sooner than `PATIENCE_S` from now.

        Raises:
            ServerBusy: there is none, and none came free in time.
        """
        with self._changed:
            if self._waiting or not self._fits(size_bytes):
                self._wait(size_bytes, deadline)
            self._used_bytes += size_bytes
        return Share(self, size_bytes)

    def give_back(self, size_bytes: int) -> None:
        """Take back what a share holds no longer."""
        with self._changed:
            self._used_bytes -= size_bytes
            if self._waiting:
                self._changed.notify_all()

    def _fits(self, size_bytes: int) -> bool:
        return not self._used_bytes or self._used_bytes + size_bytes <= self._bound_bytes

    def _wait(self, size_bytes: int, deadline: Deadline) -> None:
        """Wait until this request is the first that waits, and there is room for it."""
        if self._waiting and self._waiting_bytes + size_bytes > WAITING_BUDGETS * self._bound_bytes:
            raise self._busy(size_bytes)
        turn, until_s = object(), min(deadline.at_s, self._clock() + PATIENCE_S)
        self._waiting.append(turn)
        self._waiting_bytes += size_bytes
        try:
            while self._waiting[0] is not turn or not self._fits(size_bytes):
                left_s = until_s - self._clock()
                if left_s <= 0:
                    raise self._busy(size_bytes)
                self._changed.wait(left_s)
        finally:
            self._waiting.remove(turn)
            self._waiting_bytes -= size_bytes
            self._changed.notify_all()

    def _busy(self, size_bytes: int) -> ServerBusy:
        return ServerBusy(
            f"this tile takes up to {size_bytes} bytes of memory while it is made, and other tiles have taken "
            f"{self._used_bytes} of {self._bound_bytes}: try again"
        )


class Decoders:
    """The threads of a worker that may decode at the same time. Thread-safe."""

    def __init__(self, most: int | None = None) -> None:
        """Make the bound; None: as many as the process has CPUs."""
        self._free = BoundedSemaphore(most or max(LEAST_DECODERS, len(os.sched_getaffinity(0))))

    @contextmanager
    def one(self, deadline: Deadline) -> Iterator[None]:
        """Have a decoder for the length of a `with`.

        Args:
            deadline: when the call gives up.

        Raises:
            ServerBusy: none came free in time.
        """
        if not self._free.acquire(timeout=deadline.left_s):
            raise ServerBusy("as many tiles are being decoded as may at the same time: try again")
        try:
            yield
        finally:
            self._free.release()


def free_at_once() -> None:
    """Have the C library give large blocks back to the system when they are freed.

    By default glibc raises its threshold for that to 32 MiB, and keeps what was freed below it for each of its arenas:
    a worker whose tiles take 256 MiB at a time came to twice that. Other C libraries have no such setting.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


class Limits(NamedTuple):
    """What a worker's tiles in flight may take."""

    memory: Budget
    decoders: Decoders
