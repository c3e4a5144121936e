"""Bounds on the memory and the decoders that tiles take while they are made and sent.

Strategy: a tile that needs more than `SMALL_BYTES` takes a share of the memory budget before it is read. The share
shrinks to the size of the body once that is made, and is released when the body was sent or the client has gone. Shares
are granted first come, first served. Requests for twice the budget may wait, for `PATIENCE_S`; beyond that a request
fails at once with `ServerBusy`, so that threads stay free for small tiles. A tile that needs more than the whole budget
is made while no other tile has a share.

Decoders are bounded by a bulkhead, since more of them than CPUs make no tile sooner. A thread takes its share first and
its decoder later, when the stored bytes are read: a slow origin occupies no decoder, and neither waits for the other.
"""

import ctypes
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Condition
from typing import Final, NamedTuple

from cogread.deadline import Deadline
from server.http.errors import ServerBusy
from server.resilience.bulkhead import Bulkhead

SMALL_BYTES: Final = 1 << 20
"""Tiles that need no more take no share: 32 MiB for the 32 threads of a worker."""

PATIENCE_S: Final = 2.0
"""Longest wait for a share."""

WAITING_BUDGETS: Final = 2
"""Bound of waiting requests, in budgets: all threads of a worker with tiles of 1024 pixels, few with larger ones."""

MAPPED_BYTES: Final = 4 << 20
"""Freed blocks of this size and more go back to the system; smaller ones are reused, which is faster."""
_M_MMAP_THRESHOLD: Final = -3
"""Constant of malloc.h."""

LEAST_DECODERS: Final = 2
"""One slow tile does not stop all others."""


class Share:
    """A part of the budget, released by `close` or at the latest with the object."""

    __slots__ = ("_budget", "_size_bytes")

    def __init__(self, budget: "MemoryBudget", size_bytes: int) -> None:
        self._budget, self._size_bytes = budget, size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Release all but `size_bytes`."""
        if size_bytes < self._size_bytes:
            freed_bytes, self._size_bytes = self._size_bytes - size_bytes, size_bytes
            self._budget.release(freed_bytes)

    def close(self) -> None:
        """Release all; may be called again."""
        self.shrink(0)

    __del__ = close


class MemoryBudget:
    """The memory of a worker's tiles in flight. Thread-safe."""

    def __init__(self, bound_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a budget without shares.

        Args:
            bound_bytes: size of all shares together.
            clock: monotonic seconds.
        """
        self.bound_bytes: Final = bound_bytes
        self._clock = clock
        self._changed = Condition()
        self.used_bytes = 0
        """Size of all shares."""
        self._waiting: deque[object] = deque()
        self._waiting_bytes = 0

    def take(self, size_bytes: int, deadline: Deadline) -> Share:
        """Take a share; waits for it if need be.

        Args:
            size_bytes: size of the share.
            deadline: when the request gives up, if that is sooner than in `PATIENCE_S`.

        Raises:
            ServerBusy: no memory came free in time, or too many requests wait.
        """
        with self._changed:
            if self._waiting or not self._fits(size_bytes):
                self._wait(size_bytes, deadline)
            self.used_bytes += size_bytes
        return Share(self, size_bytes)

    def release(self, size_bytes: int) -> None:
        """Free memory of a share."""
        with self._changed:
            self.used_bytes -= size_bytes
            if self._waiting:
                self._changed.notify_all()

    def _fits(self, size_bytes: int) -> bool:
        return not self.used_bytes or self.used_bytes + size_bytes <= self.bound_bytes

    def _wait(self, size_bytes: int, deadline: Deadline) -> None:
        """Wait until this request is the first in the queue and there is room for it."""
        if self._waiting and self._waiting_bytes + size_bytes > WAITING_BUDGETS * self.bound_bytes:
            raise self._busy(size_bytes)
        turn, limit = object(), deadline.earlier(Deadline(self._clock() + PATIENCE_S))
        self._waiting.append(turn)
        self._waiting_bytes += size_bytes
        try:
            while self._waiting[0] is not turn or not self._fits(size_bytes):
                left_s = limit.at_s - self._clock()
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
            f"{self.used_bytes} of {self.bound_bytes}: try again"
        )


def decoders_bulkhead(decoders: int | None = None) -> Bulkhead:
    """The bulkhead of the threads that decode; None: as many as the process has CPUs."""
    busy = partial(ServerBusy, "as many tiles are being decoded as may at the same time: try again")
    return Bulkhead(decoders or max(LEAST_DECODERS, len(os.sched_getaffinity(0))), busy)


def free_at_once() -> None:
    """Make the C library give large blocks back to the system when they are freed.

    By default glibc raises its threshold for that to 32 MiB and keeps freed memory below it in each of its arenas: a
    worker whose tiles take 256 MiB at a time came to twice that. Other C libraries have no such setting.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


class Limits(NamedTuple):
    """Bounds of the tiles in flight of a worker."""

    memory: MemoryBudget
    decoders: Bulkhead
