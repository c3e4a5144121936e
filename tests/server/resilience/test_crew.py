"""Helpers make waits shorter, never longer, and leave nothing behind."""

import threading

import pytest

from server.logs.trace import trace
from server.resilience.crew import Crew
from tests.support.counting_source import run_threads


@pytest.mark.parametrize(("helpers", "things"), [(0, 5), (1, 5), (4, 5), (16, 5), (4, 1), (4, 0)])
def test_everything_is_done_once_however_few_helpers_there_are(helpers: int, things: int) -> None:
    done: list[int] = []
    Crew(helpers).do(done.append, range(things))
    assert sorted(done) == list(range(things))


def test_all_is_done_at_the_same_time_while_there_are_helpers() -> None:
    crew, together = Crew(4), threading.Barrier(5)

    def work(thing: int) -> None:
        together.wait(20)

    for _ in range(3):  # they are free again
        crew.do(work, range(5))


def test_who_finds_no_helper_free_does_not_wait_for_one() -> None:
    crew, may_end, done = Crew(2), threading.Event(), threading.Event()
    taken = threading.Barrier(4)

    def get_stuck(thing: int) -> None:
        taken.wait(20)
        may_end.wait(20)

    def work(number: int) -> None:
        if number == 0:
            crew.do(get_stuck, range(3))
        else:
            taken.wait(20)
            own: set[int] = set()
            crew.do(lambda thing: own.add(threading.get_ident()), range(3))
            assert own == {threading.get_ident()}
            assert not may_end.is_set()
            may_end.set()
            done.set()

    run_threads(2, work)
    assert done.is_set()


def test_the_helpers_of_all_who_call_are_bounded() -> None:
    crew = Crew(3)
    seen: list[int] = []

    def work(thing: int) -> None:
        seen.append(sum(thread.name == "helper" for thread in threading.enumerate()))

    run_threads(8, lambda number: crew.do(work, range(20)))
    assert max(seen) <= 3


def test_the_first_error_comes_back_when_nobody_works_any_more_and_nothing_is_begun_after_it() -> None:
    crew, together = Crew(1), threading.Barrier(2)
    begun: list[int] = []

    def work(thing: int) -> None:
        begun.append(thing)
        together.wait(20)
        raise ValueError(f"thing {thing}")

    with pytest.raises(ValueError, match=r"thing [01]"):
        crew.do(work, range(9))
    assert sorted(begun) == [0, 1]
    together.reset()
    with pytest.raises(ValueError, match="thing"):  # the helper is free again
        crew.do(work, range(2))


def test_what_helpers_ask_of_origins_counts_for_the_request() -> None:
    together = threading.Barrier(3)

    def work(thing: int) -> None:
        trace.ask_origin()
        together.wait(20)

    trace.reset()
    Crew(2).do(work, range(3))
    assert (trace.tier, trace.origin_reads) == ("origin", 3)
    trace.reset()
    Crew(2).do(lambda thing: None, range(3))
    assert (trace.tier, trace.origin_reads) == ("-", 0)
