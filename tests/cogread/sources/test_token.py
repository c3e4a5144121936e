"""Tokens of a machine: fetched once for all threads, renewed before they expire, off the way of the reads."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceForbidden, SourceTimeout
from cogread.sources.token import Expiring, Token
from tests.support.wait import wait_until


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogread.sources.token._AGAIN_S", 0.0)


def numbered(life_s: float, fetches: list[Callable[[], object]]) -> Callable[[], Expiring]:
    """Fetch tokens 0, 1, …, after the steps of the fetches."""
    numbers = iter(range(1000))

    def fetch() -> Expiring:
        number = next(numbers)
        if number < len(fetches):
            fetches[number]()
        return Expiring(f"{number}", time.time() + life_s)

    return fetch


def test_reads_go_on_with_the_old_token_while_the_next_one_is_fetched() -> None:
    allowed = Event()
    token = Token("gs", numbered(120, [lambda: None, lambda: allowed.wait(10)]))
    assert {token.value(NEVER) for _ in range(50)} == {"0"}
    allowed.set()
    wait_until(lambda: token.value(NEVER) != "0")


def test_a_failed_renewal_leaves_the_old_token_and_is_tried_again() -> None:
    failures: list[int] = []

    def fail() -> None:
        failures.append(1)
        raise OSError("hush")

    token = Token("gs", numbered(120, [lambda: None, fail, fail]))
    assert token.value(NEVER) == "0"
    wait_until(lambda: token.value(NEVER) == "3")
    assert len(failures) == 2


def test_threads_wait_for_one_fetch_of_the_first_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogread.sources.token._AGAIN_S", 60.0)  # a thread may be late to ask, and come after the fetch
    allowed, fetches = Event(), list[int]()

    def step() -> None:
        fetches.append(1)
        allowed.wait(10)

    token = Token("gs", numbered(3600, [step, step]))
    with ThreadPoolExecutor(8) as pool:
        values = [pool.submit(token.value, NEVER) for _ in range(8)]
        wait_until(lambda: bool(fetches))
        allowed.set()
        assert {value.result() for value in values} == {"0"}
    assert len(fetches) == 1


def test_a_fetch_that_hangs_ends_with_the_deadline() -> None:
    allowed = Event()
    token = Token("az", numbered(3600, [lambda: allowed.wait(10)]))
    with pytest.raises(SourceTimeout):
        token.value(Deadline.after(0.01))
    allowed.set()
    assert token.value(NEVER) == "0"


def test_another_fetch_takes_the_place_of_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads go on with the old token; without one, a read waits for the new fetch alone."""
    monkeypatch.setattr("cogread.sources.token._HUNG_S", 0.0)
    allowed = Event()
    first, next_ = (Token("gs", numbered(120, [*before, lambda: allowed.wait(60)])) for before in ([], [lambda: None]))
    with pytest.raises(SourceTimeout):
        first.value(Deadline.after(0.01))
    assert first.value(NEVER) == "1"
    assert next_.value(NEVER) == "0"
    wait_until(lambda: next_.value(NEVER) != "0")
    allowed.set()


def test_a_machine_without_identity_is_named_without_the_words_of_the_package() -> None:
    def fail() -> None:
        raise RuntimeError("hush")

    with pytest.raises(SourceForbidden, match=r"the machine has none \(RuntimeError\)$"):
        Token("az", numbered(3600, [fail])).value(NEVER)


def test_a_refused_token_is_renewed_and_serves_until_then() -> None:
    allowed = Event()
    token = Token("az", numbered(3600, [lambda: None, lambda: allowed.wait(10)]))
    assert token.value(NEVER) == "0"
    token.refuse()
    token.refuse()
    assert token.value(NEVER) == "0"
    allowed.set()
    wait_until(lambda: token.value(NEVER) == "1")
