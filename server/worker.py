"""The gunicorn worker: gthread, which at its end takes the connections that wait to be accepted, and lets no more come.

Gunicorn's own stops accepting but keeps listening while it answers what it has, and so resets at last all who connected
meanwhile, after they were told that they are connected. Here they are answered, or refused and go elsewhere.
"""

from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Of `config/gunicorn.conf.py`."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """See `ThreadWorker`; the last call is the one that ends accepting when the worker is to end."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in list(self.sockets):
                self._accept_waiting(listener)
                listener.close()
            self.sockets: list[Any] = []

    def _accept_waiting(self, listener: Any) -> None:
        for _ in range(self.cfg.backlog):
            before = self.nr_conns
            self.accept(listener)
            if self.nr_conns == before:
                return
