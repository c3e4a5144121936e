"""The bound in bytes, and which entries stay."""

import sys
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from server.cache.lru import ByteLru

STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.sampled_from("abcdefgh"), st.integers(0, 60)))


@settings(deadline=None)
@given(bound=st.integers(0, 200), steps=STEPS)
def test_the_bound_holds_and_no_value_is_another_keys(bound: int, steps: list[tuple[str, str, int]]) -> None:
    lru, last = ByteLru[str, tuple[str, int]](bound, bound // 4), dict[str, tuple[str, int]]()
    for step, key, cost_bytes in steps:
        if step == "put" and lru.put(key, (key, cost_bytes), cost_bytes):
            last[key] = (key, cost_bytes)
        elif step == "get":
            assert lru.get(key) in (None, last.get(key))
        else:
            lru.drop(key)
            last.pop(key, None)
        assert lru.used_bytes <= bound
    left = [value for key in "abcdefgh" if (value := lru.get(key)) is not None]
    assert sum(cost_bytes for _, cost_bytes in left) == lru.used_bytes
    assert len(left) == len(lru)


def test_the_entry_used_longest_ago_goes_first() -> None:
    lru = ByteLru[str, int](30)
    for number, key in enumerate("abc"):
        lru.put(key, number, 10)
    lru.get("a")
    lru.put("d", 3, 10)
    assert [key for key in "abcd" if lru.get(key) is None] == ["b"]


def test_a_new_value_takes_the_room_of_the_old_one() -> None:
    lru = ByteLru[str, int](30)
    lru.put("other", 0, 10)
    for number in range(5):
        lru.put("a", number, 20)
    assert (lru.get("other"), lru.get("a"), lru.used_bytes) == (0, 4, 30)


def test_a_refused_value_ends_its_predecessor() -> None:
    lru = ByteLru[str, str](100, 25)
    lru.put("a", "old", 10)
    lru.put("b", "other", 10)
    assert not lru.put("a", "large", 26)
    assert (lru.get("a"), lru.get("b")) == (None, "other")


def test_a_value_larger_than_the_bound_is_alone_where_none_is_refused() -> None:
    lru = ByteLru[str, int](1)
    lru.put("a", 1, 10)
    lru.put("b", 2, 10)
    assert (lru.get("a"), lru.get("b")) == (None, 2)


def test_only_the_value_that_is_meant_is_dropped() -> None:
    lru = ByteLru[str, list[int]](100)
    old: list[int] = []
    lru.put("a", old, 1)
    lru.put("a", [], 1)
    lru.drop("a", old)
    assert lru.get("a") == []


def test_hits_of_other_threads_do_not_disturb_an_eviction() -> None:
    lru = ByteLru[int, int](64)
    interval_s, stop = sys.getswitchinterval(), threading.Event()

    def hit() -> None:
        while not stop.is_set():
            for key in range(64):
                lru.get(key)

    threads = [threading.Thread(target=hit) for _ in range(3)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for number in range(20_000):
            lru.put(number % 128, number, 1)
    finally:
        sys.setswitchinterval(interval_s)
        stop.set()
        for thread in threads:
            thread.join()
    assert lru.used_bytes == len(lru) == 64


def test_entries_that_are_not_retained_make_room() -> None:
    lru = ByteLru[int, str](10)
    for key in range(10):
        lru.put(key, "x", 1)
    lru.retain(lambda key: key % 2 == 0)
    assert (len(lru), lru.used_bytes, lru.get(1), lru.get(2)) == (5, 5, None, "x")


def test_a_successor_has_the_chosen_entries_in_their_order_and_is_apart() -> None:
    lru = ByteLru[int, str](3)
    for key in range(3):
        lru.put(key, "x", 1)
    lru.get(0)
    other = lru.successor(lambda key, value: key != 1)
    lru.put(7, "x", 1)
    other.put(8, "x", 1)
    other.put(9, "x", 1)
    assert [key for key in range(10) if other.get(key)] == [0, 8, 9]
    assert [key for key in range(10) if lru.get(key)] == [0, 2, 7]
