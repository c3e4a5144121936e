"""The progress bar: on a terminal, for work that takes long, and the results in order either way."""

import sys
from io import StringIO

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
