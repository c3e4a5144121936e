"""A source that is read through the cache tiers: its version, its header in aligned blocks, its tiles, its ranges.

A cache entry is a byte range of a version of a source.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from math import inf
from typing import Final

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceProtocolError
from cogread.sources.protocol import Source
from cogread.weak_method import weak_method
from server.cache.single_flight import SingleFlight
from server.origin.blocks import BLOCK_BYTES, BLOCK_TTL_S, Blocks
from server.origin.cache_keys import CacheKeys
from server.origin.cached_tiles import TILE_TTL_S, CachedTiles
from server.origin.current_version import CurrentVersion
from server.origin.file_ranges import FileRanges
from server.origin.guard import OriginGuard
from server.origin.guarded_source import GuardedSource
from server.origin.validator_watch import ValidatorWatch
from server.resilience.parallel import Helpers

START_TTL_S = 3600.0
"""Lifetime of the copy of the first block that `_first_version` takes."""

STAT_S = 0.25
"""Longest wait for a local file's version in `cached_version`; a hanging mount does not tell it."""


class CachedSource:
    """A `Source` of header bytes over the cache tiers, with the tiles and ranges of the same file."""

    def __init__(
        self,
        source: Source,
        flight: SingleFlight,
        *,
        ranges: SingleFlight | None = None,
        key: str,
        label: str | None = None,
        revalidate_s: float,
        cache_tiles: bool,
        guard: OriginGuard,
        helpers: Helpers | None = None,
        first_read_bytes: int = 0,
        block_bytes: int = BLOCK_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Wrap a source; nothing is read yet.

        Args:
            source: the origin.
            flight: the cache tiers.
            ranges: the same with a memory of its own for `ranges`; None: `flight`.
            key: identifies the source for the whole fleet; holds no secret.
            label: layer and source, for the log; None: the source's name.
            revalidate_s: lifetime of a cached version. Local files are asked at every call.
            cache_tiles: whether tiles go through the cache tiers.
            guard: bulkhead and circuit breaker of the source.
            helpers: for concurrent reads of header bytes; None: reads are made one after the other.
            first_read_bytes: size of the first read of a file, rounded up to whole blocks, at least one.
            block_bytes: size of the blocks that `read` caches.
            clock: seconds since the epoch.
        """
        self.name = source.name
        self.is_local = source.is_local
        self._source = source
        self._last_answer = (-inf, Version(0))
        """Instant before a local file was asked for its version by `version_within`, and the answer."""
        self._flight = flight
        self._origin = GuardedSource(source, guard, weak_method(self.forget))
        self._blocks = Blocks(flight, self._origin.read_whole, block_bytes, helpers)
        self._range_blocks = Blocks(ranges or flight, self._origin.read_whole, block_bytes, helpers, TILE_TTL_S)
        self._first_bytes = max(1, -(-first_read_bytes // block_bytes)) * block_bytes
        self._keys = CacheKeys(key, block_bytes)
        self.tiles: Final = CachedTiles(self._origin, flight, self._keys, are_cached=cache_tiles)
        self._current = CurrentVersion(
            flight,
            self._keys.of_version,
            revalidate_s,
            weak_method(self._ask_version),
            clock,
            ValidatorWatch(label or source.name),
        )

    @cached_property
    def ranges(self) -> FileRanges:
        """Any bytes of the file, for clients that read it by themselves; made at first use, as few files have such."""
        ranges = FileRanges(self._origin, self._keys, self.tiles, header=self._blocks, blocks=self._range_blocks)
        shared_ranges: FileRanges = self.__dict__.setdefault(
            "ranges", ranges
        )  # one for all threads, which share its turns
        return shared_ranges

    def version(self, deadline: Deadline = NEVER) -> Version:
        """The version, at most `revalidate_s` old; see `Source.version`."""
        if self.is_local:
            return self._source.version(deadline)
        cached = self._current.cached()
        if cached is not None:
            return cached
        with self.waiting(deadline) as limit:
            return self._first_version(limit) if self._current.is_new else self._current.get(limit)

    def version_within(self, deadline: Callable[[], Deadline], input_at: float) -> Version:
        """`version` with a deadline made only where a wait is possible. Local files: their mount bounds the wait.

        A local file is asked once for all requests whose bytes had arrived by then (`input_at`).
        """
        if not self.is_local:
            return self._current.cached() or self.version(deadline())
        asked_at, version = self._last_answer
        if asked_at < input_at:
            asked_at = time.monotonic()
            version = self._source.version()
            self._last_answer = asked_at, version
        return version

    def cached_version(self) -> Version | None:
        """The version, without waiting for the origin or another tier; None: call `version`.

        Raises:
            SourceError: a local file is gone, or its mount does not answer.
        """
        return self._source.version(Deadline.after(STAT_S)) if self.is_local else self._current.cached()

    @property
    def confirmed_at(self) -> float:
        """See `CurrentVersion.confirmed_at`."""
        return self._current.confirmed_at

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """Read header bytes, in cached blocks; see `Source.read`."""
        version = self.version(deadline) if expect is None else expect
        data = self._blocks.lookup(wanted, self._keys.of(version).block)
        if data is not None:
            return SourceBytes(data, version)
        with self.waiting(deadline) as limit:
            try:
                return SourceBytes(self._read_blocks([wanted], version, limit)[0], version)
            except SourceChanged:
                if expect is not None:
                    raise
                version = self.version(limit)
                return SourceBytes(self._read_blocks([wanted], version, limit)[0], version)

    def cached_header(self, wanted: ByteRange, expect: Version) -> bytes | None:
        """Header bytes in worker memory; None: call `read` or `read_many`, which may wait."""
        return self._blocks.lookup(wanted, self._keys.of(expect).block)

    def read_many(self, wanted: Sequence[ByteRange], expect: Version, deadline: Deadline = NEVER) -> list[bytes]:
        """Read several ranges of header bytes as `read` does, concurrently."""
        with self.waiting(deadline) as limit:
            return self._read_blocks(wanted, expect, limit)

    def presigned_url(self, ttl_s: int, deadline: Deadline) -> str:
        """See `PresigningSource.presigned_url`; the source has to be one."""
        return self._origin.presigned_url(ttl_s, deadline)

    def forget(self, version: Version) -> None:
        """Drop a cached version that turned out not to be current."""
        if not self.is_local:
            self._current.forget(version)

    def waiting(self, deadline: Deadline) -> AbstractContextManager[Deadline]:
        """Enter the guard, to wait for the origin or for another thread that reads it; see `OriginGuard.waiting`."""
        return self._origin.waiting(deadline)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def _first_version(self, deadline: Deadline) -> Version:
        """The version for a worker that knows none; if Redis has it, with the first block, by one round trip."""
        record, start = self._flight.get_shared([self._keys.of_version, self._keys.of_start])
        version = self._current.adopt(record) or self._current.get(deadline, has_missed=True)
        mark, key = f"{version.key}\n".encode(), f"{self._keys.of(version).block}0"
        if start is not None and start.startswith(mark):
            self._flight.local.put({key: start[len(mark) :]}, BLOCK_TTL_S)
        elif self._flight.shared is not None:
            block = self._flight.get(key, BLOCK_TTL_S)
            if block is not None:
                self._flight.shared.put({self._keys.of_start: mark + block}, START_TTL_S)
        return version

    def _read_blocks(self, wanted: Sequence[ByteRange], version: Version, deadline: Deadline) -> list[bytes]:
        for place in wanted:
            if place.start >= version.size_bytes:
                raise SourceProtocolError(f"{self.name}: wanted the bytes {place} of {version.size_bytes}")
        return self._blocks.fetch(wanted, self._keys.of(version).block, version, deadline)

    def _ask_version(self, before: Version | None, deadline: Deadline) -> Version:
        """Ask the origin, by reading the first blocks unless worker memory has them: they will be needed next."""
        if before is not None and self._flight.local.lookup(f"{self._keys.of(before).block}0") is not None:
            return self._origin.version(deadline)
        start = self._origin.read(ByteRange(0, self._first_bytes), None, deadline)
        data, prefix = start.data, self._keys.of(start.version).block
        if len(data) != min(self._first_bytes, start.version.size_bytes):
            raise SourceProtocolError(f"{self.name}: {len(data)} bytes at the start of {start.version.size_bytes}")
        self._flight.put(self._blocks.split(data, prefix), BLOCK_TTL_S)
        return start.version
