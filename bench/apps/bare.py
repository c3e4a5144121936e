"""The limit: a WSGI callable that does nothing but return replies that were recorded from rawcog."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Recorded = dict[str, tuple[str, list[tuple[str, str]], bytes]]
"""Path -> status line, headers, body."""


def create(recording: str) -> "WSGIApplication":
    """Make the app from a file of replies."""
    replies: Recorded = pickle.loads(Path(recording).read_bytes())

    def app(environ, start_response):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        status, headers, body = replies[environ["PATH_INFO"]]
        start_response(status, headers)
        return [body]

    return app
