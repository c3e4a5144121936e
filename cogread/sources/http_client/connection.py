"""urllib3 connections whose replies end before a deadline, however slowly they drip, and that report staleness.

Strategy: socket timeouts hold for one `recv`, so an origin that sends a byte a second outlasts them, in the header as
in the body. `_BoundedReader` therefore gives every `recv` of a reply the time that is left. `_dial` bounds connecting,
whose steps have separate timeouts or none. urllib3 has no parameter for a deadline: it travels in a thread-local.
"""

import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from ssl import SSLSocket
from typing import Any, NamedTuple

from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from cogread.deadline import Deadline
from cogread.detached import call_detached

_BUFFER_BYTES = 65536
"""Size that holds a header and a tile of usual size, for one `recv`."""

_SWITCHING = http.client.SWITCHING_PROTOCOLS


class Patience(NamedTuple):
    """Bounds on the waits for a reply."""

    deadline: Deadline
    read_timeout_s: float
    """Longest wait for the next bytes."""

    def bound(self, sock: socket.socket) -> None:
        """Bound the next wait of a socket; costs a system call only where that changes its timeout.

        Raises:
            TimeoutError: the deadline has passed.
        """
        timeout_s = min(self.deadline.timeout_s(), self.read_timeout_s)
        if timeout_s != sock.gettimeout():
            sock.settimeout(timeout_s)


class _Current(threading.local):
    patience: Patience


_current = _Current()


class StaleConnection(http.client.RemoteDisconnected):
    """The origin closed a pooled connection before the request arrived: send it again."""


class _BoundedReader(io.RawIOBase):
    """A socket's raw reader that keeps to the deadline and the read timeout."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, received: bytes) -> None:
        self._raw = raw
        self._sock = sock
        self._received = received
        """Bytes of the reply that were read before."""
        self._patience = _current.patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._received:
            size_bytes = min(len(buffer), len(self._received))
            buffer[:size_bytes], self._received = self._received[:size_bytes], self._received[size_bytes:]
            return size_bytes
        self._patience.bound(self._sock)
        return self._raw.readinto(buffer)

    def readall(self) -> bytes:
        """Refuse to read without a bound, as http.client does for a chunk of the size -1."""
        raise http.client.HTTPException("a chunk of negative size")

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """A reply that is read through `_BoundedReader`, its status line and header included."""

    def __init__(self, sock: socket.socket, *args: Any, received: bytes = b"", **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, received), _BUFFER_BYTES)

    def begin(self) -> None:
        """See `HTTPResponse.begin`, which mistakes 1xx other than 100 for the reply.

        Interim replies are skipped (RFC 9110 §15.2). A 101, which no request asks for, ends HTTP.
        """
        super().begin()
        while _SWITCHING < self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]  # not begun
            super().begin()
        self.will_close = self.will_close or self.status == _SWITCHING


class BoundedConnection(HTTPConnection):
    """Mixin for the connection class of the pool: plain, TLS or SOCKS."""

    response_class = _BoundedResponse
    _has_answered = False

    def connect(self) -> None:
        """See `HTTPConnection.connect`."""
        self._has_answered = False
        super().connect()

    def _new_conn(self) -> socket.socket:
        return _dial(super()._new_conn, _current.patience.deadline.timeout_s())

    def getresponse(self) -> Any:
        """See `HTTPConnection.getresponse`."""
        with self._reporting_staleness():
            reply = super().getresponse()
        self._has_answered = True
        return reply

    @property
    def is_connected(self) -> bool:
        """See `HTTPConnection.is_connected`, which misses unexpected bytes that TLS has decrypted already."""
        return super().is_connected and not (isinstance(self.sock, SSLSocket) and self.sock.pending())

    def ask_again(self, request: bytes, patience: Patience) -> bytes:
        """Send a GET over the open connection, bypassing urllib3, and receive the first bytes of the reply.

        Raises:
            OSError: no reply.
        """
        patience.bound(self.sock)
        with self._reporting_staleness():
            self.sock.sendall(request)
            received = self.sock.recv(_BUFFER_BYTES)
            if not received:
                raise http.client.RemoteDisconnected("no reply")
            return received

    def reply_after(self, received: bytes) -> http.client.HTTPResponse:
        """The reply that begins with these bytes, of any form that http.client reads; call `set_patience` first.

        Raises:
            OSError, HTTPException: it is not HTTP, or ends too early.
        """
        reply = _BoundedResponse(self.sock, method="GET", received=received)
        reply.begin()
        if reply.will_close:
            self.close()
        return reply

    @contextmanager
    def _reporting_staleness(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as error:
            if self._has_answered:
                raise StaleConnection("a pooled connection was closed by the origin") from error
            raise


@cache
def _bounded(connection_class: type) -> Any:
    if issubclass(connection_class, BoundedConnection):
        return connection_class
    return type(connection_class.__name__, (BoundedConnection, connection_class), {})


def bind(pool: HTTPConnectionPool) -> None:
    """Make all further connections of the pool bounded ones."""
    pool.ConnectionCls = _bounded(pool.ConnectionCls)


def set_patience(patience: Patience) -> None:
    """Let the next request of this thread keep to these bounds."""
    _current.patience = patience


def _dial(connect: Callable[[], socket.socket], timeout_s: float) -> socket.socket:
    """Connect in a thread, which is abandoned when it takes too long; a connection that it still opens is closed.

    Resolving a name has no timeout, and each address of a host has a separate one.

    Args:
        connect: resolves the host and connects.
        timeout_s: longest wait.

    Raises:
        TimeoutError: connecting took longer.
        Exception: what `connect` raised.
    """
    dialled = call_detached(connect, "dial")
    try:
        return dialled.result(timeout_s)
    except TimeoutError:
        dialled.add_done_callback(_close_late)
        raise
    finally:
        del dialled  # it holds the error, whose traceback holds this frame


def _close_late(dialled: "Future[socket.socket]") -> None:
    if dialled.exception() is None:
        dialled.result().close()
