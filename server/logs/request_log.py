"""Logs on stderr: one line for each request, and the records of `logging`.

The request line bypasses `logging`, which would cost a tenth of a tile: its fields are queued, then formatted
and written in the background. Values from clients and origins are escaped.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Final

from server.logs.log_writer import LogStream, LogWriter
from server.logs.trace import trace

_FORMAT: Final = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_DATE: Final = "%Y-%m-%dT%H:%M:%S"
_DOUBTFUL: Final = re.compile(r'[^!-~]|["=\\]')


def set_up(level: str) -> LogWriter:
    """Send the logs of the server, of cogread and of gunicorn's worker to stderr, and return their writer."""
    writer = LogWriter(_stderr(), dropped_line)
    handler = logging.StreamHandler(LogStream(writer))
    handler.setFormatter(logging.Formatter(_FORMAT, _DATE))
    for name in ("server", "cogread"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    if level != "debug":
        logging.getLogger("cogread").setLevel("WARNING")  # its INFO lines are one for each range read
    for name in ("urllib3", "botocore", "boto3"):
        logging.getLogger(name).handlers[:] = [logging.NullHandler()]  # their lines hold URLs with signatures
        logging.getLogger(name).propagate = False
    for other in logging.getLogger("gunicorn.error").handlers:
        if type(other) is logging.StreamHandler:  # else it writes to a file or to syslog
            other.setStream(LogStream(writer))
    return writer


def dropped_line(count: int) -> str:
    """The line that reports dropped lines."""
    now = time.strftime(_DATE)
    return f"{now} WARNING {os.getpid()} {__name__}: {count} lines dropped: the reader of the log was too slow"


def _stderr() -> int:
    if sys.__stderr__ is None:  # closed at the start: its number may belong to a client now
        return os.open(os.devnull, os.O_WRONLY)
    return sys.__stderr__.fileno()


def escaped(text: str, most: int = 200) -> str:
    """A value from a client as one printable ASCII word, which cannot pass for another line or field."""
    return _DOUBTFUL.sub(lambda character: f"\\x{ord(character[0]):02x}", text[:most])


_Fields = tuple[float, str, str, Callable[[str], str], int, int, float, str, int, str]
"""Seconds since the epoch, method, target, its formatter, status, bytes, seconds taken, tier, origin reads, cause."""


class RequestLog:
    """Writes the line of a request."""

    def __init__(self, level: str, writer: LogWriter) -> None:
        self.enabled = level in ("debug", "info")
        self._second = (0, "")
        self._writer, self._pid = writer, os.getpid()

    def write(
        self,
        method: str,
        target: str,
        status: int,
        size_bytes: int,
        began_s: float,
        cause: str = "",
        spelled: Callable[[str], str] = str,
    ) -> None:
        """Queue the line of a request; errors are written at every level, with their cause, and at once.

        Args:
            method: method of the request.
            target: path, with the query if that matters.
            status: status of the reply.
            size_bytes: size of the reply's body.
            began_s: start of the request by `time.perf_counter()`.
            cause: the error behind a failure; escaped here.
            spelled: formats and escapes the target: for a tile `layer=… tile=z/x/y`; called later.
        """
        if not self.enabled and status < 500:
            return
        elapsed_s = time.perf_counter() - began_s
        cost = (elapsed_s, trace.tier, trace.origin_reads)
        fields = (time.time(), method, target, spelled, status, size_bytes, *cost, cause)
        self._writer.put(fields, self._line, is_urgent=status >= 500)

    def _line(self, fields: _Fields) -> str:
        ended_at, method, target, spelled, status, size_bytes, elapsed_s, tier, origin_reads, cause = fields
        line = (
            f"{self._time(int(ended_at))} {'ERROR' if status >= 500 else 'INFO'} {self._pid} request: {method} "
            f"{spelled(target)} status={status} bytes={size_bytes} "
            f"ms={elapsed_s * 1000:.1f} tier={tier} origin_reads={origin_reads}"
        )
        return f'{line} cause="{_quoted(cause)}"' if cause else line

    def _time(self, second: int) -> str:
        """The time, formatted once for each second."""
        if second != self._second[0]:
            self._second = (second, time.strftime(_DATE, time.localtime(second)))
        return self._second[1]


def _quoted(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii").replace('"', '\\"')[:1000]
