"""Who runs where: servers on one CPU, what asks and feeds them on another, so that neither takes the other's time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SERVER_CPU: Final = 0
LOAD_CPU: Final = 1
"""Of the load, origins and Redis."""


@contextmanager
def pinned(*cpus: int) -> Iterator[None]:
    """Let what is started meanwhile run on these CPUs only; this thread, too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
