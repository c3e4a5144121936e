"""The gunicorn worker at several numbers of connections, beside gunicorn's gthread and beside an earlier commit."""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort, Rounds, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.hot_tile import PATHS
from bench.imagery import make_cog
from bench.recording import mean_body_bytes, record, write_requests
from bench.report import Cell, Report, Table, Target, at_least, at_most
from bench.server import ROOT, BenchError, Server, serving

CONNECTIONS: Final = (4, 16, 32, 64)
OWN: Final = "rawcog's worker"
GTHREAD: Final = "gthread"

_COMMAND: Final = ("gunicorn", "--config=config/gunicorn.conf.py", "--workers=1", "--bind=fd://{fd}")
"""As rawcog is run; the options take the place of settings in the file."""

_FIGURES: Final = {
    "req/s": attrgetter("requests_a_second"),
    "CPU µs": attrgetter("cpu_us"),
    "p99 ms": attrgetter("p99_ms"),
}


def run(effort: Effort) -> Report:
    """Measure both kinds of replies with each number of connections."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, _servers(Path(scratch), effort.against) as servers:
        kinds = {"200": _tiles(servers, Path(scratch)), "304": _unchanged(servers, Path(scratch))}
        rounds = {
            f"{status}, {connections} connections": take_turns(contestants, replace(effort, connections=connections))
            for status, contestants in kinds.items()
            for connections in CONNECTIONS
        }
    notes = {
        "tiles": f"{len(PATHS)} cached JPEG tiles of a local file, and their 304s",
        "servers": f"rawcog with its gunicorn.conf.py, but one worker, on CPU {SERVER_CPU}, in turns; gthread: with "
        "gunicorn's own worker in place of rawcog's",
        "load": f"wrk on CPU {LOAD_CPU}, connections kept alive, {effort.rounds} rounds of {effort.seconds} s each",
    }
    names = list(servers)
    medians = Table(
        ("median of rounds", *(f"{title}, {name}" for title in _FIGURES for name in names)),
        {
            row: [one.median(name, figure) for figure in _FIGURES.values() for name in names]
            for row, one in rounds.items()
        },
    )
    compared = [_ratios(name, rounds) for name in names[1:]]
    raw = {row: one.raw() for row, one in rounds.items()}
    return Report("Gunicorn worker", notes, [medians, *compared], _targets(rounds, effort.against), raw=raw)


def _ratios(other: str, rounds: Mapping[str, Rounds]) -> Table:
    def row(one: Rounds) -> list[Cell]:
        return [one.ratio(OWN, other, figure) for figure in _FIGURES.values()]

    return Table((f"{OWN} / {other}", *_FIGURES), {name: row(one) for name, one in rounds.items()})


def _targets(rounds: Mapping[str, Rounds], commit: str) -> list[Target]:
    p99 = {name: one.ratio(OWN, GTHREAD, _FIGURES["p99 ms"]) for name, one in rounds.items()}
    targets = [at_most(f"p99 / gthread's, {name}", ratio, 1) for name, ratio in p99.items()]
    if commit:
        for name, one in rounds.items():
            targets.append(at_least(f"req/s / {commit}'s, {name}", one.ratio(OWN, commit), 0.97))
            targets.append(at_most(f"CPU / {commit}'s, {name}", one.ratio(OWN, commit, _FIGURES["CPU µs"]), 1.03))
    return targets


def _tiles(servers: Mapping[str, Server], scratch: Path) -> dict[str, Contestant]:
    requests = write_requests(dict.fromkeys(PATHS, ""), scratch / "tiles")
    size = mean_body_bytes(record(servers[OWN], dict.fromkeys(PATHS, ""), HTTPStatus.OK))
    return {name: Contestant(server, requests, size) for name, server in servers.items()}


def _unchanged(servers: Mapping[str, Server], scratch: Path) -> dict[str, Contestant]:
    """Each server's own entity tags: those of another commit may differ."""
    contestants = {}
    for name, server in servers.items():
        tiles = record(server, dict.fromkeys(PATHS, ""), HTTPStatus.OK)
        etags = {path: reply.header("ETag") for path, reply in tiles.items()}
        contestants[name] = Contestant(server, write_requests(etags, scratch / f"304 of {name}"), 0)
    return contestants


@contextmanager
def _servers(scratch: Path, commit: str) -> Iterator[dict[str, Server]]:
    make_cog(scratch / "tiles.tif")
    config = scratch / "layers.toml"
    config.write_text(f'[layers.bench]\nuri = "{scratch / "tiles.tif"}"\n')
    settings = {"RAWCOG_CONFIG": str(config), "REDIS_URL": "", "LOG_LEVEL": ""}
    with ExitStack() as stack:

        def start(name: str, *options: str, root: Path = ROOT) -> Server:
            log, command = scratch / f"{name}.log", (*_COMMAND, *options)
            return stack.enter_context(serving("wsgi:app", log, environment=settings, command=command, root=root))

        servers = {OWN: start("own"), GTHREAD: start("gthread", "--worker-class=gthread")}
        if commit:
            servers[commit] = start("earlier", root=_checkout(commit, scratch / "earlier"))
        yield servers


def _checkout(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a folder."""
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise BenchError(f"{commit}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
