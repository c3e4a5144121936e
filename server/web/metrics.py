"""`/metrics`."""

from typing import Any

from flask import Response, request

from server.http.errors import UnknownUrl
from server.web.context import context


def metrics() -> Response:
    """The metrics of all workers for Prometheus.

    Raises:
        UnknownUrl: they are off, or served at another port.
    """
    ctx = context()
    is_served = ctx.settings.server.metrics or _local_port(request.environ) == ctx.settings.metrics_port
    if ctx.metrics is None or not is_served:
        raise UnknownUrl("metrics are not served here")
    body, media_type = ctx.metrics.document(request.headers.get("Accept", ""))
    return Response(body, 200, [("Content-Type", media_type), ("Cache-Control", "no-store")])


def _local_port(environ: dict[str, Any]) -> int:
    """The port that the request came to, by its socket: SERVER_PORT may be what a client named; 0: none."""
    socket = environ.get("gunicorn.socket")
    address = socket.getsockname() if socket is not None else None
    return address[1] if isinstance(address, tuple) else 0
