"""Logs on stderr: one line for each request, and the records of `logging`.

The request line bypasses `logging`, which would cost a tenth of a tile; it is written in the background.
"""

import logging
import os
import sys
import time
from collections.abc import Callable

from server.logs.line_format import (
    DATE,
    MOST_CAUSE,
    dropped_lines,
    fields_of,
    formatter,
    json_line,
    logfmt,
    quotable,
    redacted,
)
from server.logs.log_writer import LogStream, LogWriter
from server.logs.request_ids import traceparent as valid_traceparent
from server.logs.trace import trace


def set_up(level: str, line_format: str) -> LogWriter:
    """Send the logs of the server, of cogread and of gunicorn's worker to stderr, and return their writer."""
    writer = LogWriter(_stderr(), dropped_lines(line_format))
    handler = logging.StreamHandler(LogStream(writer))
    handler.setFormatter(formatter(line_format))
    for name in ("server", "cogread"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    logging.getLogger("opentelemetry").handlers[:] = [handler]
    logging.getLogger("opentelemetry").propagate = False
    if level != "debug":
        logging.getLogger("cogread").setLevel("WARNING")  # its INFO lines are one for each range read
    for name in ("urllib3", "botocore", "boto3"):
        logging.getLogger(name).handlers[:] = [logging.NullHandler()]  # their lines hold URLs with signatures
        logging.getLogger(name).propagate = False
    for other in logging.getLogger("gunicorn.error").handlers:
        if type(other) is logging.StreamHandler:  # else it writes to a file or to syslog
            other.setStream(LogStream(writer))
    return writer


def _stderr() -> int:
    if sys.__stderr__ is None:  # closed at the start: its number may belong to a client now
        return os.open(os.devnull, os.O_WRONLY)
    return sys.__stderr__.fileno()


Spell = Callable[[str], str]
"""Returns the fields of a target in logfmt, such as `layer=world tile=native/0/0/0.jpg`: printable ASCII, no blanks in
values."""

RequestFields = tuple[float, str, str, Spell, int, int, float, str, int, str, str, str, str]
"""Seconds since the epoch, method, target, its spelling, status, bytes, seconds taken, tier, origin reads, cause, media
type, request ID, traceparent."""


class RequestLog:
    """Writes the line of a request."""

    def __init__(
        self,
        level: str,
        writer: LogWriter,
        line_format: str = "logfmt",
        observe: Callable[[RequestFields], object] | None = None,
    ) -> None:
        """Write nothing yet.

        Args:
            level: of the log.
            writer: gets the lines.
            line_format: one of `line_format.FORMATS`.
            observe: gets the fields of every request, whatever the level.
        """
        self._is_verbose = level in ("debug", "info")
        self._second = (0, "")
        """Seconds since the epoch, and the same as text."""
        self._writer, self._pid, self._observe = writer, os.getpid(), observe
        self._line = self._json_line if line_format == "json" else self._logfmt_line

    def write(
        self,
        method: str,
        target: str,
        status: int,
        size_bytes: int,
        began_s: float,
        cause: str,
        spell: Spell,
        media_type: str,
        request_id: str,
        traceparent: str,
    ) -> None:
        """Queue the line of a request; errors are written at every level, with their cause, and at once.

        Args:
            method: method of the request.
            target: path, with the query if that matters.
            status: status of the reply.
            size_bytes: size of the reply's body.
            began_s: start of the request by `time.perf_counter()`.
            cause: the error behind a failure; escaped here.
            spell: makes fields of the target.
            media_type: of the reply; empty for a tile, whose URL says its format.
            request_id: valid identifier of the request; empty if it has none.
            traceparent: field of the request as the client sent it; empty if there is none.
        """
        is_written = self._is_verbose or status >= 500
        if not is_written and self._observe is None:
            return
        request = trace.request
        fields: RequestFields = (
            time.time(),
            method,
            target,
            spell,
            status,
            size_bytes,
            time.perf_counter() - began_s,
            request.tier,
            request.origin_reads,
            cause,
            media_type,
            request_id,
            traceparent,
        )
        if self._observe is not None:
            self._observe(fields)
        if is_written:
            self._writer.put(self._line(fields), is_urgent=status >= 500)

    def _logfmt_line(self, fields: RequestFields) -> str:
        """The line; few calls, as it takes a thirtieth of a tile in memory."""
        at_s, method, target, spell, status, size_bytes, elapsed_s, tier, origin_reads, cause, _, own_id, sent = fields
        if (second := int(at_s)) != self._second[0]:
            self._second = (second, time.strftime(DATE, time.localtime(second)))
        line = (
            f"{self._second[1]} {'ERROR' if status >= 500 else 'INFO'} {self._pid} request: {method} "
            f"{spell(target)} status={status} bytes={size_bytes} "
            f"ms={elapsed_s * 1000:.1f} tier={'memory' if tier == 'reply' else tier} origin_reads={origin_reads}"
        )
        if not (cause or own_id or sent):
            return line
        return f"{line} {logfmt(_optional(own_id, sent, quotable(redacted(cause))))}"

    def _json_line(self, fields: RequestFields) -> str:
        at_s, method, target, spell, status, size_bytes, elapsed_s, tier, origin_reads, cause, _, own_id, sent = fields
        words = {"method": method, **fields_of(spell(target)), "status": status, "bytes": size_bytes}
        tier = "memory" if tier == "reply" else tier
        cost = {"ms": round(elapsed_s * 1000, 1), "tier": tier, "origin_reads": origin_reads}
        more = _optional(own_id, sent, redacted(cause)[:MOST_CAUSE])
        return json_line(at_s, "ERROR" if status >= 500 else "INFO", self._pid, "request", {**words, **cost, **more})


def _optional(own_id: str, sent_traceparent: str, cause: str) -> dict[str, str]:
    """The fields that few requests have."""
    words = {"request_id": own_id, "traceparent": valid_traceparent(sent_traceparent), "cause": cause}
    return {key: word for key, word in words.items() if word}
