"""Many clients on cold tiles of a slow origin: how near the server comes to all its threads waiting all the time."""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Effort
from bench.cpus import LOAD_CPU
from bench.imagery import make_grid
from bench.load import Load, put_load
from bench.origin import serving_files
from bench.processes import cpu_s, memory_mb
from bench.profile import profiling
from bench.recording import write_requests
from bench.remote import LEAST_MEMORY
from bench.report import Report, Table, at_least
from bench.server import BenchError
from server.settings.environment import THREADS
from tests.support.gunicorn import Gunicorn

WORKERS: Final = 4
CLIENTS: Final = 256
DELAY_MS: Final = 50
SIDE: Final = 64
"""4096 tiles, sixteen for each client, so that two clients hardly ever want the same tile at the same time."""


def run(effort: Effort) -> Report:
    """Measure requests a second, and what the workers take."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_grid(folder / "grid.tif", SIDE, copies=True)
        origin = stack.enter_context(serving_files(folder))
        config = f'{LEAST_MEMORY}[layers.bench]\nuri = "{origin.url("grid.tif", DELAY_MS)}"\n'
        server = stack.enter_context(Gunicorn({"WEB_CONCURRENCY": str(WORKERS)}, config))
        paths = dict.fromkeys(
            (f"/layers/bench/tiles/native/0/{x}/{y}.jpg" for y in range(SIDE) for x in range(SIDE)), ""
        )
        requests = write_requests(paths, folder / "requests")
        _load(server.port, requests, 2)
        noted = server.log().count(" tier=origin ")
        origin.take_requests()
        cpu_before_s = _cpu_s(server.pids())
        loads = [_load(server.port, requests, effort.seconds) for _ in range(effort.rounds)]
        used_s = _cpu_s(server.pids()) - cpu_before_s
        watched: list[Table] = []
        served, reads = server.log().count(" tier=origin ") - noted, len(origin.take_requests())
        if effort.profile:
            with profiling("one worker", min(server.pids()), watched) as seconds:
                _load(server.port, requests, seconds)
        memory = {f"worker {number}": memory_mb(pid) for number, pid in enumerate(sorted(server.pids()), 1)}
    asked = sum(load.requests for load in loads)
    if served < 0.98 * asked or reads < 0.95 * served:
        raise BenchError(f"{reads} reads of the origin for {served} of {asked} tiles: they were not cold")
    loaded_s = sum(load.seconds for load in loads)
    limit = WORKERS * THREADS / (DELAY_MS / 1000)
    rate = statistics.median(load.requests / load.seconds for load in loads)
    rows: dict[str, Sequence[float]] = {
        "requests/s": [rate],
        "threads / latency": [limit],
        "p50 ms": [statistics.median(load.p50_ms for load in loads)],
        "p99 ms": [statistics.median(load.p99_ms for load in loads)],
        "CPUs that the workers took": [used_s / loaded_s],
        "CPU ms of a request": [used_s / served * 1000],
        "reads of the origin for a tile": [reads / served],
    }
    notes = {
        "tiles": f"{SIDE**2} of a file behind HTTP, {DELAY_MS} ms for each reply; asked for in turn, and gone from the "
        "worker's memory before they are asked for again",
        "server": f"config/gunicorn.conf.py with {WORKERS} workers of {THREADS} threads, on all CPUs; one origin may "
        "have 7/8 of a worker's threads",
        "load": f"wrk, {CLIENTS} kept-alive connections, {effort.rounds} rounds of {effort.seconds} s; it and the "
        f"origin on CPU {LOAD_CPU}",
    }
    bound_by = (
        f"requests/s times the CPU of a request is {used_s / loaded_s:.1f} CPUs, which the workers share with the "
        "origin and the load."
    )
    tables = [Table(("median of rounds", "all workers"), rows), Table(("memory", "RSS MB", "PSS MB"), memory), *watched]
    targets = [at_least("requests/s / (threads / latency)", rate / limit, 0.8, bound_by)]
    return Report("Concurrency", notes, tables, targets, raw=[asdict(load) for load in loads])


def _load(port: int, requests: Path, seconds: int) -> Load:
    load = put_load(port, requests, seconds, CLIENTS)
    if load.errors:
        raise BenchError(f"{load.errors} errors in {load.requests} replies")
    return load


def _cpu_s(pids: set[int]) -> float:
    return sum(cpu_s(pid) for pid in pids)
