"""The cold remote tile: the header is known, the tile is read from an origin behind HTTP and from S3.

The worker caches too few tiles for a second request to hit.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import latency, peers
from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.hot_tile import PLACES
from bench.imagery import Z, make_cog, ranges_of
from bench.origin import Origin, serving_files
from bench.profile import profiles
from bench.recording import write_requests
from bench.remote import LEAST_MEMORY
from bench.report import Report, Table, Target, at_most
from bench.server import OWN_WORKER, ROOT, THREADS, Server, rawcog, serving

FILE: Final = "tiles.tif"
TILE_PIXELS: Final = 256
DELAYS_MS: Final = {0: 256, 50: 48}
"""Delay of the origin -> how many tiles are asked for."""

USUAL_READ_MS: Final = 0.06
"""CPU of a range read by `http.client` on the machine that the targets in ms are meant for."""

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
        log = folder / "nothing.log"
        nothing = stack.enter_context(serving("bench.apps.nothing:app", log, command=OWN_WORKER))
        ranges = ranges_of(folder / FILE, PLACES)
        size = statistics.mean(stop - start for start, stop in ranges)
        for layer in ("http0", "http50", "s3"):
            cold.get(f"/layers/{layer}")  # reads the header, and no tile
        latencies = {
            delay_ms: latency.in_pairs(
                cold,
                nothing,
                [_path(f"http{delay_ms}", x, y) for x, y in PLACES[:count]],
                origin,
                f"/{delay_ms}ms/{FILE}",
                ranges[:count],
            )
            for delay_ms, count in DELAYS_MS.items()
        }
        reads = _reads_a_tile(cold, origin)
        requests = {
            layer: write_requests({_path(layer, x, y): "" for x, y in PLACES}, folder / layer)
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
        "tiles": f"{len(PLACES)} JPEG tiles, {size / 1000:.1f} kB on average",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}",
        "load": f"{described(effort)}; it and the origin on CPU {LOAD_CPU}",
        "checks": "the log says of each tile that it came from the origin, or from memory",
    }
    targets = [
        at_most("reads of the origin for a tile", reads, 1),
        *latency.targets(latencies),
        *_cpu_targets({name: rounds.median(name, lambda turn: turn.cpu_us) for name in contestants}, clients),
    ]
    tables = [rounds.medians(), latency.table(latencies), _client_table(clients), *watched]
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


def _reads_a_tile(server: Server, origin: Origin) -> float:
    origin.take_requests()
    for x, y in PLACES:
        server.get(_path("http0", x, y))
    return len(origin.take_requests()) / len(PLACES)


def _cpu_targets(cpu_us: Mapping[str, float], clients: Mapping[str, Sequence[float]]) -> list[Target]:
    """In ms as wanted, and independent of the machine: what the read adds, in reads by `http.client`."""
    plain_us = statistics.median(clients["http.client"])
    hot_us = cpu_us["hot, in memory"]
    bound_by = (
        f"the request alone, hot, takes {hot_us / 1000:.2f} ms here, and a read by http.client "
        f"{plain_us / 1000:.2f} ms; the next target allows for the machine."
    )
    targets = [
        at_most(
            f"CPU of a range read / http.client, {kind}",
            statistics.median(clients[f"rawcog, {kind}"]) / plain_us,
            limit,
        )
        for kind, limit in (("http", 1.3), ("s3", 2.2))
    ]
    for kind, limit_ms in (("http", 0.30), ("s3", 0.45)):
        whole_us = cpu_us[f"cold, {kind}"]
        targets += [
            at_most(f"CPU ms of a cold tile, {kind}", whole_us / 1000, limit_ms, bound_by),
            at_most(
                f"CPU beyond a hot tile / http.client, {kind}", (whole_us - hot_us) / plain_us, limit_ms / USUAL_READ_MS
            ),
        ]
    return targets


def _clients(origin: Origin, ranges: Sequence[tuple[int, int]], rounds: int) -> dict[str, list[float]]:
    """CPU µs of each client in each round, on the servers' CPU."""
    arguments, text = [origin.endpoint, FILE, str(rounds)], json.dumps(ranges)
    with pinned(SERVER_CPU):
        command = [sys.executable, "-m", "bench.apps.range_clients", *arguments]
        own = subprocess.run(command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True)
        others = json.loads(peers.run("range_clients", *arguments, text=text))
    return {**{name: others[name] for name in ("obstore, http", "obstore, s3")}, **json.loads(own.stdout)}


def _client_table(clients: dict[str, list[float]]) -> Table:
    plain_us = statistics.median(clients["http.client"])
    medians = sorted((statistics.median(rounds), name) for name, rounds in clients.items())
    rows = {name: [median, median / plain_us] for median, name in medians}
    return Table(("CPU of a range read alone", "median µs", "× http.client"), rows)
