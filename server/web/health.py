"""`/health/live` and `/health/ready`."""

import msgspec
from flask import Response

from server.web.context import context


def live() -> Response:
    """Tell that the process replies."""
    return _status({"status": "live"})


def ready() -> Response:
    """Tell that the worker can serve. Redis and origins are not checked: layers that do not need them are served."""
    ctx = context()
    cache = "none" if ctx.cache is None else "configured"
    return _status({"status": "ready", "layers": ctx.catalog.public_count, "redis": cache})


def _status(body: dict[str, object]) -> Response:
    return Response(
        msgspec.json.encode(body) + b"\n", 200, [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    )
