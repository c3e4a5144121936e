"""File descriptors: opens the standard ones and derives the number of connections from the limit."""

import os
import resource
from contextlib import suppress
from typing import Final

MOST_CONNECTIONS: Final = 4000
"""Connections of a worker, idle ones included; an idle one takes 4 kB."""

_RESERVE: Final = 64
"""Descriptors of a worker that belong to no thread: standard streams, listeners, pipes, the event loop, Redis."""

_PER_THREAD: Final = 4
"""Descriptors that a thread may need for a request: the file or the origin, Redis, helpers."""


def open_standard_streams() -> None:
    """Open closed ones of stdin, stdout and stderr as /dev/null, before any socket is opened.

    Otherwise the next socket takes the number, and writes to stderr reach a client.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


def connections(threads: int) -> int:
    """Raise the limit of descriptors as far as useful, and return the number of connections of a worker.

    Args:
        threads: number of a worker's threads.
    """
    reserve = _RESERVE + _PER_THREAD * threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + reserve
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):  # a kernel may have a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(2 * threads, min(MOST_CONNECTIONS, soft - reserve))
