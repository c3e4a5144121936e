"""Error replies: a short problem document, never a traceback, a place or a secret."""

import json
import os
import socket
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.logs.request_ids import REQUEST_ID
from tests.support.app import client, layer, problem
from tests.support.gunicorn import PARSERS, Gunicorn
from tests.support.handmade import DOUBLE, SCALE, TIEPOINT, image, tiff
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

TILE = "/layers/a/tiles/native"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("app")
    (folder / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(folder, layer("a", "a.tif") + layer("b.c", "a.tif"))


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/layers/b", "no layer 'b'; all are at /layers"),
        ("/layers/b/tiles/native/0/0/0.jpg", "no layer 'b'; all are at /layers"),
        ("/layers/A/tiles/native/0/0/0.jpg", "no layer 'A'; similar: a"),
        ("/layers/bxc", "no layer 'bxc'; similar: b.c"),
        ("/layers/a/tiles/mercator/0/0/0.jpg", "grid 'mercator': wanted one of: native"),
        (f"{TILE}/4/0/0.jpg", "z 4: wanted 0 to 3"),
        (f"{TILE}/9999999999/0/0.jpg", "z 9999999999: wanted 0 to 3"),
        (f"{TILE}/0/0/1.jpg", "tile 0/0/1: at z 0, x is 0 to 0 and y 0 to 0"),
        (f"{TILE}/0/9999999999/0.jpg", "tile 0/9999999999/0: at z 0, x is 0 to 0 and y 0 to 0"),
        (f"{TILE}/0/0/0.webp", "format 'webp': the tiles are JPEG, not WebP; these tiles are offered as: jpg, tif"),
        ("/nothing", "nothing is served at this path"),
        ("/layers/a//", "nothing is served at this path"),
        ("/collections/a/map/tiles/native/0/0/0/", "nothing is served at this path"),
        ("/layers//tiles/native/0/0/0.jpg", "nothing is served at this path"),
        ("/health", "nothing is served at this path"),
        ("/robots.txt", "nothing is served at this path"),
    ],
)
def test_what_is_not_there_is_said(app: FlaskClient, path: str, detail: str) -> None:
    assert problem(app.get(path), 404) == detail


NUMBERS = "-1 +1 1e3 0x1 1.0 1_0 a ٣ １ ² %20 1%20 %201 %00 0%00 0%0a 0%0d%0aX:%201 .. %2e%2e 0%2f0 0;1 0,0 nan * {z}"


@pytest.mark.parametrize("number", [*NUMBERS.split(), "", "9" * 20, "9" * 5000], ids=lambda number: number[:20])
def test_a_number_is_made_of_ascii_digits(app: FlaskClient, number: str) -> None:
    for place in (f"{number}/0/0.jpg", f"0/{number}/0.jpg", f"0/0/{number}.jpg"):
        reply = app.get(f"{TILE}/{place}")
        detail = problem(reply, 404)
        assert "wanted" in detail or detail == "nothing is served at this path"
        assert "X" not in reply.headers


@pytest.mark.parametrize(
    "path",
    [
        "/layers/..%2f..%2fetc%2fpasswd",
        "/layers/%2e%2e/%2e%2e/etc/passwd",
        "/layers/../../etc/passwd",
        "/layers/a%2ftiles%2fnative%2f0%2f0%2f0.jpg/x",
        "/layers/a%00",
        "/layers/a%00/tiles/native/0/0/0.jpg",
        "/layers/a%0d%0aSet-Cookie:%20x=1",
        "/layers/a%0a/tiles/native/0/0/0.jpg",
        "/layers/a/tiles/native%0a/0/0/0.jpg",
        "/layers/a/tiles/native/0/0/0.jpg%0a",
        "/layers/a/tiles/native/0/0/0.jpg/",
        "/layers/a/tiles/native/0/0/0.jpg.jpg",
        "/layers/a/tiles/native/0/0/0.JPG",
        "/layers/a/tiles/native/0/0/",
        "/layers/a/tiles/native/0/0/.jpg",
        "/layers/a/tiles//0/0/0.jpg",
        "/layers/a/tiles/",
        "/layers/a/tiles",
        "/layers/file:%2f%2f%2fetc%2fpasswd",
        "/layers/http:%2f%2f127.0.0.1%2f",
        "/layers/%ff%fe",
        "/layers/%ed%a0%80",
        "/layers/<script>alert(1)</script>",
        "/layers/" + "a" * 100_000,
        "/" + "a/" * 50_000,
        "/%",
        "/%zz",
        "/layers/%25",
        "/static/../server/config.py",
        "/static/index.html",
        "/templates/index.html",
    ],
    ids=lambda path: path[:40],
)
def test_no_path_leads_astray(app: FlaskClient, path: str) -> None:
    reply = app.get(path)
    problem(reply, 404)
    assert len(reply.data) < 1000
    assert not [value for _, value in reply.headers if "\r" in value or "\n" in value]
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    "path", ["//layers", "//evil.example/", "//evil.example//", "", "layers", "*", "http://evil.example/"]
)
def test_no_path_redirects(app: FlaskClient, path: str) -> None:
    """As a server hands them on: the client of the tests would take a part for a host."""
    reply = app.get(environ_overrides={"PATH_INFO": path, "HTTP_HOST": "evil.example"})
    assert reply.status_code in (200, 404)
    assert "Location" not in reply.headers
    assert "evil" not in reply.text


