"""State of the process that an app or a worker of another test may have left."""

import logging

import pytest

from server.gunicorn_worker.ending import ending


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `caplog` see the log, from WARNING on, as before any app; and let no worker be ending."""
    monkeypatch.setattr(logging.getLogger("server"), "propagate", True)
    logging.getLogger("server").setLevel("NOTSET")
    ending.clear()
