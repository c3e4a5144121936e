"""A TCP proxy whose replies go wrong as they are told: what a network, or a server in trouble, does to its clients.

Use:
    with FaultProxy(redis.port) as proxy:
        proxy.fail(hang)         # or another of the faults below: of new connections and of those that are open
        proxy.refuse()           # no server listens
        proxy.mend()
"""

import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65536


class Link:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket, stopped: threading.Event) -> None:
        self.client = client
        self.stopped = stopped
        """The proxy has ended."""
        self.round_trips = 0
        """Requests, each with all that the client sends until a reply comes."""
        self._server = server

    def pump(self, reply: Callable[["Link", bytes], None]) -> None:
        """Pass requests on, and replies as `reply` does, until one side ends."""
        last = self._server
        with self._server, self.client, suppress(OSError, ValueError):  # closed by another thread
            while not self.stopped.is_set():
                readable = select.select([self.client, self._server], [], [], 0.05)[0]
                for one in readable:
                    data = one.recv(CHUNK_BYTES)
                    if not data:
                        return
                    if one is self.client:
                        self.round_trips += last is self._server
                        self._server.sendall(data)
                    else:
                        reply(self, data)
                    last = one

    def reset(self) -> None:
        """Break off with RST, as closing with SO_LINGER 0 does."""
        with suppress(OSError):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.client.close()


Fault = Callable[[Link, bytes], None]
"""Is handed what the server sent, and does with it what it likes."""


def pass_on(link: Link, data: bytes) -> None:
    """No fault."""
    link.client.sendall(data)


def slow(link: Link, data: bytes) -> None:
    """Half a second late, which is later than a cache is of use."""
    link.stopped.wait(0.5)
    link.client.sendall(data)


def hang(link: Link, data: bytes) -> None:
    """Never: a black hole."""


def drip(link: Link, data: bytes) -> None:
    """A byte at a time."""
    for byte in data:
        if link.stopped.wait(0.05):
            break
        link.client.sendall(bytes([byte]))


def cut(link: Link, data: bytes) -> None:
    """The first half, then the end of the connection."""
    link.client.sendall(data[: len(data) // 2])
    link.client.shutdown(socket.SHUT_RDWR)


def reset(link: Link, data: bytes) -> None:
    """The end of the connection, without a word."""
    link.reset()


def half_closed(link: Link, data: bytes) -> None:
    """The server sends no more, but does not hang up: what comes is taken and forgotten."""
    link.client.shutdown(socket.SHUT_WR)


def garbage(link: Link, data: bytes) -> None:
    """As many bytes, but of something else."""
    link.client.sendall((b"\x00\xff garbage\r\n" * (len(data) // 10 + 1))[: len(data)])


def flipped(link: Link, data: bytes) -> None:
    """The last byte before the end of the line is another."""
    link.client.sendall(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:] if len(data) > 5 else data)


class FaultProxy:
    """A proxy on a free port of 127.0.0.1 for the length of a `with`."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._fault: Fault = pass_on
        self._stopped = threading.Event()
        self._links: set[Link] = set()
        self._all_links: list[Link] = []
        self._lost: set[Link] = set()
        self._threads: list[threading.Thread] = []
        self._reserved = socket.socket()
        """Bound but not listening: no other process gets the port while it is refused."""
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self._listener: socket.socket | None = None

    @property
    def links(self) -> int:
        """Number of open connections."""
        return len(self._links)

    @property
    def round_trips(self) -> int:
        """Round trips on all connections so far."""
        return sum(link.round_trips for link in self._all_links)

    def fail(self, fault: Fault) -> None:
        """Let every reply go wrong like this from now on."""
        self._fault = fault

    def lose_links(self) -> None:
        """Forget the open connections, as a firewall does, without notice. New ones are served."""
        self._lost = set(self._links)

    def refuse(self) -> None:
        """Break off all connections, and take no new ones."""
        self._stop_listening()
        for link in list(self._links):
            link.reset()

    def mend(self) -> None:
        """Serve as if nothing had been."""
        self._fault = pass_on
        self._lost.clear()
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends `accept` in the other thread
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._start(self._serve, Link(client, server, self._stopped))

    def _serve(self, link: Link) -> None:
        self._links.add(link)
        self._all_links.append(link)
        try:
            link.pump(self._reply)
        finally:
            self._links.discard(link)

    def _reply(self, link: Link, data: bytes) -> None:
        (hang if link in self._lost else self._fault)(link, data)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._stop_listening()
        for thread in self._threads:
            thread.join()
        self._reserved.close()
