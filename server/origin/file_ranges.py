"""Any bytes of a file, for clients that read it by themselves.

Header bytes come from the blocks of the tiers, and a tile that they have comes from there. Other bytes are cached in
blocks too, as clients merge and align their reads in ways of their own.
"""

from threading import Semaphore
from typing import Final

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from server.origin.blocks import Blocks
from server.origin.cache_keys import CacheKeys
from server.origin.cached_tiles import CachedTiles
from server.origin.guarded_source import GuardedSource

STREAM_READS: Final = 2
"""Long ranges of a source that are read at the same time: half of a worker's senders, as the source may hang."""


class FileRanges:
    """The ranges of one source. Thread-safe."""

    def __init__(
        self, origin: GuardedSource, keys: CacheKeys, tiles: CachedTiles, *, header: Blocks, blocks: Blocks
    ) -> None:
        """Read nothing yet.

        Args:
            origin: the source.
            keys: its cache keys.
            tiles: its tiles.
            header: blocks of its header.
            blocks: blocks of all of it.
        """
        self._origin, self._keys, self._tiles, self._header, self._blocks = origin, keys, tiles, header, blocks
        self.turns: Final = Semaphore(STREAM_READS)
        """Bounds the threads that read long ranges, of the few that a worker has for them."""

    def read(self, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Read a range; see `Source.read`."""
        prefix = self._keys.of(version).block
        if not self._tiles.are_cached or not self._tiles.may_keep(version):
            return self._header.lookup(wanted, prefix) or self.read_uncached(wanted, version, deadline)
        data = self._blocks.lookup_all(wanted, prefix, version)
        if data is None:
            with self._origin.waiting(deadline) as limit:
                data = self._tiles.stored(wanted, version)
                if data is None:
                    data = self._blocks.fetch([wanted], prefix, version, limit)[0]
        return data

    def read_uncached(self, wanted: ByteRange, version: Version, deadline: Deadline) -> bytes:
        """Read a range that no tier keeps; see `Source.read`."""
        return self._origin.read_uncached(wanted, version, deadline)
