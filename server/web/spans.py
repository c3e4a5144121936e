"""Spans of requests for OpenTelemetry, by the SDK's own variables (`OTEL_…`); imported only if traces are exported.

A span ends when the reply is ready to be sent. A trace that the client began is continued; the log has the span of the
server as `traceparent`.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cogread import __version__
from cogread.sources.protocol import Source
from server.cache.protocol import Cache
from server.logs.line_format import redacted
from server.logs.trace import trace
from server.web.client_spans import SpanCache, SpanSource

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PROPAGATOR: Final = TraceContextTextMapPropagator()


class SpanMiddleware:
    """Makes a span of each request."""

    def __init__(self, app: "WSGIApplication", tracer: api.Tracer) -> None:
        self._app, self._tracer = app, tracer

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hand on."""
        method, path = environ["REQUEST_METHOD"], redacted(environ["PATH_INFO"])
        sent = {name: environ.get(f"HTTP_{name.upper()}", "") for name in ("traceparent", "tracestate")}
        attributes = {"http.request.method": method, "url.path": path, "url.scheme": environ["wsgi.url_scheme"]}
        name = f"{method} /{path.lstrip('/').split('/', 1)[0]}"  # `OPTIONS *` has no slash
        with self._tracer.start_as_current_span(
            name, _PROPAGATOR.extract(sent), api.SpanKind.SERVER, attributes, record_exception=False
        ) as span:
            _PROPAGATOR.inject(sent)
            environ["HTTP_TRACEPARENT"] = sent["traceparent"]

            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                """Note the status, and the reads so far, in the span."""
                code = int(status[:3])
                span.set_attributes(
                    {
                        "http.response.status_code": code,
                        "rawcog.tier": trace.request.tier,
                        "rawcog.origin_reads": trace.request.origin_reads,
                    }
                )
                if code >= 500:
                    span.set_status(api.StatusCode.ERROR)
                return start_response(status, headers, *more)

            return self._app(environ, start)


def traced_app(app: "WSGIApplication") -> SpanMiddleware:
    """See `tracing.Spans`."""
    return SpanMiddleware(app, _tracer())


def traced_source(source: Source) -> Source:
    """See `tracing.Spans`. A read of a local file takes less time than a span."""
    return source if source.is_local else SpanSource(source, _tracer())


def traced_cache(cache: Cache) -> Cache:
    """See `tracing.Spans`."""
    return SpanCache(cache, _tracer())


@cache
def _tracer() -> api.Tracer:
    """The tracer of the process, whose exporter has a thread."""
    own = Resource.create({"service.name": "rawcog", "service.version": __version__})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("rawcog", __version__)
