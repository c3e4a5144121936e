"""The log: one line a request that says what it cost, causes of errors, and never a secret."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.layers.catalog import Catalog
from tests.support import faults
from tests.support.app import client, layer, problem
from tests.support.faults import Raw, Status, WithHeaders, redirect
from tests.support.log import wait_for_writers
from tests.support.origin import Fault, Origin, send
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

URL = "/layers/a/tiles/native/0/0/0.jpg"
LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (?P<level>INFO|ERROR) (?P<pid>\d+) request: (?P<method>\S+) "
    r"(?P<target>(layer=\S+ tile=\S+|path=\S*)) status=(?P<status>\d+) bytes=(?P<bytes>\d+) ms=(?P<ms>\d+\.\d) "
    r"tier=(?P<tier>-|memory|redis|origin) origin_reads=(?P<reads>\d+)( request_id=(?P<id>\S+))?"
    r"( traceparent=(?P<traceparent>\S+))?( cause=\"(?P<cause>.*)\")?"
)
SECRETS = ("hunter1", "hunter2", "hunter3", "hunter4", "aHVudGVyMTpodW50ZXIy")
"""User, password, signature, password of Redis, and the first two as Basic authentication sends them."""

Written = Callable[[], list[str]]


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Written:
    """The lines that were written since the last call."""

    def lines() -> list[str]:
        wait_for_writers()
        return capfd.readouterr().err.splitlines()

    return lines


def app_of(folder: Path, uri: str | Path, more: str = "", level: str = "info") -> FlaskClient:
    return client(folder, layer("a", uri, more), {"LOG_LEVEL": level})


def fields(line: str) -> dict[str, str]:
    match = LINE.fullmatch(line)
    assert match, line
    return match.groupdict(default="")


def test_a_request_is_one_line_that_says_what_it_cost(tmp_path: Path, written: Written) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        app = app_of(tmp_path, f"{origin.url}/a.tif")
        etag = app.get(URL).headers["ETag"]
        size_bytes = len(app.get(URL).data)
        app.get(URL, headers={"If-None-Match": etag})
        app.head(URL)
        app.get("/layers/a/tiles/native/9/0/0.jpg")
        app.get("/layers/a")
        app.post("/layers/a")
        app.get("/nothing?secret=x")
    lines = [fields(line) for line in written()]
    tile = "layer=a tile=native/0/0/0.jpg"
    assert [(line["method"], line["target"], line["status"]) for line in lines] == [
        ("GET", tile, "200"),
        ("GET", tile, "200"),
        ("GET", tile, "304"),
        ("HEAD", tile, "200"),
        ("GET", "layer=a tile=native/9/0/0.jpg", "404"),
        ("GET", "path=/layers/a", "200"),
        ("POST", "path=/layers/a", "405"),
        ("GET", "path=/nothing", "404"),
    ]
    assert [(line["tier"], line["reads"]) for line in lines[:4]] == [
        ("origin", "2"),
        ("memory", "0"),
        ("memory", "0"),
        ("memory", "0"),
    ]
    assert [line["bytes"] for line in lines[:4]] == [str(size_bytes), str(size_bytes), "0", "0"]
    assert {line["level"] for line in lines} == {"INFO"}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "SourceNotFound: {path}: no such file"),
        (b"nothing of an image", "FormatError: "),
        (gdal_tiff("jpeg-ycbcr")[:300], "FormatError: "),
    ],
)
@pytest.mark.parametrize("path", [URL, "/layers/a"])
def test_the_line_of_an_error_has_its_cause(
    path: str, content: bytes | None, cause: str, tmp_path: Path, written: Written
) -> None:
    if content is not None:
        (tmp_path / "a.tif").write_bytes(content)
    app_of(tmp_path, "a.tif").get(path)
    (line,) = [fields(line) for line in written()]
    assert line["cause"].startswith(cause.format(path=tmp_path / "a.tif"))
    assert line["status"] == ("404" if content is None else "502")
    assert line["level"] == ("INFO" if content is None else "ERROR")


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_quiet_levels_write_the_failures_alone(level: str, tmp_path: Path, written: Written) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (tmp_path / "b.tif").write_bytes(b"nothing of an image")
    app = client(tmp_path, layer("a", "a.tif") + layer("b", "b.tif"), {"LOG_LEVEL": level})
    for path in (URL, "/layers/a", "/nothing", "/layers/b"):
        app.get(path)
    assert [fields(line)["target"] for line in written()] == ["path=/layers/b"]


@pytest.mark.parametrize(
    "path",
    [
        '/layers/a"%20status=200%20x="',
        "/layers/a%0a2026-01-01T00:00:00%20INFO%201%20request:%20GET",
        "/layers/a%0d%0a%1b[31m",
        "/layers/a/tiles/%0a/0/0/0.jpg",
        "/layers/%e2%80%a8%c2%85",
        "/layers/%00%ff",
        "/" + "x" * 10_000,
    ],
    ids=lambda path: path[:20],
)
def test_a_request_cannot_write_a_line_or_a_field_of_its_own(path: str, tmp_path: Path, written: Written) -> None:
    app_of(tmp_path, "a.tif").get(path)
    (line,) = written()
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 1000
    assert fields(line)["status"] == "404"
    before, _, cause = line.partition(' cause="')
    assert before.count("status=") == 1
    assert not re.search(r'(?<!\\)"', cause.removesuffix('"')), "the quotation ends early"


@pytest.mark.parametrize("path", [URL, "/health/ready"])
def test_a_fault_of_ours_is_a_500_with_its_traceback_in_the_log(
    path: str, tmp_path: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*arguments: object) -> None:
        raise RuntimeError("the reason")

    app = app_of(tmp_path, "a.tif")
    for method, kind in {"layer": fault, "public_count": property(fault)}.items():
        monkeypatch.setattr(Catalog, method, kind)
    assert problem(app.get(path), 500) == "an error in the server; its log names the cause"
    *traceback, line = written()
    assert traceback[1].startswith("Traceback")
    assert fields(line)["cause"] == "RuntimeError: the reason"


def texts_of(reply: TestResponse) -> str:
    return f"{reply.data!r} {reply.headers}"


FAULTS: dict[str, Fault] = {
    "status 500": faults.Status(500, {"X-Debug": "hunter3"}, b"hunter3"),
    "status 403": faults.Status(403),
    "status 404": faults.Status(404),
    "redirect": faults.redirect("http://other.example/?X-Amz-Signature=hunter3"),
    "no HTTP": faults.Raw(b"hunter3\r\n\r\n"),
    "hang up": faults.HangUp(),
    "reset": faults.HangUp(reset=True),
    "no range": faults.ignore_range,
    "shifted": faults.shifted,
    "cut": faults.Cut(10),
    "none": send,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_secrets_of_an_origin_get_nowhere(fault: str, tmp_path: Path, written: Written) -> None:
    """Into no line at any level, no reply and nothing that others could read in Redis."""
    with Origin() as origin, RedisServer(password="hunter4") as redis:
        origin.put("/private/a.tif", gdal_tiff("jpeg-ycbcr"))
        origin.fail("/private/a.tif", FAULTS[fault], times=100)
        uri = f"http://hunter1:hunter2@{origin.host}/private/a.tif?X-Amz-Signature=hunter3"
        app = client(tmp_path, layer("a", uri), {"LOG_LEVEL": "debug", "REDIS_URL": redis.url})
        texts = "".join(texts_of(app.get(path)) for path in (URL, "/layers/a", "/layers", "/", "/health/ready"))
        keys = redis.command("KEYS", "*")
        values = [redis.command("GET", key) for key in keys.splitlines() if key.startswith(b"rawcog")]
        redis.kill()
        texts += texts_of(app.get(URL.replace("0/0/0", "1/0/0")))
        sent = origin.requests[0]
    assert "hunter3" in sent.path
    assert SECRETS[-1] in sent.headers["authorization"]
    assert (b"rawcog" in keys) == (fault == "none")
    log = "\n".join(written())
    assert "request: GET" in log
    for secret in SECRETS:
        assert secret not in log
        assert secret not in texts
        assert secret not in str(keys) + str(values)


INNER = b"root:x:0:0"
"""Bytes of a place that no client may read, behind an origin that redirects or answers oddly."""
NOSY: dict[str, Fault] = {
    "body": Status(206, {"Content-Range": "bytes 0-9/10"}, INNER),
    "reason": Raw(b"HTTP/1.1 500 %b\r\nContent-Length: 0\r\n\r\n" % INNER),
    "no HTTP": Raw(b"%b\r\n\r\n" % INNER),
    "range": WithHeaders({"Content-Range": INNER.decode()}),
    "coding": WithHeaders({"Content-Encoding": INNER.decode()}),
    "length": WithHeaders({"Content-Length": INNER.decode()}),
    "location": redirect(f"http://{INNER.decode()}/"),
    "refusal": Status(403, {"WWW-Authenticate": INNER.decode()}, INNER),
}


@pytest.mark.parametrize("fault", NOSY.values(), ids=NOSY)
def test_no_byte_of_an_origins_reply_is_shown_to_a_client(fault: Fault, tmp_path: Path, written: Written) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        origin.fail("/a.tif", fault, times=99)
        app = app_of(tmp_path, f"{origin.url}/a.tif")
        replies = [app.get(url) for url in (URL, "/layers/a", "/layers", "/layers/a/gdal.xml")]
        replies += [app.get(url, headers={"Accept": "text/html"}) for url in ("/layers/a", "/")]
    assert [reply.status_code for reply in replies] == [502, 502, 200, 502, 502, 200]
    shown = b"".join(reply.data + str(reply.headers).encode() for reply in replies)
    assert not [form for form in (INNER, INNER.hex().encode(), b"root", b"726f6f74") if form in shown]
    if fault is NOSY["body"]:
        assert any("not a TIFF" in line and "(found b'root')" in line for line in written())


def test_no_byte_of_a_damaged_tile_is_shown_to_a_client(tmp_path: Path, written: Written) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr").replace(b"\xff\xd8\xff\xc0", b"root"))
    app = app_of(tmp_path, "a.tif")
    for extension in ("jpg", "tif"):
        detail = problem(app.get(URL.replace("jpg", extension)), 502)
        assert "JPEG tile: wanted ffd8" in detail
        assert "root" not in detail
    assert sum("(found b'ro" in line for line in written()) == 2
