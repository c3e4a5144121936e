"""Permits of a bulkhead, and of the one around it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cogread.deadline import NEVER, Deadline
from server.resilience.bulkhead import LONGEST_WINDOW_S, Bulkhead


class Full(Exception):
    pass


def test_a_thread_without_a_permit_gives_up_at_its_deadline() -> None:
    bulkhead = Bulkhead(1, Full)
    with bulkhead.entered(NEVER), pytest.raises(Full), bulkhead.entered(Deadline.after(0.01)):
        pytest.fail("two at the same time")
    with bulkhead.entered(Deadline.after(-1)):  # it is free again, and no wait is needed
        pass


def test_a_waiting_thread_gets_the_permit_of_one_that_leaves() -> None:
    bulkhead, inside = Bulkhead(1, Full), threading.Event()

    def enter() -> None:
        with bulkhead.entered(NEVER):
            inside.set()

    with ThreadPoolExecutor(1) as threads:
        with bulkhead.entered(NEVER):
            waiting = threads.submit(enter)
        assert inside.wait(20)
        waiting.result(20)


def test_an_outer_bulkhead_bounds_all_within_it() -> None:
    outer = Bulkhead(2, Full)
    first, second = (Bulkhead(2, Full, outer) for _ in range(2))
    with first.entered(NEVER), second.entered(NEVER):
        for bulkhead in (first, second):
            with pytest.raises(Full), bulkhead.entered(Deadline.after(0)):
                pytest.fail("three at the same time")
    with second.entered(NEVER), second.entered(NEVER):
        pass


def test_a_paced_bulkhead_turns_threads_away_once_nothing_moves() -> None:
    now = [0.0]
    bulkhead = Bulkhead(1, Full, is_paced=True, clock=lambda: now[0])
    with bulkhead.entered(NEVER):
        now[0] += LONGEST_WINDOW_S
        with pytest.raises(Full), bulkhead.entered(NEVER):
            pytest.fail("two at the same time")
