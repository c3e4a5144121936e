"""The gunicorn worker: gthread, which at its end takes the connections that wait to be accepted, and lets no more come.

Gunicorn's own stops accepting but keeps listening while it answers what it has, and so resets at last all who connected
meanwhile, after they were told that they are connected. Here they are answered, or refused and go elsewhere.

Of gunicorn's internals this leans on `set_accept_enabled`, `accept` and `nr_conns`, which no hook gives a way around;
a release without them behaves as gunicorn's own worker does, or fails the tests of signals.
"""

from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Of `config/gunicorn.conf.py`."""

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
