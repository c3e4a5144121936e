"""Latency of cold tiles for one client, beyond a plain read of the same bytes from the same origin."""

import re
import statistics
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Final, NamedTuple

from bench.cpus import LOAD_CPU, pinned
from bench.origin import Origin
from bench.report import Table, Target, at_most
from bench.server import BenchError, Server


class Latency(NamedTuple):
    """Milliseconds of a tile and of what it consists of."""

    ours: float
    plain: float
    """A read of the origin by `http.client`."""
    inside: float
    """By the log of the server, which excludes gunicorn."""
    nothing: float
    """A WSGI callable that does nothing, in the same worker after the same pause."""


Latencies = Sequence[Latency]

_LOGGED_MS: Final = re.compile(r" ms=([0-9.]+) tier=origin ")
_PATIENCE_S: Final = 10.0


def in_pairs(
    server: Server,
    nothing: Server,
    paths: Sequence[str],
    origin: Origin,
    source: str,
    ranges: Sequence[tuple[int, int]],
) -> Latencies:
    """Ask for tiles in turn, each at the server, then at the origin, and then for nothing.

    Args:
        server: serves the tiles.
        nothing: does nothing.
        paths: of the tiles.
        origin: of their file.
        source: path of the file there.
        ranges: half-open, of the tiles in the file.
    """
    with pinned(LOAD_CPU):
        ours = HTTPConnection("127.0.0.1", server.port, timeout=30)
        plain = HTTPConnection("127.0.0.1", origin.port, timeout=30)
        bare = HTTPConnection("127.0.0.1", nothing.port, timeout=30)
        mark = f"/layers/{time.monotonic_ns()}"  # no layer: its line is behind those of the requests before
        _ms(ours, mark, {}, 404)
        taken = []
        for path, (start, stop) in zip(paths, ranges, strict=True):
            mine = _ms(ours, path, {}, 200)
            bytes_range = {"Range": f"bytes={start}-{stop - 1}"}
            other = _ms(plain, source, bytes_range, 206)
            taken.append((mine, other, _ms(bare, "/", {}, 200)))
            _ms(plain, source, bytes_range, 206)  # so both servers are asked after a read of the origin
    logged = _logged_ms(server, mark, len(taken))
    return [Latency(mine, other, inside, bare) for (mine, other, bare), inside in zip(taken, logged, strict=True)]


def table(by_delay: Mapping[int, Latencies]) -> Table:
    """A row for each delay of the origin, in ms."""
    rows = {f"origin of {delay_ms} ms": _medians(latencies) for delay_ms, latencies in by_delay.items()}
    titles = ("rawcog", "http.client", "rawcog without gunicorn", "bare WSGI", "median of differences")
    return Table(("one client, median ms", *titles), rows)


def targets(by_delay: Mapping[int, Latencies]) -> list[Target]:
    """Targets: at most 1 ms beyond."""
    return [
        at_most(f"ms beyond a plain read, origin of {delay_ms} ms", _medians(latencies)[-1], 1, _bound_by(latencies))
        for delay_ms, latencies in by_delay.items()
    ]


def _bound_by(latencies: Latencies) -> str:
    ours, plain, inside, nothing, _ = _medians(latencies)
    return (
        f"a WSGI callable that does nothing takes {nothing:.2f} ms in this worker after such a pause, as the CPUs have "
        f"gone to sleep. Of the {ours - plain:.2f} ms, rawcog takes {inside - plain:.2f} by its log."
    )


def _medians(latencies: Latencies) -> tuple[float, float, float, float, float]:
    ours, plain, inside, nothing = (statistics.median(figures) for figures in zip(*latencies, strict=True))
    return ours, plain, inside, nothing, statistics.median(each.ours - each.plain for each in latencies)


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
