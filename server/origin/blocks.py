"""Header bytes of a source, read, cached and shared in aligned blocks, so that different requests share cache keys.

Ranges of one request are fetched together. Adjacent blocks that no tier has are one read of the origin, and the reads
are concurrent: in a large tile index, the pages of the two arrays, of the planes and of the mask lie far apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from cogread.errors import SourceError
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.metrics.counters import counters
from server.metrics.definitions import HITS
from server.resilience.parallel import Helpers

BLOCK_BYTES: Final = 32 * 1024
BLOCK_TTL_S: Final = 24 * 3600.0

ReadWhole = Callable[[ByteRange, Version, Deadline], bytes]
"""Reads a range of a version before a deadline, cut off at the end of the source."""


class Blocks:
    """The blocks of one source. Callers pass the prefix of the cache keys, which names the version. Thread-safe."""

    def __init__(
        self,
        flight: SingleFlight,
        read: ReadWhole,
        size_bytes: int,
        helpers: Helpers | None,
        ttl_s: float = BLOCK_TTL_S,
    ) -> None:
        """Read nothing yet.

        Args:
            flight: the cache tiers.
            read: reads the origin.
            size_bytes: of a block; the last one of a source may be shorter.
            helpers: for concurrent reads; None: reads are made one after the other.
            ttl_s: lifetime of blocks in the cache tiers.
        """
        self.size_bytes: Final = size_bytes
        self._ttl_s = ttl_s
        self._flight = flight
        self._read = read
        self._helpers = helpers

    def lookup(self, wanted: ByteRange, prefix: str) -> bytes | None:
        """The bytes of a range within one block of worker memory; None: a miss, or a range of several blocks."""
        number, start = divmod(wanted.start, self.size_bytes)
        stop = start + wanted.stop - wanted.start
        if stop > self.size_bytes:
            return None
        block = self._flight.local.lookup(f"{prefix}{number}")
        if block is None or start >= len(block):
            return None
        counters.add(HITS, "header", "memory")
        if trace.request.tier == "-":
            trace.request.tier = "memory"
        return block[start:stop]

    def lookup_all(self, wanted: ByteRange, prefix: str, version: Version) -> bytes | None:
        """The same for a range of any number of blocks."""
        blocks: list[bytes] = []
        for number in self._numbers(wanted, version):
            block = self._flight.local.lookup(f"{prefix}{number}")
            if block is None:
                return None
            blocks.append(block)
        trace.request.reach("memory")
        return self._cut(wanted, blocks)

    def fetch(self, wanted: Sequence[ByteRange], prefix: str, version: Version, deadline: Deadline) -> list[bytes]:
        """The bytes of ranges, each cut off at the end of the source.

        Raises:
            SourceError: as `Source.read`.
        """
        numbers = sorted({number for place in wanted for number in self._numbers(place, version)})
        number_of = {f"{prefix}{number}": number for number in numbers}

        def load(keys: Sequence[str]) -> Mapping[str, bytes]:
            return self._load([number_of[key] for key in keys], prefix, version, deadline)

        blocks = self._flight.fetch(list(number_of), load, self._ttl_s, deadline)
        return [self._cut(place, [blocks[f"{prefix}{n}"] for n in self._numbers(place, version)]) for place in wanted]

    def split(self, data: bytes, prefix: str, first: int = 0) -> dict[str, bytes]:
        """Cut bytes that begin with the block `first` into blocks, by their keys."""
        starts = range(0, len(data), self.size_bytes)
        return {f"{prefix}{number}": data[at : at + self.size_bytes] for number, at in enumerate(starts, first)}

    def _load(self, numbers: Sequence[int], prefix: str, version: Version, deadline: Deadline) -> dict[str, bytes]:
        """Read blocks from the origin. If a read fails, the blocks of the others are cached all the same."""
        loaded: dict[str, bytes] = {}

        def load(run: range) -> None:
            place = ByteRange(run.start * self.size_bytes, run.stop * self.size_bytes)
            loaded.update(self.split(self._read(place, version, deadline), prefix, run.start))

        try:
            self._do(load, list(_runs(numbers)))
        except SourceError:
            if loaded:
                self._flight.put(loaded, self._ttl_s)
            raise
        return loaded

    def _do(self, load: Callable[[range], None], runs: Sequence[range]) -> None:
        if self._helpers is not None and len(runs) > 1:
            self._helpers.for_each(load, runs)
        else:
            for run in runs:
                load(run)

    def _numbers(self, place: ByteRange, version: Version) -> range:
        """Numbers of the blocks of a range."""
        return range(place.start // self.size_bytes, (min(place.stop, version.size_bytes) - 1) // self.size_bytes + 1)

    def _cut(self, place: ByteRange, blocks: Sequence[bytes]) -> bytes:
        """The bytes of a range, from its blocks."""
        start = place.start % self.size_bytes
        return b"".join(blocks)[start : start + place.size_bytes]


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Cut ascending numbers into ranges without gaps: [3, 4, 7] -> 3..4, 7..7."""
    start = numbers[0]
    for previous, number in zip(numbers, [*numbers[1:], -1], strict=True):
        if number != previous + 1:
            yield range(start, previous + 1)
            start = number
