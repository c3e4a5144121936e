"""Requests that HTTP refuses, byte by byte on a socket: one reply, and the end of the connection (RFC 9112)."""

import re
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn

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
    "<a>",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("a", ROOT / "data" / "world.tif")) as running:
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


AMBIGUOUS = {
    "two hosts": "Host: a\r\nHost: a",
    "length and chunks": f"{CHUNKED}\r\nContent-Length: 5",
    "chunks and length": f"Host: a\r\nContent-Length: 5\r\n{CHUNKED[9:]}",
    "two lengths": "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
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


@pytest.mark.parametrize("length", ["5", "0" * 20 + "5", "1000000000000"])
def test_a_body_of_a_length_gets_one_reply_and_the_end(length: str, server: Gunicorn) -> None:
    assert statuses(server, head(f"Host: a\r\nContent-Length: {length}") + b"hello" + SMUGGLED) == [200]


def test_an_empty_body_keeps_the_connection(server: Gunicorn) -> None:
    last = head("Host: a\r\nConnection: close")
    assert statuses(server, head("Host: a\r\nContent-Length: 0") + last) == [200, 200]
