"""Calls that cannot be interrupted and may hang: name resolution, system calls on a mount."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

R = TypeVar("R")


def call_detached(work: Callable[[], R], name: str) -> Future[R]:
    """Do the work in a thread of its own, which is left behind if the work hangs.

    Args:
        work: the call.
        name: of the thread.

    Raises:
        RuntimeError: the machine has no more threads.
    """
    future = Future[R]()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return future
