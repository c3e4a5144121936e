"""Connections that wait for their clients, and the threads that wait for connections: leader and followers.

One thread at a time, the leader, waits for input on all connections, and the kernel tells it of many at once. A thread
that has answered a request takes the next of them; when none is left, it queues for the lead. The leader takes one
itself, and leaves the lead to another thread, only when no thread is busy, or when the busy ones have taken none for
`STALL_S`, as they wait for an origin. So few threads compete for the GIL, and requests are answered in the order in
which they came: a thread that took one beside busy ones would wait for the GIL, and its client would wait longest.

A connection has one owner: this queue, or the thread that took it out. An event disables further events of the
connection (EPOLLONESHOT) until it is put back. If the event loop closes a connection whose event is on its way, the
event is ignored, or goes to a new connection with the same descriptor: its thread reads nothing and puts it back.
"""

import os
import select
import time
from collections import OrderedDict, deque
from contextlib import suppress
from itertools import islice
from threading import Event, Lock, get_ident
from typing import Final

from server.gunicorn_worker.connection import Connection

MOST_EVENTS: Final = 64
"""Most connections that the leader is told of at once."""

STALL_S: Final = 0.0005
"""Time without a request taken after which another thread helps the busy ones."""

_INPUT: Final = select.EPOLLIN | select.EPOLLONESHOT
_AT_ONCE: Final = select.EPOLLOUT | select.EPOLLONESHOT


class WaitingConnections:
    """A queue in the order of timeouts, of which threads take the connections that have input. Thread-safe."""

    def __init__(self, wait_s: float) -> None:
        """Make an empty queue.

        Args:
            wait_s: longest wait of a connection for its client.
        """
        self._wait_s = wait_s
        self._epoll = select.epoll()
        self._lead = Lock()
        self._mutex = Lock()
        self._queue: OrderedDict[int, Connection] = OrderedDict()
        self._events: deque[tuple[int, float]] = deque()
        """Descriptors with input, in the order of its arrival, with instants by which it had arrived."""
        self._busy: set[int] = set()
        """Threads that will take the next event once they have answered a request."""
        self._taken_at = 0.0
        self._news = Event()
        """Set when no event is left, or a thread is no longer busy."""
        self._end: int | None = None

    def add(self, conn: Connection, *, is_ready: bool = False) -> None:
        """Add a new connection.

        Args:
            conn: the connection.
            is_ready: it waits for room for more bytes of its reply, not for input.

        Raises:
            OSError: the kernel has no memory for it.
        """
        with self._mutex:
            self._epoll.register(conn.descriptor, _AT_ONCE if is_ready else _INPUT)
            self._append(conn)

    def put_back(self, conn: Connection, *, is_ready: bool) -> None:
        """Put back a connection that was taken.

        Args:
            conn: the connection.
            is_ready: bytes of the next request were read already, so no event announces them; it has its turn after
                the connections that are ready now.
        """
        with self._mutex:
            self._append(conn)
        try:  # noqa: SIM105 - `suppress` takes four times as long
            self._epoll.modify(conn.descriptor, _AT_ONCE if is_ready else _INPUT)
        except OSError:
            pass  # the event loop has closed it

    def take(self) -> Connection | None:
        """Wait for a connection that has input, and take it; None: the worker ends."""
        thread = get_ident()
        while True:
            try:
                descriptor, told_at = self._events.popleft()
            except IndexError:
                self._busy.discard(thread)
                self._news.set()
                descriptor, told_at = self._lead_to_event()
                self._busy.add(thread)
            self._taken_at = time.monotonic()
            if not self._events:
                self._news.set()
            with self._mutex:
                conn = self._queue.pop(descriptor, None)
            if conn is not None:
                conn.input_at = told_at
                return conn
            if descriptor == self._end:
                self._busy.discard(thread)
                return None

    def remove(self, conn: Connection) -> bool:
        """Take a connection out; False: it does not wait any more."""
        with self._mutex:
            is_waiting = self._queue.get(conn.descriptor) is conn
            if is_waiting:
                del self._queue[conn.descriptor]
            return is_waiting

    def leave(self, conn: Connection) -> None:
        """Let go of a connection that was taken, and that waits elsewhere from now on."""
        with suppress(OSError):
            self._epoll.unregister(conn.descriptor)

    def first(self, count: int) -> list[Connection]:
        """Return the connections that have waited longest, at most `count`."""
        with self._mutex:
            return list(islice(self._queue.values(), count))

    def cap(self, wait_s: float) -> None:
        """Shorten the waits of all connections, and of those that are put back from now on."""
        ends_at = time.monotonic() + wait_s
        with self._mutex:
            self._wait_s = wait_s
            for conn in self._queue.values():
                conn.timeout = min(conn.timeout, ends_at)

    def shutdown(self, wait: bool = False) -> None:
        """Let the threads end. gunicorn calls it on its thread pool."""
        self._end = os.eventfd(1)
        self._epoll.register(self._end, select.EPOLLIN)  # stays readable, so each thread sees it

    def _lead_to_event(self) -> tuple[int, float]:
        """Wait for input on all connections until an event has to be taken by this thread, and return it."""
        with self._lead:
            while True:
                self._news.clear()
                if not self._events:
                    descriptors = [descriptor for descriptor, _ in self._epoll.poll(None, MOST_EVENTS)]
                    told_at = time.monotonic()
                    self._events.extend([(descriptor, told_at) for descriptor in descriptors])
                left_s = self._taken_at + STALL_S - time.monotonic()
                if self._busy and left_s > 0:
                    self._news.wait(left_s)
                    continue
                with suppress(IndexError):  # a busy thread has taken the last
                    return self._events.popleft()

    def _append(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + self._wait_s
        self._queue[conn.descriptor] = conn
