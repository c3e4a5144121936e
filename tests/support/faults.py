"""Faults of an origin: faults for `Origin.fail`, as classes where they have parameters, else functions."""

import re
import socket
import struct
import threading
from dataclasses import dataclass, field, replace
from itertools import cycle

from tests.support.origin import Connection, Reply, send


@dataclass(frozen=True, slots=True)
class Status:
    """Another status with headers and body of its own."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __call__(self, connection: Connection, reply: Reply) -> None:
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        send(connection, Reply(self.status, headers, self.body))


def redirect(location: str, status: int = 302) -> Status:
    """Lead elsewhere."""
    return Status(status, {"Location": location})


@dataclass(frozen=True, slots=True)
class WithHeaders:
    """The right reply but for some headers; None takes one away."""

    headers: dict[str, str | None]

    def __call__(self, connection: Connection, reply: Reply) -> None:
        changed = {**reply.headers, **self.headers}
        send(connection, replace(reply, headers={name: value for name, value in changed.items() if value is not None}))


class Nodes:
    """Several servers behind one name, by turns: each with an ETag, and perhaps a Last-Modified, of its own."""

    def __init__(self, *validators: dict[str, str]) -> None:
        self._turns = cycle(validators)

    def __call__(self, connection: Connection, reply: Reply) -> None:
        own = next(self._turns)
        if connection.headers.get("If-Match", own["ETag"]) != own["ETag"]:
            send(connection, Reply(412, {"Content-Length": "0"}))
        else:
            right = connection.server.origin.answer(connection.path, connection.headers["Range"])
            send(connection, replace(right, headers={**right.headers, **own}))


def refuse_if_match(connection: Connection, reply: Reply) -> None:
    """412 to whatever ETag a read expects."""
    send(connection, Reply(412, {"Content-Length": "0"}) if "If-Match" in connection.headers else reply)


@dataclass(frozen=True, slots=True)
class Cut:
    """The whole header, but only so many bytes of the body; then the end of the connection, or a reset."""

    keep_bytes: int
    reset: bool = False

    def __call__(self, connection: Connection, reply: Reply) -> None:
        connection.send_bytes(reply.header_bytes() + reply.body[: self.keep_bytes])
        _break(connection, self.reset)


class Hold:
    """The right reply, but not before it is allowed."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def __call__(self, connection: Connection, reply: Reply) -> None:
        self.is_over.wait(60)
        send(connection, reply)


@dataclass(frozen=True, slots=True)
class HangUp:
    """No reply: the end of the connection, or a reset."""

    reset: bool = False

    def __call__(self, connection: Connection, reply: Reply) -> None:
        _break(connection, self.reset)


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes in place of a reply."""

    data: bytes

    def __call__(self, connection: Connection, reply: Reply) -> None:
        connection.send_bytes(self.data)
        connection.hang_up()


@dataclass(frozen=True, slots=True)
class Followed:
    """The right reply with bytes behind it that belong to no reply; the body may be a TLS record of its own."""

    data: bytes
    apart: bool = False

    def __call__(self, connection: Connection, reply: Reply) -> None:
        header, rest = reply.header_bytes(), reply.body + self.data
        for part in (header, rest) if self.apart else (header + rest,):
            connection.send_bytes(part)


@dataclass(frozen=True, slots=True)
class Torn:
    """The right reply in two parts, of which the first has so many bytes; the second follows a moment later."""

    size_bytes: int
    pause_s: float = 0.02

    def __call__(self, connection: Connection, reply: Reply) -> None:
        data = reply.header_bytes() + reply.body
        connection.send_bytes(data[: self.size_bytes])
        connection.server.origin.stopped.wait(self.pause_s)
        connection.send_bytes(data[self.size_bytes :])


@dataclass(frozen=True, slots=True)
class Drip:
    """The right reply with its body, or all of it, a byte at a time."""

    interval_s: float = 0.02
    with_header: bool = False

    def __call__(self, connection: Connection, reply: Reply) -> None:
        header, body = reply.header_bytes(), reply.body
        if self.with_header:
            header, body = b"", header + body
        connection.send_bytes(header)
        for byte in body:
            if connection.server.origin.stopped.wait(self.interval_s):
                break
            connection.send_bytes(bytes([byte]))
        connection.hang_up()


def hang(connection: Connection, reply: Reply) -> None:
    """No reply as long as the origin lives."""
    connection.server.origin.stopped.wait()
    connection.hang_up()


def ignore_range(connection: Connection, reply: Reply) -> None:
    """200 with the whole resource."""
    data = connection.server.origin.resource(connection.path).data
    send(connection, Reply(200, {"Content-Length": str(len(data))}, data))


def endless(connection: Connection, reply: Reply) -> None:
    """A right header without a length, and zeros for ever."""
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    connection.send_bytes(Reply(reply.status, headers).header_bytes())
    while not connection.server.origin.stopped.is_set():
        connection.send_bytes(bytes(65536))


def chunked(connection: Connection, reply: Reply) -> None:
    """The right reply in chunks: no fault, but rarer."""
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    half = len(reply.body) // 2
    chunks = [part for part in (reply.body[:half], reply.body[half:]) if part]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*chunks, b""])
    send(connection, Reply(reply.status, {**headers, "Transfer-Encoding": "chunked"}, body))


def announced(connection: Connection, reply: Reply) -> None:
    """The right reply after two interim ones (RFC 9110 §15.2): no fault, but rarer."""
    hints = Reply(103, {"Link": "</style.css>; rel=preload"}).header_bytes()
    connection.send_bytes(Reply(102).header_bytes() + hints)
    send(connection, reply)


def shifted(connection: Connection, reply: Reply) -> None:
    """The range one byte further on."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.headers["Content-Range"])
    assert match
    first, last, size = map(int, match.groups())
    WithHeaders({"Content-Range": f"bytes {first + 1}-{last + 1}/{size}"})(connection, reply)


def multipart(connection: Connection, reply: Reply) -> None:
    """The range as the one part of a multipart/byteranges."""
    part = f"--b\r\nContent-Range: {reply.headers['Content-Range']}\r\n\r\n".encode() + reply.body + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/byteranges; boundary=b", "Content-Length": str(len(part))}
    send(connection, Reply(206, headers, part))


def _break(connection: Connection, reset: bool) -> None:
    if reset:  # closing with SO_LINGER 0 sends RST
        connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.connection.close()
    connection.hang_up()


class Meet:
    """The right reply once so many requests wait for theirs; none where the others do not come while a client waits."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def __call__(self, connection: Connection, reply: Reply) -> None:
        try:
            self._barrier.wait(10)
        except threading.BrokenBarrierError:
            connection.hang_up()
        else:
            send(connection, reply)
