"""Helpers make waits shorter, never longer, and leave nothing behind."""

import threading
from functools import partial

import pytest

from server.logs.trace import trace
from server.resilience.parallel import Helpers
from tests.support.counting_source import run_threads
from tests.support.wait import wait_until


@pytest.mark.parametrize(("helpers", "items"), [(1, 3), (1, 5), (4, 5), (16, 5), (4, 1), (4, 0)])
def test_everything_is_done_once_however_few_helpers_there_are(helpers: int, items: int) -> None:
    done: list[int] = []
    Helpers(helpers, "helper").for_each(done.append, range(items))
    assert sorted(done) == list(range(items))


def test_all_is_done_at_the_same_time_while_there_are_helpers() -> None:
    pool, together = Helpers(4, "helper"), threading.Barrier(5)

    def work(item: int) -> None:
        together.wait(20)

    for _ in range(3):  # they are free again
        pool.for_each(work, range(5))


def test_a_caller_without_a_free_helper_does_not_wait_for_one() -> None:
    pool, may_end, done = Helpers(2, "helper"), threading.Event(), threading.Event()
    taken = threading.Barrier(4)

    def get_stuck(item: int) -> None:
        taken.wait(20)
        may_end.wait(20)

    def work(number: int) -> None:
        if number == 0:
            pool.for_each(get_stuck, range(3))
        else:
            taken.wait(20)
            own: set[int] = set()
            pool.for_each(lambda item: own.add(threading.get_ident()), range(3))
            assert own == {threading.get_ident()}
            assert not may_end.is_set()
            may_end.set()
            done.set()

    run_threads(2, work)
    assert done.is_set()


def test_the_helpers_of_all_callers_together_are_bounded() -> None:
    pool = Helpers(3, "bounded")
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(sum(thread.name.startswith("bounded") for thread in threading.enumerate()))

    run_threads(8, lambda number: pool.for_each(work, range(20)))
    assert max(seen) <= 3


def test_the_first_error_is_raised_once_no_thread_works_any_more_and_nothing_is_begun_after_it() -> None:
    pool, together = Helpers(1, "helper"), threading.Barrier(2)
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        together.wait(20)
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match=r"item [01]"):
        pool.for_each(work, range(9))
    assert sorted(begun) == [0, 1]
    together.reset()
    with pytest.raises(ValueError, match="item"):  # the helper is free again
        pool.for_each(work, range(2))


def test_what_helpers_ask_of_origins_counts_for_the_request() -> None:
    together = threading.Barrier(3)

    def work(item: int) -> None:
        trace.request.ask_origin()
        together.wait(20)

    trace.request.reset()
    Helpers(2, "helper").for_each(work, range(3))
    assert (trace.request.tier, trace.request.origin_reads) == ("origin", 3)
    trace.request.reset()
    Helpers(2, "helper").for_each(lambda item: None, range(3))
    assert (trace.request.tier, trace.request.origin_reads) == ("-", 0)


def test_shared_work_is_done_once_and_outlives_the_caller_that_gives_up() -> None:
    pool, may_end, calls = Helpers(1, "open"), threading.Event(), []

    def work(name: str) -> str:
        calls.append(name)
        assert may_end.wait(20)
        trace.request.ask_origin()
        return name

    names = "abcdef"
    first = {name: pool.submit(name, partial(work, name)) for name in names}
    second = {name: pool.submit(name, partial(work, name)) for name in "abc"}
    wait_until(lambda: calls == ["a"])
    assert [future.cancel() for future in first.values()] == [False, *[True] * 5], "what was begun goes on"
    may_end.set()
    trace.request.reset()
    assert [future.result(20) for future in second.values()] == ["a", "b", "c"]
    assert (trace.request.tier, trace.request.origin_reads) == ("origin", 3)
    assert first["a"].result(20) == "a"
    assert trace.request.origin_reads == 3, "counted for one caller"
    assert pool.submit("z", partial(work, "z")).result(20) == "z"
    assert calls == ["a", "b", "c", "z"], "what no caller waits for is dropped"


def test_an_error_of_shared_work_reaches_all_its_callers() -> None:
    pool, may_end = Helpers(1, "open"), threading.Event()

    def fail() -> None:
        assert may_end.wait(20)
        raise ValueError("no")

    futures = [pool.submit("a", fail) for _ in range(3)]
    may_end.set()
    for future in futures:
        with pytest.raises(ValueError, match="no"):
            future.result(20)
    assert pool.submit("a", lambda: 1).result(20) == 1


def test_work_for_which_no_thread_could_be_started_is_done_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = Helpers(1, "helper")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        first = pool.submit("first", lambda: 1)
    assert pool.submit("second", lambda: 2).result(20) == 2
    assert first.result(20) == 1
