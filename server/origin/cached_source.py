"""A source that is read through the cache tiers.

A cache entry is a byte range of a version of a source: header bytes as aligned blocks, tiles as the ranges that they
are stored in.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from math import inf
from threading import Semaphore
from typing import TypeVar

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceProtocolError
from cogread.sources.file import is_at_rest
from cogread.sources.protocol import Source
from cogread.weak_method import weak_method
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import HITS
from server.origin.blocks import BLOCK_BYTES, BLOCK_TTL_S, Blocks
from server.origin.cache_keys import CacheKeys
from server.origin.current_version import CurrentVersion
from server.origin.guard import OriginGuard
from server.origin.guarded_source import GuardedSource
from server.origin.validator_watch import ValidatorWatch
from server.resilience.parallel import Helpers

T = TypeVar("T")

TILE_TTL_S = 3600.0

START_TTL_S = 3600.0
"""Lifetime of the copy of the first block that `_first_version` takes."""

STREAM_READS = 2
"""Long ranges of a source that are read at the same time: half of a worker's senders, as the source may hang."""

STAT_S = 0.25
"""Longest wait for a local file's version in `cached_version`; a hanging mount does not tell it."""

LARGEST_SHARED_TILE_BYTES = 1024 * 1024
"""Larger tiles are cached in worker memory alone."""


