"""Values that each process makes for itself: a connection that is used on both sides of a fork mixes replies."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Slot(Generic[T]):
    """What one process made."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.values: list[T] = []


class PerProcess(Generic[T]):
    """A value made at its first use in each process, once for all its threads.

    The lock belongs to the process too: one that another thread held at the fork would never be released in the child.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._slots: dict[int, _Slot[T]] = {}

    def get(self, timeout_s: float = -1) -> T:
        """The value of this process; whatever making it raises is raised, and the next call tries again.

        Args:
            timeout_s: longest wait for another thread that makes it; -1: no bound.

        Raises:
            TimeoutError: another thread was still making it.
        """
        pid = os.getpid()
        slot = self._slots.get(pid) or self._slots.setdefault(pid, _Slot())
        if not slot.values:
            if not slot.lock.acquire(timeout=timeout_s):
                raise TimeoutError("another thread is still making it")
            try:
                if not slot.values:
                    slot.values.append(self._make())
            finally:
                slot.lock.release()
        return slot.values[0]

    def made(self) -> T | None:
        """The value of this process if it was made already."""
        slot = self._slots.get(os.getpid())
        return slot.values[0] if slot and slot.values else None

    def forget(self) -> None:
        """Make the value anew at the next use in this process."""
        self._slots.pop(os.getpid(), None)
