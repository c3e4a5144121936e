"""A source that is read through the caching tier.

Everything cached is a byte range of a version of a source: header bytes as aligned blocks, tiles as the ranges they
are. Keys name the version, so a replaced source is never mixed with what it was: its old ranges are just not asked for
any more.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceProtocolError
from cogread.sources.file import is_at_rest
from cogread.sources.protocol import Source
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.origin.blocks import BLOCK_BYTES, BLOCK_TTL_S, Blocks
from server.origin.current_version import CurrentVersion
from server.origin.guard import OriginGuard
from server.origin.validator_watch import ValidatorWatch
from server.resilience.parallel import Helpers

PREFIX = "rawcog:2:"
"""Of every key; the number changes with the meaning of the values."""

TILE_TTL_S = 3600.0

AT_HAND_S = 0.25
"""Wait for a local file's version, where it is asked for on the way: of a mount that hangs, it cannot be told."""

LARGEST_SHARED_TILE_BYTES = 1024 * 1024
"""Larger tiles are cached in worker memory only."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the cache keys of a version begin with. Kept: making them takes as long as a hit."""

    version: Version
    block: str
    tile: str


class CachedSource:
    """A `Source` over the tiers, which also reads tiles."""

    def __init__(
        self,
        source: Source,
        flight: SingleFlight,
        *,
        key: str,
        label: str | None = None,
        revalidate_s: float,
        cache_tiles: bool,
        guard: OriginGuard | None = None,
        helpers: Helpers | None = None,
        first_read_bytes: int = 0,
        block_bytes: int = BLOCK_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Wrap a source; nothing is read yet.

        Args:
            source: the origin.
            flight: the tiers.
            key: what identifies the source for the whole fleet; holds no secret.
            label: layer and source, for the log; None: the source's name.
            revalidate_s: how long a known version is trusted. Of local sources it is asked at every call.
            cache_tiles: whether `read_tile` goes through the tiers.
            guard: bulkhead and circuit breaker of the source; None: there are none.
            helpers: threads that read header bytes that lie apart; None: they are read one after the other.
            first_read_bytes: what is read of a source that is not known yet, in whole blocks and at least one.
            block_bytes: size of the blocks that `read` caches.
            clock: seconds since the epoch.
        """
        self.name = source.name
        self.is_local = source.is_local
        self._source = source
        self._flight = flight
        self._key = key
        self._cache_tiles = cache_tiles
        self.checks_each_tile = source.is_local and not cache_tiles
        """Whether reading a tile costs a look at the source, which tells its version."""
        self._guard = guard
        self._blocks = Blocks(flight, self._read_whole, block_bytes, helpers)
        self._first_bytes = max(1, -(-first_read_bytes // block_bytes)) * block_bytes
        self._current = CurrentVersion(
            flight,
            f"{PREFIX}version:{key}",
            revalidate_s,
            self._ask_version,
            clock,
            ValidatorWatch(label or source.name),
        )
        self._keys = self._make_keys(Version(0))

    def version(self, deadline: Deadline = NEVER) -> Version:
        """The version that was current at most `revalidate_s` ago; see `Source.version`."""
        if self.is_local:
            return self._source.version(deadline)
        known = self._current.known()
        if known is not None:
            return known
        with self.waiting(deadline) as until:
            return self._current.get(until)

    def version_at_hand(self) -> Version | None:
        """The version, where it can be told without waiting for the origin or another tier; None: ask `version`.

        Raises:
            SourceError: a local file is not there any more, or its mount does not answer.
        """
        return self._source.version(Deadline.after(AT_HAND_S)) if self.is_local else self._current.known()

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """Read header bytes, in cached blocks; see `Source.read`."""
        version = self.version(deadline) if expect is None else expect
        data = self._blocks.at_hand(wanted, self._keys_of(version).block)
        if data is not None:
            return SourceBytes(data, version)
        with self.waiting(deadline) as until:
            try:
                return SourceBytes(self._read_blocks([wanted], version, until)[0], version)
            except SourceChanged:
                if expect is not None:
                    raise
                version = self.version(until)
                return SourceBytes(self._read_blocks([wanted], version, until)[0], version)

    def at_hand(self, wanted: ByteRange, expect: Version) -> bytes | None:
        """Header bytes, where worker memory has them; None: ask `read` or `read_many`, which may wait."""
        return self._blocks.at_hand(wanted, self._keys_of(expect).block)

    def read_many(self, wanted: Sequence[ByteRange], expect: Version, deadline: Deadline = NEVER) -> list[bytes]:
        """Read header bytes of several places, as `read` does, those that lie apart at the same time."""
        with self.waiting(deadline) as until:
            return self._read_blocks(wanted, expect, until)

    def read_tile(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """Read a tile, cached as it is if this source's tiles are; see `Source.read`."""
        if not self._cache_tiles:
            if self._guard is None or self.is_local:  # whose bulkhead is in the source itself
                return self._ask(wanted, expect, deadline)
            with self._guard.waiting(deadline) as until:
                return self._read_origin(wanted, expect, until)
        version = self.version(deadline) if expect is None else expect
        key = f"{self._keys_of(version).tile}{wanted.start}-{wanted.stop}"
        tile = self._flight.local.lookup(key)
        if tile is None:
            if not self.may_keep_tiles(version):
                return self._ask(wanted, version, deadline)
            with self.waiting(deadline) as until:
                return SourceBytes(self._fetch_tile(key, wanted, version, until), version)
        if trace.tier == "-":
            trace.tier = "memory"
        return SourceBytes(tile, version)

    def may_keep_tiles(self, version: Version) -> bool:
        """Whether tiles may be kept: where the tiers do, or the version is asked at every request, as of local files;
        but not while a file is being rewritten in place, whose version is the new one before its bytes are."""
        return is_at_rest(version) if self.is_local else self._cache_tiles

    def forget(self, version: Version) -> None:
        """Have the origin asked for the version next time, after it turned out to be another than this."""
        if not self.is_local:
            self._current.forget(version)

    def waiting(self, deadline: Deadline) -> AbstractContextManager[Deadline]:
        """What to be in while waiting for the origin or for another thread that reads it; see `OriginGuard.waiting`."""
        return nullcontext(deadline) if self._guard is None else self._guard.waiting(deadline)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def _read_blocks(self, wanted: Sequence[ByteRange], version: Version, deadline: Deadline) -> list[bytes]:
        for place in wanted:
            if place.start >= version.size_bytes:
                raise SourceProtocolError(f"{self.name}: wanted the bytes {place} of {version.size_bytes}")
        return self._blocks.fetch(wanted, self._keys_of(version).block, version, deadline)

    def _fetch_tile(self, key: str, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        def load(keys: Sequence[str]) -> Mapping[str, bytes]:
            return {key: self._read_whole(wanted, version, deadline)}

        is_shared = wanted.size_bytes <= LARGEST_SHARED_TILE_BYTES
        return self._flight.fetch([key], load, TILE_TTL_S, deadline, is_shared=is_shared)[key]

    def _read_whole(self, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Read what will be cached: all of the range, up to the end of the source."""
        data = self._read_origin(wanted, version, deadline).data
        expected = min(wanted.stop, version.size_bytes) - wanted.start
        if len(data) != expected:
            raise SourceProtocolError(f"{self.name}: {len(data)} bytes at {wanted}, wanted {expected}")
        return data

    def _read_origin(self, wanted: ByteRange, expect: Version | None, deadline: Deadline) -> SourceBytes:
        with self._asking(deadline):
            return self._ask(wanted, expect, deadline)

    def _ask(self, wanted: ByteRange, expect: Version | None, deadline: Deadline) -> SourceBytes:
        trace.ask_origin()
        try:
            return self._source.read(wanted, expect, deadline)
        except SourceChanged:
            if expect is not None:
                self.forget(expect)
            raise

    def _asking(self, deadline: Deadline) -> AbstractContextManager[None]:
        return nullcontext() if self._guard is None else self._guard.asking(deadline)

    def _ask_version(self, before: Version | None, deadline: Deadline) -> Version:
        """Ask the origin; where the first blocks will be wanted next, by reading them."""
        if before is not None and self._flight.local.lookup(f"{self._keys_of(before).block}0") is not None:
            with self._asking(deadline):
                trace.ask_origin()
                return self._source.version(deadline)
        got = self._read_origin(ByteRange(0, self._first_bytes), None, deadline)
        data, prefix = got.data, self._keys_of(got.version).block
        if len(data) != min(self._first_bytes, got.version.size_bytes):
            raise SourceProtocolError(f"{self.name}: {len(data)} bytes at the start of {got.version.size_bytes}")
        self._flight.put(self._blocks.split(data, prefix), BLOCK_TTL_S)
        return got.version

    def _keys_of(self, version: Version) -> _Keys:
        keys = self._keys
        if keys.version is not version and keys.version != version:
            self._keys = keys = self._make_keys(version)
        return keys

    def _make_keys(self, version: Version) -> _Keys:
        # the block size is part of the key: processes of two releases may share the far tier
        return _Keys(
            version,
            block=f"{PREFIX}block:{self._key}:{version.key}:{self._blocks.size_bytes}:",
            tile=f"{PREFIX}tile:{self._key}:{version.key}:",
        )
