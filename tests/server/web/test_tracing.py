"""Traces of OpenTelemetry, as a collector gets them from a real server."""

import re
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from cogread.byterange import ByteRange
from cogread.errors import SourceNotFound
from cogread.sources import open_source
from server.resilience.parallel import Helpers
from server.web import tracing
from server.web.client_spans import SpanSource
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.s3 import running_store
from tests.support.tiffs import gdal_tiff

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TILE = "/layers/a/tiles/native/0/0/0.jpg"


class Collector(ThreadingHTTPServer):
    """A server that takes spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.services: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        export = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in export.resource_spans:
            self.server.services |= {
                item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
            }
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def values(span: Span) -> dict[str, str | int]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


def test_a_span_for_each_request_within_the_trace_of_the_client(tmp_path: Path, collector: Collector) -> None:
    (tmp_path / "b.tif").write_bytes(b"no image")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with Origin() as origin, RedisServer() as redis:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        config = layer("a", f"{origin.url}/a.tif") + layer("b", tmp_path / "b.tif")
        with Gunicorn({"WEB_CONCURRENCY": "1", "REDIS_URL": redis.url, **environment}, config) as server:
            sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert requests.get(server.url + TILE, headers=sent, timeout=30).content.startswith(b"\xff\xd8")
            assert requests.get(f"{server.url}/layers/b", timeout=30).status_code == 502
            wait_for(lambda: len(named(collector, "GET /layers")) == 2, "spans")
            wait_for(lambda: server.log().count("traceparent=") >= 2, "the log")
            wait_for(lambda: len(named(collector, "GET")) == len(origin.ranges("/a.tif")), "spans of the origin")
            log = server.log()
    tile, failure = sorted(named(collector, "GET /layers"), key=lambda span: span.status.code)
    assert (tile.trace_id.hex(), tile.parent_span_id.hex()) == (TRACE, PARENT)
    assert f"traceparent=00-{TRACE}-{tile.span_id.hex()}-01" in log
    assert failure.status.code == Status.STATUS_CODE_ERROR
    assert re.search(rf"path=/layers/b status=502 .*traceparent=00-{failure.trace_id.hex()}-", log)
    assert collector.services == {"rawcog"}
    expected = {"url.path": TILE, "http.response.status_code": 200, "rawcog.tier": "origin"}
    assert expected.items() <= values(tile).items()
    reads, redis_calls = named(collector, "GET"), named(collector, "MGET")
    assert {(span.trace_id, span.parent_span_id) for span in reads} == {(tile.trace_id, tile.span_id)}
    assert {span.parent_span_id for span in redis_calls} == {tile.span_id, failure.span_id}
    assert len(reads) == values(tile)["rawcog.origin_reads"]
    assert {values(span)["url.full"] for span in reads} == {f"{origin.url}/a.tif"}
    assert {values(span)["db.system.name"] for span in redis_calls} == {"redis"}


def test_requests_without_a_path_are_answered_and_no_secret_is_in_a_span(collector: Collector) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with Gunicorn({"WEB_CONCURRENCY": "1", **environment}) as server:
        for method, target in (("OPTIONS", "*"), ("GET", "http://localhost"), ("GET", "/nothing%3Ftoken=hush/a")):
            connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request(method, target)
            assert connection.getresponse().status < 500, target
            connection.close()
        wait_for(lambda: named(collector, "GET /nothing?***"), "spans")
        assert "Traceback" not in server.log()
    assert named(collector, "OPTIONS /*")
    assert named(collector, "GET /")
    assert "hush" not in str(collector.spans)


def named(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


def test_reads_in_other_threads_and_failed_ones_belong_to_the_request(
    exporter: InMemorySpanExporter, tracer: Tracer
) -> None:
    data, helpers, bytes_read = gdal_tiff("jpeg-ycbcr"), Helpers(2, "helper"), list[bytes]()
    with Origin() as origin:
        origin.put("/a.tif", data)
        source = SpanSource(open_source(f"http://user:secret@{origin.host}/a.tif"), tracer)
        missing = SpanSource(open_source(f"{origin.url}/missing"), tracer)
        source.read(ByteRange(0, 10))  # for no request
        with tracer.start_as_current_span("request") as request:
            helpers.for_each(lambda start: bytes_read.append(source.read(ByteRange(start, start + 5)).data), [0, 5, 10])
            with pytest.raises(SourceNotFound):
                missing.version()
    assert sorted(bytes_read) == sorted([data[:5], data[5:10], data[10:15]])
    *reads, failed, whole = exporter.get_finished_spans()
    assert len(reads) == 3
    assert [span.parent for span in (*reads, failed)] == [request.get_span_context()] * 4
    assert {span.kind for span in (*reads, failed)} == {SpanKind.CLIENT}
    host, port = origin.host.split(":")
    place = {"http.request.method": "GET", "server.address": host, "server.port": int(port)}
    expected = {**place, "url.full": f"{origin.url}/a.tif", "http.response.body.size": 5}
    attributes = [dict(span.attributes or {}) for span in (*reads, failed)]
    assert all(expected.items() <= each.items() for each in attributes[:3])
    assert {each["rawcog.range.start"] for each in attributes[:3]} == {0, 5, 10}
    assert attributes[3]["error.type"] == "SourceNotFound"
    assert failed.status.status_code == StatusCode.ERROR
    assert "secret" not in "".join(span.to_json() for span in (*reads, failed, whole))


def test_an_object_in_a_bucket_is_named_as_the_conventions_say(exporter: InMemorySpanExporter, tracer: Tracer) -> None:
    with running_store() as store, tracer.start_as_current_span("request"):
        uri = store.put("north/a.tif", b"0123456789")
        assert SpanSource(open_source(uri, store.options), tracer).read(ByteRange(2, 5)).data == b"234"
    [span, _] = exporter.get_finished_spans()
    assert span.name == "S3/GetObject"
    call = {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject"}
    place = {"aws.s3.bucket": store.bucket, "aws.s3.key": "north/a.tif"}
    assert (call | place).items() <= dict(span.attributes or {}).items()


def test_without_the_extra_the_server_serves_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, tracing.SPANS, raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "LOG_LEVEL": "warning"}
    app = client(tmp_path, "", environment)
    assert app.get("/layers").status_code == 200
    wait_for(lambda: "install rawcog[otel]" in capfd.readouterr().err, "the warning")
