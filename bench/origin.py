"""An HTTP and S3 origin in a process of its own, cheap, with a delay set by the URL and a count of requests.

`/50ms/any/thing/tiles.tif` is the file `tiles.tif`, 50 ms later; the part between makes it another file for clients.
For S3, `50ms` is the bucket; signatures are not checked. Lists of a bucket (ListObjectsV2) have as many keys as
`/keys/100000` said last: `000000/tiles.tif` and so on. `/requests` returns and clears the list of requests.

    python -m bench.origin FOLDER        # serves the files of a folder until its standard input ends
"""

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bench.cpus import LOAD_CPU, pinned
from bench.server import ROOT

_REQUEST: Final = re.compile(rb"(GET|HEAD) (\S+) HTTP/1\.1\r\n")
_RANGE: Final = re.compile(rb"\r\nrange: *bytes=(\d+)-(\d+)\r\n", re.IGNORECASE)
_PLACE: Final = re.compile(r"/(\d+)ms/(?:.*/)?([^/]+)")
_KEYS: Final = re.compile(r"/keys/(\d+)")
_PAGE_KEYS: Final = 1000


@dataclass(frozen=True, slots=True)
class Origin:
    """A running origin."""

    port: int

    @property
    def endpoint(self) -> str:
        """The endpoint for S3; also the start of URLs."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, name: str, delay_ms: int = 0, alias: str = "") -> str:
        """The URL of a file."""
        return f"{self.endpoint}/{delay_ms}ms/{alias}{'/' if alias else ''}{name}"

    def set_keys(self, count: int) -> None:
        """Let lists have so many keys."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/keys/{count}")
        connection.getresponse().read()
        connection.close()

    def take_requests(self) -> list[str]:
        """The paths asked for since the last time."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/requests")
        paths: list[str] = json.loads(connection.getresponse().read())
        connection.close()
        return paths


@contextmanager
def serving_files(folder: Path) -> Iterator[Origin]:
    """Run an origin of a folder's files."""
    with pinned(LOAD_CPU):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.origin", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Origin(int(process.stdout.readline()))
        finally:
            process.stdin.close()


class _Connection(asyncio.Protocol):
    """A client's connection. Requests are not pipelined: no client here does."""

    keys = 0
    """Keys in lists, of all connections."""

    def __init__(self, files: dict[str, bytes], asked: list[str]) -> None:
        self._files, self._asked = files, asked
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        head, self._received = self._received, b""
        delay_s, reply = self._answer(head)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._transport.write, reply)
        else:
            self._transport.write(reply)

    def _answer(self, head: bytes) -> tuple[float, bytes]:
        match = _REQUEST.match(head)
        path = match[2].decode() if match else ""
        if path == "/requests":
            body = json.dumps(self._asked).encode()
            self._asked.clear()
            return 0, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        if keys := _KEYS.fullmatch(path):
            _Connection.keys = int(keys[1])
            return 0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self._asked.append(path)
        if "list-type=2" in path:
            body = _list(parse_qs(urlsplit(path).query), _Connection.keys)
            return 0, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        place = _PLACE.fullmatch(path)
        data = self._files.get(place[2]) if place else None
        if match is None or place is None or data is None:
            return 0, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        return int(place[1]) / 1000, _reply(head, data, match[1] == b"HEAD")


def _list(query: dict[str, list[str]], count: int) -> bytes:
    """A page of the keys behind `start-after`."""
    after = query.get("start-after", [""])[0]
    start = int(after.partition("/")[0]) + 1 if after else 0
    stop = min(start + _PAGE_KEYS, count)
    keys = "".join(
        f"<Contents><Key>{number:06}/tiles.tif</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>"
        f"<ETag>&quot;1&quot;</ETag><Size>1000000</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(start, stop)
    )
    name = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    return f"{name}<IsTruncated>{str(stop < count).lower()}</IsTruncated>{keys}</ListBucketResult>".encode()


def _reply(head: bytes, data: bytes, is_head: bool) -> bytes:
    match = _RANGE.search(head)
    start, stop = (int(match[1]), min(int(match[2]) + 1, len(data))) if match else (0, len(data))
    if start >= stop:
        return b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n" % len(
            data
        )
    status = b"206 Partial Content" if match else b"200 OK"
    lines = [
        b"HTTP/1.1 " + status,
        b'ETag: "1"',
        b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT",
        b"Accept-Ranges: bytes",
        b"Content-Type: image/tiff",
        b"Content-Length: %d" % (stop - start),
    ]
    if match:
        lines.append(b"Content-Range: bytes %d-%d/%d" % (start, stop - 1, len(data)))
    return b"\r\n".join([*lines, b"", b"" if is_head else data[start:stop]])


async def _serve(folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".tif"}
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(files, asked), "127.0.0.1", 0, backlog=1024)
    ended = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
