"""Threads that help one who has several things to wait for, so that he waits for all of them at the same time.

Strategy: who calls for helpers does his own share, and all of it where no helper is free: nobody waits for a thread,
let alone for one that a stuck origin keeps. He goes on when his helpers are done, so none outlives the request, and
what bounds the work bounds them. They are started anew each time, for that takes a tenth of a millisecond, and
idle ones would have to be made after the fork and ended with the worker.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import BoundedSemaphore, Thread
from typing import Final, Generic, TypeVar

from server.logs.trace import trace

T = TypeVar("T")

HELPERS: Final = 16
"""Of a worker: two tiles of three bands and a mask, none of whose places are known yet."""


class Crew:
    """The helpers of a worker: however many call, no more than a number at the same time. Thread-safe."""

    def __init__(self, most: int = HELPERS) -> None:
        self._free = BoundedSemaphore(most)

    def do(self, work: Callable[[T], None], things: Sequence[T]) -> None:
        """Do the work for each of the things, at the same time as far as there are helpers.

        Raises:
            Exception: what `work` raised first; after that, nothing more was begun.
        """
        task = _Task(work, things)
        helpers = self._call(task.run, len(things) - 1)
        try:
            task.run()
        finally:
            for helper in helpers:
                helper.join()
                self._free.release()
                for _ in range(helper.origin_reads):
                    trace.ask_origin()
        if task.errors:
            raise task.errors[0]

    def _call(self, run: Callable[[], None], count: int) -> list["_Helper"]:
        """Start as many helpers, or as many as are free."""
        helpers: list[_Helper] = []
        while len(helpers) < count and self._free.acquire(blocking=False):
            helper = _Helper(run)
            try:
                helper.start()
            except RuntimeError:  # the machine has no more threads, or the interpreter is ending
                self._free.release()
                break
            helpers.append(helper)
        return helpers


class _Task(Generic[T]):
    """What is to be done, by all who `run` it."""

    def __init__(self, work: Callable[[T], None], things: Sequence[T]) -> None:
        self._work = work
        self._left = deque(things)
        self.errors: list[Exception] = []
        """Oldest first."""

    def run(self) -> None:
        """Work as long as there is something left to begin."""
        while not self.errors:
            try:
                thing = self._left.popleft()
            except IndexError:
                return
            try:
                self._work(thing)
            except Exception as error:
                self.errors.append(error)


class _Helper(Thread):
    """A thread that tells what it cost: the trace is the thread's own, and new with it."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__(name="helper", daemon=True)
        self._run_task = run
        self.origin_reads = 0

    def run(self) -> None:
        self._run_task()
        self.origin_reads = trace.origin_reads
