"""The cold remote tile: the header is known, the tile is read from an origin behind HTTP and from S3.

Neither worker keeps enough tiles to have one again when it is asked for. What a client waits beyond the read itself is
taken from pairs: a tile by the server, then the same bytes from the same origin by plain `http.client`.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import peers
from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.imagery import TILES_A_SIDE, Z, make_cog
from bench.origin import Origin, serving_files
from bench.profile import profiles
from bench.recording import write_requests
from bench.remote import LEAST_MEMORY
from bench.report import Report, Table, Target, at_most
from bench.server import ROOT, THREADS, BenchError, Server, rawcog
from cogread.reader import open_cog

FILE: Final = "tiles.tif"
TILE_PIXELS: Final = 256
DELAYS_MS: Final = {0: 256, 50: 48}
"""Delay of the origin -> how many tiles are asked for."""

_PLACES: Final = [(x, y) for y in range(TILES_A_SIDE) for x in range(TILES_A_SIDE)]
KEYS: Final = {"BENCH_KEY_ID": "key", "BENCH_SECRET": "secret"}


def run(effort: Effort) -> Report:
    """Measure latency, CPU and reads of the origin."""
    peers.set_up()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_cog(folder / FILE, TILE_PIXELS)
        origin = stack.enter_context(serving_files(folder))
        cold = stack.enter_context(rawcog("cold", LEAST_MEMORY + _layers(origin), folder, KEYS))
        hot = stack.enter_context(rawcog("hot", _layers(origin), folder, KEYS))
        ranges = _ranges(folder / FILE)
        size = statistics.mean(stop - start for start, stop in ranges)
        for layer in ("http0", "http50", "s3"):
            cold.get(_path(layer, 0, 0))  # reads the header
        latencies = {
            delay_ms: _latencies(cold, origin, ranges, delay_ms, count) for delay_ms, count in DELAYS_MS.items()
        }
        reads = _reads_a_tile(cold, origin)
        requests = {
            layer: write_requests({_path(layer, x, y): "" for x, y in _PLACES}, folder / layer)
            for layer in ("http0", "s3")
        }
        contestants = {
            "hot, in memory": Contestant(hot, requests["http0"], size, tier="memory"),
            "cold, http": Contestant(cold, requests["http0"], size, tier="origin"),
            "cold, s3": Contestant(cold, requests["s3"], size, tier="origin"),
        }
        rounds = take_turns(contestants, effort)
        watched = profiles(contestants, ("cold, http", "cold, s3"), effort)
        clients = _clients(origin, ranges, effort.rounds)
    notes = {
        "tiles": f"{len(_PLACES)} JPEG tiles, {size / 1000:.1f} kB on average",
        "servers": f"one gunicorn gthread worker of {THREADS} threads on CPU {SERVER_CPU}",
        "load": f"{described(effort)}; it and the origin on CPU {LOAD_CPU}",
        "checks": "the log says of each tile that it came from the origin, or from memory",
    }
    targets = [
        at_most("reads of the origin for a tile", reads, 1),
        *_latency_targets(latencies),
        *_cpu_targets({name: rounds.median(name, lambda turn: turn.cpu_us) / 1000 for name in contestants}),
    ]
    tables = [rounds.medians(), _latency_table(latencies), _client_table(clients), *watched]
    raw = {"rounds": rounds.raw(), "latencies_ms": latencies, "client_cpu_us": clients}
    return Report("Cold remote tile", notes, tables, targets, raw=raw)


def _layers(origin: Origin) -> str:
    http = "".join(f'[layers.http{delay_ms}]\nuri = "{origin.url(FILE, delay_ms)}"\n' for delay_ms in DELAYS_MS)
    return http + store_layer(origin, FILE)


def store_layer(origin: Origin, file: str) -> str:
    """The config of the layer `s3`, which needs KEYS in the environment."""
    return (
        f'[sources.store]\ntype = "s3"\nendpoint_url = "{origin.endpoint}"\nregion = "us-east-1"\n'
        'access_key_id_env = "BENCH_KEY_ID"\nsecret_access_key_env = "BENCH_SECRET"\n'
        f'[layers.s3]\nuri = "s3://0ms/{file}"\nsource = "store"\n'
    )


def _path(layer: str, x: int, y: int) -> str:
    return f"/layers/{layer}/tiles/native/{Z}/{x}/{y}.jpg"


def _ranges(path: Path) -> list[tuple[int, int]]:
    with open_cog(str(path)) as cog:
        places = [cog.place(cog.image(0), x, y) for x, y in _PLACES]
    return [(place.start, place.stop) for place in places if place is not None]


def _reads_a_tile(server: Server, origin: Origin) -> float:
    origin.take_requests()
    for x, y in _PLACES:
        server.get(_path("http0", x, y))
    return len(origin.take_requests()) / len(_PLACES)


Pairs = Sequence[tuple[float, float]]
"""Milliseconds by the server, and by a plain read of the same bytes."""


def _latencies(server: Server, origin: Origin, ranges: Sequence[tuple[int, int]], delay_ms: int, count: int) -> Pairs:
    """Ask for one tile after the other."""
    with pinned(LOAD_CPU):
        ours = HTTPConnection("127.0.0.1", server.port, timeout=30)
        plain = HTTPConnection("127.0.0.1", origin.port, timeout=30)
        pairs = []
        for number in range(count):
            x, y = _PLACES[number]
            start, stop = ranges[number]
            headers = {"Range": f"bytes={start}-{stop - 1}"}
            pairs.append(
                (
                    _ms(partial(_get, ours, _path(f"http{delay_ms}", x, y), {}, 200)),
                    _ms(partial(_get, plain, f"/{delay_ms}ms/{FILE}", headers, 206)),
                )
            )
    return pairs


def _get(connection: HTTPConnection, path: str, headers: dict[str, str], status: int) -> None:
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    reply.read()
    if reply.status != status:
        raise BenchError(f"{path}: status {reply.status}, wanted {status}")


def _ms(act: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    act()
    return (time.perf_counter() - began_s) * 1000


def _latency_table(latencies: dict[int, Pairs]) -> Table:
    rows = {
        f"origin of {delay_ms} ms": [
            statistics.median(ours for ours, _ in pairs),
            statistics.median(plain for _, plain in pairs),
            _beyond_ms(pairs),
        ]
        for delay_ms, pairs in latencies.items()
    }
    return Table(("one client, median ms", "rawcog", "http.client", "median of differences"), rows)


def _beyond_ms(pairs: Pairs) -> float:
    return statistics.median(ours - plain for ours, plain in pairs)


def _latency_targets(latencies: dict[int, Pairs]) -> list[Target]:
    return [
        at_most(f"ms beyond a plain read, origin of {delay_ms} ms", _beyond_ms(pairs), 1)
        for delay_ms, pairs in latencies.items()
    ]


def _cpu_targets(cpu_ms: dict[str, float]) -> list[Target]:
    targets = []
    for kind, limit_ms in (("http", 0.30), ("s3", 0.45)):
        whole_ms = cpu_ms[f"cold, {kind}"]
        bound_by = "a request by gunicorn costs what the hot tile does; the read of the origin comes on top of it."
        targets += [
            at_most(f"CPU ms of a cold tile, {kind}", whole_ms, limit_ms, bound_by),
            at_most(f"CPU ms beyond a hot tile, {kind}", whole_ms - cpu_ms["hot, in memory"], limit_ms),
        ]
    return targets


def _clients(origin: Origin, ranges: Sequence[tuple[int, int]], rounds: int) -> dict[str, list[float]]:
    """CPU µs of each client in each round, on the servers' CPU."""
    arguments, text = [origin.endpoint, FILE, str(rounds)], json.dumps(ranges)
    with pinned(SERVER_CPU):
        command = [sys.executable, "-m", "bench.apps.range_clients", *arguments]
        own = subprocess.run(command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True)
        others = json.loads(peers.run("range_clients", *arguments, text=text))
    return {"obstore": others["obstore"], **json.loads(own.stdout)}


def _client_table(clients: dict[str, list[float]]) -> Table:
    plain_us = statistics.median(clients["http.client"])
    medians = sorted((statistics.median(rounds), name) for name, rounds in clients.items())
    rows = {name: [median, median / plain_us] for median, name in medians}
    return Table(("CPU of a range read alone", "median µs", "× http.client"), rows)
