"""`/health/live` and `/health/ready`."""

import msgspec
from flask import Blueprint, Response

from server.web.context import context

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live() -> Response:
    """The process answers."""
    return _status({"status": "live"})


@blueprint.get("/health/ready")
def ready() -> Response:
    """The worker can serve. Neither Redis nor a layer's origin is needed for that: other layers may do."""
    ctx = context()
    cache = "none" if ctx.cache is None else "configured"
    return _status({"status": "ready", "layers": sum(1 for _ in ctx.catalog), "redis": cache})


def _status(body: dict[str, object]) -> Response:
    return Response(
        msgspec.json.encode(body) + b"\n", 200, [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    )
