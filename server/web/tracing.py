"""The choice whether requests have spans: OpenTelemetry is an optional dependency."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger(__name__)

SPANS: Final = "server.web.spans"
"""Module with `wrap(app)`."""


def traced(app: "WSGIApplication") -> "WSGIApplication":
    """Return the app with spans; without OpenTelemetry the app itself, and a warning in the log."""
    try:
        wrapped: WSGIApplication = import_module(SPANS).wrap(app)
    except ImportError as error:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but there are no traces: %s; install rawcog[otel]", error)
        return app
    return wrapped
