"""CPUs of the processes: servers on one, their load and origins on another, so that neither takes the other's time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SERVER_CPU: Final = 0
LOAD_CPU: Final = 1
"""CPU of the load, of origins and of Redis."""


@contextmanager
def pinned(*cpus: int) -> Iterator[None]:
    """Pin this thread, and processes started meanwhile, to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
