"""Many tiles in few large reads, several at a time, within a bound of memory.

Ranges come in batches. The reads of further batches go on while the caller works on one.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, NamedTuple, TypeVar

from cogread.byterange import ByteRange, Version
from cogread.copy.places import read_whole
from cogread.sources import Source
from cogread.sources.gather import runs_of

T = TypeVar("T")

BATCH_BYTES: Final = 32 << 20
"""Bytes of the tiles of a batch, unless a single tile has more."""
BATCH_TILES: Final = 4096
"""Tiles of a batch, where they are small."""
_AHEAD_BYTES: Final = 64 << 20
"""Bytes that are read ahead of the caller, unless a single batch has more."""
_AHEAD: Final = 8
"""Batches that are read ahead, where they are small."""
_RUN_BYTES: Final = 3 << 20
"""Largest read: it ends within the time of one even at a few megabits a second."""
_GAP_BYTES: Final = 64 << 10
"""Largest gap that is read over: it costs less than another request."""
_LOCAL_THREADS: Final = 2
_FAR_THREADS: Final = 8
"""Reads at the same time: with a round trip each for an origin, which no disk has."""


class Batch(NamedTuple, Generic[T]):
    """Ranges that are read together, and the use of them."""

    use: T
    places: Sequence[ByteRange | None]


class _Read(NamedTuple):
    """A read of several neighbouring ranges."""

    positions: list[int]
    """Positions of the ranges in the batch."""
    start: int
    data: Future[bytes]


class _Pending(NamedTuple, Generic[T]):
    batch: Batch[T]
    reads: list[_Read]
    size_bytes: int


def read_batches(
    source: Source, version: Version, batches: Iterable[Batch[T]]
) -> Iterator[tuple[T, list[bytes | None]]]:
    """Read batches in their order: the use of each, and the bytes of its places, None for None.

    Raises:
        SourceError: as `Source.read`; `SourceChanged` if the source is no longer of this version.
    """
    pool = ThreadPoolExecutor(_LOCAL_THREADS if source.is_local else _FAR_THREADS, thread_name_prefix="read")
    pending: deque[_Pending[T]] = deque()
    ahead_bytes = 0
    try:
        for batch in batches:
            pending.append(_begun(pool, source, version, batch))
            ahead_bytes += pending[-1].size_bytes
            while len(pending) > 1 and (ahead_bytes > _AHEAD_BYTES or len(pending) > _AHEAD):
                ahead_bytes -= pending[0].size_bytes
                yield _ended(pending.popleft())
        while pending:
            yield _ended(pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(pool: ThreadPoolExecutor, source: Source, version: Version, batch: Batch[T]) -> _Pending[T]:
    stored = [(place.start, at, place) for at, place in enumerate(batch.places) if place is not None]
    stored.sort()
    reads, first, size_bytes = [], 0, 0
    for run in runs_of([place for _, _, place in stored], _GAP_BYTES, _RUN_BYTES):
        whole = ByteRange(run[0].start, max(place.stop for place in run))
        positions = [at for _, at, _ in stored[first : first + len(run)]]
        reads.append(_Read(positions, whole.start, pool.submit(read_whole, source, whole, version)))
        first, size_bytes = first + len(run), size_bytes + whole.size_bytes
    return _Pending(batch, reads, size_bytes)


def _ended(pending: _Pending[T]) -> tuple[T, list[bytes | None]]:
    batch = pending.batch
    parts: list[bytes | None] = [None] * len(batch.places)
    for positions, start, future in pending.reads:
        data = future.result()
        for at in positions:
            place = batch.places[at]
            if place is not None:
                parts[at] = data[place.start - start : place.stop - start]
    return batch.use, parts
