"""Clients that ask for each path once."""

import threading
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Final

from bench.cpus import LOAD_CPU, pinned
from bench.server import BenchError

CLIENTS: Final = 8


def ask_each(port: int, paths: Sequence[str], status: int) -> None:
    """Ask for all paths over a few connections.

    Raises:
        BenchError: a reply has another status.
    """
    errors: list[str] = []
    with pinned(LOAD_CPU):
        threads = [
            threading.Thread(target=_ask, args=(port, paths[first::CLIENTS], status, errors))
            for first in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise BenchError(errors[0])


def _ask(port: int, paths: Sequence[str], status: int, errors: list[str]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for path in paths:
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        if reply.status != status:
            errors.append(f"{path}: status {reply.status}, wanted {status}")
            return
