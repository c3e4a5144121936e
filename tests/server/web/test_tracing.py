"""Traces of OpenTelemetry, as a collector gets them from a real server."""

import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from server.web import tracing
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn, wait_for
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


def test_a_span_for_each_request_within_the_trace_of_the_client(tmp_path: Path, collector: Collector) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (tmp_path / "b.tif").write_bytes(b"no image")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    config = layer("a", tmp_path / "a.tif") + layer("b", tmp_path / "b.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1", **environment}, config) as server:
        sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert requests.get(server.url + TILE, headers=sent, timeout=30).content.startswith(b"\xff\xd8")
        assert requests.get(f"{server.url}/layers/b", timeout=30).status_code == 502
        log = server.log
        wait_for(lambda: len(spans(collector)) == 2, "spans")
        wait_for(lambda: log().count("traceparent=") >= 2, "the log")
        tile, failure = sorted(spans(collector), key=lambda span: span.status.code)
        assert (tile.trace_id.hex(), tile.parent_span_id.hex()) == (TRACE, PARENT)
        assert f"traceparent=00-{TRACE}-{tile.span_id.hex()}-01" in log()
        assert failure.status.code == Status.STATUS_CODE_ERROR
        assert re.search(rf"path=/layers/b status=502 .*traceparent=00-{failure.trace_id.hex()}-", log())
        assert collector.services == {"rawcog"}
        values = {item.key: item.value for item in tile.attributes}
        assert values["url.path"].string_value == TILE
        assert values["http.response.status_code"].int_value == 200
        assert values["rawcog.tier"].string_value == "origin"


def spans(collector: Collector) -> list[Span]:
    return [span for span in collector.spans if span.name == "GET /layers"]


def test_without_the_extra_the_server_serves_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, tracing.SPANS, raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "LOG_LEVEL": "warning"}
    app = client(tmp_path, "", environment)
    assert app.get("/layers").status_code == 200
    wait_for(lambda: "install rawcog[otel]" in capfd.readouterr().err, "the warning")
