"""The tiles of a source through the cache tiers, each as the range that it is stored in, and files made of tiles."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from cogread.sources.file import is_at_rest
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import HITS
from server.origin.cache_keys import CacheKeys
from server.origin.guarded_source import GuardedSource

T = TypeVar("T")

TILE_TTL_S: Final = 3600.0

LARGEST_SHARED_TILE_BYTES: Final = 1024 * 1024
"""Larger tiles are cached in worker memory alone."""


class CachedTiles:
    """The tiles of one source. Thread-safe."""

    __slots__ = ("_flight", "_keys", "_origin", "are_cached", "checks_version")

    def __init__(self, origin: GuardedSource, flight: SingleFlight, keys: CacheKeys, *, are_cached: bool) -> None:
        """Read nothing yet.

        Args:
            origin: the source.
            flight: the cache tiers.
            keys: cache keys of the source.
            are_cached: whether tiles go through the tiers.
        """
        self._origin, self._flight, self._keys, self.are_cached = origin, flight, keys, are_cached
        self.checks_version: Final = origin.is_local and not are_cached
        """True if each read also checks the version."""

    def read(self, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Read a tile; see `Source.read`."""
        if self.are_cached:
            key = f"{self._keys.of(version).tile}{wanted.start}-{wanted.stop}"
            tile = self._flight.local.lookup(key)
            if tile is not None:
                counters.add(HITS, "tile", "memory")
                if trace.request.tier == "-":
                    trace.request.tier = "memory"
                return tile
            if self.may_keep(version):
                return self._fetch(key, wanted, version, deadline)
        counters.add(HITS, "tile", "origin")
        return self._origin.read_uncached(wanted, version, deadline)

    def stored(self, wanted: ByteRange, version: Version) -> bytes | None:
        """A tile that the tiers have; None: a miss."""
        return self._flight.get(f"{self._keys.of(version).tile}{wanted.start}-{wanted.stop}", TILE_TTL_S)

    def read_made(
        self,
        name: str,
        version: Version,
        read: Callable[[], T],
        make: Callable[[T], bytes],
        deadline: Deadline,
        size_bytes: int,
    ) -> bytes:
        """Read a file that is made of a tile, through the cache tiers: the fleet makes it once.

        Args:
            name: of the file, among all that are made of this version's tiles.
            version: the version.
            read: reads the stored bytes.
            make: makes the file of them.
            deadline: see `Source.read`.
            size_bytes: of the stored bytes, as a measure of the file.

        Raises:
            Exception: as `read` and `make`.
        """
        key = f"{self._keys.of(version).tile}{name}"
        file = self._flight.get(key, TILE_TTL_S)
        if file is None:  # the tile is read before the claim on the file: a claim never waits for a claim
            stored, is_shared = read(), size_bytes <= LARGEST_SHARED_TILE_BYTES
            files = self._flight.fetch(
                [key], lambda _: {key: make(stored)}, TILE_TTL_S, deadline, is_shared=is_shared, has_missed=True
            )
            file = files[key]
        return file

    def may_keep(self, version: Version) -> bool:
        """Tell whether whole replies may be cached: for a local file unless it was modified just now, when its
        version may be newer than its bytes; for other sources if the tiers cache tiles."""
        return is_at_rest(version) if self._origin.is_local else self.are_cached

    def _fetch(self, key: str, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Get a tile that worker memory does not have. Redis is asked outside of the guard and without a claim."""
        is_shared = wanted.size_bytes <= LARGEST_SHARED_TILE_BYTES
        tile = self._flight.get(key, TILE_TTL_S) if is_shared else None
        if tile is not None:
            return tile
        with self._origin.waiting(deadline) as limit:

            def load(keys: Sequence[str]) -> Mapping[str, bytes]:
                return {key: self._origin.read_whole(wanted, version, limit)}

            tiles = self._flight.fetch([key], load, TILE_TTL_S, limit, is_shared=is_shared, has_missed=True)
            return tiles[key]
