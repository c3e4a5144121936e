"""The log of gunicorn's master, which restarts workers and takes signals, so it must not wait for the reader either."""

import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.instrument.statsd import Statsd

from server.logs.line_format import FORMATS, JsonFormatter, dropped_lines
from server.logs.log_writer import DirectStream

STDERR = 2


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger, whose lines are dropped while stderr blocks; `request_log` replaces its stream in workers."""

    line_format = FORMATS[0]
    """Format of the lines; gunicorn passes no settings of others, so the configuration sets it here."""

    def __new__(cls, cfg: Any) -> Any:
        """Make the logger that the settings name, as gunicorn chooses its own."""
        return super().__new__(cls if cfg.statsd_host is None else StatsdLogger)

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, then replace the stream."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream(DirectStream(STDERR, dropped_lines(self.line_format)))
            if self.line_format == "json":
                handler.setFormatter(JsonFormatter())


class StatsdLogger(Logger, Statsd):  # type: ignore[misc]
    """The same with counters and timers of gunicorn for statsd; formatting them costs each request some time."""
