"""The log of gunicorn's master, which restarts workers and takes signals, so it must not wait for the reader either."""

import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.instrument.statsd import Statsd

from server.logs.log_writer import DirectStream
from server.logs.request_log import dropped_line

STDERR = 2


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger, whose lines are dropped while stderr blocks; `request_log` replaces its stream in workers."""

    def __new__(cls, cfg: Any) -> Any:
        """Make the logger that the settings name, as gunicorn chooses its own."""
        return super().__new__(cls if cfg.statsd_host is None else StatsdLogger)

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, then replace the stream."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream(DirectStream(STDERR, dropped_line))


class StatsdLogger(Logger, Statsd):  # type: ignore[misc]
    """The same with counters and timers of gunicorn for statsd; formatting them costs each request some time."""
