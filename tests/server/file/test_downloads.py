"""Whole files on their way: slow clients hold no thread, and a file that changes meanwhile ends the connection."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Final

import pytest
import requests

from server.gunicorn_worker import download
from server.gunicorn_worker.download import ClientTooSlow, Download
from tests.support import faults
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.origin import Fault, Origin
from tests.support.tiffs import gdal_tiff

HEADER: Final = gdal_tiff("jpeg-ycbcr")
FILE: Final = HEADER + bytes(range(251)) * 100_000
"""25 MB, more than the buffers between a server and a client hold."""
OTHER: Final = HEADER + bytes(reversed(range(251))) * 100_000
DOWNLOADS: Final = 12


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def server(folder: Path, origin: Origin) -> Iterator[Gunicorn]:
    """One worker of one thread: a client that holds it holds up all others."""
    names = ("renamed", "rewritten", "slow")
    remote = ("a", "b", "c", "d", "e", "hanging")
    for name in names:
        (folder / name).write_bytes(FILE)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    for name in remote:
        origin.put(f"/{name}", FILE)
    config = "".join(layer(name, folder / name) for name in names)
    config += "".join(layer(name, f"{origin.url}/{name}") for name in remote)
    with Gunicorn({"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads=1"}, config) as running:
        yield running


@contextmanager
def opened(server: Gunicorn, name: str) -> Iterator[tuple[socket.socket, HTTPResponse]]:
    """A client that has the head of the reply with the whole file, and reads no more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"GET /layers/{name}/cog.tif HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        response = HTTPResponse(connection, method="GET")
        response.begin()
        assert (response.status, response.length) == (200, len(FILE))
        yield connection, response


def test_clients_that_do_not_read_hold_no_thread_and_get_all_of_the_file_later(server: Gunicorn) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(opened(server, "slow")) for _ in range(DOWNLOADS)]
        assert requests.get(f"{server.url}/layers/slow/tiles/native/0/0/0.jpg", timeout=10).status_code == 200
        for connection, response in clients:
            assert response.read() == FILE
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            again = HTTPResponse(connection, method="GET")
            again.begin()
            assert (again.status, again.read()[:1]) == (200, b"{")


def test_a_client_that_goes_away_leaves_room_for_others(server: Gunicorn) -> None:
    for _ in range(3):
        with ExitStack() as stack:
            for _ in range(60):  # of 64 at once
                stack.enter_context(opened(server, "slow"))
        wait_for(lambda: connections(server) == 0, "the worker to see that its clients are gone")


def connections(server: Gunicorn) -> int:
    """Sockets of the worker's clients."""
    (pid,) = server.pids()
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{server.port:04X}") and row[3] in ("01", "08") for row in rows)


def replace_by_rename(path: Path) -> None:
    path.with_name("new").write_bytes(OTHER)
    path.with_name("new").rename(path)


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(OTHER)


@pytest.mark.parametrize(("name", "change"), [("renamed", replace_by_rename), ("rewritten", rewrite)])
def test_a_local_file_that_is_replaced_ends_the_connection(
    name: str, change: Callable[[Path], None], server: Gunicorn, folder: Path
) -> None:
    with opened(server, name) as (_, response):
        begin = response.read(1000)
        change(folder / name)
        assert_broken_off(begin, response)
    wait_for(lambda: f"layer '{name}': cog.tif ends after" in server.log(), "the line in the log")
    assert requests.get(f"{server.url}/layers/{name}/cog.tif", timeout=30).content == OTHER


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a", None),
        ("b", faults.ignore_range),
        ("c", faults.Cut(10)),
        ("d", faults.shifted),
        ("e", faults.Status(404)),
    ],
)
def test_an_origin_that_fails_in_the_middle_ends_the_connection(
    name: str, fault: Fault | None, server: Gunicorn, origin: Origin
) -> None:
    path = f"/{name}"
    with opened(server, name) as (_, response):
        begin = response.read(1000)
        if fault is None:
            origin.put(path, OTHER)
        else:
            origin.fail(path, fault, times=4)
        assert_broken_off(begin, response)
    origin.mend(path)
    wait_for(lambda: f"layer '{name}': cog.tif ends after" in server.log(), "the line in the log")
    right = OTHER if fault is None else FILE
    wait_for(lambda: requests.get(f"{server.url}/layers/{name}/cog.tif", timeout=30).content == right, "the file")


def assert_broken_off(begin: bytes, response: HTTPResponse) -> None:
    """The client gets bytes of the first version alone, and sees that some are missing."""
    with pytest.raises(IncompleteRead) as error:
        response.read()
    got = begin + error.value.partial
    assert len(got) < len(FILE)
    assert FILE.startswith(got)


def test_an_origin_that_hangs_holds_up_no_download_of_others(server: Gunicorn, origin: Origin) -> None:
    held = faults.Hold()
    with ExitStack() as stack:
        stack.callback(held.is_over.set)
        clients = [stack.enter_context(opened(server, "hanging"))[1] for _ in range(DOWNLOADS)]
        origin.fail("/hanging", held, times=100)
        for response in clients:
            response.read(1000)
        before = len(origin.ranges("/hanging"))
        with ThreadPoolExecutor(DOWNLOADS) as threads:
            rest = [threads.submit(response.read) for response in clients]
            wait_for(lambda: len(origin.ranges("/hanging")) > before, "a read that hangs")
            assert requests.get(f"{server.url}/layers/slow/cog.tif", timeout=3).content == FILE
            held.is_over.set()
            origin.mend("/hanging")
            assert {len(each.result(60)) for each in rest} == {len(FILE) - 1000}


def test_a_client_that_is_too_slow_loses_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "GRACE_S", 0.0)
    monkeypatch.setattr(download, "LEAST_BYTES_PER_S", 1 << 60)
    own, client_end = socket.socketpair()
    with own, client_end, pytest.raises(ClientTooSlow):
        Download(Pieces(), is_kept_alive=True).send(own)


class Pieces:
    """A body without end."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return bytes(100)

    def close(self) -> None:
        """Nothing is held."""


def test_downloads_have_a_bound_beyond_which_tiles_still_come(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(FILE)
    app = client(tmp_path, f"[server]\ninflight_bytes = {1 << 20}\n" + layer("a", "a.tif"))
    first = app.get("/layers/a/cog.tif", buffered=False)
    busy = app.get("/layers/a/cog.tif")
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")
    assert app.get("/layers/a/cog.tif", headers={"Range": "bytes=0-99"}).data == FILE[:100]
    assert app.get("/layers/a/tiles/native/0/0/0.jpg").status_code == 200
    first.close()
    assert app.get("/layers/a/cog.tif").data == FILE
