"""The gunicorn worker: gthread with a lossless shutdown, which runs out of neither threads nor file descriptors.

The threads wait for requests themselves, and a request takes a thread when its head is complete (see
`waiting_connections` and `connection`). In gthread the event loop waits for them, and each request goes through two
queues and wakes the loop twice, which costs more than a tile in memory.

The event loop accepts connections and ends them, and never waits for clients (see `ended_connections`). At the limit of
connections, those that have waited longest are closed; when the process or the machine is short of descriptors or
memory, accepting pauses.

At shutdown, the worker accepts and answers the connections in the listen queue and closes the listener. gthread keeps
listening until it has finished, and resets new connections.

No documented hook reaches the event loop, so this module depends on the methods that it overrides and on `nr_conns`,
`poller` and `method_queue`. Its tests fail with a release of gunicorn that changes them.
"""

import time
from contextlib import suppress
from typing import Any, Final

from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from cogread.deadline import Deadline
from server.gunicorn_worker.client_socket import ClientSocket
from server.gunicorn_worker.connection import HEAD_S, Connection, Head
from server.gunicorn_worker.download import STALL_S, Download
from server.gunicorn_worker.ended_connections import EndedConnections
from server.gunicorn_worker.ending import ending
from server.gunicorn_worker.lead import lead
from server.gunicorn_worker.refusal import StatusRecorder, cut_secrets, refusal
from server.gunicorn_worker.threads import PAUSE_S, Threads
from server.gunicorn_worker.waiting_connections import WaitingConnections

WARN_EVERY_S: Final = 60.0
"""Least time between two warnings about a shortage."""

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
        self._ended = EndedConnections(self._close)
        self._downloads = WaitingConnections(STALL_S)
        self._accept_pause = self._warning_pause = self._burst = Deadline.after(0)

    def get_thread_pool(self) -> WaitingConnections:
        """Return the connections that the threads serve: gunicorn does no more with its pool than to end it."""
        self._waiting = WaitingConnections(self.cfg.keepalive or HEAD_S)  # 0: for the first request
        lead.hand_over = self._waiting.hand_over
        return self._waiting

    def make_threads(self) -> Threads:
        """Make the threads that serve the connections; none is started yet."""
        return Threads(self._waiting, self._downloads, self.handle, self._end, lambda: not self.alive, self.log)

    def run(self) -> None:
        """Start the threads and run the event loop until the worker ends; see `ThreadWorker`.

        Raises:
            RuntimeError: not one thread can be started.
        """
        # gunicorn looks up 20 settings for a request, each through `__getattr__` and two objects
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        if self.cfg.is_ssl:  # the C parser needs the checks of `Connection.read_head`
            self.cfg.__dict__["http_parser"] = "python"
        self.make_threads().start(self.cfg.threads)
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
            lead.hand_over()  # reading waits for the client
            return super().handle(conn)
        try:
            head = conn.read_head()
        except OSError:
            return False
        except ParseException as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return False
        if head is Head.WHOLE:
            return super().handle(conn)
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
        self._ended.close_expired(force=force)
        while (conns := self._downloads.first(1)) and (force or conns[0].timeout <= now):
            if self._downloads.remove(conns[0]):
                self.log.warning("closed a connection: the client stopped reading its reply")
                self._close(conns[0])
        while self.nr_conns >= self.worker_connections and self._close_idlest():
            pass

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
        if self._ended.close_oldest():
            return True
        for conn in self._waiting.first(_CANDIDATES):
            if not conn.has_request() and self._waiting.remove(conn):
                self._close(conn)
                return True
        return False

    def _end(self, conn: Connection) -> None:
        """Have the event loop end a connection. Runs in a thread."""
        self.method_queue.defer(self._ended.add, conn, self.poller)

    def _close(self, conn: Connection) -> None:
        with suppress(OSError, KeyError, ValueError):  # not registered
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
