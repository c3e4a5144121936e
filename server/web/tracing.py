"""The choice whether requests have spans: OpenTelemetry is an optional dependency."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from cogread.sources.protocol import Source
from server.cache.protocol import Cache

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger(__name__)

SPANS: Final = "server.web.spans"


class Spans(Protocol):
    """The module of spans."""

    def traced_app(self, app: "WSGIApplication") -> "WSGIApplication":
        """The app with a span of each request."""

    def traced_source(self, source: Source) -> Source:
        """The source with a span of each request to its origin."""

    def traced_cache(self, cache: Cache) -> Cache:
        """The cache with a span of each round trip."""


def load_spans() -> Spans | None:
    """Import OpenTelemetry; without it None, and a warning in the log."""
    try:
        return cast(Spans, import_module(SPANS))
    except ImportError as error:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but there are no traces: %s; install rawcog[otel]", error)
        return None
