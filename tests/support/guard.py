"""A guard of an origin for tests of other things."""

from server.origin.guard import OriginGuard, origins_bulkhead

THREADS = 64
"""More than any test has at a time."""


def wide_guard() -> OriginGuard:
    """Let all threads of a test in."""
    return OriginGuard("an origin", THREADS, origins_bulkhead(THREADS))
