"""Many clients on cold tiles of a slow origin: how near the server comes to all its threads waiting all the time.

The origin that takes 50 ms shows what a CPU allows; the one that takes 200 ms, what the threads allow.
"""

import statistics
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Effort
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.imagery import make_grid
from bench.load import Load, put_load
from bench.origin import Origin, serving_files
from bench.processes import cpu_s, memory_of
from bench.profile import profiling
from bench.recording import write_requests
from bench.remote import LEAST_MEMORY
from bench.report import Report, Table, Target, at_least
from bench.server import BenchError
from server.settings.environment import THREADS
from tests.support.gunicorn import Gunicorn

WORKERS: Final = 4
CLIENTS: Final = 256
DELAYS_MS: Final = (50, 200)
ROUNDS: Final = 2
SECONDS: Final = 8
"""Seconds of a round for each second of other benchmarks: its begin, without replies for the latency, counts less."""
SIDE: Final = 64
"""4096 tiles, sixteen for each client, so that two clients hardly ever want the same tile at the same time."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """The figures of all workers with an origin of one latency."""

    loads: list[Load]
    used_s: float
    """CPU time of the workers."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return statistics.median(load.requests / load.seconds for load in self.loads)

    @property
    def cpu_ms(self) -> float:
        """CPU time of a request."""
        return 1000 * self.used_s / sum(load.requests for load in self.loads)

    def row(self, delay_ms: int) -> list[float]:
        """Row of the table."""
        p50_ms = statistics.median(load.p50_ms for load in self.loads)
        p99_ms = statistics.median(load.p99_ms for load in self.loads)
        limit = _limit(delay_ms)
        return [self.rate, limit, self.cpu_ms, 1000 / self.cpu_ms, self.cpu_ms * limit / 1000, p50_ms, p99_ms]


def run(effort: Effort) -> Report:
    """Measure requests a second, and what the workers take."""
    watched: list[Table] = []
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_grid(folder / "grid.tif", SIDE, copies=True)
        origin = stack.enter_context(serving_files(folder))
        layers = (f'[layers.l{ms}]\nuri = "{origin.url("grid.tif", ms)}"\n' for ms in DELAYS_MS)
        with pinned(SERVER_CPU):
            server = stack.enter_context(Gunicorn({"WEB_CONCURRENCY": str(WORKERS)}, LEAST_MEMORY + "".join(layers)))
        requests = {ms: _requests(f"l{ms}", folder) for ms in DELAYS_MS}
        outcomes = {ms: _measure(server, requests[ms], origin, effort) for ms in DELAYS_MS}
        memory = {f"worker {number}": memory_of(pid) for number, pid in enumerate(sorted(server.pids()), 1)}
        if effort.profile:
            with profiling("one worker", min(server.pids()), watched) as seconds:
                _load(server.port, requests[DELAYS_MS[0]], seconds)
    notes = {
        "tiles": f"{SIDE**2} of a file behind HTTP; asked for in turn, and gone from the worker's memory before they "
        "are asked for again",
        "server": f"config/gunicorn.conf.py with {WORKERS} workers of {THREADS} threads, all on CPU {SERVER_CPU}; one "
        "origin may have 7/8 of a worker's threads",
        "load": f"wrk, {CLIENTS} kept-alive connections, rounds of {SECONDS * effort.seconds} s; it and the "
        f"origin on CPU {LOAD_CPU}",
    }
    titles = ("req/s", "threads / latency", "CPU ms", "req/s of a CPU", "CPUs for all threads", "p50 ms", "p99 ms")
    rows = {f"origin of {ms} ms": outcome.row(ms) for ms, outcome in outcomes.items()}
    tables = [
        Table(("all workers", *titles), rows),
        Table(("memory", "RSS MB", "PSS MB", "private MB"), memory),
        *watched,
    ]
    targets = [_target(ms, outcome) for ms, outcome in outcomes.items()]
    raw = {ms: [asdict(load) for load in outcome.loads] for ms, outcome in outcomes.items()}
    return Report("Concurrency", notes, tables, targets, raw=raw)


def _limit(delay_ms: int) -> float:
    """Requests a second if all threads waited for the origin all the time."""
    return WORKERS * THREADS / (delay_ms / 1000)


def _target(delay_ms: int, outcome: Throughput) -> Target:
    limit = _limit(delay_ms)
    bound_by = (
        f"a request takes {outcome.cpu_ms:.2f} ms of CPU, so that the one CPU of all workers allows "
        f"{1000 / outcome.cpu_ms:,.0f} a second; {limit:,.0f} would take {outcome.cpu_ms * limit / 1000:.1f} CPUs."
    )
    return at_least(f"requests/s / (threads / latency), origin of {delay_ms} ms", outcome.rate / limit, 0.8, bound_by)


def _requests(layer: str, folder: Path) -> Path:
    paths = (f"/layers/{layer}/tiles/native/0/{x}/{y}.jpg" for y in range(SIDE) for x in range(SIDE))
    return write_requests(dict.fromkeys(paths, ""), folder / layer)


def _measure(server: Gunicorn, requests: Path, origin: Origin, effort: Effort) -> Throughput:
    _load(server.port, requests, 2)
    logged = server.log().count(" tier=origin ")
    origin.take_requests()
    used_s = sum(map(cpu_s, server.pids()))
    loads = [_load(server.port, requests, SECONDS * effort.seconds) for _ in range(min(effort.rounds, ROUNDS))]
    used_s = sum(map(cpu_s, server.pids())) - used_s
    served, reads = server.log().count(" tier=origin ") - logged, len(origin.take_requests())
    asked = sum(load.requests for load in loads)
    if not asked or served < 0.98 * asked or reads < 0.95 * served:
        raise BenchError(f"{reads} reads of the origin for {served} of {asked} tiles: they were not cold")
    return Throughput(loads, used_s)


def _load(port: int, requests: Path, seconds: int) -> Load:
    load = put_load(port, requests, seconds, CLIENTS)
    if load.errors:
        raise BenchError(f"{load.errors} errors in {load.requests} replies")
    return load
