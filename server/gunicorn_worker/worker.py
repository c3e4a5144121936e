"""The gunicorn worker: gthread with a lossless shutdown, which runs out of neither threads nor file descriptors.

The threads wait for requests themselves, and a request takes a thread when its head is complete (see
`waiting_connections` and `connection`). In gthread the event loop waits for them, and each request goes through two
queues and wakes the loop twice, which costs more than a tile in memory.

The event loop accepts connections and ends them. It never waits for clients: it drains an ended connection by events,
where gthread blocks all clients for two seconds. At the limit of connections, those that have waited longest are
closed; when the process or the machine is short of descriptors or memory, accepting pauses.

At shutdown, the worker accepts and answers the connections in the listen queue and closes the listener. gthread keeps
listening until it has finished, and resets new connections.

No documented hook reaches the event loop, so this module depends on the methods that it overrides and on `nr_conns`,
`poller` and `method_queue`. Its tests fail with a release of gunicorn that changes them.
"""

import os
import time
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from threading import Thread
from typing import Any, Final

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from cogread.deadline import Deadline
from server.gunicorn_worker.client_socket import ClientSocket
from server.gunicorn_worker.connection import HEAD_S, MOST_HEAD_BYTES, Connection, Head
from server.gunicorn_worker.download import SENDERS, STALL_S, Download
from server.gunicorn_worker.ending import ending
from server.gunicorn_worker.refusal import StatusRecorder, cut_secrets, refusal
from server.gunicorn_worker.waiting_connections import WaitingConnections

PAUSE_S: Final = 0.5
"""Pause of accepting if there is a shortage and no idle connection to close."""

WARN_EVERY_S: Final = 60.0
"""Least time between two warnings about a shortage."""

DRAIN_S: Final = 2.0
"""Time that a client has to close a connection that has ended."""

BURST_S: Final = 0.001
"""Time after a connection was accepted in which the next one belongs to the same burst."""

TURN_S: Final = 0.0001
"""Time that the other workers have to accept the next connection of a burst, which one worker would take alone."""

