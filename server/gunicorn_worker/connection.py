"""A connection of gunicorn's that takes a thread only when the head of a request is complete.

So silent and slow clients hold connections, of which there are thousands, but no threads. An incomplete head waits in
the buffer of gunicorn's parser, as do bytes of the next request that arrived with the previous one.
"""

import os
import re
import socket
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Final

from gunicorn.http.errors import InvalidRequestLine, LimitRequestHeaders
from gunicorn.workers.gthread import TConn

from cogread.deadline import NEVER, Deadline
from server.gunicorn_worker.download import Download

MOST_HEAD_BYTES: Final = 32 * 1024
"""Size of a request line and its fields, as much as nginx takes."""

HEAD_S: Final = 10.0
"""Time that a head may take from its first byte."""

MOST_DRAINED_BYTES: Final = 64 * 1024
"""Most bytes that are read from a client that keeps sending after its connection ended."""

_REQUEST_LINE: Final = re.compile(rb"(?:\r\n)?[!-~]+ [!-~]+ HTTP/1\.[01]\r\n")
"""RFC 9112 §3, after one empty line at most. gunicorn's C parser takes more blanks, and waits for the end of `HTTP`."""

_READ_BYTES: Final = 8192
_PEEK: Final = socket.MSG_PEEK | socket.MSG_DONTWAIT


class Head(Enum):
    """State of the next request's head."""

    WHOLE = auto()
    PARTIAL = auto()
    ENDED = auto()
    """The client closed the connection, or took too long."""


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection without TLS, which a proxy ends. No method waits for the client."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.descriptor: int = self.sock.fileno()
        self._head_deadline = NEVER
        self._drained_bytes = 0
        self.input_at = 0.0
        """When the input that a thread took it for had arrived, by `time.monotonic()`."""
        self.download: Download | None = None
        """The reply that is being sent, if that is a long one."""

    def read_head(self) -> Head:
        """Read the received bytes of the next request.

        Raises:
            LimitRequestHeaders, InvalidRequestLine: gunicorn's parsers would wait for more, or not refuse it alike.
            OSError: the connection was reset.
        """
        self.init()
        buffer = self.parser.unreader.buf
        if b"\r\n\r\n" not in (data := buffer.getvalue()):
            try:
                arrived = self.sock.recv(_READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self._state(data)
            if not arrived:
                return Head.ENDED
            buffer.seek(0, os.SEEK_END)
            buffer.write(arrived)
            data += arrived
            if b"\r\n\r\n" not in data:
                if data.count(b"\n") != data.count(b"\r\n"):
                    raise InvalidRequestLine("an LF without CR")
                return self._state(data)
        if not _REQUEST_LINE.match(data):
            raise InvalidRequestLine(data.lstrip().partition(b"\r\n")[0][:200].decode("latin-1"))
        self._head_deadline = NEVER
        self.data_ready = True
        return Head.WHOLE

    @property
    def has_read_ahead(self) -> bool:
        """Tell whether bytes of the next request arrived with the previous one; no event announces these."""
        return self.parser is not None and bool(self.parser.unreader.buf.getvalue())

    def has_request(self) -> bool:
        """Tell whether the connection waits for a thread: a head was read ahead, or bytes or the end are unread."""
        if self.download is not None:  # it waits for its client
            return False
        if self.parser is not None and b"\r\n\r\n" in self.parser.unreader.buf.getvalue():
            return True
        try:
            socket.socket.recv(self.sock, 1, _PEEK)  # with TLS the encrypted bytes, which its own `recv` hides
        except BlockingIOError:
            return False
        except OSError:
            pass  # the client reset it
        return True

    def stop_sending(self) -> None:
        """Send the end of the stream; the bytes that the client still sends are to be drained (RFC 9112 §9.6)."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def drain(self) -> bool:
        """Discard received bytes; True when the connection may be closed."""
        try:
            while (arrived := self.sock.recv(_READ_BYTES, socket.MSG_DONTWAIT)) and self._may_drain(len(arrived)):
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass  # the client reset it
        return True

    def end_download(self) -> None:
        """Release the download, if any."""
        download, self.download = self.download, None
        if download is not None:
            download.close()

    def close(self) -> None:
        """Close the socket, and release the download."""
        self.end_download()
        super().close()

    def _may_drain(self, size_bytes: int) -> bool:
        self._drained_bytes += size_bytes
        return self._drained_bytes < MOST_DRAINED_BYTES

    def _state(self, partial: bytes) -> Head:
        """Return the state of an incomplete head."""
        if len(partial) > MOST_HEAD_BYTES:
            raise LimitRequestHeaders(f"more than {MOST_HEAD_BYTES} bytes")
        if partial and self._head_deadline is NEVER:
            self._head_deadline = Deadline.after(HEAD_S)
        return Head.ENDED if self._head_deadline.is_expired else Head.PARTIAL
