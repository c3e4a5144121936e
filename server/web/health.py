"""`/health/live` and `/health/ready`."""

from collections import Counter

import msgspec
from flask import Response

from server.gunicorn_worker.ending import ending
from server.resilience.breaker import outages
from server.settings.metric_labels import REDIS
from server.web.context import context


def live() -> Response:
    """Tell that the process replies."""
    return _status(200, {"status": "live"})


def ready() -> Response:
    """Tell whether the worker can serve, and why not.

    Redis and origins are told but not required: layers that do not need them are served. Their states are those of
    their circuit breakers, since a probe must not wait for them.
    """
    ctx = context()
    is_any = bool(ctx.settings.layers or ctx.settings.collections)
    reasons = [] if is_any else ["no layer is configured"]
    if ending.is_set():
        reasons.append("the worker is ending: it answers the clients that it has, and takes no new ones")
    failing: Counter[str] = Counter()
    for (source, _), count in outages.counts().items():  # that an origin is being tried does not mean that it answers
        failing[source] += count
    redis = "none" if ctx.cache is None else "not answering" if failing.pop(REDIS, 0) else "configured"
    body: dict[str, object] = {
        "status": "not ready" if reasons else "ready",
        "reasons": reasons,
        "layers": ctx.catalog.public_count,
        "redis": redis,
        "origins": {name: f"not answering: {count} open circuit breakers" for name, count in sorted(failing.items())},
    }
    return _status(503 if reasons else 200, body)


def _status(status: int, body: dict[str, object]) -> Response:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Response(msgspec.json.encode(body) + b"\n", status, headers)
