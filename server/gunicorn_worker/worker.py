"""The gunicorn worker: gthread with a lossless shutdown, which runs out of neither threads nor file descriptors.

A thread takes a request when its head is complete (see `connection`). The event loop never waits for clients: it drains
an ended connection by events, where gthread blocks all clients for two seconds. At the limit of connections, the idlest
are closed; when the process or the machine is short of descriptors or memory, accepting pauses.

At shutdown, the worker accepts and answers the connections in the listen queue and closes the listener. gthread keeps
listening until it has finished, and resets new connections.

No documented hook reaches the event loop, so this module depends on the methods that it overrides and on `nr_conns`,
`poller`, `max_keepalived`, `keepalived_conns`, `pending_conns` and the callbacks `on_…_socket_readable`. Its tests fail
with a release of gunicorn that changes them.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from heapq import merge
from itertools import islice
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from server.gunicorn_worker.connection import MOST_HEAD_BYTES, Connection, Head
from server.gunicorn_worker.refusal import StatusRecorder, refusal

PAUSE_S: Final = 0.5
"""Pause of accepting if there is a shortage and no idle connection to close."""

WARN_EVERY_S: Final = 60.0
"""Least time between two warnings about a shortage."""

DRAIN_S: Final = 2.0
"""Time that a client has to close a connection that has ended."""

_CANDIDATES: Final = 64
"""Idlest connections that are searched for one without unread input."""


class _Queue(OrderedDict[Connection, None]):
    """Connections in the order of their timeouts. In gunicorn's deque, `remove` takes time linear in its length."""

    def append(self, conn: Connection) -> None:
        self[conn] = None

    def popleft(self) -> Connection:
        conn: Connection = self[0]
        del self[conn]
        return conn

    def remove(self, conn: Connection) -> None:
        del self[conn]

    def __getitem__(self, _: object) -> Any:
        """Return the first connection, the only one that gunicorn looks up."""
        return next(iter(self))


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker that `config/gunicorn.conf.py` names."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.max_keepalived = self.worker_connections
        """The idlest connections are closed instead, so no reply has to announce the end of its connection."""
        self.keepalived_conns, self.pending_conns, self._draining = _Queue(), _Queue(), _Queue()
        """The last holds ended connections, oldest first, which count as connections until they are closed."""
        self._accept_again_at = 0.0
        self._warn_again_at = 0.0

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or stop accepting; see `ThreadWorker`. The last call is the one at shutdown."""
        if enabled and time.monotonic() < self._accept_again_at:
            return
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()  # this worker's copy: after HUP the new workers go on with theirs
            self.sockets: list[Any] = []
            ends_at = time.monotonic() + STOP_KEEPALIVE_LINGER
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, ends_at)

    def accept(self, listener: Any) -> None:
        """Accept a waiting connection, if any; see `ThreadWorker`."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._handle_shortage(error)
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, sock, address, listener.getsockname()))

    def handle(self, conn: Connection) -> Any:
        """Answer a request, if its head is complete; see `ThreadWorker`. Runs in a thread.

        Returns:
            Head.PARTIAL: the connection waits for more; True: for the next request; False: it ends.
        """
        if self.cfg.is_ssl:
            return super().handle(conn)
        try:
            head = conn.read_head()
        except OSError:
            return False
        if head is Head.WHOLE:
            return super().handle(conn)
        if head is Head.TOO_LARGE:
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders(f"more than {MOST_HEAD_BYTES} bytes"))
        return head if head is Head.PARTIAL else False

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Reply; see `ThreadWorker`. A client that takes nothing more of its reply loses the connection."""
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:  # after `SEND_S`
            self.log.warning("closed a connection: the client stopped reading its reply")
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send a problem document where gunicorn would send an HTML page; see `refusal`."""
        recorder = StatusRecorder()
        super().handle_error(req, recorder, addr, exc)
        with suppress(OSError):  # the client has gone, or does not read
            write_nonblock(client, refusal(recorder.status, exc))

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Wait for the next request, or end the connection, by the result of `handle`; see `ThreadWorker`."""
        result = not fs.cancelled() and not fs.exception() and fs.result()
        wait_s = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        if result is Head.PARTIAL:
            self._watch(conn, self.pending_conns, wait_s, self.on_pending_socket_readable)
        elif result and conn.has_read_ahead:
            self.enqueue_req(conn)
        elif result:
            self._watch(conn, self.keepalived_conns, wait_s, self.on_client_socket_readable)
        else:
            conn.stop_sending()
            if conn.drain():
                self._close(conn)
            else:
                self._watch(conn, self._draining, DRAIN_S, self._drain)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what has timed out, then the idlest while there are too many; see `ThreadWorker`."""
        super().murder_keepalived(force)
        now = time.monotonic()
        while self._draining and (force or self._draining[0].timeout <= now):
            self._close(self._draining.popleft())
        while self.nr_conns >= self.worker_connections and self._close_idlest():
            pass

    def _accept_waiting(self, listener: Any) -> None:
        """Accept all waiting connections, up to the limit."""
        while (before := self.nr_conns) < self.worker_connections:
            self.accept(listener)
            if self.nr_conns == before:
                return

    def _handle_shortage(self, error: OSError) -> None:
        """Close an idle connection, or pause accepting, as there is no room for another connection."""
        now = time.monotonic()
        if now >= self._warn_again_at:
            self._warn_again_at = now + WARN_EVERY_S
            self.log.warning("cannot accept connections: %s; closing idle ones", error.strerror)
        if not self._close_idlest() and self.alive:
            self._accept_again_at = now + PAUSE_S
            self.set_accept_enabled(False)

    def _close_idlest(self) -> bool:
        """Close the connection that has been idle longest; False if a request is in flight on each."""
        if self._draining:
            self._close(self._draining.popleft())
            return True
        idlest = merge(self.keepalived_conns, self.pending_conns, key=lambda conn: conn.timeout)
        for conn in islice(idlest, _CANDIDATES):
            if not conn.has_unread_input():
                (self.keepalived_conns if conn in self.keepalived_conns else self.pending_conns).remove(conn)
                self._close(conn)
                return True
        return False

    def _watch(
        self, conn: Connection, waiting: _Queue, wait_s: float, callback: Callable[[Connection, Any], None]
    ) -> None:
        """Put a connection into a queue until input arrives or its timeout ends."""
        conn.timeout = time.monotonic() + wait_s
        try:
            self.poller.register(conn.sock, EVENT_READ, partial(callback, conn))
        except OSError:  # the kernel has no memory for it
            self._close(conn)
        else:
            waiting.append(conn)

    def _drain(self, conn: Connection, _: Any) -> None:
        if conn.drain():
            self._draining.remove(conn)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        with suppress(OSError, KeyError, ValueError):  # not registered
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
