"""Many tiles in few large reads, several at a time, within a bound of memory.

Ranges come in batches. The reads of further batches go on while the caller works on one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
_MAPPING_BYTES: Final = 31 << 20
"""glibc gives free memory back to the system beyond twice its largest mapping so far (malloc/malloc.c, "dynamic mmap
threshold"). The system would fill the pages of each batch with zeros again, which takes longer than to read a file."""
_THREADS: Final = 8
"""Reads of an origin at the same time, each with a round trip. A disk has none, and the system reads ahead of it: local
files are read when their bytes are needed, since threads would cost more than they save."""


class Batch(NamedTuple, Generic[T]):
    """Ranges that are read together, and the use of them."""

    use: T
    places: Sequence[ByteRange | None]


class _Read(NamedTuple):
    """A read of several neighbouring ranges."""

    positions: list[int]
    """Positions of the ranges in the batch."""
    start: int
    data: Callable[[], bytes]
    """Waits for the bytes, or reads them."""


class _Pending(NamedTuple, Generic[T]):
    batch: Batch[T]
    reads: list[_Read]
    size_bytes: int


def read_batches(
    source: Source, version: Version, batches: Iterable[Batch[T]]
) -> Iterator[tuple[T, list[memoryview | None]]]:
    """Read batches in their order: the use of each, and views of the bytes of its places, None for None.

    Raises:
        SourceError: as `Source.read`; `SourceChanged` if the source is no longer of this version.
    """
    bytearray(_MAPPING_BYTES)  # a mapping that is never touched
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="read")
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
        read = partial(read_whole, source, whole, version)
        reads.append(_Read(positions, whole.start, read if source.is_local else pool.submit(read).result))
        first, size_bytes = first + len(run), size_bytes + whole.size_bytes
    return _Pending(batch, reads, size_bytes)


def _ended(pending: _Pending[T]) -> tuple[T, list[memoryview | None]]:
    batch = pending.batch
    parts: list[memoryview | None] = [None] * len(batch.places)
    for positions, start, read in pending.reads:
        data = memoryview(read())
        for at in positions:
            place = batch.places[at]
            if place is not None:
                parts[at] = data[place.start - start : place.stop - start]
    return batch.use, parts
