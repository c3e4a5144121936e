"""Connections that have ended: their clients have some time to close them, and what they still send is discarded.

Closing them at once would reset them, and the client might lose the reply (RFC 9112 §9.6). gthread blocks all clients
for two seconds instead.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ, BaseSelector
from typing import Any, Final

from cogread.deadline import Deadline
from server.gunicorn_worker.connection import Connection

DRAIN_S: Final = 2.0
"""Time that a client has to close a connection that has ended."""


class EndedConnections:
    """They count as connections of the worker until they are closed. Only the event loop may use it."""

    def __init__(self, close: Callable[[Connection], object]) -> None:
        """Begin without connections; `close` closes one, and is called once for each."""
        self._close = close
        self._draining: OrderedDict[Connection, Deadline] = OrderedDict()
        """Connections with the ends of their waits, oldest first."""

    def add(self, conn: Connection, poller: BaseSelector) -> None:
        """End a connection: close it once the client has."""
        conn.stop_sending()
        if conn.drain():
            self._close(conn)
            return
        try:
            poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except OSError:  # the kernel has no memory for it
            self._close(conn)
        else:
            self._draining[conn] = Deadline.after(DRAIN_S)

    def close_expired(self, *, force: bool) -> None:
        """Close those whose time is over, or all."""
        while self._draining and (force or next(iter(self._draining.values())).is_expired):
            self.close_oldest()

    def close_oldest(self) -> bool:
        """Close the oldest; False: there is none."""
        if self._draining:
            self._close(self._draining.popitem(last=False)[0])
            return True
        return False

    def _drain(self, conn: Connection, _: Any) -> None:
        if conn.drain():
            del self._draining[conn]
            self._close(conn)
