"""The version of a source is asked once per interval, by the fleet together."""

from collections.abc import Callable, Iterator

import pytest

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from server.cache import Cache
from server.cache.memory import MemoryCache
from server.cache.redis.cache import RedisCache
from server.cache.single_flight import SingleFlight
from server.origin.cache_keys import PREFIX
from server.origin.cached_source import CachedSource
from tests.support.clock import Clock
from tests.support.counting_source import CountingSource, run_threads
from tests.support.guard import wide_guard
from tests.support.memory_source import MemorySource
from tests.support.redis import RedisServer

BLOCK = 100
OLD, NEW = bytes(1000), bytes(999)
Process = Callable[[], CachedSource]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> CountingSource:
    return CountingSource(OLD)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def shared(server: RedisServer) -> Iterator[Cache]:
    server.flushall()
    cache = RedisCache(server.url, timeout_s=10)
    yield cache
    cache.close()


@pytest.fixture
def process(shared: Cache, source: CountingSource, clock: Clock) -> Process:
    return lambda: _cached(source, SingleFlight(MemoryCache(1_000_000), shared), clock)


def _cached(source: CountingSource, flight: SingleFlight, clock: Clock, revalidate_s: float = 60) -> CachedSource:
    return CachedSource(
        source,
        flight,
        key="layer",
        revalidate_s=revalidate_s,
        cache_tiles=True,
        guard=wide_guard(),
        block_bytes=BLOCK,
        clock=clock,
    )


@pytest.mark.parametrize("processes", [1, 3])
def test_the_origin_is_asked_once_per_interval(
    processes: int, process: Process, source: CountingSource, clock: Clock
) -> None:
    fleet = [process() for _ in range(processes)]
    asked = []
    for seconds in (0, 30, 29, 2, 58, 3):  # at 0, 30, 59, 61, 119, 122
        clock.now += seconds
        run_threads(32, lambda number: _is(fleet[number % processes], OLD))
        asked.append(len(source.reads) + source.probes)
    assert asked[:4] == [1, 1, 1, 2]
    assert asked[4:] == [2, 3]


def test_a_known_source_is_asked_for_one_byte(process: Process, source: CountingSource, clock: Clock) -> None:
    tier = process()
    tier.version()
    clock.now += 61
    tier.version()
    assert (source.reads, source.probes) == ([ByteRange(0, BLOCK)], 1)


def test_without_its_first_block_a_known_source_is_asked_for_that(source: CountingSource, clock: Clock) -> None:
    local = MemoryCache(1_000_000)
    tier = _cached(source, SingleFlight(local), clock)
    tier.version()
    local.drop(list(local._values._entries))
    clock.now += 61
    tier.read(ByteRange(0, 10))
    assert (source.reads, source.probes) == ([ByteRange(0, BLOCK)] * 2, 0)


def test_ages_do_not_add_up(process: Process, source: CountingSource, clock: Clock) -> None:
    first = process()
    first.version()
    clock.now += 50
    second = process()
    _is(second, OLD)
    assert second.confirmed_at == clock.now - 50
    source.data = NEW
    clock.now += 9
    _is(second, OLD)
    clock.now += 2
    _is(second, NEW)
    _is(first, NEW)


def test_a_record_from_the_future_is_not_trusted(process: Process, source: CountingSource, clock: Clock) -> None:
    clock.now += 1000
    process().version()
    clock.now -= 1000
    source.data = NEW
    _is(process(), NEW)


def test_a_record_of_another_release_is_not_read(process: Process, shared: Cache, source: CountingSource) -> None:
    for record in (b"", b"not JSON", b'{"when": 1}', b'{"asked_at": 1000000.0, "version": {"etag": 7}}'):
        shared.put({f"{PREFIX}version:layer": record}, 100)
        _is(process(), OLD)
        shared.put({f"{PREFIX}version:layer": record}, 100)
        process().forget(source.version())


def test_a_changed_source_is_asked_anew_by_the_whole_fleet(
    process: Process, source: CountingSource, clock: Clock
) -> None:
    first, second = process(), process()
    old = first.version()
    clock.now += 1
    source.data = NEW
    first.forget(old)
    _is(second, NEW)
    _is(first, NEW)


def test_a_newer_record_outlives_the_forgetting_of_an_older_version(
    process: Process, source: CountingSource, clock: Clock
) -> None:
    first, second = process(), process()
    old = first.version()
    second.version()
    source.data = NEW
    clock.now += 1
    first.forget(old)
    _is(first, NEW)
    asked = len(source.reads) + source.probes
    second.forget(old)  # which learns later of what the first knows
    _is(second, NEW)
    assert len(source.reads) + source.probes == asked


def test_an_answer_from_before_the_change_is_void(clock: Clock) -> None:
    """A thread asks, the source is replaced, another thread notices; the first one's answer comes last."""

    class Delayed(CountingSource):
        def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
            got = super().read(wanted, expect, deadline)
            if self.data == OLD:
                self.data = NEW
                clock.now += 1
                tier.forget(got.version)
            return got

    tier = _cached(Delayed(OLD), SingleFlight(MemoryCache(1_000_000)), clock)
    _is(tier, NEW)


def test_without_an_interval_the_origin_is_asked_every_time(source: CountingSource, clock: Clock) -> None:
    tier = _cached(source, SingleFlight(MemoryCache(1_000_000)), clock, revalidate_s=0)
    _is(tier, OLD)
    source.data = NEW
    _is(tier, NEW)


def _is(tier: CachedSource, data: bytes) -> None:
    assert tier.version() == MemorySource(data).version()
