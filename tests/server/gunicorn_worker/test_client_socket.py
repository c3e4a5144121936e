"""The socket of a client: a reply arrives whole and in order, however its parts are sent."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from server.gunicorn_worker.client_socket import ClientSocket
from server.gunicorn_worker.lead import lead
from tests.support.wait import wait_until

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
BODY = bytes(range(256)) * 8192
"""Larger than the buffers of a socket."""


class Cut(ClientSocket):
    """A socket of which the kernel takes only the first bytes of a reply, as when a wait for the client ends."""

    most_bytes = 1 << 30

    def sendmsg(self, buffers: Any, *_: Any) -> int:
        return self.send(b"".join(buffers)[: self.most_bytes])


@pytest.fixture
def ends() -> Iterator[tuple[Cut, socket.socket]]:
    accepted, client = socket.socketpair()
    with Cut(accepted) as own, client:
        yield own, client


def received(ends: tuple[Cut, socket.socket], send: Callable[[Cut], object]) -> bytes:
    """All that the client gets of a reply."""
    own, client = ends
    with ThreadPoolExecutor(1) as threads:
        whole = threads.submit(lambda: b"".join(iter(partial(client.recv, 65536), b"")))
        own.hold_head()
        send(own)
        own.flush()
        own.shutdown(socket.SHUT_WR)
        return whole.result(20)


@pytest.mark.parametrize("most_bytes", [3, len(HEAD), len(HEAD) + 5, len(HEAD) + len(BODY)])
def test_a_reply_that_the_kernel_takes_in_pieces_arrives_whole(
    most_bytes: int, ends: tuple[Cut, socket.socket]
) -> None:
    def send(own: Cut) -> None:
        for part in (HEAD, BODY, b"end"):
            own.sendall(part)

    ends[0].most_bytes = most_bytes
    assert received(ends, send) == HEAD + BODY + b"end"


def test_a_thread_hands_the_lead_over_only_where_it_waits_for_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over: list[int] = []
    accepted, client = socket.socketpair()
    with ClientSocket(accepted) as own, client, ThreadPoolExecutor(1) as threads:
        monkeypatch.setattr(lead, "hand_over", lambda: handed_over.append(1))
        own.hold_head()
        own.sendall(HEAD)
        own.sendall(b"short")
        assert not handed_over
        sent = threads.submit(own.sendall, BODY)
        wait_until(lambda: bool(handed_over))
        reply = client.recv(len(HEAD) + len(b"short") + len(BODY), socket.MSG_WAITALL)
        sent.result(20)
    assert reply == HEAD + b"short" + BODY


def test_a_head_without_a_body_is_sent_too(ends: tuple[Cut, socket.socket]) -> None:
    assert received(ends, lambda own: own.sendall(HEAD)) == HEAD


def test_a_head_precedes_the_file_that_is_its_body(ends: tuple[Cut, socket.socket]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(BODY)
        file.flush()

        def send(own: Cut) -> None:
            own.sendall(HEAD)
            own.sendfile(file, 256, 512)

        assert received(ends, send) == HEAD + BODY[256:768]
