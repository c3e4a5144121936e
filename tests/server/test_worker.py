"""A thread of the server and its clients."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from threading import Event

import pytest
import requests
from gunicorn.workers.gthread import ThreadWorker

from server.worker import STAYS, Worker
from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn
from tests.support.wait import wait_until

TILE = "/layers/a/tiles/native/0/0/0.jpg"
ONE_THREAD = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads=1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Gunicorn]:
    with Gunicorn(ONE_THREAD, layer("a", ROOT / "data" / "world.tif")) as running:
        yield running


class Connection:
    """A client's, on which there is always something to read."""

    def __init__(self) -> None:
        self.sock, self._client = socket.socketpair()
        self._client.send(b"G")

    def close(self) -> None:
        self.sock.close()
        self._client.close()


@pytest.mark.parametrize(("waiting", "requests_in_a_row"), [(0, 1 + STAYS), (1, 1)])
def test_a_thread_stays_a_while_with_a_client_if_nobody_waits(
    waiting: int, requests_in_a_row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[object] = []

    def answer(self: ThreadWorker, conn: Connection) -> bool:
        answered.append(conn)
        return True

    monkeypatch.setattr(ThreadWorker, "handle", answer)
    worker, may_end = Worker.__new__(Worker), Event()
    worker.alive, worker.tpool = True, ThreadPoolExecutor(1)
    with worker.tpool, closing(Connection()) as connection:
        busy = worker.tpool.submit(may_end.wait)
        wait_until(busy.running)
        for _ in range(waiting):
            worker.tpool.submit(may_end.wait)
        is_kept = worker.handle(connection)
        may_end.set()
    assert is_kept is True
    assert len(answered) == requests_in_a_row


def test_a_client_who_asks_on_and_on_lets_others_in(server: Gunicorn) -> None:
    statuses: list[int] = []
    enough = Event()

    def ask_on() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not enough.is_set():
            connection.request("GET", TILE)
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
        connection.close()

    with ThreadPoolExecutor(1) as clients:
        asking = clients.submit(ask_on)
        try:
            for _ in range(20):
                before = len(statuses)
                wait_until(lambda before=before: len(statuses) > before + 5)  # type: ignore[misc]
                assert requests.get(server.url + TILE, timeout=60).status_code == 200
        finally:
            enough.set()
        asking.result()
    assert set(statuses) == {200}


def test_requests_that_are_sent_together_are_answered_in_their_order(server: Gunicorn) -> None:
    paths = [TILE, "/layers/nothing", TILE, "/nothing", "/layers"]
    heads = [f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths]
    heads[-1] = heads[-1].replace("Host", "Connection: close\r\nHost")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall("".join(heads).encode())
        replies = b"".join(iter(partial(connection.recv, 65536), b""))
    assert re.findall(rb"HTTP/1\.1 ([0-9]+) ", replies) == [b"200", b"404", b"200", b"404", b"200"]
