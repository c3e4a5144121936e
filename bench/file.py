"""The file itself: time to the first byte of a range that no cache has, beside a plain read of the same bytes from the
origin; and hot tiles of a local layer, alone and while 64 clients download a whole file.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Effort, described
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.imagery import Z, make_cog
from bench.load import Load, put_load
from bench.origin import serving_files
from bench.recording import write_requests
from bench.report import Report, Table, Target, at_most
from bench.server import ROOT, THREADS, BenchError, rawcog

FILE: Final = "tiles.tif"
FILE_BYTES: Final = 384 << 20
DELAY_MS: Final = 50
RANGES: Final = {"16 KiB": (1 << 14, 24), "64 KiB": (1 << 16, 24), "1 MiB": (1 << 20, 24), "8 MiB": (1 << 23, 12)}
"""Name -> size of ranges, and their number."""
DOWNLOADS: Final = 64
RATE: Final = 1_000_000
"""Bytes per second of each download: 64 fill half of a gigabit line."""
TILE: Final = f"/layers/local/tiles/native/{Z}/0/0.jpg"

Times = Sequence[tuple[float, float]]
"""Milliseconds by the server, and by the origin."""


def run(effort: Effort) -> Report:
    """Measure both."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_cog(folder / FILE, 256)
        os.truncate(folder / FILE, FILE_BYTES)  # more behind it
        origin = stack.enter_context(serving_files(folder))
        config = f'[layers.local]\nuri = "{folder / FILE}"\n[layers.http]\nuri = "{origin.url(FILE, DELAY_MS)}"\n'
        server = stack.enter_context(rawcog("file", config, folder))
        other = stack.enter_context(rawcog("other", config, folder))
        server.get("/layers/http")
        with pinned(LOAD_CPU):
            ours = HTTPConnection("127.0.0.1", server.port, timeout=30)
            plain = HTTPConnection("127.0.0.1", origin.port, timeout=30)
            times = _first_bytes(ours, plain, f"/{DELAY_MS}ms/{FILE}")
        requests = write_requests({TILE: ""}, folder / "tile")
        loads: dict[str, list[Load]] = {"alone": []}
        for _ in range(min(effort.rounds, 5)):
            loads["alone"].append(put_load(server.port, requests, effort.seconds, 4))
            for layer in ("local", "http"):
                for name, port in ((f"{layer}", server.port), (f"{layer}, by another server", other.port)):
                    with _downloads(port, f"/layers/{layer}/cog.tif"):
                        load = put_load(server.port, requests, effort.seconds, 4)
                    loads.setdefault(f"{DOWNLOADS} downloads, {name}", []).append(load)
    notes = {
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}",
        "ranges": f"none overlaps another; an origin of {DELAY_MS} ms, whose version of the file is known",
        "downloads": f"{DOWNLOADS} clients of {RATE / 1e6:.0f} MB/s each, of a local file and of the origin's; those "
        "by another server on the same CPU show the share of the machine in the figures",
        "load": f"{described(effort)}, but 4 connections; clients and origin on CPU {LOAD_CPU}",
    }
    tables = [_time_table(times), _load_table(loads)]
    return Report("The file itself", notes, tables, _targets(times, loads), raw={"first_byte_ms": times})


def _first_bytes(ours: HTTPConnection, plain: HTTPConnection, source: str) -> dict[str, Times]:
    times: dict[str, Times] = {}
    start = 32 << 20  # behind header and tiles
    for name, (size_bytes, count) in RANGES.items():
        pairs = []
        for _ in range(count):
            field = f"bytes={start}-{start + size_bytes - 1}"
            pairs.append((_first_byte_ms(ours, "/layers/http/cog.tif", field), _first_byte_ms(plain, source, field)))
            start += size_bytes
        times[name] = pairs
    return times


def _first_byte_ms(connection: HTTPConnection, path: str, field: str) -> float:
    began_s = time.perf_counter()
    connection.request("GET", path, headers={"Range": field})
    reply = connection.getresponse()
    reply.read(1)
    taken_ms = (time.perf_counter() - began_s) * 1000
    reply.read()
    if reply.status != 206:
        raise BenchError(f"{path}: status {reply.status}, wanted 206")
    return taken_ms


@contextmanager
def _downloads(port: int, path: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.apps.downloads", str(port), path, str(DOWNLOADS), str(RATE)]
    with (
        pinned(LOAD_CPU),
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients,
    ):
        assert clients.stdout is not None
        clients.stdout.readline()
        time.sleep(1)
        yield
        if clients.poll() is not None:
            raise BenchError(f"{path}: a download was refused")
        clients.communicate()


def _time_table(times: dict[str, Times]) -> Table:
    rows = {
        name: (*(statistics.median(each) for each in zip(*pairs, strict=True)), _ratio(pairs))
        for name, pairs in times.items()
    }
    return Table(("range, ms to the first byte", "rawcog", "origin", "median of ratios"), rows)


def _load_table(loads: dict[str, list[Load]]) -> Table:
    rows = {
        name: tuple(
            statistics.median(figure)
            for figure in zip(*((load.requests / load.seconds, load.p50_ms, load.p99_ms) for load in each), strict=True)
        )
        for name, each in loads.items()
    }
    return Table(("hot tile of a local layer", "req/s", "p50 ms", "p99 ms"), rows)


def _ratio(pairs: Times) -> float:
    return statistics.median(mine / other for mine, other in pairs)


def _targets(times: dict[str, Times], loads: dict[str, list[Load]]) -> list[Target]:
    alone = loads.pop("alone")
    return [
        *(at_most(f"first byte of {name} / of the origin", _ratio(pairs), 1.2) for name, pairs in times.items()),
        *(
            at_most(
                f"p99 of a hot tile, {name} / alone",
                statistics.median(load.p99_ms / before.p99_ms for load, before in zip(each, alone, strict=True)),
                2,
            )
            for name, each in loads.items()
            if "another" not in name
        ),
    ]
