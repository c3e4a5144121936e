"""A source behind the guard of its origin, with its requests counted and timed."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, cast

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import Deadline
from cogread.errors import SourceChanged, SourceError, SourceProtocolError
from cogread.sources.protocol import PresigningSource, Source
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import ORIGIN_BYTES, ORIGIN_ERRORS, ORIGIN_SECONDS
from server.origin.guard import OriginGuard


class GuardedSource:
    """Asks an origin for ranges and versions. Callers that may wait for it first enter by `waiting`. Thread-safe."""

    def __init__(self, source: Source, guard: OriginGuard, replaced: Callable[[Version], None]) -> None:
        """Ask nothing yet.

        Args:
            source: the source.
            guard: bulkhead and circuit breaker of its origin.
            replaced: told a version that a read expected and that is not the current one.
        """
        self.name: Final = source.name
        self.is_local: Final = source.is_local
        self._source, self._guard, self._replaced = source, guard, replaced

    def waiting(self, deadline: Deadline) -> AbstractContextManager[Deadline]:
        """Enter the guard, to wait for the origin or for another thread that reads it; see `OriginGuard.waiting`."""
        return self._guard.waiting(deadline)

    def read(self, wanted: ByteRange, expect: Version | None, deadline: Deadline) -> SourceBytes:
        """See `Source.read`."""
        with self._guard.asking(deadline):
            return self._read(wanted, expect, deadline)

    def read_whole(self, wanted: ByteRange, expect: Version, deadline: Deadline) -> bytes:
        """Read bytes to be cached: all of the range, up to the end of the source; see `Source.read`."""
        data = self.read(wanted, expect, deadline).data
        expected = min(wanted.stop, expect.size_bytes) - wanted.start
        if len(data) != expected:
            raise SourceProtocolError(f"{self.name}: {len(data)} bytes at {wanted}, wanted {expected}")
        return data

    def read_uncached(self, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Read bytes that no tier keeps, from outside of the guard; see `Source.read`."""
        if self.is_local:  # it has a bulkhead of its own
            return self._read(wanted, version, deadline).data
        with self.waiting(deadline) as limit:
            return self.read_whole(wanted, version, limit)

    def version(self, deadline: Deadline) -> Version:
        """See `Source.version`."""
        with self._guard.asking(deadline), self._measured():
            return self._source.version(deadline)

    def presigned_url(self, ttl_s: int, deadline: Deadline) -> str:
        """See `PresigningSource.presigned_url`; the source has to be one."""
        with self.waiting(deadline) as limit, self._guard.asking(limit):
            return cast(PresigningSource, self._source).presigned_url(ttl_s, limit)

    def _read(self, wanted: ByteRange, expect: Version | None, deadline: Deadline) -> SourceBytes:
        try:
            with self._measured():
                reply = self._source.read(wanted, expect, deadline)
        except SourceChanged:
            if expect is not None:
                self._replaced(expect)
            raise
        counters.add(ORIGIN_BYTES, self._guard.group, amount=len(reply.data))
        return reply

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Count a request to the origin for the length of a `with`."""
        trace.request.ask_origin()
        began_s = time.perf_counter()
        try:
            yield
        except SourceError as error:
            counters.add(ORIGIN_ERRORS, self._guard.group, type(error).__name__)
            raise
        finally:
            counters.observe(ORIGIN_SECONDS, self._guard.group, value=time.perf_counter() - began_s)
