"""A source through the tiers gives the bytes of the source, and asks the origin as seldom as it can."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceNotFound, SourceProtocolError
from cogread.sources.protocol import Source
from server.cache import Cache
from server.cache.memory import MemoryCache, SideMemory
from server.cache.redis.cache import RedisCache
from server.cache.single_flight import SingleFlight
from server.logs.trace import trace
from server.origin.cache_keys import PREFIX
from server.origin.cached_source import CachedSource
from server.origin.file_ranges import FileRanges
from server.resilience.parallel import Helpers
from tests.support.clock import Clock
from tests.support.counting_source import CountingSource, run_threads
from tests.support.guard import wide_guard
from tests.support.memory_source import MemorySource
from tests.support.redis import RedisServer

BLOCK = 100
DATA = bytes(range(256)) * 4  # 1024 bytes: 10 blocks and a short one


@pytest.fixture
def shared(redis_server: RedisServer) -> Iterator[Cache]:
    cache = RedisCache(redis_server.url, timeout_s=10)
    yield cache
    cache.close()


def cached(
    source: Source,
    shared: Cache | None = None,
    *,
    clock: Clock | None = None,
    cache_tiles: bool = True,
    near_bytes: int = 1_000_000,
    first_read_bytes: int = 0,
    helpers: Helpers | None = None,
) -> CachedSource:
    """A source as a process of its own has it."""
    return CachedSource(
        source,
        SingleFlight(MemoryCache(near_bytes), shared),
        key="layer",
        revalidate_s=60,
        cache_tiles=cache_tiles,
        guard=wide_guard(),
        helpers=helpers,
        first_read_bytes=first_read_bytes,
        block_bytes=BLOCK,
        clock=clock or Clock(),
    )


def tile_of(tier: CachedSource, wanted: ByteRange) -> bytes:
    """A tile of the current version."""
    return tier.tiles.read(wanted, tier.version(), NEVER)


def covered(reads: list[ByteRange]) -> list[int]:
    """The numbers of the blocks that were read."""
    assert all(read.start % BLOCK == 0 and read.stop % BLOCK == 0 for read in reads)
    return [number for read in reads for number in range(read.start // BLOCK, read.stop // BLOCK)]


@settings(deadline=None)
@given(
    data=st.binary(min_size=1, max_size=700),
    block_bytes=st.integers(1, 300),
    near_bytes=st.sampled_from([0, 2000, 1_000_000]),
    is_local=st.booleans(),
    ranges=st.lists(st.tuples(st.integers(0, 699), st.integers(1, 900)), max_size=8),
)
def test_any_range_is_that_of_the_source(
    data: bytes, block_bytes: int, near_bytes: int, is_local: bool, ranges: list[tuple[int, int]]
) -> None:
    source = MemorySource(data) if is_local else CountingSource(data)
    tier = CachedSource(
        source,
        SingleFlight(MemoryCache(near_bytes)),
        key="any",
        revalidate_s=60,
        cache_tiles=True,
        guard=wide_guard(),
        block_bytes=block_bytes,
    )
    reads: list[Callable[[ByteRange], bytes]] = [lambda wanted: tier.read(wanted).data, partial(tile_of, tier)]
    for start, size in ranges:
        wanted = ByteRange(start, start + size)
        for read in reads:
            if start < len(data):
                assert read(wanted) == data[start : start + size]
            else:
                with pytest.raises(SourceProtocolError):
                    read(wanted)


@given(st.lists(st.tuples(st.integers(0, 1023), st.integers(1, 400)), min_size=1, max_size=12))
@settings(deadline=None)
def test_no_block_is_read_twice(ranges: list[tuple[int, int]]) -> None:
    source = CountingSource(DATA)
    tier = cached(source)
    for start, size in ranges:
        tier.read(ByteRange(start, start + size))
    numbers = covered(source.reads)
    assert len(numbers) == len(set(numbers))


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 1023), st.integers(1, 250)), min_size=1, max_size=6), min_size=1, max_size=4
    ),
    st.sampled_from([None, 1, 2]),
)
@settings(deadline=None)
def test_ranges_that_are_read_together_are_those_of_the_source(
    rounds: list[list[tuple[int, int]]], helpers: int | None
) -> None:
    source = CountingSource(DATA)
    tier = cached(source, helpers=None if helpers is None else Helpers(helpers, "helper"))
    for ranges in rounds:
        wanted = [ByteRange(start, start + size) for start, size in ranges]
        assert tier.read_many(wanted, source.version()) == [DATA[place.start : place.stop] for place in wanted]
    numbers = covered(source.reads)
    assert len(numbers) == len(set(numbers))


def test_ranges_that_are_read_together_and_touch_come_in_one_read_and_the_others_at_the_same_time() -> None:
    source = CountingSource(DATA)
    together = threading.Barrier(3)
    source.on_read = lambda wanted: _meet(together)
    tier = cached(source, helpers=Helpers(2, "helper"))
    wanted = [ByteRange(at, at + 4) for at in (904, 4, 598, 404, 480)]
    assert tier.read_many(wanted, source.version()) == [DATA[place.start : place.stop] for place in wanted]
    assert sorted((read.start, read.stop) for read in source.reads) == [(0, 100), (400, 700), (900, 1000)]


def test_another_process_gets_ranges_that_are_read_together_from_the_far_tier_at_once() -> None:
    class Shared(MemoryCache):
        gets = 0

        def get(self, keys: Sequence[str]) -> list[bytes | None]:
            self.gets += 1
            return super().get(keys)

    shared, version = Shared(1_000_000), MemorySource(DATA).version()
    wanted = [ByteRange(4, 8), ByteRange(504, 508)]
    cached(CountingSource(DATA), shared).read_many(wanted, version)
    shared.gets, source = 0, CountingSource(DATA)
    assert cached(source, shared).read_many(wanted, version) == [DATA[4:8], DATA[504:508]]
    assert (source.reads, shared.gets) == ([], 1)


def test_what_came_before_a_read_failed_is_kept_and_what_failed_is_an_error() -> None:
    source = CountingSource(DATA)
    together = threading.Barrier(2)

    def fail_far(wanted: ByteRange) -> None:
        _meet(together)
        if wanted.start == 500:
            raise SourceNotFound("gone")

    source.on_read = fail_far
    tier, version = cached(source, helpers=Helpers(1, "helper")), source.version()
    first, last = ByteRange(4, 8), ByteRange(504, 508)
    with pytest.raises(SourceNotFound):
        tier.read_many([first, last], version)
    assert tier.read_many([first], version) == [DATA[4:8]]
    with pytest.raises(SourceNotFound):
        tier.read_many([first, last], version)
    assert len(source.reads) == 2, "the failure is remembered"


def _meet(together: threading.Barrier) -> None:
    together.wait(20)


def test_the_first_contact_brings_version_and_first_block_in_one_read() -> None:
    source = CountingSource(DATA)
    tier = cached(source)
    assert tier.version() == MemorySource(DATA).version()
    assert tier.read(ByteRange(3, 90)).data == DATA[3:90]
    assert (source.reads, source.probes) == ([ByteRange(0, BLOCK)], 0)


def test_a_larger_first_read_brings_whole_blocks_at_once() -> None:
    source = CountingSource(DATA)
    tier = cached(source, first_read_bytes=2 * BLOCK + 1)
    assert tier.read(ByteRange(3, 290)).data == DATA[3:290]
    assert (source.reads, source.probes) == ([ByteRange(0, 3 * BLOCK)], 0)


def test_missing_blocks_that_touch_come_in_one_read() -> None:
    source = CountingSource(DATA)
    tier = cached(source)
    tier.read(ByteRange(450, 460))
    source.reads.clear()
    assert tier.read(ByteRange(50, 1024)).data == DATA[50:]
    assert source.reads == [ByteRange(100, 400), ByteRange(500, 1100)]


def test_another_process_finds_all_in_redis(shared: Cache) -> None:
    source = CountingSource(DATA)
    for _ in range(2):
        tier = cached(source, shared)
        assert tier.read(ByteRange(50, 1024)).data == DATA[50:]
        assert tile_of(tier, ByteRange(50, 1000)) == DATA[50:1000]
    assert source.reads == [ByteRange(0, 100), ByteRange(100, 1100), ByteRange(50, 1000)]


def test_a_block_size_does_not_read_the_blocks_of_another(shared: Cache) -> None:
    for block_bytes in (64, 100):
        flight = SingleFlight(MemoryCache(1_000_000), shared)
        tier = CachedSource(
            CountingSource(DATA),
            flight,
            key="layer",
            revalidate_s=60,
            cache_tiles=True,
            guard=wide_guard(),
            block_bytes=block_bytes,
        )
        assert tier.read(ByteRange(130, 1024)).data == DATA[130:]


def test_a_damaged_block_in_redis_is_read_again(shared: Cache, redis_server: RedisServer) -> None:
    cached(CountingSource(DATA), shared).read(ByteRange(0, 1024))
    keys = redis_server.command("KEYS", "*").split(b"\r\n")[2::2]
    assert all(key.startswith(PREFIX.encode()) for key in keys)
    for key in keys:
        redis_server.command("SETRANGE", key, 20, b"damage")
    assert cached(CountingSource(DATA), shared).read(ByteRange(0, 1024)).data == DATA


def test_tiles_are_cached_only_where_wanted() -> None:
    source = CountingSource(DATA)
    version = source.version()
    for cache_tiles, reads in ((True, 1), (False, 3)):
        source.reads.clear()
        tier = cached(source, cache_tiles=cache_tiles)
        for _ in range(3):
            assert tier.tiles.read(ByteRange(10, 20), version, NEVER) == DATA[10:20]
        assert source.reads == [ByteRange(10, 20)] * reads


def test_a_large_tile_is_kept_from_redis(shared: Cache, redis_server: RedisServer) -> None:
    data = bytes(3_000_000)
    tier = cached(CountingSource(data), shared, near_bytes=100_000_000)
    tile_of(tier, ByteRange(0, 2_000_000))
    assert b":tile:" not in redis_server.command("KEYS", "*")
    tile_of(tier, ByteRange(0, 1_000_000))
    assert b":tile:" in redis_server.command("KEYS", "*")


def test_a_short_read_is_an_error_and_is_not_cached() -> None:
    class ShortOnce(CountingSource):
        def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
            got = super().read(wanted, expect, deadline)
            return SourceBytes(got.data[:-1], got.version) if len(self.reads) == 1 else got

    version, wanted = MemorySource(DATA).version(), ByteRange(0, 300)
    reads: list[Callable[[CachedSource], object]] = [
        lambda tier: tier.version(),
        lambda tier: tier.read(wanted, version),
        lambda tier: tier.tiles.read(wanted, version, NEVER),
    ]
    for read in reads:
        tier = cached(ShortOnce(DATA))
        with pytest.raises(SourceProtocolError, match=r"wanted|at the start"):
            read(tier)
        other = ByteRange(0, 299)  # the range itself is remembered as failed for a moment
        assert tier.tiles.read(other, version, NEVER) == DATA[:299]


@pytest.mark.parametrize("with_redis", [False, True])
def test_a_replaced_source_is_noticed_and_never_mixed(with_redis: bool, redis_server: RedisServer) -> None:
    shared = RedisCache(redis_server.url, timeout_s=10) if with_redis else None
    source = CountingSource(DATA)
    tier = cached(source, shared)
    old = tier.version()
    tier.read(ByteRange(0, 200), old)
    tier.tiles.read(ByteRange(0, 200), old, NEVER)
    source.data = new_data = DATA[::-1] + b"longer"
    assert tier.read(ByteRange(0, 200), old).data == DATA[:200]  # still of the old version, all of it
    for read in (tier.read, tier.tiles.read):
        with pytest.raises(SourceChanged):
            read(ByteRange(150, 250), old, NEVER)
    assert tier.version() == source.version() != old
    assert tier.read(ByteRange(0, 1030)).data == new_data
    assert tile_of(tier, ByteRange(0, 200)) == new_data[:200]
    assert cached(source, shared).version() == source.version()
    if shared:
        shared.close()


def test_a_read_of_any_version_follows_a_replaced_source() -> None:
    source = CountingSource(DATA)
    tier = cached(source)
    tier.version()
    source.data = DATA[::-1]
    assert tier.read(ByteRange(500, 900)) == SourceBytes(DATA[::-1][500:900], source.version())


def test_while_a_source_is_replaced_all_reads_are_of_one_version() -> None:
    contents = [bytes([number]) * 1000 for number in range(5)]
    source = CountingSource(contents[0])
    tier = cached(source)
    stop = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for content in contents:
                source.data = content
                for _ in range(5):
                    tier.forget(tier.version())
            stop.set()
        while not stop.is_set():
            try:
                got = tier.read(ByteRange(number, 1000))
            except SourceChanged:
                continue
            assert got.data in [content[number:] for content in contents]
            assert got.version == MemorySource(bytes([got.data[0]]) * 1000).version()

    run_threads(8, work)


def test_a_local_source_is_asked_for_its_version_every_time() -> None:
    source = MemorySource(DATA)
    tier = cached(source)
    assert tier.read(ByteRange(0, 10)).data == DATA[:10]
    source.data = DATA[::-1]
    assert tier.read(ByteRange(0, 10)).data == DATA[::-1][:10]


def test_a_local_source_is_asked_once_for_the_requests_that_had_arrived_by_then() -> None:
    """And again for each that came later, or whose server does not say when it came."""
    source = MemorySource(DATA)
    layer = cached(source)
    input_at = time.monotonic()
    first = layer.version_within(lambda: NEVER, input_at)
    source.data += b"x"
    assert layer.version_within(lambda: NEVER, input_at) is first
    assert layer.version_within(lambda: NEVER, time.monotonic()).size_bytes == len(DATA) + 1
    source.data += b"x"
    assert layer.version_within(lambda: NEVER, inf).size_bytes == len(DATA) + 2


def test_the_trace_tells_how_far_a_request_had_to_go(shared: Cache) -> None:
    source = CountingSource(DATA)
    first, second = cached(source, shared), cached(source, shared)
    seen = []
    for tier in (first, first, second, second):
        trace.request.reset()
        tier.read(ByteRange(0, 250))
        seen.append((trace.request.tier, trace.request.origin_reads))
    assert seen == [("origin", 2), ("memory", 0), ("redis", 0), ("memory", 0)]


def test_a_source_passes_for_the_one_it_wraps() -> None:
    wrapped = cached(CountingSource(DATA))
    source: Source = wrapped
    assert (source.name, source.is_local) == ("origin", False)
    source.close()


def test_a_scan_of_ranges_leaves_the_header_in_memory_and_reads_each_block_once() -> None:
    origin, memory = CountingSource(bytes(range(256)) * 400), MemoryCache(3000)
    tier = CachedSource(
        origin,
        SingleFlight(memory),
        ranges=SingleFlight(SideMemory(2000, memory)),  # of a few blocks
        key="layer",
        revalidate_s=60,
        cache_tiles=True,
        guard=wide_guard(),
        block_bytes=BLOCK,
    )
    version = tier.version()
    header = tier.read(ByteRange(50, 250), version).data
    before = len(origin.reads)
    assert tier.ranges.read(ByteRange(60, 240), version, NEVER) == header[10:190]
    assert len(origin.reads) == before  # header bytes come from the header's blocks
    for start in range(1000, 100_000, 500):
        assert tier.ranges.read(ByteRange(start, start + 150), version, NEVER) == origin.data[start : start + 150]
    scanned = len(origin.reads)
    assert tier.ranges.read(ByteRange(99_500, 99_650), version, NEVER) == origin.data[99_500:99_650]
    assert tier.read(ByteRange(50, 250), version).data == header
    assert len(origin.reads) == scanned


def test_a_range_that_is_a_stored_tile_comes_from_the_cache_of_the_tile() -> None:
    origin = CountingSource(DATA)
    tier = cached(origin)
    version = tier.version()
    tile = tile_of(tier, ByteRange(510, 690))
    before = len(origin.reads)
    assert tier.ranges.read(ByteRange(510, 690), version, NEVER) == tile
    assert len(origin.reads) == before


def test_threads_that_read_ranges_first_share_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes the ranges of the file; the bound of the reads at the same time holds for all."""
    source, barrier = cached(MemorySource(DATA)), threading.Barrier(2, timeout=20)
    initialize = FileRanges.__init__

    def make(*arguments: Any, **options: Any) -> None:
        barrier.wait()
        initialize(*arguments, **options)

    monkeypatch.setattr(FileRanges, "__init__", make)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: source.ranges, range(2))
    assert first is second
