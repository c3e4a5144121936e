"""Connections that wait for their clients, and the threads that wait for connections: leader and followers.

One thread, the leader, waits for input on all connections, and the kernel tells it of many at once. It answers their
requests itself, one after the other, in the order in which they came, and keeps the lead meanwhile. So a request that
memory answers costs no change of threads and no wait for the GIL. Before the leader waits for anything else, such as an
origin or a slow disk, it hands the lead over, and is a follower when it has answered. A leader that did not, but has
been busy with a request for `STALL_S`, loses the lead to the next follower.

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

STALL_S: Final = 0.01
"""Time after which a request is taken to have stalled the leader."""

IDLE_S: Final = 1.0
"""Time without a request after which `watch` sleeps until the next."""

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
        self._mutex = Lock()
        self._queue: OrderedDict[int, Connection] = OrderedDict()
        self._events: deque[tuple[int, float]] = deque()
        """Descriptors with input, in the order of its arrival, with instants by which it had arrived."""
        self._lead = Lock()
        self._leader: int | None = None
        """The thread that holds `_lead`."""
        self._is_leader_busy = False
        self._taken = 0
        """Connections that were taken so far."""
        self._is_unwatched = False
        self._news = Event()
        """Ends the sleep of `watch`."""
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
        """Wait for a connection that has input, and take it; None: the worker ends. The thread has the lead then."""
        thread = get_ident()
        with self._mutex:
            leads = self._leader == thread
            self._is_leader_busy = self._is_leader_busy and not leads
        if not leads:
            self._lead.acquire()
            self._leader = thread
        while True:
            if not self._events:
                self._wait()
            descriptor, told_at = self._events.popleft()
            with self._mutex:
                conn = self._queue.pop(descriptor, None)
                self._is_leader_busy = conn is not None
            if conn is not None:
                self._taken += 1
                if self._is_unwatched:
                    self._news.set()
                conn.input_at = told_at
                return conn
            if descriptor == self._end:
                self.hand_over()
                return None

    def hand_over(self) -> None:
        """Leave the lead to another thread, if this one has it."""
        if self._leader == get_ident():
            with self._mutex:
                self._release(self._leader == get_ident())

    def watch(self) -> None:
        """Take the lead from threads that a request stalls, until the worker ends."""
        taken, idle_s = -1, 0.0
        while self._end is None:
            time.sleep(STALL_S)
            with self._mutex:
                self._release(self._is_leader_busy and self._taken == taken)
            idle_s = idle_s + STALL_S if self._taken == taken else 0.0
            if idle_s > IDLE_S:
                self._sleep(taken)
            taken = self._taken

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

    def _wait(self) -> None:
        """Wait for input on any connection."""
        descriptors = [descriptor for descriptor, _ in self._epoll.poll(None, MOST_EVENTS)]
        told_at = time.monotonic()
        self._events.extend([(descriptor, told_at) for descriptor in descriptors])

    def _release(self, is_due: bool) -> None:
        """Let a follower take the lead. The caller holds the mutex."""
        if is_due:
            self._leader, self._is_leader_busy = None, False
            self._lead.release()

    def _sleep(self, taken: int) -> None:
        """Sleep until a connection is taken."""
        self._news.clear()
        self._is_unwatched = True
        if self._taken == taken:
            self._news.wait()
        self._is_unwatched = False

    def _append(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + self._wait_s
        self._queue[conn.descriptor] = conn
