"""From `gunicorn` to the first tile, as `config/gunicorn.conf.py` starts it, with layers of each kind of origin."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import peers
from bench.cold import KEYS, store_layer
from bench.contest import Effort
from bench.cpus import SERVER_CPU, pinned
from bench.imagery import TILE_PIXELS, Z, make_cog
from bench.origin import serving_files
from bench.report import Report, Table, at_most
from bench.server import ROOT, BenchError, environment_of_users
from tests.support.gunicorn import procfile_line
from tests.support.redis import free_port

FILE: Final = "tiles.tif"
ROUNDS: Final = 5
_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.002


def run(effort: Effort) -> Report:
    """Measure each, in turns."""
    peers.set_up()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_cog(folder / FILE)
        origin = stack.enter_context(serving_files(folder))
        config = folder / "layers.toml"
        local = f'[layers.file]\nuri = "{folder / FILE}"\n[layers.http]\nuri = "{origin.url(FILE)}"\n'
        config.write_text(local + store_layer(origin, FILE))
        environment = {**KEYS, "RAWCOG_CONFIG": str(config), "LOG_LEVEL": ""}
        tile = {layer: f"/layers/{layer}/tiles/native/{Z}/1/1.jpg" for layer in ("file", "http", "s3")}
        starts = {
            **{f"rawcog, {layer}": (procfile_line(), path) for layer, path in tile.items()},
            "bare WSGI": ([*procfile_line()[:-1], "bench.apps.nothing:app"], "/"),
            "TiTiler": (
                [str(peers.PYTHON), "-m", "uvicorn", "--log-level=warning", "titiler.application.main:app"],
                peers.titiler_path(folder / FILE, Z, 1, 1, TILE_PIXELS),
            ),
        }
        with pinned(SERVER_CPU, SERVER_CPU + 1):
            runs = [
                {name: _start(command, path, environment) for name, (command, path) in starts.items()}
                for _ in range(min(effort.rounds, ROUNDS) + 1)
            ][1:]
    figures = {name: [run[name] for run in runs] for name in starts}
    notes = {
        "server": "two workers, as the Procfile starts it; TiTiler one, by uvicorn, as its README says",
        "bare WSGI": "the same gunicorn.conf.py, which reads rawcog's settings, with a callable that does nothing",
        "rounds": f"{len(runs)}, after one that warms the disk's cache",
    }
    rows = {name: [statistics.median(taken), min(taken), max(taken)] for name, taken in figures.items()}
    targets = [at_most("s to the first tile of a local file", statistics.median(figures["rawcog, file"]), 0.5)]
    return Report("Start", notes, [Table(("s to the first tile", "median", "min", "max"), rows)], targets, raw=figures)


def _start(command: list[str], path: str, environment: Mapping[str, str]) -> float:
    """Start a server, ask until there is a tile, end it; how many seconds that took."""
    port = free_port()
    words = [*command, f"--port={port}"] if "uvicorn" in command else command
    path_of_tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = {**environment_of_users(), "PATH": path_of_tools, "HOST": "127.0.0.1", "PORT": str(port), **environment}
    began_s = time.perf_counter()
    process = subprocess.Popen(
        words, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for_port(port, process)
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        taken_s = time.perf_counter() - began_s
        connection.close()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if reply.status != 200:
        raise BenchError(f"{path}: status {reply.status}")
    return taken_s


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < give_up_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_PAUSE_S)
    raise BenchError(f"port {port}: no server listens; exit status {process.poll()}")