_CANDIDATES: Final = 64
"""Connections that are searched for one without a request, when one has to be closed."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker that `config/gunicorn.conf.py` names."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._draining: OrderedDict[Connection, Deadline] = OrderedDict()
        """Ended connections with the ends of their waits, oldest first; they count as connections until closed."""
        self._downloads = WaitingConnections(STALL_S)
        self._accept_pause = self._warning_pause = self._burst = Deadline.after(0)

    def get_thread_pool(self) -> WaitingConnections:
        """Return the connections that the threads serve: gunicorn does no more with its pool than to end it."""
        self._waiting = WaitingConnections(self.cfg.keepalive or HEAD_S)  # 0: for the first request
        return self._waiting

    def run(self) -> None:
        """Start the threads and run the event loop until the worker ends; see `ThreadWorker`.

        Raises:
            RuntimeError: not one thread can be started.
        """
        # gunicorn looks up 20 settings for a request, each through `__getattr__` and two objects
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        for count in range(self.cfg.threads):
            try:
                Thread(target=self._serve, name="request", daemon=True).start()
            except RuntimeError:
                if not count:
                    raise
                self.log.warning("started %d of %d threads: the machine has no more", count, self.cfg.threads)
                break
        for _ in range(SENDERS):
            with suppress(RuntimeError):
                Thread(target=self._send_downloads, name="sender", daemon=True).start()
        super().run()

    def is_parent_alive(self) -> bool:
        """Return whether the master runs; without it the worker ends as after TERM. See `ThreadWorker`."""
        if super().is_parent_alive():
            return True
        self.alive = False
        return False

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or stop accepting; see `ThreadWorker`. The last call is the one at shutdown."""
        if enabled and not self._accept_pause.is_expired:
            return
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            ending.set()
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()  # this worker's copy: after HUP the new workers go on with theirs
            self.sockets: list[Any] = []
            self._waiting.cap(STOP_KEEPALIVE_LINGER)

    def accept(self, listener: Any) -> None:
        """Accept a waiting connection, if any; see `ThreadWorker`. The workers share bursts of connections."""
        if not self._burst.is_expired and self.alive and self.cfg.workers > 1:
            time.sleep(TURN_S)
        self._burst = Deadline.after(BURST_S)
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._handle_shortage(error)
            return
        self.nr_conns += 1
        client = sock if self.cfg.is_ssl else ClientSocket(sock)
        conn = Connection(self.cfg, client, address, listener.getsockname())
        try:
            self._waiting.add(conn)
        except OSError:  # the kernel has no memory for it
            self._close(conn)

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
        if self.cfg.is_ssl:
            return super().handle_request(req, conn)
        try:
            conn.sock.hold_head()
            result = super().handle_request(req, conn)
            conn.sock.flush()
            if (body := conn.sock.take_later()) is not None:
                conn.download = Download(body, is_kept_alive=result)
        except BlockingIOError:  # after `SEND_S`
            self.log.warning("closed a connection: the client stopped reading its reply")
            return False
        return result

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send a problem document where gunicorn would send an HTML page; see `refusal`."""
        recorder = StatusRecorder()
        cut_secrets(exc)
        super().handle_error(req, recorder, addr, exc)
        with suppress(OSError):  # the client has gone, or does not read
            client.send(refusal(recorder.status, exc))

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what has timed out, then the idlest while there are too many; see `ThreadWorker`."""
        now = time.monotonic()
        while (conns := self._waiting.first(1)) and (force or conns[0].timeout <= now):
            if not self._waiting.remove(conns[0]):
                continue
            if not force and conns[0].has_request():  # no thread was free for it
                self._waiting.put_back(conns[0], is_ready=conns[0].has_read_ahead)
            else:
                self._close(conns[0])
        while self._draining and (force or next(iter(self._draining.values())).is_expired):
            self._close(self._draining.popitem(last=False)[0])
        while (conns := self._downloads.first(1)) and (force or conns[0].timeout <= now):
            if self._downloads.remove(conns[0]):
                self.log.warning("closed a connection: the client stopped reading its reply")
                self._close(conns[0])
        while self.nr_conns >= self.worker_connections and self._close_idlest():
            pass

    def _serve(self) -> None:
        """Answer requests until the worker ends. Runs in each thread, which outlives every error.

        Even without memory a connection is neither lost nor in two places.
        """
        conn: Connection | None = None
        while True:
            try:
                if conn is not None:
                    self.method_queue.defer(self._finish, conn)
                    conn = None
                conn = self._waiting.take()
                if conn is None:
                    return
                result = self.handle(conn)
                if conn.download is not None:
                    self._downloads.add(conn, is_ready=True)
                    conn = None
                elif result:
                    self._waiting.put_back(conn, is_ready=result is True and conn.has_read_ahead)
                    conn = None
                os.sched_yield()  # else threads that wait for the GIL starve while this one finds work
            except BaseException:
                self._survive(conn)

    def _send_downloads(self) -> None:
        """Send pieces of downloads until the worker ends. Runs in each sender, which outlives every error too."""
        conn: Connection | None = None
        while True:
            try:
                if conn is not None:
                    self._downloads.leave(conn)
                    conn.end_download()
                    self.method_queue.defer(self._finish, conn)
                    conn = None
                conn = self._downloads.take()
                if conn is None:
                    return
                if conn.download is not None and conn.download.send(conn.sock):
                    self._downloads.put_back(conn, is_ready=True)
                    conn = None
                elif conn.download is not None and conn.download.is_kept_alive and self.alive:
                    self._downloads.leave(conn)
                    conn.end_download()
                    self._waiting.put_back(conn, is_ready=conn.has_read_ahead)
                    conn = None
            except OSError as error:
                self.log.debug("ended a download: %s", error)
            except BaseException:
                self._survive(conn)

    def _survive(self, conn: Connection | None) -> None:
        """Log an error of a thread, and take the connection out of the queues, for the thread to end it."""
        with suppress(BaseException):
            self.log.exception("an error that was not foreseen")
        if conn is not None:
            self._waiting.remove(conn)
            self._downloads.remove(conn)
        else:
            time.sleep(PAUSE_S)

    def _finish(self, conn: Connection) -> None:
        """End a connection: close it once the client has."""
        conn.stop_sending()
        if conn.drain():
            self._close(conn)
            return
        try:
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except OSError:  # the kernel has no memory for it
            self._close(conn)
        else:
            self._draining[conn] = Deadline.after(DRAIN_S)

    def _drain(self, conn: Connection, _: Any) -> None:
        if conn.drain():
            del self._draining[conn]
            self._close(conn)

    def _accept_waiting(self, listener: Any) -> None:
        """Accept all waiting connections; beyond the limit, each takes the place of an idle one."""
        while self.nr_conns < self.worker_connections or self._close_idlest():
            before = self.nr_conns
            self.accept(listener)
            if self.nr_conns == before:
                return

    def _handle_shortage(self, error: OSError) -> None:
        """Close an idle connection, or pause accepting, as there is no room for another connection."""
        if self._warning_pause.is_expired:
            self._warning_pause = Deadline.after(WARN_EVERY_S)
            self.log.warning("cannot accept connections: %s; closing idle ones", error.strerror)
        if not self._close_idlest() and self.alive:
            self._accept_pause = Deadline.after(PAUSE_S)
            self.set_accept_enabled(False)

    def _close_idlest(self) -> bool:
        """Close the connection that has waited longest; False if a request is in flight on each."""
        if self._draining:
            self._close(self._draining.popitem(last=False)[0])
            return True
        for conn in self._waiting.first(_CANDIDATES):
            if not conn.has_request() and self._waiting.remove(conn):
                self._close(conn)
                return True
        return False

    def _close(self, conn: Connection) -> None:
        with suppress(OSError, KeyError, ValueError):  # not registered
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
