"""A source that hangs takes a part of a worker's threads; one that moves may have nearly all, and turns none away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import OutOfTime, SourceBusy, SourceTimeout
from server.cache.memory import MemoryCache
from server.cache.single_flight import SingleFlight
from server.gunicorn_worker.lead import lead
from server.origin.cached_source import CachedSource
from server.origin.guard import FAILURES, PAUSE_S, STUCK_S, OriginGuard, origins_bulkhead
from server.resilience.bulkhead import LONGEST_WINDOW_S, SHORTEST_WINDOW_S
from tests.support.counting_source import CountingSource, run_threads

THREADS = 32
DATA = bytes(range(256)) * 4


class Clock:
    """Ahead of the real one, as far as a test moves it."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        self.asked_by: set[int] = set()
        """Threads."""

    def __call__(self) -> float:
        self.asked_by.add(threading.get_ident())
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fill(guard: OriginGuard, may_end: threading.Event) -> Callable[[], int]:
    """Threads that enter the guard until no more can; the number of those inside."""
    behind = []

    def wait() -> None:
        try:
            with guard.waiting(NEVER):
                behind.append(1)
                may_end.wait(30)
        except SourceBusy:
            pass

    for _ in range(THREADS):
        threading.Thread(target=wait, daemon=True).start()
    return behind.__len__


def wait_for(number: Callable[[], int], wanted: int) -> None:
    give_up = time.monotonic() + 20
    while number() < wanted:
        assert time.monotonic() < give_up
        time.sleep(0.002)


def test_a_stuck_source_leaves_threads_to_others_and_all_of_them_leave_some(clock: Clock) -> None:
    origins, may_end = origins_bulkhead(THREADS, clock), threading.Event()
    stuck, other = OriginGuard("a", THREADS, origins, clock), OriginGuard("b", THREADS, origins, clock)
    wait_for(fill(stuck, may_end), stuck.bulkhead.permits)
    with other.waiting(NEVER):
        pass
    clock.now += LONGEST_WINDOW_S
    with pytest.raises(SourceBusy) as error, stuck.waiting(NEVER):
        pass
    assert error.value.retry_after_s == 1
    wait_for(fill(other, may_end), origins.permits - stuck.bulkhead.permits)
    clock.now += LONGEST_WINDOW_S
    with pytest.raises(SourceBusy), OriginGuard("c", THREADS, origins, clock).waiting(NEVER):
        pass
    may_end.set()
    assert stuck.bulkhead.permits < origins.permits < THREADS


def test_a_source_that_moves_serves_more_threads_than_there_are_permits(clock: Clock) -> None:
    guard = OriginGuard("a", 4, origins_bulkhead(4, clock), clock)
    behind, most, mutex = 0, 0, threading.Lock()

    def work(number: int) -> None:
        nonlocal behind, most
        for _ in range(20):
            with guard.waiting(NEVER):
                with mutex:
                    behind += 1
                    most = max(most, behind)
                time.sleep(0)
                with mutex:
                    behind -= 1

    run_threads(16, work)
    assert most <= guard.bulkhead.permits


@pytest.mark.parametrize(("read_s", "patience_s"), [(0.01, SHORTEST_WINDOW_S), (0.3, 0.6), (0.9, LONGEST_WINDOW_S)])
@pytest.mark.parametrize("is_late", [False, True])
def test_the_last_threads_wait_about_as_long_as_the_source_usually_takes(
    read_s: float, patience_s: float, is_late: bool, clock: Clock
) -> None:
    origins, may_end = origins_bulkhead(THREADS, clock), threading.Event()
    guard = OriginGuard("a", THREADS, origins, clock)
    for _ in range(100):
        with guard.waiting(NEVER), guard.asking(NEVER):
            clock.now += read_s
        with guard.waiting(NEVER):  # what another tier has says nothing of the source
            clock.now += 0.001
    behind = fill(guard, may_end)
    wait_for(behind, guard.bulkhead.permits)
    clock.now += patience_s * (1.1 if is_late else 0.9)
    if is_late:
        with pytest.raises(SourceBusy), guard.waiting(NEVER):
            pass
    may_end.set()
    if not is_late:
        wait_for(behind, THREADS)


def test_a_thread_that_waits_for_a_permit_keeps_to_the_deadline(clock: Clock) -> None:
    origins, may_end = origins_bulkhead(THREADS, clock), threading.Event()
    guard = OriginGuard("a", THREADS, origins, clock)
    wait_for(fill(guard, may_end), guard.bulkhead.permits)
    with pytest.raises(SourceBusy), guard.waiting(Deadline(clock.now - 1)):
        pass
    may_end.set()


