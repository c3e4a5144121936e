"""Single flight within a process, alone and over Redis."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from cogread.deadline import Deadline
from cogread.errors import SourceBusy, SourceChanged, SourceError, SourceNotFound, SourceTimeout, SourceUnreachable
from server.cache import Cache
from server.cache.memory import MemoryCache
from server.cache.redis.cache import RedisCache
from server.cache.single_flight import SingleFlight
from server.resilience.failures import FAILURES_S, Failures
from tests.support.counting_source import run_threads
from tests.support.redis import RedisServer

Load = Callable[[Sequence[str]], Mapping[str, bytes]]


class Loader:
    """Values are their keys; notes what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.before: Callable[[Sequence[str]], None] = lambda keys: None
        self._mutex = threading.Lock()

    def __call__(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        with self._mutex:
            self.calls.append(list(keys))
        self.before(keys)
        return {key: key.encode() for key in keys}

    @property
    def keys(self) -> list[str]:
        return [key for call in self.calls for key in call]


class MeetingCache(MemoryCache):
    """Lets a loader wait until so many threads have looked for their keys: they then wait for it, or load too."""

    def __init__(self, expected: int) -> None:
        super().__init__(1_000_000)
        self._expected = expected
        self._looked = 0
        self.all_looked = threading.Event()

    def lookup(self, key: str) -> bytes | None:
        self._looked += 1  # under the flight's mutex
        if self._looked >= self._expected:
            self.all_looked.set()
        return super().lookup(key)


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture(params=["alone", "redis"])
def shared(request: pytest.FixtureRequest) -> Iterator[Cache | None]:
    if request.param == "alone":
        yield None
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    cache = RedisCache(server.url, timeout_s=10)
    yield cache
    cache.close()


def test_64_threads_load_once(shared: Cache | None, load: Loader) -> None:
    local = MeetingCache(64)
    flight = SingleFlight(local, shared)
    load.before = lambda keys: _must_come(local.all_looked)
    run_threads(64, lambda number: _equal(flight.fetch(["a"], load, 100), {"a": b"a"}))
    assert load.calls == [["a"]]


def test_overlapping_wishes_are_shared_out(shared: Cache | None, load: Loader) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    keys = [str(number) for number in range(40)]

    def work(number: int) -> None:
        mine = keys[number : number + 9]
        mine = mine if number % 2 else mine[::-1]
        assert flight.fetch(mine, load, 100) == {key: key.encode() for key in mine}

    run_threads(32, work)
    assert sorted(load.keys) == sorted(keys[:40])


def test_what_is_missing_is_loaded_at_once_in_its_order(shared: Cache | None, load: Loader) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    flight.fetch(["c"], load, 100)
    flight.fetch(["a", "b", "c", "d", "a"], load, 100)
    assert load.calls == [["c"], ["a", "b", "d"]]


def test_values_too_large_to_be_kept_still_reach_all(load: Loader) -> None:
    flight = SingleFlight(MemoryCache(0))
    run_threads(16, lambda number: _equal(flight.fetch(["a", "b"], load, 100), {"a": b"a", "b": b"b"}))


def test_a_waiting_thread_gets_what_a_failing_load_brought(shared: Cache | None, load: Loader) -> None:
    local, begun = MeetingCache(3), threading.Event()
    flight = SingleFlight(local, shared)

    def fail(keys: Sequence[str]) -> Mapping[str, bytes]:
        begun.set()
        _must_come(local.all_looked)
        flight.put({"a": b"a"}, 100)
        raise SourceNotFound("b")

    def work(number: int) -> None:
        if number == 0:
            with pytest.raises(SourceNotFound):
                flight.fetch(["a", "b"], fail, 100)
        else:
            _must_come(begun)
            assert flight.fetch(["a"], load, 100) == {"a": b"a"}

    run_threads(2, work)
    assert load.calls == []


def test_a_value_that_will_not_do_is_loaded_anew(shared: Cache | None, load: Loader) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    flight.put({"a": b"old"}, 100)
    assert flight.fetch(["a"], load, 100, usable=lambda value: value != b"old") == {"a": b"a"}


def test_only_what_meets_the_condition_is_forgotten(shared: Cache | None, load: Loader) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    flight.put({"a": b"old"}, 100)
    flight.drop("a", lambda value: value == b"other")
    assert flight.fetch(["a"], load, 100) == {"a": b"old"}
    flight.drop("a", lambda value: value == b"old")
    assert flight.fetch(["a"], load, 100) == {"a": b"a"}


def test_another_process_finds_what_was_loaded(redis_server: RedisServer, load: Loader) -> None:
    shared = RedisCache(redis_server.url, timeout_s=10)
    for _ in range(2):
        SingleFlight(MemoryCache(1_000_000), shared).fetch(["a", "b"], load, 100)
    assert load.calls == [["a", "b"]]
    SingleFlight(MemoryCache(1_000_000), shared).fetch(["a", "c"], load, 100, is_shared=False)
    assert load.calls[1:] == [["a", "c"]]
    assert redis_server.command("EXISTS", "c") == b":0\r\n"
    assert redis_server.command("EXISTS", "{a}:lock", "{b}:lock") == b":0\r\n"
    shared.close()


@pytest.mark.parametrize("error", [SourceUnreachable("no route"), SourceBusy("patience", 7.0), SourceChanged("new")])
def test_a_failure_reaches_all_waiting_threads(error: SourceError, shared: Cache | None, load: Loader) -> None:
    local = MeetingCache(16)
    flight = SingleFlight(local, shared, failures=Failures({}))
    caught: list[SourceError] = []

    def fail(keys: Sequence[str]) -> None:
        _must_come(local.all_looked)
        raise error

    load.before = fail

    def work(number: int) -> None:
        with pytest.raises(type(error), match=str(error)) as info:
            flight.fetch(["a"], load, 100)
        caught.append(info.value)

    run_threads(16, work)
    assert load.calls == [["a"]]
    assert len({id(one) for one in caught}) == 16  # each raises its own, with its own traceback
    assert {getattr(one, "retry_after_s", None) for one in caught} == {getattr(error, "retry_after_s", None)}


def test_a_failure_is_remembered_for_a_while(shared: Cache | None, load: Loader) -> None:
    now = [0.0]
    flight = SingleFlight(MemoryCache(1_000_000), shared, failures=Failures(clock=lambda: now[0]))
    load.before = _raising(SourceUnreachable("no route"))
    for now[0] in (0.0, 1.0, 1.9):
        with pytest.raises(SourceUnreachable, match="no route"):
            flight.fetch(["a"], load, 100)
    assert load.calls == [["a"]]
    load.before = lambda keys: None
    assert flight.fetch(["b"], load, 100) == {"b": b"b"}
    now[0] = 2.0
    assert flight.fetch(["a"], load, 100) == {"a": b"a"}


@pytest.mark.parametrize(
    ("error", "keep_s", "loads"),
    [
        (SourceChanged("new"), {Exception: 100.0, SourceChanged: 100.0}, 2),
        (ValueError("a bug"), FAILURES_S, 2),
        (SourceNotFound("gone"), FAILURES_S, 1),
        (SourceNotFound("gone"), {**FAILURES_S, SourceNotFound: 0.0}, 2),
        (SourceTimeout("slow"), {**FAILURES_S, SourceNotFound: 0.0}, 1),
    ],
)
def test_what_is_remembered_goes_by_the_class(
    error: Exception, keep_s: Mapping[type[Exception], float], loads: int, load: Loader
) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), failures=Failures(keep_s, clock=lambda: 0.0))
    load.before = _raising(error)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            flight.fetch(["a"], load, 100)
    assert len(load.calls) == loads


