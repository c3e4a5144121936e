"""The log of gunicorn's master, which must not wait for a reader either: it restarts workers and takes signals."""

import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from server.logs.log_writer import DirectStream
from server.logs.request_log import dropped_line

STDERR = 2


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's, whose lines on stderr are dropped while nobody reads them. `request_log` takes over in workers."""

    def setup(self, cfg: Any) -> None:
        """See gunicorn's."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream(DirectStream(STDERR, dropped_line))