def test_a_thread_lets_another_take_requests_before_it_waits_for_a_permit(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, handed_over = OriginGuard("a", 2, origins_bulkhead(2, clock), clock), threading.Event()

    def wait() -> None:
        with guard.waiting(NEVER):
            pass

    with ThreadPoolExecutor(1) as threads, guard.waiting(NEVER):
        monkeypatch.setattr(lead, "hand_over", handed_over.set)
        threads.submit(wait)
        assert handed_over.wait(20)


def test_a_thread_inside_a_guard_enters_it_again(clock: Clock) -> None:
    guard = OriginGuard("a", 2, origins_bulkhead(2, clock), clock)
    assert guard.bulkhead.permits == 1
    deadline = Deadline(5.0)
    for _ in range(3):
        with guard.waiting(deadline) as outer, guard.waiting(outer) as inner:
            assert (outer, inner) == (deadline, deadline)


class DeadSource(CountingSource):
    """Takes some seconds of the clock to answer, or rather not to."""

    seconds = 0.0

    def __init__(self, clock: Clock) -> None:
        super().__init__(DATA)
        self._clock = clock

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        got = super().read(wanted, expect, deadline)
        if self.seconds:
            self._clock.now += self.seconds
            raise SourceTimeout("origin: no answer in time")
        return got


def cached(source: CountingSource, shared: MemoryCache, clock: Clock, guard: OriginGuard | None = None) -> CachedSource:
    """As a process of its own has it, of those that share `far`."""
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    guard = guard or OriginGuard("layer 'a'", THREADS, origins_bulkhead(THREADS, clock), clock)
    return CachedSource(source, flight, key="a", revalidate_s=3600, cache_tiles=True, guard=guard, block_bytes=100)


def test_no_thread_is_turned_away_while_the_first_reads_block_after_block_of_a_slow_source(
    clock: Clock,
) -> None:
    origins, may_end, source = origins_bulkhead(THREADS, clock), threading.Event(), CountingSource(DATA)
    guard, other = OriginGuard("a", THREADS, origins, clock), OriginGuard("b", THREADS, origins, clock)
    tier, version = cached(source, MemoryCache(1_000_000), clock, guard), source.version()

    def take_long(wanted: ByteRange) -> None:
        clock.now += 0.9

    source.on_read = take_long
    with tier.waiting(NEVER):
        behind = fill(guard, may_end)
        wait_for(behind, guard.bulkhead.permits - 1)
        for start in range(0, 500, 100):
            tier.read(ByteRange(start, start + 10), version)
        clock.now += 0.9
        clock.asked_by.clear()
        with other.waiting(NEVER):  # whose leaving wakes all threads without a permit
            pass
        wait_for(lambda: len(clock.asked_by - {threading.get_ident()}), THREADS - behind())
    may_end.set()
    wait_for(behind, THREADS)


def test_in_an_outage_the_tiers_are_served_and_the_origin_is_left_alone(clock: Clock) -> None:
    source, shared = DeadSource(clock), MemoryCache(1_000_000)
    version = source.version()
    cached(source, shared, clock).tiles.read(ByteRange(10, 20), version, NEVER)
    tier = cached(source, shared, clock)
    source.seconds = 5.0
    with pytest.raises(SourceTimeout):
        tier.tiles.read(ByteRange(20, 30), version, NEVER)
    before = len(source.reads)
    for start in range(30, 200, 10):
        with pytest.raises(SourceTimeout, match="origin: no answer in time") as error:
            tier.tiles.read(ByteRange(start, start + 10), version, NEVER)
        assert not isinstance(error.value, OutOfTime), "which would say that this request was late"
    assert tier.tiles.read(ByteRange(10, 20), version, NEVER) == DATA[10:20]
    assert len(source.reads) == before
    clock.now += PAUSE_S
    source.seconds = 0.0
    for start in range(30, 200, 10):  # none of them is remembered as failed
        assert tier.tiles.read(ByteRange(start, start + 10), version, NEVER) == DATA[start : start + 10]


def test_a_tile_of_the_far_tier_is_served_while_a_stuck_source_takes_all_its_threads(clock: Clock) -> None:
    source, shared, may_end = CountingSource(DATA), MemoryCache(1_000_000), threading.Event()
    version = source.version()
    guard = OriginGuard("origin", THREADS, origins_bulkhead(THREADS, clock), clock)
    cached(source, shared, clock).tiles.read(ByteRange(10, 20), version, NEVER)
    tier = cached(source, shared, clock, guard)
    behind = fill(guard, may_end)
    wait_for(behind, guard.bulkhead.permits)
    with pytest.raises(SourceBusy):
        tier.tiles.read(ByteRange(20, 30), version, Deadline(clock.now))
    assert tier.tiles.read(ByteRange(10, 20), version, Deadline(clock.now)) == DATA[10:20]
    may_end.set()
    wait_for(behind, THREADS)


def test_a_read_with_no_time_left_asks_nothing_and_is_not_remembered(clock: Clock) -> None:
    source = DeadSource(clock)
    version = source.version()
    tier = cached(source, MemoryCache(1_000_000), clock)
    with pytest.raises(SourceTimeout):
        tier.tiles.read(ByteRange(10, 20), version, Deadline(clock.now))
    assert source.reads == []
    source.seconds = STUCK_S / 2
    for _ in range(2 * FAILURES):
        with pytest.raises(SourceTimeout):
            tier.tiles.read(ByteRange(10, 20), version, Deadline(clock.now + STUCK_S / 4))
    source.seconds = 0.0
    assert tier.tiles.read(ByteRange(10, 20), version, NEVER) == DATA[10:20]
