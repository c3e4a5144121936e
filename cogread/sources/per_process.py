"""Values made once in each process: a connection that is used on both sides of a fork mixes replies."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value made at its first use in each process, once for all its threads.

    The lock belongs to the process too: a lock held by another thread at the fork would stay locked in the child.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._slots: dict[int, tuple[Lock, list[T]]] = {}
        """By process: a lock, and the value, if any."""

    def get(self, timeout_s: float = -1) -> T:
        """The value of this process; an error of making it is raised, and the next call tries again.

        Args:
            timeout_s: longest wait for another thread that makes it; -1: no bound.

        Raises:
            TimeoutError: another thread was still making it.
        """
        pid = os.getpid()
        lock, values = self._slots.get(pid) or self._slots.setdefault(pid, (Lock(), []))
        if not values:
            if not lock.acquire(timeout=timeout_s):
                raise TimeoutError("another thread is still making it")
            try:
                if not values:
                    values.append(self._make())
            finally:
                lock.release()
        return values[0]

    def existing(self) -> T | None:
        """The value of this process, None before its first use."""
        _, values = self._slots.get(os.getpid(), (None, []))
        return values[0] if values else None

    def forget(self) -> None:
        """Discard the value of this process; the next use makes a new one."""
        self._slots.pop(os.getpid(), None)
