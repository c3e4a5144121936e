"""The gunicorn worker: gthread, but for how it ends and for clients who ask one thing after the other.

At its end it takes the connections that wait to be accepted, and lets no more come. Gunicorn's own stops accepting but
keeps listening while it answers what it has, and so resets at last all who connected meanwhile, after they were told
that they are connected. Here they are answered, or refused and go elsewhere.

After a reply gunicorn's own hands the connection back to the event loop, which wakes a thread when the client asks on:
as much work as a tile in memory. Here the thread stays a moment with a client who is likely to ask on at once, unless
somebody waits for a thread, and for a few requests only: threads that never rest hold the GIL from each other.

Of gunicorn's internals this leans on `set_accept_enabled`, `accept`, `nr_conns`, `handle` and `tpool`, and on the queue
of a ThreadPoolExecutor, which no hook gives a way around; a release without them fails the tests of either.
"""

import select
from contextlib import suppress
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

STAY_MS: Final = 1
"""How long a thread stays with a client: longer than one takes who asks on as soon as it has the reply."""


STAYS: Final = 8
"""How often in a row: with more the throughput is the same, but the slowest replies take longer."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Of `config/gunicorn.conf.py`."""

    def handle(self, conn: Any) -> Any:
        """See `ThreadWorker`: answer a request, and those that follow at once; True if the connection is to be kept."""
        result = super().handle(conn)
        for _ in range(STAYS):
            if result is not True or not self.alive or self.tpool._work_queue.qsize() or not _asks_on(conn):
                break
            result = super().handle(conn)
        return result

    def set_accept_enabled(self, enabled: bool) -> None:
        """See `ThreadWorker`; the last call is the one that ends accepting when the worker is to end."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()  # this worker's copy: after HUP the new workers go on with theirs
            self.sockets: list[Any] = []

    def _accept_waiting(self, listener: Any) -> None:
        """As many as the worker may have at all."""
        with suppress(OSError):  # no file descriptor left: those who are in are to be answered nevertheless
            while (before := self.nr_conns) < self.worker_connections:
                self.accept(listener)
                if self.nr_conns == before:  # nobody waits
                    return


def _asks_on(conn: Any) -> bool:
    """Whether the client sends something soon. What was read already makes no socket readable: gunicorn looks there."""
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(STAY_MS))
