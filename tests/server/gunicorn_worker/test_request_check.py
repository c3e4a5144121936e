"""Requests that HTTP refuses, byte by byte on a socket: one reply, and the end of the connection (RFC 9112)."""

import re
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.app import ROOT, layer
from tests.support.gunicorn import PARSERS, Gunicorn

PATH = "/layers/a/tiles/native/0/0/0.jpg"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = "Host: a\r\nTransfer-Encoding: chunked"

HOSTS = [
    "a",
    "a.example:8000",
    "127.0.0.1:80",
    "[::1]:8000",
    "",
    "a:",
    "xn--bcher-kva.example",
    "a_b",
]
NO_HOSTS = [
    "a b",
    "a/b",
    "a?b",
    "user@a",
    "a:b",
    "a:80:80",
    "[::1",
    "::1",
    'a"b',
    "a\\b",
    "bücher",
    "%zz",
    "a%:8",
    "<a>",
]


@pytest.fixture(scope="module", params=PARSERS)
def server(request: pytest.FixtureRequest) -> Iterator[Gunicorn]:
    config = layer("a", ROOT / "data" / "world.tif")
    with Gunicorn(
        {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads=1"}, config, parser=request.param
    ) as running:
        yield running


def statuses(server: Gunicorn, sent: bytes) -> list[int]:
    """All answers until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(sent)
        data = b"".join(iter(partial(client.recv, 65536), b""))
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", data)]


def head(fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} {PATH} HTTP/{version}\r\n{fields}\r\n\r\n".encode().replace(b"\r\n\r\n\r\n", b"\r\n\r\n")


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_of_any_legal_form_is_taken(host: str, server: Gunicorn) -> None:
    assert statuses(server, head(f"Host: {host}\r\nConnection: close")) == [200]


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_that_cannot_be_one_is_400(host: str, server: Gunicorn) -> None:
    assert statuses(server, head(f"Host: {host}") + SMUGGLED) == [400]


@pytest.mark.parametrize(
    ("fields", "version", "expected"), [("", "1.1", 400), ("Accept: */*", "1.1", 400), ("", "1.0", 200)]
)
def test_only_http_1_0_needs_no_host(fields: str, version: str, expected: int, server: Gunicorn) -> None:
    assert statuses(server, head(fields, version=version)) == [expected]


REQUEST_LINES = [
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    " GET / HTTP/1.1",
    "GET / HTTP/1.1 ",
    "GET\t/ HTTP/1.1",
    "GET / HTTP/1.2",
    "GET / HTTP/2.0",
    "GET / http/1.1",
    "GET / HTTP/1",
    "GET / HTTP",
    "GET / ",
    "GET /",
    "GET",
    "GET * HTTP/1.1",
    "GET a:80 HTTP/1.1",
    "GET /\x7f HTTP/1.1",
    "G:T / HTTP/1.1",
    "get / HTTP/1.1",
    "\r\n",
]


@pytest.mark.parametrize("line", REQUEST_LINES)
def test_a_request_line_of_another_form_is_400(line: str, server: Gunicorn) -> None:
    """At once: the client sends nothing more and keeps the connection, which would hold the only thread."""
    assert statuses(server, f"{line}\r\nHost: a\r\n\r\n".encode()) == [400]


LINE_ENDS = [
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\n",
    "GET / HTTP/1.\n",
]


@pytest.mark.parametrize("sent", LINE_ENDS)
def test_a_line_that_ends_without_cr_is_400(sent: str, server: Gunicorn) -> None:
    assert statuses(server, sent.encode()) == [400]


def test_one_empty_line_before_a_request_is_ignored(server: Gunicorn) -> None:
    assert statuses(server, b"\r\n" + head("Host: a\r\nConnection: close")) == [200]


LIMITS = {
    "the longest line": (f"GET /{'x' * 4080} HTTP/1.1\r\nHost: a", 404),
    "a longer line": (f"GET /{'x' * 4081} HTTP/1.1\r\nHost: a", 414),
    "a longer line after an empty one": (f"\r\nGET /{'x' * 4081} HTTP/1.1\r\nHost: a", 414),
    "the largest field": (f"GET {PATH} HTTP/1.1\r\nHost: a\r\nX: {'x' * 8185}", 200),
    "a larger field": (f"GET {PATH} HTTP/1.1\r\nHost: a\r\nX: {'x' * 8186}", 431),
    "the most fields": ("\r\n".join([f"GET {PATH} HTTP/1.1", "Host: a", *(f"X-{n}: x" for n in range(98))]), 200),
    "more fields": ("\r\n".join([f"GET {PATH} HTTP/1.1", "Host: a", *(f"X-{n}: x" for n in range(99))]), 431),
}


@pytest.mark.parametrize(("sent", "expected"), LIMITS.values(), ids=LIMITS)
def test_limits_are_those_that_the_reply_names(sent: str, expected: int, server: Gunicorn) -> None:
    assert statuses(server, f"{sent}\r\nConnection: close\r\n\r\n".encode()) == [expected]


AMBIGUOUS = {
    "two hosts": "Host: a\r\nHost: a",
    "length and chunks": f"{CHUNKED}\r\nContent-Length: 5",
    "chunks and length": f"Host: a\r\nContent-Length: 5\r\n{CHUNKED[9:]}",
    "two lengths": "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
    "a length beyond 64 bits": f"Host: a\r\nContent-Length: {2**64 + 5}",
    "a length of 30 digits": f"Host: a\r\nContent-Length: {10**29}",
    "a length of 5,000 digits": f"Host: a\r\nContent-Length: {'0' * 4999}5",
    "a length with a sign": "Host: a\r\nContent-Length: +5",
    "a space before the colon": "Host: a\r\nTransfer-Encoding : chunked",
    "a folded line": "Host: a\r\nX: a\r\n b",
    "chunks twice": f"{CHUNKED}, chunked",
    "chunks that are not last": f"{CHUNKED}, gzip",
}


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_that_can_be_read_in_two_ways_is_400(fields: str, server: Gunicorn) -> None:
    assert statuses(server, head(fields) + b"0\r\n\r\n" + SMUGGLED) == [400]


BODIES = {
    "sound": b"5\r\nhello\r\n0\r\n\r\n",
    "no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "no end of a chunk": b"5\r\nhello0\r\n\r\n",
    "no end of a line": b"5\nhello\n0\n\n",
    "a number with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a huge number": b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a bad trailer": b"0\r\nHost: b\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 405)])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_of_chunks_gets_one_reply_and_the_end(body: bytes, method: str, status: int, server: Gunicorn) -> None:
    """Whatever it holds: nothing takes a body, and what follows it is not read as a request."""
    assert statuses(server, head(CHUNKED, method) + body + SMUGGLED) == [status]


@pytest.mark.parametrize("length", ["5", "0" * 30 + "5", "9" * 18])
def test_a_body_of_a_length_gets_one_reply_and_the_end(length: str, server: Gunicorn) -> None:
    assert statuses(server, head(f"Host: a\r\nContent-Length: {length}") + b"hello" + SMUGGLED) == [200]


def test_an_empty_body_keeps_the_connection(server: Gunicorn) -> None:
    last = head("Host: a\r\nConnection: close")
    assert statuses(server, head("Host: a\r\nContent-Length: 0") + last) == [200, 200]
