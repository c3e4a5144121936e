"""The request log, which is written in the background."""

import pytest

from server.logs.log_writer import finish_writers


def wait_for_writers() -> None:
    """Return when all lines are written whose requests have ended."""
    finish_writers()


def written(capfd: pytest.CaptureFixture[str]) -> str:
    """All that was written to stderr since the last call."""
    wait_for_writers()
    return capfd.readouterr().err
