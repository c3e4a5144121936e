"""The progress bar: on a terminal, for work that takes long, and the results in order either way."""

import sys
from io import StringIO
from threading import Event

import pytest

from server.cli import progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet_s", "is_shown"), [(Terminal(), -1, True), (StringIO(), -1, False), (Terminal(), 600, False)]
)
def test_a_bar_is_shown_on_a_terminal_for_long_work(
    stream: StringIO, quiet_s: float, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", quiet_s)
    monkeypatch.setattr(sys, "stderr", stream)
    assert progress.in_parallel(lambda number: number * 2, range(40), "doubling") == list(range(0, 80, 2))
    assert ("doubling" in stream.getvalue()) is is_shown
    assert stream.getvalue().endswith("\n") is is_shown


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        (StringIO(), "exporting: 500 of 2,500 tiles (20%), 10 tiles/s, 1.0 MB/s, 3 min 20 s left\n"),
        (Terminal(), "\rexporting: 500 of 2,500 tiles (20%), 10 tiles/s, 1.0 MB/s, 3 min 20 s left\x1b[K\n"),
    ],
)
def test_a_meter_states_the_rate_of_this_run_and_the_time_left(
    stream: StringIO, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier run did 100 tiles; this one does 400 in 40 s."""
    monkeypatch.setattr(sys, "stderr", stream)
    now_s = [7.0]
    meter = progress.Meter("exporting", "tiles", lambda: now_s[0])
    meter.show(100, 2500)
    now_s[0] = 47.0
    meter.show(500, 2500, 40_000_000)
    now_s[0] = 47.1
    meter.show(501, 2500, 40_100_000)
    meter.close()
    assert stream.getvalue() == shown


def test_an_interrupt_begins_none_of_the_items_that_are_ahead() -> None:
    """The second item takes until the interrupt is through, as a request to a server that hangs."""
    begun, through = [], Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise KeyboardInterrupt
        if number == 1:
            through.wait(10)

    with pytest.raises(KeyboardInterrupt):
        list(progress.in_order(work, range(200), 1))
    through.set()
    assert begun in ([0], [0, 1])
