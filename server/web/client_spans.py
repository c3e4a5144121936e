"""Spans of what a request asks of origins and of Redis, within the span of the request.

Attributes have the names of OpenTelemetry's semantic conventions. Work without a request, such as a list that is read
in the background, has none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, cast
from urllib.parse import urlsplit

from opentelemetry import trace as api

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.sources.protocol import PresigningSource, Source
from server.cache.protocol import NO_LOCKS, Cache

Attributes = Mapping[str, str | int]


@contextmanager
def client_span(tracer: api.Tracer, name: str, attributes: Attributes) -> Iterator[api.Span]:
    """Make a span for the length of a `with`, if the thread works for a request that has one."""
    if not api.get_current_span().get_span_context().is_valid:
        yield api.INVALID_SPAN
        return
    with tracer.start_as_current_span(
        name, kind=api.SpanKind.CLIENT, attributes=attributes, record_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise


class SpanSource:
    """A source of an origin elsewhere, with a span of each read and of each version probe."""

    is_local: Final = False

    def __init__(self, source: Source, tracer: api.Tracer) -> None:
        self.name: Final = source.name
        self._source, self._tracer = source, tracer
        self._span_name, self._attributes = _request_to(source.name)

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        place = {**self._attributes, "rawcog.range.start": wanted.start, "rawcog.range.stop": wanted.stop}
        with client_span(self._tracer, self._span_name, place) as span:
            reply = self._source.read(wanted, expect, deadline)
            span.set_attribute("http.response.body.size", len(reply.data))
        return reply

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        with client_span(self._tracer, self._span_name, self._attributes):
            return self._source.version(deadline)

    def presigned_url(self, ttl_s: int, deadline: Deadline = NEVER) -> str:
        """See `PresigningSource.presigned_url`; the source has to be one."""
        return cast(PresigningSource, self._source).presigned_url(ttl_s, deadline)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()


class SpanCache:
    """The cache in Redis, with a span of each round trip."""

    def __init__(self, cache: Cache, tracer: api.Tracer) -> None:
        self._cache, self._tracer = cache, tracer

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`."""
        with self._span("MGET", len(keys)):
            return self._cache.get(keys)

    def put(self, items: Mapping[str, bytes], ttl_s: float, tokens: Mapping[str, str] = NO_LOCKS) -> None:
        """See `Cache.put`."""
        with self._span("SET", len(items) + len(tokens)):
            self._cache.put(items, ttl_s, tokens)

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        names = list(keys)
        with self._span("DEL", len(names)):
            self._cache.drop(names)

    def acquire(self, keys: Sequence[str], ttl_s: float, values: dict[str, bytes] | None = None) -> dict[str, str]:
        """See `Cache.acquire`."""
        with self._span("EVAL", len(keys) * (1 if values is None else 2)):
            return self._cache.acquire(keys, ttl_s, values)

    def release(self, tokens: Mapping[str, str]) -> None:
        """See `Cache.release`."""
        with self._span("EVAL", len(tokens)):
            self._cache.release(tokens)

    def close(self) -> None:
        """See `Cache.close`."""
        self._cache.close()

    @contextmanager
    def _span(self, operation: str, size: int) -> Iterator[None]:
        attributes: Attributes = {
            "db.system.name": "redis",
            "db.operation.name": operation,
            "db.operation.batch.size": size,
        }
        with client_span(self._tracer, operation, attributes):
            yield


def _request_to(name: str) -> tuple[str, Attributes]:
    """Name and attributes of the span of a request to a source, whose name holds no credentials."""
    parts = urlsplit(name)
    if parts.scheme == "s3":
        call = {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject"}
        return "S3/GetObject", {**call, "aws.s3.bucket": parts.netloc, "aws.s3.key": parts.path[1:]}
    server: dict[str, str | int] = {}
    if parts.scheme in ("http", "https"):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        server = {"server.address": parts.hostname or "", "server.port": port}
    return "GET", {"http.request.method": "GET", "url.full": name, **server}
