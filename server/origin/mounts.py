"""Local files on mounts that may hang: a bulkhead for each device.

A system call on a hung mount cannot be interrupted, and its thread is lost until the mount answers. Strategy: while a
device answers, threads of the worker call it themselves, a few at the same time, which costs two operations on a queue.
Where it has not answered for `FRESH_S`, or none of the calls ends for `STALL_S`, a helper thread makes the call and the
request waits for it, `PATIENCE_S` at most. There are few helpers for each device; when all are out and none of their
calls is answered for `STUCK_S`, further requests fail at once, until the first of the calls is answered.

Looking at a file and reading it are lanes of their own: the kernel goes on showing cached attributes of files on a hung
server. The device of a file is not known before the first look at it, which a helper takes, or which counts as one at
the device of its folder.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from os.path import dirname
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceTimeout
from cogread.sources.file import FileSource

T = TypeVar("T")

log = logging.getLogger(__name__)

FRESH_S: Final = 1.0
"""How long after an answer threads of the worker call a device themselves."""

STALL_S: Final = 0.25
"""Wait for a place, after which helpers make the calls."""

PATIENCE_S: Final = 5.0
"""Longest wait for a helper's call: as for the next bytes of a remote origin."""

STUCK_S: Final = 1.0
"""A device that answers no call for so long has stalled."""

HELPERS: Final = 2
"""Of each lane."""


Places = SimpleQueue[None]


class Lane:
    """The calls of one kind to one device. Thread-safe."""

    def __init__(self, name: str, places: Places | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a lane; the first call is a helper's.

        Args:
            name: for messages.
            places: an item for each thread of the worker that may call at the same time; None: helpers make all calls.
            clock: monotonic seconds.
        """
        self._name, self._clock, self._places = name, clock, places
        self._helpers = threading.BoundedSemaphore(HELPERS)
        self._answered_at = float("-inf")
        self._is_stalled = False

    def call(self, work: Callable[[], T], deadline: Deadline) -> T:
        """Make a system call, or some.

        Args:
            work: the calls; runs in this thread or another.
            deadline: when the call gives up.

        Raises:
            SourceTimeout: the device does not answer.
            Exception: what `work` raised.
        """
        while (places := self._entered()) is None:
            if self._helpers.acquire(timeout=0.0 if self._is_stalled else STUCK_S):
                return self._have_called(work, deadline)
            if not self._is_fresh():
                self._stall()
                raise self._timeout()
        try:
            return work()
        finally:
            places.put(None)
            self._answer()

    def _entered(self) -> Places | None:
        """Take a place, if the device answered a moment ago: where to put it back."""
        places = self._places
        if places is None or self._clock() - self._answered_at > FRESH_S:
            return None
        try:
            places.get_nowait()
        except Empty:
            try:
                places.get(timeout=STALL_S)
            except Empty:
                self._answered_at = float("-inf")
                return None
        return places

    def _is_fresh(self) -> bool:
        return self._clock() - self._answered_at <= FRESH_S

    def _answer(self) -> None:
        self._answered_at = self._clock()
        if self._is_stalled:
            self._is_stalled = False
            log.info("%s: the device answers again", self._name)

    def _stall(self) -> None:
        if not self._is_stalled:
            self._is_stalled = True
            log.warning("%s: the device does not answer: failing at once", self._name)

    def _timeout(self) -> SourceTimeout:
        return SourceTimeout(f"{self._name}: the device does not answer")

    def _have_called(self, work: Callable[[], T], deadline: Deadline) -> T:
        began_at = self._clock()
        helper = _Helper(work, self._end_help)
        helper.start()
        if not helper.is_done.wait(deadline.earlier(Deadline.after(PATIENCE_S)).left_s):
            if self._clock() - began_at >= STUCK_S:
                self._stall()
            raise self._timeout()
        return helper.outcome()

    def _end_help(self) -> None:
        self._helpers.release()
        self._answer()


class _Helper(threading.Thread, Generic[T]):
    """Makes a call, however long that takes."""

    def __init__(self, work: Callable[[], T], end: Callable[[], None]) -> None:
        super().__init__(name="file", daemon=True)
        self._work, self._end = work, end
        self.is_done = threading.Event()
        self._results: list[T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """See `Thread`."""
        try:
            self._results.append(self._work())
        except Exception as error:
            self._error = error
        finally:
            self._end()
            self.is_done.set()

    def outcome(self) -> T:
        """What the call returned, or raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]


class Mounts:
    """The lanes of a worker. Thread-safe."""

    def __init__(self, threads: int) -> None:
        """Know no device yet.

        Args:
            threads: of the worker.
        """
        self._free_places = threads * 15 // 16
        self._mutex = threading.Lock()
        self._devices: dict[int, tuple[Lane, Lane]] = {}
        self._folders: dict[str, Lane] = {}

    def of_device(self, device: int) -> tuple[Lane, Lane]:
        """The lanes for looking at the files of a device, and for reading them."""
        with self._mutex:
            lanes = self._devices.get(device)
            if lanes is None:
                name, places = f"device {os.major(device)}:{os.minor(device)}", self._new_places()
                lanes = self._devices[device] = Lane(name, places), Lane(f"{name}, reads", places)
            return lanes

    def of_folder(self, folder: str) -> Lane:
        """The lane for the first look at a file of the folder."""
        with self._mutex:
            return self._folders.setdefault(folder, Lane(f"folder {folder}", None))

    def settle(self, folder: str, device: int) -> tuple[Lane, Lane]:
        """The lanes of a file, whose folder is likely to be on the same device."""
        lanes = self.of_device(device)
        with self._mutex:
            self._folders[folder] = lanes[0]
        return lanes

    def _new_places(self) -> Places:
        """Half of what is left of the worker's threads, and one at least: devices that hang never take all."""
        count = max(1, self._free_places // 2)
        self._free_places -= count
        places = Places()
        for _ in range(count):
            places.put(None)
        return places


class MountedFile:
    """A `Source`: a local file whose device may hang."""

    is_local = True

    def __init__(self, file: FileSource, mounts: Mounts) -> None:
        self.name = file.name
        self._file, self._mounts = file, mounts
        self._lanes: tuple[Lane, Lane] | None = None

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        look, _ = self._lanes or self._settle(deadline)
        return look.call(self._file.version, deadline)

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        _, read = self._lanes or self._settle(deadline)
        return read.call(partial(self._file.read, wanted, expect), deadline)

    def close(self) -> None:
        """See `Source.close`."""

    def _settle(self, deadline: Deadline) -> tuple[Lane, Lane]:
        folder = dirname(self.name)
        device = self._mounts.of_folder(folder).call(self._file.device, deadline)
        self._lanes = self._mounts.settle(folder, device)
        return self._lanes
