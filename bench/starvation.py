"""Latency of other layers before and while the origin of one layer hangs, as medians over runs.

    python -m bench.starvation --runs 5

A crowd of clients asks for tiles of a layer whose origin takes 50 ms, and that are not cached; each pauses for about a
second after a reply. A few clients ask for tiles of a local layer and of a cached remote one, in four phases: without
the crowd, with it, from the moment at which the crowd's origin hangs, and from 6 s later.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.support import faults
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin

FILE: Final = Path(__file__).resolve().parent.parent / "data/world.tif"
SCRIPT: Final = Path(__file__).parent / "soak.lua"
PHASES: Final = ("alone", "with the crowd", "its origin begins to hang", "its origin hangs")
PROBED: Final = ("local", "cached")
FIGURES: Final = ("p50_ms", "p99_ms", "max_ms")
SECONDS: Final = 5
TILES: Final = [f"{z}/{x}/{y}" for z, side in enumerate((1, 2, 4)) for x in range(side) for y in range(side)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.starvation", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="each with a server of its own (5)")
    parser.add_argument("--clients", type=int, default=64, help="in the crowd (64)")
    parser.add_argument("--pause-ms", type=int, default=1000, help="of each of the crowd, after a reply (1000)")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is missing: sudo apt-get install wrk")
    runs = []
    for number in range(options.runs):
        print(f"run {number + 1} of {options.runs}", file=sys.stderr)
        runs.append(_run(options.clients, options.pause_ms))
    print(_table(runs))


def _run(clients: int, pause_ms: int) -> dict[str, Any]:
    """Measure one server; phase -> layer -> figures of wrk."""
    with Origin(latency_s=0.05) as origin, tempfile.TemporaryDirectory() as folder:
        for name in ("cached", "crowded"):
            origin.put(f"/{name}.tif", FILE.read_bytes())
        config = (
            f"[layers.local]\nuri = '{FILE}'\n[layers.cached]\nuri = '{origin.url}/cached.tif'\n"
            f"[layers.crowded]\nuri = '{origin.url}/crowded.tif'\ncache_tiles = false\n"
        )
        with Gunicorn({"WEB_CONCURRENCY": "2", "LOG_LEVEL": "error"}, config) as server:
            paths = {name: _paths(Path(folder), name) for name in (*PROBED, "crowded")}

            def probe(seconds: int = SECONDS) -> dict[str, Any]:
                running = {name: _wrk(server, paths[name], 2, seconds, 10) for name in PROBED}
                return {name: _result(process) for name, process in running.items()}

            probe(3)
            figures = {PHASES[0]: probe()}
            clients_of_crowded = _wrk(server, paths["crowded"], clients, 3 * SECONDS + 4, pause_ms)
            time.sleep(2)
            figures[PHASES[1]] = probe()
            origin.fail("/crowded.tif", faults.hang, times=10**6)
            figures[PHASES[2]] = probe()
            time.sleep(1)
            figures[PHASES[3]] = probe()
            return {**figures, "crowd": _result(clients_of_crowded)}


def _paths(folder: Path, layer: str) -> Path:
    path = folder / layer
    path.write_text("".join(f"/layers/{layer}/tiles/native/{tile}.jpg\n" for tile in TILES))
    return path


def _wrk(server: Gunicorn, paths: Path, clients: int, seconds: int, pause_ms: int) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", f"--script={SCRIPT}", server.url]
    return subprocess.Popen([*command, "--", str(paths), str(pause_ms)], stdout=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(process.communicate()[0].splitlines()[-1])
    return result


def _table(runs: Sequence[dict[str, Any]]) -> str:
    lines = [f"{'median of ' + str(len(runs)) + ' runs, ms':42}" + "".join(f"{name[:-3]:>9}" for name in FIGURES)]
    for layer in PROBED:
        for phase in PHASES:
            figures = [statistics.median(run[phase][layer][name] for run in runs) for name in FIGURES]
            statuses = " ".join(sorted({part for run in runs for part in _kinds(run[phase][layer])}))
            lines.append(
                f"{layer + ', ' + phase:42}" + "".join(f"{figure:9.1f}" for figure in figures) + f"  {statuses}"
            )
    return "\n".join([*lines, *(f"crowd: {run['crowd']['statuses']}" for run in runs)])


def _kinds(result: dict[str, Any]) -> set[str]:
    return {part.partition("=")[0] for part in result["statuses"].split()}


if __name__ == "__main__":
    main()