class CachedSource:
    """A `Source` over the cache tiers, which also reads tiles."""

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
        group: str = "",
    ) -> None:
        """Wrap a source; nothing is read yet.

        Args:
            source: the origin.
            flight: the cache tiers.
            ranges: the same with a memory of its own for `read_range`; None: `flight`.
            key: identifies the source for the whole fleet; holds no secret.
            label: layer and source, for the log; None: the source's name.
            revalidate_s: lifetime of a cached version. Local files are asked at every call.
            cache_tiles: whether `read_tile` goes through the cache tiers.
            guard: bulkhead and circuit breaker of the source.
            helpers: for concurrent reads of header bytes; None: reads are made one after the other.
            first_read_bytes: size of the first read of a file, rounded up to whole blocks, at least one.
            block_bytes: size of the blocks that `read` caches.
            clock: seconds since the epoch.
            group: label of its reads in the metrics.
        """
        self.name = source.name
        self.is_local = source.is_local
        self._source = source
        self._last_answer = (-inf, Version(0))
        """Instant before a local file was asked for its version by `version_within`, and the answer."""
        self._flight = flight
        self._cache_tiles = cache_tiles
        self.checks_each_tile = source.is_local and not cache_tiles
        """True if each read of a tile also checks the version."""
        self._origin = GuardedSource(source, guard, group, weak_method(self.forget))
        self._blocks = Blocks(flight, self._origin.read_whole, block_bytes, helpers)
        self._ranges = Blocks(ranges or flight, self._origin.read_whole, block_bytes, helpers, TILE_TTL_S)
        self._first_bytes = max(1, -(-first_read_bytes // block_bytes)) * block_bytes
        self._keys = CacheKeys(key, block_bytes)
        self._current = CurrentVersion(
            flight,
            self._keys.of_version,
            revalidate_s,
            weak_method(self._ask_version),
            clock,
            ValidatorWatch(label or source.name),
        )

    @property
    def stream_turns(self) -> Semaphore:
        """Bounds the threads that read long ranges, of the few that a worker has for them."""
        turns: Semaphore = vars(self).setdefault(
            "_stream_turns", Semaphore(STREAM_READS)
        )  # a kilobyte, once it is used
        return turns

    def version(self, deadline: Deadline = NEVER) -> Version:
        """The version, at most `revalidate_s` old; see `Source.version`."""
        if self.is_local:
            return self._source.version(deadline)
        cached = self._current.cached()
        if cached is not None:
            return cached
        with self.waiting(deadline) as limit:
            return self._first_version(limit) if self._current.is_new else self._current.get(limit)

    def version_within(self, deadline: Callable[[], Deadline]) -> Version:
        """`version` with a deadline made only where a wait is possible. Local files: their mount bounds the wait.

        A local file is asked once for all requests whose bytes had arrived by then: busy threads share the answer.
        """
        if not self.is_local:
            return self._current.cached() or self.version(deadline())
        asked_at, version = self._last_answer
        if asked_at < trace.input_at:
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

    def read_tile(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """Read a tile, through the cache tiers if this source's tiles are cached; see `Source.read`."""
        if not self._cache_tiles:
            counters.add(HITS, "tile", "origin")
            if self.is_local:  # a local source has a bulkhead of its own
                return self._origin.read_unguarded(wanted, expect, deadline)
            with self.waiting(deadline) as limit:
                return self._origin.read(wanted, expect, limit)
        version = self.version(deadline) if expect is None else expect
        key = f"{self._keys.of(version).tile}{wanted.start}-{wanted.stop}"
        tile = self._flight.local.lookup(key)
        if tile is None:
            if not self.may_keep_tiles(version):
                counters.add(HITS, "tile", "origin")
                return self._origin.read_unguarded(wanted, version, deadline)
            return SourceBytes(self._fetch_tile(key, wanted, version, deadline), version)
        counters.add(HITS, "tile", "memory")
        if trace.tier == "-":
            trace.tier = "memory"
        return SourceBytes(tile, version)

    def read_range(self, wanted: ByteRange, expect: Version, deadline: Deadline) -> bytes:
        """Read any bytes of the file, for clients that read it by themselves.

        Header bytes come from the blocks of the tiers, and a tile that they have comes from there. Other bytes are
        cached in blocks too, as clients merge and align their reads in ways of their own.

        Raises:
            SourceError: as `Source.read`.
        """
        keys = self._keys.of(expect)
        if not self._cache_tiles or not self.may_keep_tiles(expect):
            return self._blocks.lookup(wanted, keys.block) or self.read_past_tiers(wanted, expect, deadline)
        data = self._ranges.lookup_all(wanted, keys.block, expect)
        if data is None:
            with self.waiting(deadline) as limit:
                data = self._flight.get(f"{keys.tile}{wanted.start}-{wanted.stop}", TILE_TTL_S)
                if data is None:
                    data = self._ranges.fetch([wanted], keys.block, expect, limit)[0]
        return data

    def read_past_tiers(self, wanted: ByteRange, expect: Version, deadline: Deadline) -> bytes:
        """Read bytes that no tier keeps; see `Source.read`."""
        if self.is_local:
            return self._origin.read_unguarded(wanted, expect, deadline).data
        with self.waiting(deadline) as limit:
            return self._origin.read_whole(wanted, expect, limit)

    def presigned_url(self, ttl_s: int, deadline: Deadline) -> str:
        """See `PresigningSource.presigned_url`; the source has to be one."""
        return self._origin.presigned_url(ttl_s, deadline)

    def read_made(
        self,
        name: str,
        expect: Version,
        read: Callable[[], T],
        make: Callable[[T], bytes],
        deadline: Deadline,
        size_bytes: int,
    ) -> bytes:
        """Read a file that is made of a tile, through the cache tiers: the fleet makes it once.

        Args:
            name: of the file, among all that are made of this version's tiles.
            expect: the version.
            read: reads the stored bytes.
            make: makes the file of them.
            deadline: see `Source.read`.
            size_bytes: of the stored bytes, as a measure of the file.

        Raises:
            Exception: as `read` and `make`.
        """
        key = f"{self._keys.of(expect).tile}{name}"
        file = self._flight.get(key, TILE_TTL_S)
        if file is None:  # the tile is read before the claim on the file: a claim never waits for a claim
            stored, is_shared = read(), size_bytes <= LARGEST_SHARED_TILE_BYTES
            files = self._flight.fetch(
                [key], lambda _: {key: make(stored)}, TILE_TTL_S, deadline, is_shared=is_shared, has_missed=True
            )
            file = files[key]
        return file

    def may_keep_tiles(self, version: Version) -> bool:
        """Tell whether whole replies may be cached: for a local file unless it was modified just now, when its
        version may be newer than its bytes; for other sources if the tiers cache tiles."""
        return is_at_rest(version) if self.is_local else self._cache_tiles

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

    def _fetch_tile(self, key: str, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Get a tile that worker memory does not have. Redis is asked outside of the guard and without a claim."""
        is_shared = wanted.size_bytes <= LARGEST_SHARED_TILE_BYTES
        tile = self._flight.get(key, TILE_TTL_S) if is_shared else None
        if tile is not None:
            return tile
        with self.waiting(deadline) as limit:

            def load(keys: Sequence[str]) -> Mapping[str, bytes]:
                return {key: self._origin.read_whole(wanted, version, limit)}

            tiles = self._flight.fetch([key], load, TILE_TTL_S, limit, is_shared=is_shared, has_missed=True)
            return tiles[key]

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
