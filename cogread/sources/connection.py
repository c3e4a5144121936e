"""urllib3 connections whose replies end before a deadline, however slowly they drip, and that own up to being stale.

Strategy: timeouts of sockets are per `recv`, so an origin that sends a byte a second beats them, in the header as in
the body. Each reply is therefore read through `_BoundedReader`, which gives every `recv` what is left of the budget.
Connecting, whose parts have timeouts of their own or none, is waited for no longer than that (`dial`).
urllib3 has no parameter to hand a deadline to where the reply is made: it travels in a thread-local.
"""

import http.client
import io
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.util import Timeout

from cogread.sources.dial import dial

_BUFFER_BYTES = 65536
"""A header and a tile of usual size in one `recv`."""

_SWITCHING = http.client.SWITCHING_PROTOCOLS


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that one read may take."""

    until: float
    """Instant of `time.monotonic()`."""

    connect_timeout_s: float
    read_timeout_s: float

    def left_s(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: none are.
        """
        left_s = self.until - monotonic()
        if left_s <= 0:
            raise TimeoutError("the time for this read is over")
        return left_s

    def timeout(self) -> Timeout:
        """What is left, for urllib3."""
        return Timeout(self.left_s(), self.connect_timeout_s, self.read_timeout_s)


class _Current(threading.local):
    budget: Budget


_current = _Current()


class StaleConnection(http.client.RemoteDisconnected):
    """The origin had closed a pooled connection before our request arrived: nothing was answered, so ask again."""


class _BoundedReader(io.RawIOBase):
    """A socket's raw reader that keeps to the budget."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._budget = _current.budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(min(self._budget.left_s(), self._budget.read_timeout_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """A reply that is read through `_BoundedReader`, its status line and header included."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock), _BUFFER_BYTES)

    def begin(self) -> None:
        """See `HTTPResponse.begin`, which takes all 1xx but 100 for the reply, and leaves the reply to the next one.

        Interim replies are passed over (RFC 9110 §15.2). After a 101, which nobody asked for, it is not HTTP any more.
        """
        super().begin()
        while _SWITCHING < self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]  # not begun
            super().begin()
        self.will_close = self.will_close or self.status == _SWITCHING


class BoundedConnection(HTTPConnection):
    """Mixed into whichever connection class the pool has: plain, TLS or SOCKS."""

    response_class = _BoundedResponse
    _has_answered = False

    def connect(self) -> None:
        """See `HTTPConnection.connect`."""
        self._has_answered = False
        super().connect()

    def _new_conn(self) -> socket.socket:
        return dial(super()._new_conn, _current.budget.left_s())

    def getresponse(self) -> Any:
        """See `HTTPConnection.getresponse`."""
        with self._noticing_staleness():
            reply = super().getresponse()
        self._has_answered = True
        return reply

    def ask_again(self, target: str, headers: Mapping[str, str], budget: Budget) -> http.client.HTTPResponse:
        """Send a GET over the connection as it stands, past urllib3; `begin` has to come before.

        Raises:
            OSError, HTTPException: no reply.
        """
        self.sock.settimeout(min(budget.left_s(), budget.read_timeout_s))
        with self._noticing_staleness():
            http.client.HTTPConnection.request(self, "GET", target, headers=headers)
            return http.client.HTTPConnection.getresponse(self)

    @contextmanager
    def _noticing_staleness(self) -> Iterator[None]:
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


def begin(budget: Budget) -> None:
    """Let the next request of this thread keep to the budget."""
    _current.budget = budget
