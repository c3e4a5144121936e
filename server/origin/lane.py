"""System calls of one kind to a device that may hang.

A system call on a hung mount cannot be interrupted: its thread is lost until the mount answers. Strategy: while a
device answers, worker threads call it themselves, a bounded number at a time, and keep the lead (see
`server.gunicorn_worker.lead`) while it answers as fast as memory does. If it has not answered for `FRESH_S`, or no call
ends within `STALL_S`, a detached thread makes the call and the request waits for it, `PATIENCE_S` at most. Each lane
has few detached threads; once all of them hang for `STUCK_S`, requests fail at once until one of the calls is answered.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from cogread.deadline import Deadline
from cogread.detached import call_detached
from cogread.errors import SourceBusy, SourceTimeout
from server.gunicorn_worker.lead import lead

T = TypeVar("T")

log = logging.getLogger(__name__)

FRESH_S: Final = 1.0
"""Time after an answer in which worker threads call a device themselves."""

STALL_S: Final = 0.25
"""Longest wait of a worker thread for a permit; then detached threads make the calls."""

PATIENCE_S: Final = 5.0
"""Longest wait for a detached call, as for the next bytes of a remote origin."""

SLOW_S: Final = 0.0005
"""Length of a call after which the next one is made without the lead."""

STUCK_S: Final = 1.0
"""Time without an answer after which a device counts as stalled."""

DETACHED: Final = 2
"""Detached calls of a lane at the same time."""

Permits = SimpleQueue[None]
"""An item for each worker thread that may call a device. Every local tile takes one, in a fiftieth of the time that a
`Bulkhead` needs."""


class Lane:
    """System calls of one kind to one device. Thread-safe."""

    def __init__(self, name: str, permits: Permits | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a lane whose first call is a detached one.

        Args:
            name: for messages.
            permits: for worker threads; None: all calls are detached.
            clock: monotonic seconds.
        """
        self._name, self._clock, self._permits = name, clock, permits
        self._detached = threading.BoundedSemaphore(DETACHED)
        self._answered_at = float("-inf")
        self._is_stalled = False
        self._is_slow = False
        """The last call of a worker thread is unanswered, or took longer than `SLOW_S`."""

    def call(self, work: Callable[[], T], deadline: Deadline) -> T:
        """Make system calls.

        Args:
            work: the calls; runs in this thread or another.
            deadline: when the request gives up.

        Raises:
            SourceTimeout: the device does not answer.
            SourceBusy: no thread can be started for the call.
            Exception: as `work`.
        """
        while (permits := self._acquire()) is None:
            lead.hand_over()
            if self._detached.acquire(timeout=0.0 if self._is_stalled else STUCK_S):
                return self._call_detached(work, deadline)
            if not self._is_fresh():
                self._record_stall()
                raise self._timeout()
        if self._is_slow:
            lead.hand_over()
        began_at, self._is_slow = self._clock(), True
        try:
            return work()
        finally:
            permits.put(None)
            self._record_answer()
            self._is_slow = self._answered_at - began_at > SLOW_S

    def _acquire(self) -> Permits | None:
        """Take a permit, if the device answered a moment ago; returns the queue to put it back into."""
        permits = self._permits
        if permits is None or self._clock() - self._answered_at > FRESH_S:
            return None
        try:
            permits.get_nowait()
        except Empty:
            lead.hand_over()
            try:
                permits.get(timeout=STALL_S)
            except Empty:
                self._answered_at = float("-inf")
                return None
        return permits

    def _call_detached(self, work: Callable[[], T], deadline: Deadline) -> T:
        began_at = self._clock()

        def work_and_release() -> T:
            try:
                return work()
            finally:
                self._detached.release()
                self._record_answer()

        try:
            future = call_detached(work_and_release, "detached")
        except RuntimeError as error:  # the machine has no more threads
            self._detached.release()
            raise SourceBusy(f"{self._name}: the machine has no more threads") from error
        wait([future], timeout=deadline.earlier(Deadline.after(PATIENCE_S)).left_s)
        if not future.done():
            if self._clock() - began_at >= STUCK_S:
                self._record_stall()
            raise self._timeout()
        return future.result()

    def _is_fresh(self) -> bool:
        return self._clock() - self._answered_at <= FRESH_S

    def _record_answer(self) -> None:
        self._answered_at = self._clock()
        if self._is_stalled:
            self._is_stalled = False
            log.info("%s: the device answers again", self._name)

    def _record_stall(self) -> None:
        if not self._is_stalled:
            self._is_stalled = True
            log.warning("%s: the device does not answer: failing at once", self._name)

    def _timeout(self) -> SourceTimeout:
        return SourceTimeout(f"{self._name}: the device does not answer")
