"""The threads of a worker: those that answer requests, and few that send downloads. Each outlives every error."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Final

from server.gunicorn_worker.connection import Connection
from server.gunicorn_worker.download import SENDERS
from server.gunicorn_worker.waiting_connections import WaitingConnections
from server.logs.trace import trace

PAUSE_S: Final = 0.5
"""Pause of a thread after an error outside requests, such as a lack of memory."""


@dataclass(frozen=True, slots=True)
class Threads:
    """Takes connections out of the queues, and puts them back or ends them. Even without memory none is lost."""

    waiting: WaitingConnections
    """Connections for which a request may have come."""
    downloads: WaitingConnections
    """Connections whose long reply is being sent."""
    handle: Callable[[Connection], Any]
    """Answers a request; see `Worker.handle`."""
    end: Callable[[Connection], object]
    """Has the event loop end a connection."""
    is_ending: Callable[[], bool]
    """Tells whether the worker takes no more requests on kept connections."""
    log: Any
    """gunicorn's."""

    def start(self, count: int) -> None:
        """Start `count` threads for requests, or as many as the machine has, and the senders.

        Raises:
            RuntimeError: not one thread can be started.
        """
        for started in range(count):
            try:
                Thread(target=self.serve, name="request", daemon=True).start()
            except RuntimeError:
                if not started:
                    raise
                self.log.warning("started %d of %d threads: the machine has no more", started, count)
                break
        with suppress(RuntimeError):
            Thread(target=self.waiting.watch, name="watch", daemon=True).start()
        for _ in range(SENDERS):
            with suppress(RuntimeError):
                Thread(target=self.send, name="sender", daemon=True).start()

    def serve(self) -> None:
        """Answer requests until the worker ends."""
        conn: Connection | None = None
        request = trace.request
        while True:
            try:
                if conn is not None:
                    self.end(conn)
                    conn = None
                conn = self.waiting.take()
                if conn is None:
                    return
                request.input_at = conn.input_at
                result = self.handle(conn)
                if conn.download is not None:
                    self.downloads.add(conn, is_ready=True)
                    conn = None
                elif result:
                    self.waiting.put_back(conn, is_ready=result is True and conn.has_read_ahead)
                    conn = None
            except BaseException:
                self._survive(conn)

    def send(self) -> None:
        """Send pieces of downloads until the worker ends."""
        conn: Connection | None = None
        while True:
            try:
                if conn is not None:
                    self.downloads.leave(conn)
                    conn.end_download()
                    self.end(conn)
                    conn = None
                conn = self.downloads.take()
                if conn is None:
                    return
                self.downloads.hand_over()  # reading a file may take long
                if conn.download is not None and conn.download.send(conn.sock):
                    self.downloads.put_back(conn, is_ready=True)
                    conn = None
                elif conn.download is not None and conn.download.is_kept_alive and not self.is_ending():
                    self.downloads.leave(conn)
                    conn.end_download()
                    self.waiting.put_back(conn, is_ready=conn.has_read_ahead)
                    conn = None
            except OSError as error:
                self.log.debug("ended a download: %s", error)
            except BaseException:
                self._survive(conn)

    def _survive(self, conn: Connection | None) -> None:
        """Log an error, and take the connection out of the queues, for the thread to end it."""
        with suppress(BaseException):
            self.log.exception("an error that was not foreseen")
        if conn is not None:
            self.waiting.remove(conn)
            self.downloads.remove(conn)
        else:
            self.waiting.hand_over()
            self.downloads.hand_over()
            time.sleep(PAUSE_S)
