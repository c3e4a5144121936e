"""Many tiles in few large reads, several at a time, within a bound of memory.

Ranges come in batches. The reads of further batches go on while the caller works on one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from operator import attrgetter
from typing import Final, Generic, NamedTuple, TypeVar

from cogread.byterange import ByteRange, Version
from cogread.copy.places import read_whole
from cogread.sources import Source
from cogread.sources.file import FileSource
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
"""Reads of an origin at the same time, each with a round trip."""
_TAKEN_TILES: Final = 32
"""Tiles of a local file that are read at once."""


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
) -> Iterator[tuple[T, Iterator[bytes | None]]]:
    """Read batches in their order: the use of each, and the bytes of its places, None for None.

    Raises:
        SourceError: as `Source.read`, here or while the bytes are taken; `SourceChanged` if the source is no longer of
            this version.
    """
    if isinstance(source, FileSource):
        return _read_file(source, version, batches)
    return _read_origin(source, version, batches)


def _read_file(
    source: FileSource, version: Version, batches: Iterable[Batch[T]]
) -> Iterator[tuple[T, Iterator[bytes | None]]]:
    """Read few tiles when they are taken, which then are still in the processor's cache; the system reads ahead."""
    _keep_freed_memory()
    pending: deque[Batch[T]] = deque()
    for batch in batches:
        stored = sorted(filter(None, batch.places), key=attrgetter("start"))
        source.prefetch([_whole(run) for run in runs_of(stored, _GAP_BYTES, _RUN_BYTES)])
        pending.append(batch)
        if len(pending) > 1:
            first = pending.popleft()
            yield first.use, _taken(source, version, first.places)
    for batch in pending:
        yield batch.use, _taken(source, version, batch.places)


def _taken(source: FileSource, version: Version, places: Sequence[ByteRange | None]) -> Iterator[bytes | None]:
    for first in range(0, len(places), _TAKEN_TILES):
        yield from source.read_each(places[first : first + _TAKEN_TILES], version)


@cache
def _keep_freed_memory() -> None:
    bytearray(_MAPPING_BYTES)  # a mapping that is never touched; a second one would be memory like all


def _read_origin(
    source: Source, version: Version, batches: Iterable[Batch[T]]
) -> Iterator[tuple[T, Iterator[bytes | None]]]:
    """Read large ranges, several at a time, ahead of the caller."""
    _keep_freed_memory()
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
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for reads that hang


def _whole(run: Sequence[ByteRange]) -> ByteRange:
    return ByteRange(run[0].start, max(place.stop for place in run))


def _begun(pool: ThreadPoolExecutor, source: Source, version: Version, batch: Batch[T]) -> _Pending[T]:
    stored = [(place.start, at, place) for at, place in enumerate(batch.places) if place is not None]
    stored.sort()
    reads, first, size_bytes = [], 0, 0
    for run in runs_of([place for _, _, place in stored], _GAP_BYTES, _RUN_BYTES):
        whole = _whole(run)
        positions = [at for _, at, _ in stored[first : first + len(run)]]
        reads.append(_Read(positions, whole.start, pool.submit(read_whole, source, whole, version).result))
        first, size_bytes = first + len(run), size_bytes + whole.size_bytes
    return _Pending(batch, reads, size_bytes)


def _ended(pending: _Pending[T]) -> tuple[T, Iterator[bytes | None]]:
    batch = pending.batch
    parts: list[bytes | None] = [None] * len(batch.places)
    for positions, start, read in pending.reads:
        data = read()
        for at in positions:
            place = batch.places[at]
            if place is not None:
                parts[at] = data[place.start - start : place.stop - start]
    return batch.use, iter(parts)