def test_no_more_failures_are_remembered_than_allowed() -> None:
    failures = Failures(limit=3)
    failures.remember([str(number) for number in range(10)], SourceNotFound("gone"))
    for number in range(7):
        failures.check(str(number))
    for number in range(7, 10):
        with pytest.raises(SourceNotFound):
            failures.check(str(number))


def test_when_the_loading_thread_is_ended_another_takes_over(shared: Cache | None, load: Loader) -> None:
    local = MeetingCache(8)
    flight = SingleFlight(local, shared)
    ended: list[int] = []

    def end_the_first(keys: Sequence[str]) -> None:
        _must_come(local.all_looked)
        if len(load.calls) == 1:
            raise SystemExit

    load.before = end_the_first

    def work(number: int) -> None:
        try:
            assert flight.fetch(["a"], load, 100) == {"a": b"a"}
        except SystemExit:
            ended.append(number)

    run_threads(8, work)
    assert (len(ended), len(load.calls)) == (1, 2)


def test_a_waiting_thread_gives_up_at_its_deadline_and_the_others_do_not(shared: Cache | None, load: Loader) -> None:
    flight = SingleFlight(MemoryCache(1_000_000), shared)
    is_loading, may_end = threading.Event(), threading.Event()

    def wait(keys: Sequence[str]) -> None:
        is_loading.set()
        _must_come(may_end)

    load.before = wait
    loading = threading.Thread(target=lambda: flight.fetch(["a"], load, 100))
    loading.start()
    _must_come(is_loading)
    with pytest.raises(SourceTimeout):
        flight.fetch(["a"], load, 100, Deadline.after(0.02))
    may_end.set()
    loading.join()
    assert flight.fetch(["a"], load, 100) == {"a": b"a"}


def test_a_lock_that_is_never_freed_is_not_waited_for_beyond_the_deadline(
    redis_server: RedisServer, load: Loader
) -> None:
    shared = RedisCache(redis_server.url, timeout_s=10)
    shared.acquire(["a"], 1000)
    flight = SingleFlight(MemoryCache(1_000_000), shared, lock_ttl_s=1000)
    for _ in range(2):  # which is not remembered as a failure of the source
        with pytest.raises(SourceTimeout):
            flight.fetch(["a"], load, 100, Deadline.after(0.02))
    assert not load.calls
    assert SingleFlight(MemoryCache(1_000_000), shared, lock_ttl_s=0.01).fetch(["a"], load, 100) == {"a": b"a"}
    shared.close()


def test_the_deadline_of_a_thread_that_waits_for_the_fleet_is_its_own(redis_server: RedisServer, load: Loader) -> None:
    shared = RedisCache(redis_server.url, timeout_s=10)
    locks = shared.acquire(["a"], 1000)
    local = MeetingCache(1)
    flight = SingleFlight(local, shared, lock_ttl_s=1000)
    errors: list[SourceError] = []

    def hurry() -> None:
        try:
            flight.fetch(["a"], load, 100, Deadline.after(0.1))
        except SourceTimeout as error:
            errors.append(error)
        finally:
            shared.release(locks)

    hurried = threading.Thread(target=hurry)
    hurried.start()
    _must_come(local.all_looked)
    assert flight.fetch(["a"], load, 100) == {"a": b"a"}
    hurried.join()
    assert len(errors) == 1
    shared.close()


def _raising(error: Exception) -> Callable[[Sequence[str]], None]:
    def fail(keys: Sequence[str]) -> None:
        raise error

    return fail


def _must_come(event: threading.Event) -> None:
    assert event.wait(30)


def _equal(actual: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert actual == expected
