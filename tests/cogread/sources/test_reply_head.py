"""The parser of usual headers: what it takes, and what it leaves to http.client, whose reading is the oracle."""

import http.client
import io
from typing import Any

import pytest

from cogread.sources.http_client.reply_head import parse_head

FIELDS = (
    b'\r\nServer: s\r\nETag:W/"a: b"\r\nContent-Type: \timage/tiff \r\nEmpty:\r\nVia: 1.1 a\r\nX-Umlaut: \xe4\r\n'
    b"VIA: 1.1 b\r\nContent-Range: bytes 0-2/9\r\nContent-Length: 3\r\n\r\n"
)
USUAL = b"HTTP/1.1 206 Partial Content" + FIELDS


class _Received:
    """Bytes that http.client reads in place of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._data)


def by_http_client(data: bytes) -> http.client.HTTPResponse:
    reply = http.client.HTTPResponse(_Received(data), method="GET")  # type: ignore[arg-type]
    reply.begin()
    return reply


@pytest.mark.parametrize("status_line", [b"HTTP/1.1 206 OK", b"HTTP/1.1 404", b"HTTP/1.1 500 "])
def test_a_usual_header_is_that_of_http_client(status_line: bytes) -> None:
    data = status_line + FIELDS + b"abc"
    head, theirs = parse_head(data), by_http_client(data)
    assert head is not None
    assert (head.status, head.body_bytes) == (theirs.status, theirs.length)
    assert data[head.size_bytes :] == theirs.read() == b"abc"
    names = {name.lower() for name in theirs.headers}
    assert head.headers == {name: ", ".join(theirs.headers.get_all(name) or ()).strip(" \t") for name in names}


@pytest.mark.parametrize(
    "lines",
    [
        b"HTTP/1.0 206 OK\r\nContent-Length: 3",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 3",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK",
        b"HTTP/1.1 2060 OK\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nContent-Length: +3",
        b"HTTP/1.1 206 OK\r\nContent-Length: -3",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3, 3",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\ncontent-length: 4",
        b"HTTP/1.1 206 OK\r\nContent-Length: " + b"9" * 30,
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\nTransfer-Encoding: identity",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\nConnection: close",
        b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\nConnection: keep-alive, Close",
        b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nA: b\r\n folded\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\n A: b\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nContent-Length : 3",
        b"HTTP/1.1 206 OK\r\nno colon\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nA: b\rc\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nA: b\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\nA: b\0\r\nContent-Length: 3",
        b"HTTP/1.1 206 OK\nContent-Length: 3",
        b"HTTP/1.1 206 OK\r\n" + b"A: b\r\n" * 99 + b"Content-Length: 3",
        b"HTTP/1.1 206 OK\r\nA: " + bytes([98]) * 65_536 + b"\r\nContent-Length: 3",
        b"ICY 206 OK\r\nContent-Length: 3",
    ],
    ids=lambda lines: repr(lines[:60]),
)
def test_other_headers_are_left_to_http_client(lines: bytes) -> None:
    assert parse_head(lines + b"\r\n\r\nabc") is None


@pytest.mark.parametrize("size_bytes", range(0, len(USUAL), 7))
def test_a_part_of_a_header_is_left_to_http_client(size_bytes: int) -> None:
    assert parse_head(USUAL[:size_bytes]) is None
