"""Logs on stderr: one line for each request, and what else is worth telling.

The request line does not go through `logging`, which would cost a tenth of a tile: it is one formatted string and one
write, which is whole even when several threads write at the same time. Values that come from outside are escaped.
"""

import logging
import os
import re
import sys
import time
from typing import Final

from server.trace import trace

_FORMAT: Final = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_DATE: Final = "%Y-%m-%dT%H:%M:%S"
_DOUBTFUL: Final = re.compile(r'[^!-~]|["=\\]')


def set_up(level: str) -> None:
    """Send the logs of the server and of cogread to stderr."""
    handler = logging.StreamHandler(sys.stderr)
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


def escaped(text: str, most: int = 200) -> str:
    """A value from outside in one printable ASCII word, so that it cannot pretend to be another line or field."""
    return _DOUBTFUL.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:most])


class RequestLog:
    """Writes the line of a request."""

    def __init__(self, level: str, descriptor: int | None = None) -> None:
        self.enabled = level in ("debug", "info")
        self._second = (0, "")  # one attribute, since threads share it
        self._fd = sys.__stderr__.fileno() if descriptor is None and sys.__stderr__ else (descriptor or 2)

    def write(self, method: str, target: str, status: int, size_bytes: int, began_s: float, cause: str = "") -> None:
        """Write one line; errors are written at every level, with their cause.

        Args:
            method: of the request.
            target: what was asked for, escaped: for a tile `layer=… tile=z/x/y`.
            status: of the reply.
            size_bytes: of the reply's body.
            began_s: instant of `time.perf_counter()` at which the request came.
            cause: why it failed; escaped here.
        """
        if not self.enabled and status < 500:
            return
        elapsed_ms = (time.perf_counter() - began_s) * 1000
        level = "ERROR" if status >= 500 else "INFO"
        line = (
            f"{self._now()} {level} {os.getpid()} request: {method} {target} "
            f"status={status} bytes={size_bytes} ms={elapsed_ms:.1f} tier={trace.tier} "
            f"origin_reads={trace.origin_reads}"
        )
        if cause:
            line += f' cause="{_quoted(cause)}"'
        try:
            os.write(self._fd, f"{line}\n".encode())
        except OSError:
            return  # nobody reads the log any more: serving goes on

    def _now(self) -> str:
        """The time, formatted once a second."""
        second = int(time.time())
        known, text = self._second
        if second != known:
            text = time.strftime(_DATE, time.localtime(second))
            self._second = (second, text)
        return text


def _quoted(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii").replace('"', '\\"')[:1000]
