"""The gunicorn worker at several numbers of connections, beside gunicorn's gthread and beside an earlier commit.

gthread replays the recorded replies of rawcog by a bare WSGI callable: what is left of the tail is gunicorn's.
"""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Final

from bench.contest import Contestant, Effort, Rounds, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.hot_tile import PATHS
from bench.imagery import make_cog
from bench.recording import check_same, mean_body_bytes, record, save, write_requests
from bench.report import Cell, Report, Table, Target, at_least, at_most
from bench.server import ROOT, BenchError, Server, serving

CONNECTIONS: Final = (4, 16, 64, 256)
OWN: Final = "rawcog"
BARE: Final = "bare WSGI, gthread"
BARE_OWN: Final = "bare WSGI, worker of rawcog"

_COMMAND: Final = ("gunicorn", "--config=config/gunicorn.conf.py", "--workers=1", "--bind=fd://{fd}")
"""As rawcog is run; the options take the place of settings in the file."""

_FIGURES: Final = {
    "req/s": attrgetter("requests_a_second"),
    "CPU µs": attrgetter("cpu_us"),
    "p99 ms": attrgetter("p99_ms"),
}


def run(effort: Effort) -> Report:
    """Measure both kinds of replies with each number of connections."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, _kinds(Path(scratch), effort.against) as kinds:
        rounds = {
            f"{status}, {connections} connections": take_turns(contestants, replace(effort, connections=connections))
            for status, contestants in kinds.items()
            for connections in CONNECTIONS
        }
    notes = {
        "tiles": f"{len(PATHS)} cached JPEG tiles of a local file, and their 304s",
        "servers": f"all with rawcog's gunicorn.conf.py, but one worker, on CPU {SERVER_CPU}, in turns; bare WSGI: a "
        "callable that replays the replies of rawcog",
        "load": f"wrk on CPU {LOAD_CPU}, connections kept alive, {effort.rounds} rounds of {effort.seconds} s each",
    }
    names = list(kinds["200"])
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
    targets = []
    for name, one in rounds.items():
        targets.append(at_most(f"p99 / that of {BARE}, {name}", one.ratio(OWN, BARE, _FIGURES["p99 ms"]), 1))
        targets.append(at_least(f"req/s / {BARE}, {name}", one.ratio(OWN, BARE), 1))
    if commit:
        for name, one in rounds.items():
            targets.append(at_least(f"req/s / {commit}'s, {name}", one.ratio(OWN, commit), 0.97))
            targets.append(at_most(f"CPU / {commit}'s, {name}", one.ratio(OWN, commit, _FIGURES["CPU µs"]), 1.03))
    return targets


@contextmanager
def _kinds(scratch: Path, commit: str) -> Iterator[dict[str, dict[str, Contestant]]]:
    """Status -> contestants. Those of another commit are asked with its own entity tags."""
    make_cog(scratch / "tiles.tif")
    config = scratch / "layers.toml"
    config.write_text(f'[layers.bench]\nuri = "{scratch / "tiles.tif"}"\n')
    settings = {"RAWCOG_CONFIG": str(config), "REDIS_URL": "", "LOG_LEVEL": ""}
    with ExitStack() as stack:

        def start(app: str, *options: str, root: Path = ROOT) -> Server:
            log, command = Path(mkstemp(dir=scratch, suffix=".log")[1]), (*_COMMAND, *options)
            return stack.enter_context(serving(app, log, environment=settings, command=command, root=root))

        servers = {OWN: start("wsgi:app")}
        if commit:
            servers[commit] = start("wsgi:app", root=_checkout(commit, scratch / "earlier"))
        kinds: dict[str, dict[str, Contestant]] = {"200": {}, "304": {}}
        for name, server in servers.items():
            tiles = record(server, dict.fromkeys(PATHS, ""), HTTPStatus.OK)
            etags = {path: reply.header("ETag") for path, reply in tiles.items()}
            unchanged = record(server, etags, HTTPStatus.NOT_MODIFIED)
            for status, recording, asked in (("200", tiles, dict.fromkeys(PATHS, "")), ("304", unchanged, etags)):
                requests = write_requests(asked, scratch / f"{status} of {name}")
                kinds[status][name] = Contestant(server, requests, mean_body_bytes(recording))
                if name == OWN:
                    bare = f"bench.apps.bare:create('{save(recording, scratch / status)}')"
                    for title, options in ((BARE, ("--worker-class=gthread",)), (BARE_OWN, ())):
                        replaying = start(bare, *options)
                        check_same(title, record(replaying, asked, int(status)), recording)
                        kinds[status][title] = replace(kinds[status][name], server=replaying)
        yield kinds


def _checkout(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a folder."""
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise BenchError(f"{commit}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