@pytest.mark.parametrize("path", ["//wmts", "//layers", f"/{TILE}/0/0/0.jpg"])
def test_a_slash_too_many_leads_nowhere(app: FlaskClient, path: str) -> None:
    """Rather than to documents alone: a WMTS client that asks for tiles there was sent the capabilities."""
    query = "service=WMTS&request=GetTile&version=1.0.0"
    reply = app.get(environ_overrides={"PATH_INFO": path, "QUERY_STRING": query})
    assert reply.status_code == 404
    assert "nothing is served at this path" in reply.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.text(max_size=40), prefix=st.sampled_from(["/", "/layers/", "/layers/a/tiles/", f"{TILE}/", f"{TILE}/0/0/"])
)
def test_no_path_is_an_error_of_ours(app: FlaskClient, path: str, prefix: str) -> None:
    # as a server hands it on: the client of the tests would take the beginning of some for a host
    reply = app.get(environ_overrides={"PATH_INFO": (prefix + path).encode(errors="replace").decode("latin-1")})
    if reply.status_code != 200:
        problem(reply, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", [f"{TILE}/0/0/0.jpg", "/layers", "/layers/a", "/", "/health/live", "/health/ready"])
def test_other_methods_are_told_what_is_allowed(app: FlaskClient, method: str, path: str) -> None:
    reply = app.open(path, method=method, data=b"x" * 1000)
    assert problem(reply, 405) == "wanted GET, HEAD or OPTIONS"
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_head_of_a_problem_has_its_headers_and_no_body(app: FlaskClient) -> None:
    for path in ("/layers/b", f"{TILE}/9/0/0.jpg", "/nothing"):
        got, head = app.get(path), app.head(path)
        assert (head.status_code, head.data) == (404, b"")
        assert {**head.headers, REQUEST_ID: ""} == {**got.headers, REQUEST_ID: ""}


def broken_files(folder: Path) -> dict[str, tuple[int, str]]:
    """Write files that cannot be served; by layer the status and a part of what is said."""
    whole = gdal_tiff("jpeg-ycbcr")
    contents = {
        "text": b"this is no image",
        "empty": b"",
        "head": whole[:6],
        "cut": whole[:300],
        "loop": tiff(image().but(following=8)),
        "nothing": tiff(image(), first=0),
    }
    for name, content in contents.items():
        (folder / f"{name}.tif").write_bytes(content)
    (folder / "folder.tif").mkdir()
    os.mkfifo(folder / "pipe.tif")
    unusable = "gave a reply that cannot be used"
    return {
        "text": (502, "TIFF"),
        "empty": (502, ""),
        "head": (502, ""),
        "cut": (502, ""),
        "loop": (502, ""),
        "nothing": (502, ""),
        "folder": (502, unusable),
        "pipe": (502, unusable),
        "gone": (404, "the layer's file is not there"),
    }


def test_a_broken_file_costs_its_own_layer_alone(tmp_path: Path) -> None:
    expected = broken_files(tmp_path)
    (tmp_path / "good.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    app = client(tmp_path, "".join(layer(name, f"{name}.tif") for name in (*expected, "good")))
    for name, (status, said) in expected.items():
        for path in (f"/layers/{name}", f"/layers/{name}/tiles/native/0/0/0.jpg"):
            reply = app.get(path)
            assert said in problem(reply, status), name
            assert str(tmp_path) not in reply.text
            assert f"{name}.tif" not in reply.text
        assert app.get("/layers/good/tiles/native/0/0/0.jpg").status_code == 200
    rows = {row["name"]: row["status"] for row in app.get("/layers").get_json()["layers"]}
    assert rows == {**dict.fromkeys(expected, "error"), "good": "ok"}
    assert str(tmp_path) not in app.get("/layers").text + app.get("/").text


def test_a_file_in_strips_is_refused_with_the_line_that_mends_it(tmp_path: Path) -> None:
    ifd = image().without(322, 323)
    (tmp_path / "a.tif").write_bytes(tiff(ifd))
    app = client(tmp_path, layer("a", "a.tif"))
    for path in ("/layers/a", f"{TILE}/0/0/0.jpg"):
        assert "`gdal_translate -of COG -co COMPRESS=NONE in.tif out.tif`" in problem(app.get(path), 502)


def test_a_damaged_tile_costs_itself_alone(tmp_path: Path) -> None:
    data = gdal_tiff("jpeg-grey")
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    whole = app.get(f"{TILE}/2/1/1.jpg").data
    scan = whole[-40:-2]
    assert data.count(scan) == 1
    at = data.index(scan) + len(scan)  # the tile's EOI
    (tmp_path / "a.tif").write_bytes(data[:at] + b"\0\0" + data[at + 2 :])
    app = client(tmp_path, layer("a", "a.tif"))
    assert "col 1, row 1" in problem(app.get(f"{TILE}/2/1/1.jpg"), 502)
    assert app.get(f"{TILE}/2/0/1.jpg").status_code == 200


def test_numbers_beyond_measure_in_a_header_are_no_error_of_ours(tmp_path: Path) -> None:
    scale = image().having({SCALE: (DOUBLE, [1e200, 1e200, 0]), TIEPOINT: (DOUBLE, [0, 0, 0, 1e200, 1e200, 0])})
    (tmp_path / "a.tif").write_bytes(tiff(scale))
    assert client(tmp_path, layer("a", "a.tif")).get("/layers/a").status_code == 200


def test_a_missing_file_is_served_soon_after_it_came(tmp_path: Path) -> None:
    app = client(tmp_path, layer("a", "a.tif"))
    problem(app.get("/layers/a"), 404)
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    wait_until(lambda: app.get("/layers/a").status_code == 200)


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Original-URL"])
def test_no_document_repeats_the_host_that_a_client_names(app: FlaskClient, name: str) -> None:
    paths = ("/?f=html", "/layers", "/layers/a", f"{TILE}/0/0/0.jpg", f"{TILE}/9/0/0.jpg", "/health/ready", "/nothing")
    for path in paths:
        reply = app.get(path, headers={name: "evil.example"})
        assert b"evil" not in reply.data
        assert "evil" not in str(reply.headers)


def test_an_origin_that_is_gone_is_named_neither_by_place_nor_by_secret(tmp_path: Path) -> None:
    with Origin() as origin:
        place = origin.host
        url = f"http://hunter:hunter2@{place}/private/a.tif?sig=hunter3"
        app = client(tmp_path, layer("a", url) + layer("b", url.replace("a.tif", "b.tif")))
        reply = app.get("/layers/a")
        problem(reply, 404)
        texts = reply.text + str(reply.headers)
    reply = app.get("/layers/b/tiles/native/0/0/0.jpg")
    assert problem(reply, 502) == "the layer's origin cannot be reached"
    texts += reply.text + str(reply.headers) + app.get("/layers").text + app.get("/").text
    assert not [word for word in ("hunter", "private", "sig=", place) if word in texts]


def raw_reply(port: int, request: str) -> bytes:
    """Return the reply to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("parser", PARSERS)
def test_requests_that_only_an_attacker_sends(parser: str) -> None:
    tile = "/layers/world/tiles/native/0/0/0.jpg"
    requests = {
        f"GET {tile}?{'x' * 5000} HTTP/1.1\r\nHost: x": 414,
        f"GET {tile} HTTP/1.1\r\nHost: x\r\nX: {'y' * 100_000}": 431,
        f"get {tile} HTTP/1.1\r\nHost: x": 400,
        "GARBAGE": 400,
        f"GET {tile} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5": 400,
        "GET /layers/\xff HTTP/1.1\r\nHost: x": 400,
        "OPTIONS * HTTP/1.1\r\nHost: x": 404,
        "GET http://evil.example HTTP/1.1\r\nHost: evil.example": 404,
        "GET //evil.example/%2e%2e HTTP/1.1\r\nHost: evil.example": 404,
        "GET /?f=html HTTP/1.1\r\nHost: evil.example/a@b": 400,
        f"GET {tile} HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /y\r\nScript-Name: /y": 200,
        f'GET {tile} HTTP/1.1\r\nHost: x\r\nIf-None-Match: \xff"': 200,
    }
    with Gunicorn({"WEB_CONCURRENCY": "1"}, parser=parser) as server:
        for request, status in requests.items():
            reply = raw_reply(server.port, f"{request}\r\nConnection: close\r\n\r\n")
            assert reply.startswith(f"HTTP/1.1 {status} ".encode()), request[:80]
            assert b"evil" not in reply
            head, _, body = reply.partition(b"\r\n\r\n")
            assert b"\r\nX-Content-Type-Options: nosniff" in head
            if status != 200:
                assert b"\r\nContent-Type: application/problem+json\r\n" in head
                assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
                assert json.loads(body)["status"] == status
                assert b"nvalid" not in body or b"is not valid HTTP" in body  # gunicorn's words
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("kind", ["jpeg-mask", "webp-rgba", "deflate", "planar", "sparse"])
def test_every_kind_is_either_served_or_refused_with_its_reason(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff(kind))
    app = client(tmp_path, layer("a", "a.tif"))
    formats = app.get("/layers/a").get_json()["formats"]
    for extension in ("jpg", "webp", "png", "tif", "bin", "x"):
        reply = app.get(f"{TILE}/0/0/0.{extension}")
        if extension in formats:
            assert reply.status_code == 200
        else:
            assert f"format {extension!r}" in problem(reply, 404)
