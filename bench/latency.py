"""Latency of cold tiles for one client, beyond a plain read of the same bytes from the same origin."""

import re
import statistics
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Final

from bench.cpus import LOAD_CPU, pinned
from bench.origin import Origin
from bench.report import Table, Target, at_most
from bench.server import BenchError, Server

Latencies = Sequence[tuple[float, float, float]]
"""Milliseconds by the server, by `http.client`, and by the server's log, which excludes gunicorn."""

_LOGGED_MS: Final = re.compile(r" ms=([0-9.]+) tier=origin ")
_PATIENCE_S: Final = 10.0


def in_pairs(
    server: Server, paths: Sequence[str], origin: Origin, source: str, ranges: Sequence[tuple[int, int]]
) -> Latencies:
    """Ask for tiles in turn, each at the server and then at the origin.

    Args:
        server: serves the tiles.
        paths: of the tiles.
        origin: of their file.
        source: path of the file there.
        ranges: half-open, of the tiles in the file.
    """
    with pinned(LOAD_CPU):
        ours = HTTPConnection("127.0.0.1", server.port, timeout=30)
        plain = HTTPConnection("127.0.0.1", origin.port, timeout=30)
        mark = f"/layers/{time.monotonic_ns()}"  # no layer: its line is behind those of the requests before
        _ms(ours, mark, {}, 404)
        pairs = [
            (_ms(ours, path, {}, 200), _ms(plain, source, {"Range": f"bytes={start}-{stop - 1}"}, 206))
            for path, (start, stop) in zip(paths, ranges, strict=True)
        ]
    logged = _logged_ms(server, mark, len(pairs))
    return [(mine, other, inside) for (mine, other), inside in zip(pairs, logged, strict=True)]


def table(by_delay: Mapping[int, Latencies]) -> Table:
    """A row for each delay of the origin, in ms."""
    rows = {f"origin of {delay_ms} ms": _medians(latencies) for delay_ms, latencies in by_delay.items()}
    titles = ("rawcog", "http.client", "rawcog without gunicorn", "median of differences")
    return Table(("one client, median ms", *titles), rows)


def targets(by_delay: Mapping[int, Latencies]) -> list[Target]:
    """Targets: at most 1 ms beyond."""
    return [
        at_most(f"ms beyond a plain read, origin of {delay_ms} ms", _medians(latencies)[-1], 1, _bound_by(latencies))
        for delay_ms, latencies in by_delay.items()
    ]


def _bound_by(latencies: Latencies) -> str:
    ours, plain, inside, _ = _medians(latencies)
    return (
        f"rawcog itself takes {inside - plain:.2f} ms of them by its log. The other {ours - inside:.2f} ms are the "
        "event loop and the thread that gunicorn wakes, its parsing and sending, on CPUs that have gone to sleep."
    )


def _medians(latencies: Latencies) -> tuple[float, float, float, float]:
    ours, plain, inside = zip(*latencies, strict=True)
    beyond = statistics.median(mine - other for mine, other, _ in latencies)
    return statistics.median(ours), statistics.median(plain), statistics.median(inside), beyond


def _logged_ms(server: Server, mark: str, count: int) -> list[float]:
    """Read from the log the ms of so many tiles of the origin, behind a request; the log is written a moment later."""
    until_s = time.monotonic() + _PATIENCE_S
    while len(logged_ms := _LOGGED_MS.findall(server.log.read_text().partition(f"path={mark} ")[2])) < count:
        if time.monotonic() > until_s:
            raise BenchError(f"the log tells of {len(logged_ms)} tiles, wanted {count}")
        time.sleep(0.01)
    return [float(ms) for ms in logged_ms]


def _ms(connection: HTTPConnection, path: str, headers: dict[str, str], status: int) -> float:
    began_s = time.perf_counter()
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    reply.read()
    taken_ms = (time.perf_counter() - began_s) * 1000
    if reply.status != status:
        raise BenchError(f"{path}: status {reply.status}, wanted {status}")
    return taken_ms
