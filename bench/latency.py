"""What one client waits for cold tiles beyond what a plain read of the same bytes from the same origin takes."""

import statistics
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Final

from bench.cpus import LOAD_CPU, pinned
from bench.origin import Origin
from bench.report import Table, Target, at_most
from bench.server import BenchError, Server

Pairs = Sequence[tuple[float, float]]
"""Milliseconds by the server, and by `http.client`."""

_BOUND_BY: Final = (
    "the server's event loop, its thread and, after the origin's reply, this thread again: three more sleepers are "
    "woken than by a plain read, on CPUs whose caches have gone cold."
)


def in_pairs(
    server: Server, paths: Sequence[str], origin: Origin, source: str, ranges: Sequence[tuple[int, int]]
) -> Pairs:
    """Ask for one tile after the other, each by the server and then from the origin.

    Args:
        server: who is asked for tiles.
        paths: of the tiles.
        origin: of their file.
        source: path of the file there.
        ranges: half-open, of the tiles in the file.
    """
    with pinned(LOAD_CPU):
        ours = HTTPConnection("127.0.0.1", server.port, timeout=30)
        plain = HTTPConnection("127.0.0.1", origin.port, timeout=30)
        return [
            (_ms(ours, path, {}, 200), _ms(plain, source, {"Range": f"bytes={start}-{stop - 1}"}, 206))
            for path, (start, stop) in zip(paths, ranges, strict=True)
        ]


def table(by_delay: Mapping[int, Pairs]) -> Table:
    """A row for each delay of the origin, in ms."""
    rows = {f"origin of {delay_ms} ms": _medians(pairs) for delay_ms, pairs in by_delay.items()}
    return Table(("one client, median ms", "rawcog", "http.client", "median of differences"), rows)


def targets(by_delay: Mapping[int, Pairs]) -> list[Target]:
    """At most 1 ms beyond."""
    return [
        at_most(f"ms beyond a plain read, origin of {delay_ms} ms", _medians(pairs)[-1], 1, _BOUND_BY)
        for delay_ms, pairs in by_delay.items()
    ]


def _medians(pairs: Pairs) -> tuple[float, float, float]:
    ours, plain, beyond = zip(*((mine, other, mine - other) for mine, other in pairs), strict=True)
    return statistics.median(ours), statistics.median(plain), statistics.median(beyond)


def _ms(connection: HTTPConnection, path: str, headers: dict[str, str], status: int) -> float:
    began_s = time.perf_counter()
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    reply.read()
    taken_ms = (time.perf_counter() - began_s) * 1000
    if reply.status != status:
        raise BenchError(f"{path}: status {reply.status}, wanted {status}")
    return taken_ms
