"""Lines as JSON, and the identifiers that tie a request to other logs."""

import json
import re
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from server.layers.catalog import Catalog
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.log import written
from tests.support.tiffs import gdal_tiff

TILE = "/layers/a/tiles/native/0/0/0.jpg"
NONE = "/layers/a/tiles/native/9/0/0.jpg"
NEW_ID = re.compile(r"[0-9a-f]{16}")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(tmp_path, layer("a", "a.tif"), {"LOG_LEVEL": "info", "LOG_FORMAT": "json"})


def test_requests_and_records_are_objects(
    app: FlaskClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app.get(TILE)
    app.get('/layers/a"%0a')
    app.get('/wmts?layer="a"&request=x')

    def fault(*arguments: object) -> None:
        raise RuntimeError('the "reason"')

    monkeypatch.setattr(Catalog, "layer", fault)
    app.get("/layers/a")
    tile, unknown, query, record, failure = [json.loads(line) for line in written(capfd).splitlines()]
    assert (tile["layer"], tile["tile"], tile["status"], tile["tier"]) == ("a", "native/0/0/0.jpg", 200, "origin")
    assert (tile["level"], tile["logger"]) == ("INFO", "request")
    assert isinstance(tile["ms"], float)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", tile["time"])
    assert unknown["path"] == r"/layers/a\x22\x0a"
    assert query["query"] == r"layer=\x22a\x22&request=x"
    assert record["traceback"].endswith('RuntimeError: the "reason"')
    assert (failure["level"], failure["cause"]) == ("ERROR", 'LayerFault: RuntimeError: the "reason"')


def test_every_line_of_a_server_is_an_object() -> None:
    """Those of gunicorn and of the reload too, and there is no banner."""
    with Gunicorn({"LOG_FORMAT": "json"}) as server:
        requests.get(f"{server.url}/nothing", timeout=30)
        wait_for(lambda: '"status":404' in server.log(), "the line of the request")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log().splitlines()]
    (start,) = [line["message"] for line in lines if line.get("message", "").startswith("rawcog started: ")]
    assert re.search(
        r"version=\S+ layers=7 collections=0 workers=2 threads=32 cache=128MiB metrics=off config=\S+", start
    )
    assert {"time", "level", "pid", "logger"} <= set.intersection(*(set(line) for line in lines))


@pytest.mark.parametrize("path", [TILE, NONE, "/layers/a", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_identifier_is_taken_repeated_and_logged(
    path: str, method: str, app: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    sent = {"X-Request-ID": "Root=1-67891233-abcdef012345678912345678", "traceparent": TRACE}
    for _ in range(3):
        reply = app.open(path, method=method, headers=sent)
        assert reply.headers.getlist("X-Request-ID") == [sent["X-Request-ID"]]
    for line in written(capfd).splitlines():
        fields = json.loads(line)
        assert (fields["request_id"], fields["traceparent"]) == (sent["X-Request-ID"], TRACE)


@pytest.mark.parametrize("sent", ["", "a b", 'a"', "a\x7f", "é", "x" * 129, "a,b"])
@pytest.mark.parametrize("path", [TILE, "/layers/a"])
def test_an_invalid_identifier_is_replaced(
    sent: str, path: str, app: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = app.get(path, headers={"X-Request-ID": sent, "traceparent": f"{TRACE} x={sent[:9]}"})
    assert NEW_ID.fullmatch(reply.headers["X-Request-ID"])
    fields = json.loads(written(capfd))
    assert fields["request_id"] == reply.headers["X-Request-ID"]
    assert "traceparent" not in fields


def test_errors_get_an_identifier_and_what_caches_keep_does_not(
    app: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    replies = {path: [app.get(path) for _ in range(3)] for path in (TILE, "/layers/a", NONE, "/nothing")}
    for path in (TILE, "/layers/a"):
        assert not any("X-Request-ID" in reply.headers for reply in replies[path])
    ids = [reply.headers["X-Request-ID"] for path in (NONE, "/nothing") for reply in replies[path]]
    assert len(set(ids)) == 6
    assert [
        fields["request_id"] for line in written(capfd).splitlines() if "request_id" in (fields := json.loads(line))
    ] == ids
