import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.cache.memory import OVERHEAD_BYTES, MemoryCache

KEYS = st.sampled_from([f"key {number}" for number in range(12)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(KEYS, st.integers(0, 600), max_size=3)),
        st.tuples(st.just("get"), st.lists(KEYS, max_size=3)),
        st.tuples(st.just("drop"), st.lists(KEYS, max_size=3)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(bound=st.integers(0, 4000), steps=STEPS)
def test_the_bound_holds_and_no_value_is_wrong(bound: int, steps: list[tuple[str, dict[str, int] | list[str]]]) -> None:
    cache = MemoryCache(bound)
    last: dict[str, bytes] = {}
    for number, (action, subject) in enumerate(steps):
        if isinstance(subject, dict):
            items = {key: bytes([number]) * size for key, size in subject.items()}
            cache.put(items, 100)
            last |= items
        elif action == "drop":
            cache.drop(subject)
            for key in subject:
                last.pop(key, None)
        else:
            assert all(value in (None, last.get(key)) for key, value in zip(subject, cache.get(subject), strict=True))
        assert sum(_cost(key, value) for key, value in _content(cache, last).items()) <= bound


@pytest.mark.parametrize(("spare_bytes", "count"), [(0, 8), (-1, 7)])
def test_the_bound_is_exact(spare_bytes: int, count: int) -> None:
    items = {f"k{number:02}": bytes(10) for number in range(8)}
    cache = MemoryCache(sum(_cost(*item) for item in items.items()) + spare_bytes)
    cache.put(items, 100)
    assert len(_content(cache, items)) == count


def test_what_was_used_last_stays() -> None:
    cache = MemoryCache(8 * (3 + 10 + OVERHEAD_BYTES))
    for number in range(8):
        cache.put({f"k{number:02}": bytes(10)}, 100)
    cache.lookup("k00")
    cache.put({"new": bytes(10)}, 100)
    assert cache.lookup("k00") is not None
    assert cache.lookup("k01") is None
    assert cache.lookup("new") is not None


def test_a_value_that_would_push_out_much_is_not_kept_and_ends_its_predecessor() -> None:
    cache = MemoryCache(4000)
    cache.put({"a": b"old", "b": b"other"}, 100)
    cache.put({"a": bytes(1000)}, 100)
    assert cache.get(["a", "b"]) == [None, b"other"]


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD_BYTES


def _content(cache: MemoryCache, last: dict[str, bytes]) -> dict[str, bytes]:
    return {key: value for key in last if (value := cache.lookup(key)) is not None}
