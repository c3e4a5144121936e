"""One, a thousand and ten thousand layers in one config: start, memory, and the hot tile."""

import time
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.hot_tile import PATHS
from bench.imagery import make_cog
from bench.processes import memory_of
from bench.recording import mean_body_bytes, record, write_requests
from bench.report import Report, Table, Target, at_least
from bench.server import THREADS, Server, rawcog

COUNTS: Final = (1, 1000, 10_000)
SPREAD: Final = f"{COUNTS[-1]:,}, each tile of another layer"


def run(effort: Effort) -> Report:
    """Measure all three, and the largest with each tile of another layer."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_cog(folder / "tiles.tif")
        for number in range(len(PATHS)):
            (folder / f"{number}.tif").symlink_to("tiles.tif")
        servers = {count: stack.enter_context(rawcog(str(count), _config(folder, count), folder)) for count in COUNTS}
        started_s = {count: _first_tile_s(server) for count, server in servers.items()}
        memory = {count: memory_of(server.worker) for count, server in servers.items()}
        wanted = dict.fromkeys(_path(0, path) for path in PATHS)
        spread = {_path(number, path): "" for number, path in enumerate(PATHS)}
        requests = write_requests(dict.fromkeys(wanted, ""), folder / "requests")
        size = mean_body_bytes(record(servers[COUNTS[-1]], spread, HTTPStatus.OK))
        contestants = {f"{count:,}": Contestant(server, requests, size) for count, server in servers.items()}
        contestants[SPREAD] = Contestant(servers[COUNTS[-1]], write_requests(spread, folder / "spread"), size)
        rounds = take_turns(contestants, effort)
    notes = {
        "layers": "each of a file of its own, which is opened when it is first asked for",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}; they start at the same time",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    rows = {f"{count:,}": [started_s[count], *memory[count]] for count in COUNTS}
    tables = [
        Table(("layers", "s to the first tile", "RSS MB", "PSS MB", "private MB"), rows),
        rounds.medians(),
        rounds.ratios([(name, "1") for name in contestants if name != "1"]),
    ]
    targets: list[Target] = [
        at_least(f"hot tile with {count:,} layers / with 1", rounds.ratio(f"{count:,}", "1"), 0.95)
        for count in COUNTS[1:]
    ]
    return Report("Many layers", notes, tables, targets, raw=rounds.raw())


def _config(folder: Path, count: int) -> str:
    return "".join(f'[layers.layer-{n}]\nuri = "{folder}/{n}.tif"\ntitle = "Layer {n}"\n' for n in range(count))


def _path(number: int, path: str) -> str:
    return path.replace("/bench/", f"/layer-{number}/")


def _first_tile_s(server: Server) -> float:
    server.get(_path(0, PATHS[0]))
    return time.perf_counter() - server.started_at
