"""An HTTP range origin on 127.0.0.1 that counts what it is asked, and misbehaves when told to.

    with Origin() as origin:
        origin.put("/a.tif", data)
        origin.fail("/a.tif", Status(503, {"Retry-After": "1"}), times=2)   # tests.support.faults
        ...                                                                 # read f"{origin.url}/a.tif"
        assert origin.ranges("/a.tif") == [(0, 16384)]

`python -m tests.support.origin FOLDER` serves a folder's files from a process of its own, for measurements; it prints
its URL and ends with its standard input.
"""

import re
import ssl
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import unquote

EtagKind = Literal["strong", "weak", "none"]

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Resource:
    """The content at a path."""

    data: bytes = field(repr=False)
    etag: str | None
    modified: str | None

    def headers(self) -> dict[str, str]:
        validators = {"ETag": self.etag, "Last-Modified": self.modified}
        return {"Accept-Ranges": "bytes"} | {name: value for name, value in validators.items() if value}


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a client."""

    path: str
    """As sent, with the query."""

    headers: dict[str, str]
    """Names in lower case."""

    @property
    def range(self) -> tuple[int, int] | None:
        """Half-open; None without a range of the form a-b."""
        match = _RANGE.fullmatch(self.headers.get("range", ""))
        return (int(match[1]), int(match[2]) + 1) if match else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def header_bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {'OK' if self.status < 300 else 'No'}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Connection(BaseHTTPRequestHandler):
    """A client's connection; a fault writes to it what it likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        origin = self.server.origin
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
        reply, fault = origin.note(request)
        origin.stopped.wait(origin.latency_s)
        (fault or send)(self, reply)

    def send_bytes(self, data: bytes) -> None:
        """Write to the socket; what the client did not take is not counted."""
        self.wfile.write(data)
        self.server.origin.count_sent(len(data))

    def hang_up(self) -> None:
        """Close the connection after this reply."""
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `Origin.requests` instead."""


Fault = Callable[[Connection, Reply], None]
"""Is given the right reply, and sends it changed, in part, or something else."""


def send(connection: Connection, reply: Reply) -> None:
    """Send the reply in one write."""
    connection.send_bytes(reply.header_bytes() + reply.body)


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, origin: "Origin") -> None:
        self.origin = origin
        super().__init__(("127.0.0.1", 0), Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.origin.connections += 1  # in the accepting thread alone
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is expected here."""


class Origin:
    """A server of resources in memory. All methods may be used while it serves."""

    def __init__(self, latency_s: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self.latency_s = latency_s
        """Wait before each reply."""
        self.requests: list[Request] = []
        """All requests so far, oldest first."""
        self.connections = 0
        """Connections accepted so far."""
        self.sent_bytes = 0
        """Bytes sent so far, headers included."""
        self.stopped = threading.Event()
        self._resources: dict[str, Resource] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"{self._scheme}://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def put(
        self, path: str, data: bytes, etag: EtagKind | str = "strong", modified: float | None = 1_700_000_000.0
    ) -> None:
        """Serve (or replace) a resource.

        Args:
            path: unquoted, from the slash on, without query.
            data: the content.
            etag: kind of ETag, made of the content; or one as it is to be sent, with its quotes.
            modified: Last-Modified in seconds since 1970; None sends none.
        """
        digest = blake2b(data, digest_size=8).hexdigest()
        tag = {"strong": f'"{digest}"', "weak": f'W/"{digest}"', "none": None}.get(etag, etag)
        last = None if modified is None else formatdate(modified, usegmt=True)
        self._resources[path] = Resource(data, tag, last)

    def remove(self, path: str) -> None:
        """Answer 404 from now on."""
        del self._resources[path]

    def fail(self, path: str, fault: Fault, times: int = 1) -> None:
        """Answer the next requests of the path with the fault, after those that are scripted already."""
        with self._lock:
            self._faults[path].extend([fault] * times)

    def mend(self, path: str) -> None:
        """Take back the faults that are still to come."""
        with self._lock:
            self._faults.pop(path, None)

    def ranges(self, path: str) -> list[tuple[int, int] | None]:
        """The ranges asked of the path so far, oldest first."""
        return [request.range for request in list(self.requests) if _plain(request.path) == path]

    def resource(self, path: str) -> Resource:
        """The resource of a path as sent."""
        return self._resources[_plain(path)]

    def answer(self, path: str, wanted: str) -> Reply:
        """The right reply to an unconditional request for a range."""
        return _answer(self._resources.get(_plain(path)), Request(path, {"range": wanted}))

    def count_sent(self, size_bytes: int) -> None:
        """Count bytes of a reply."""
        with self._lock:
            self.sent_bytes += size_bytes

    def note(self, request: Request) -> tuple[Reply, Fault | None]:
        """Count a request; the right reply, and the fault to treat it with."""
        with self._lock:
            self.requests.append(request)
            faults = self._faults.get(_plain(request.path))
            fault = faults.popleft() if faults else None
        return _answer(self._resources.get(_plain(request.path)), request), fault


def _plain(path: str) -> str:
    return unquote(path.partition("?")[0])


def _answer(resource: Resource | None, request: Request) -> Reply:
    """RFC 9110 §13.2.2: the preconditions, then the range."""
    if resource is None:
        return Reply(404, {"Content-Length": "0"})
    if_match = request.headers.get("if-match")
    if if_match is not None and (resource.etag != if_match or if_match.startswith("W/")):
        return Reply(412, {"Content-Length": "0"})
    if resource.etag and request.headers.get("if-none-match") == resource.etag:
        return Reply(304, resource.headers())
    size = len(resource.data)
    if request.range is None:
        return Reply(200, {**resource.headers(), "Content-Length": str(size)}, resource.data)
    start, stop = request.range[0], min(request.range[1], size)
    if start >= stop:
        return Reply(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
    headers = {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
    return Reply(206, resource.headers() | headers, resource.data[start:stop])


def main(folder: str) -> None:
    """Serve the files of a folder until standard input ends."""
    with Origin() as origin:
        for path in Path(folder).iterdir():
            if path.is_file():
                origin.put(f"/{path.name}", path.read_bytes())
        print(origin.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
