"""Clients that ask for tiles until they are told to stop, and take note of all that they were told."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from threading import Event
from types import TracebackType
from typing import Self

import requests
from urllib3.exceptions import NewConnectionError

from tests.support.wait import wait_until

CLIENTS = 8
PAUSE_S = 0.01
"""Between two requests of a client, to leave the server time to answer others."""

LOST, REFUSED = 0, -1
"""The connection was broken off, or there was none: no server listens, and the client gives up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one request."""

    url: str
    sent_at: float
    """Instant of `time.time()`."""
    status: int
    """Or LOST or REFUSED."""
    body: bytes = field(repr=False)
    etag: str | None = None


class Load:
    """Clients for the length of a `with`, each request on a connection of its own."""

    def __init__(self, urls: Sequence[str], clients: int = CLIENTS, timeout_s: float = 30) -> None:
        self.answers: list[Answer] = []
        self._timeout_s = timeout_s
        self._urls = urls
        self._stop = Event()
        self._pool = ThreadPoolExecutor(clients)
        self._running = [self._pool.submit(self._ask, number) for number in range(clients)]

    def more(self, number: int) -> None:
        """Wait for so many answers."""
        wanted = len(self.answers) + number
        wait_until(lambda: len(self.answers) > wanted)

    def stop(self) -> None:
        """Let every client have its last answer; raises what a client raised."""
        self._stop.set()
        self._pool.shutdown()
        for asking in self._running:
            asking.result()

    def _ask(self, first: int) -> None:
        for url in islice(cycle(self._urls), first % len(self._urls), None):
            sent_at = time.time()
            try:
                reply = requests.get(url, timeout=self._timeout_s)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                is_refused = isinstance(getattr(error.args[0], "reason", None), NewConnectionError)
                self.answers.append(Answer(url, sent_at, REFUSED if is_refused else LOST, b""))
                if is_refused:
                    return
            else:
                etag = reply.headers.get("ETag")
                self.answers.append(Answer(url, sent_at, reply.status_code, reply.content, etag))
            if self._stop.wait(PAUSE_S):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
