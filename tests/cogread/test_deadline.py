"""The time left until a deadline, as locks, sockets and sleeps take it."""

import threading

import pytest

from cogread.deadline import NEVER, Deadline


def test_the_time_left_ends_at_zero_and_sockets_are_never_given_it() -> None:
    soon, past = Deadline.after(100), Deadline.after(-100)
    assert 99 < soon.left_s <= 100
    assert not soon.is_expired
    assert 99 < soon.timeout_s() <= 100
    assert past.left_s == 0
    assert past.is_expired
    with pytest.raises(TimeoutError, match="deadline"):
        past.timeout_s()


def test_the_earlier_of_two_is_the_one_with_less_time() -> None:
    soon, later = Deadline.after(1), Deadline.after(2)
    assert soon.earlier(later) is soon
    assert later.earlier(soon) is soon
    assert NEVER.earlier(soon) is soon


def test_without_a_deadline_a_lock_waits_as_long_as_it_takes() -> None:
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.01, lock.release).start()
    assert lock.acquire(timeout=NEVER.left_s)
