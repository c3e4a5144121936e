"""The request log, which is written in the background."""

import threading

import pytest

from server.logs.log_writer import THREAD_NAME


def wait_for_writers() -> None:
    """Return when all lines are written whose requests have ended."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join()


def written(capfd: pytest.CaptureFixture[str]) -> str:
    """All that was written to stderr since the last call."""
    wait_for_writers()
    return capfd.readouterr().err
