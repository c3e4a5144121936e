"""The hot tile route: a local file, its header known, eight threads of one gunicorn worker on one CPU.

All answer the same URLs with the same bytes, which is checked before anything is measured. They take turns of a few
seconds, round after round, so that what else the machine does hits all of them; ratios are taken within a round.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.imagery import TILES_A_SIDE, make_cog
from bench.load import put_load
from bench.recording import check_same, mean_body_bytes, record, save, write_requests
from bench.report import Report, Turn
from bench.server import CPU, ROOT, THREADS, BenchError, Server, serving

PEERS: Final = ROOT / ".bench/peers"
COGDUMPER: Final = "cogdumper==1.1.0"
RATIOS: Final = (
    ("rawcog", "bare WSGI"),
    ("Flask view", "bare WSGI"),
    ("COGDumper + Flask", "bare WSGI"),
    ("rawcog", "COGDumper + Flask"),
    ("rawcog 304", "bare WSGI"),
    ("rawcog 304", "bare WSGI 304"),
)
PATHS: Final = [f"/layers/bench/tiles/native/4/{x}/{y}.jpg" for y in range(TILES_A_SIDE) for x in range(TILES_A_SIDE)]
"""Of the full resolution: the file has four overviews."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server and what it is asked."""

    server: Server
    requests: Path
    """What is asked; see wrk.lua."""
    body_bytes: float
    """Mean size of the bodies: where replies are shorter, they are not the right ones."""


def run(rounds: int, seconds: int, connections: int) -> Report:
    """Measure all contestants.

    Args:
        rounds: how often each has its turn.
        seconds: length of a turn.
        connections: that the load keeps open.

    Raises:
        BenchError: replies differ, or there were errors.
    """
    peers = _peers()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, _contestants(Path(scratch), peers) as contestants:
        for name, contestant in contestants.items():
            _turn(name, contestant, 1, connections)  # threads start, caches fill
        turns = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            turns.append({name: _turn(name, one, seconds, connections) for name, one in contestants.items()})
    return Report(turns, RATIOS, _notes(contestants["rawcog"], rounds, seconds, connections))


def _notes(rawcog: Contestant, rounds: int, seconds: int, connections: int) -> dict[str, str]:
    return {
        "tiles": f"{len(PATHS)} JPEG tiles of a local file, {rawcog.body_bytes / 1000:.1f} kB on average",
        "servers": f"one gunicorn gthread worker of {THREADS} threads on CPU {CPU}, each in its turn",
        "load": f"wrk on CPU {CPU + 1}, {connections} kept-alive connections, {rounds} rounds of {seconds} s",
    }


def _turn(name: str, contestant: Contestant, seconds: int, connections: int) -> Turn:
    server = contestant.server
    cpu_s = server.cpu_s()
    load = put_load(server.port, contestant.requests, seconds, connections)
    cpu_s = server.cpu_s() - cpu_s
    if load.errors or load.size_bytes < load.requests * contestant.body_bytes * 0.99:
        raise BenchError(f"{name}: {load.errors} errors, {load.size_bytes} bytes in {load.requests} replies")
    return Turn(load.requests / load.seconds, cpu_s / load.requests * 1e6, load.p50_ms, load.p99_ms)


@contextmanager
def _contestants(scratch: Path, peers: Path) -> Iterator[dict[str, Contestant]]:
    """Start all; rawcog first, since the others replay its replies or have to give the same."""
    cog, config = scratch / "tiles.tif", scratch / "layers.toml"
    make_cog(cog)
    config.write_text(f'[layers.bench]\nuri = "{cog}"\n')
    environment = {"RAWCOG_CONFIG": str(config), "REDIS_URL": "", "LOG_LEVEL": ""}
    with ExitStack() as stack:

        def start(name: str, app: str, python: Path = Path(sys.executable)) -> Server:
            return stack.enter_context(serving(app, scratch / f"{name}.log", python, environment))

        rawcog = start("rawcog", "wsgi:app")
        no_etags = dict.fromkeys(PATHS, "")
        tiles = record(rawcog, no_etags, HTTPStatus.OK)
        etags = {path: reply.header("ETag") for path, reply in tiles.items()}
        unchanged = record(rawcog, etags, HTTPStatus.NOT_MODIFIED)
        plain, conditional = write_requests(no_etags, scratch / "plain"), write_requests(etags, scratch / "conditional")
        replies, replies_304 = save(tiles, scratch / "tiles"), save(unchanged, scratch / "unchanged")
        size = mean_body_bytes(tiles)
        contestants = {
            "bare WSGI": Contestant(start("bare", f"bench.apps.bare:create('{replies}')"), plain, size),
            "rawcog": Contestant(rawcog, plain, size),
            "Flask view": Contestant(start("flask", f"bench.apps.flask_view:create('{replies}')"), plain, size),
            "COGDumper + Flask": Contestant(
                start("cogdumper", f"bench.apps.cogdumper_view:create('{cog}')", peers / "bin/python"), plain, size
            ),
            "bare WSGI 304": Contestant(start("bare304", f"bench.apps.bare:create('{replies_304}')"), conditional, 0),
            "rawcog 304": Contestant(rawcog, conditional, 0),
        }
        for name, contestant in contestants.items():
            if contestant.requests is plain:
                check_same(name, record(contestant.server, no_etags, HTTPStatus.OK), tiles)
            else:
                check_same(name, record(contestant.server, etags, HTTPStatus.NOT_MODIFIED), unchanged)
        yield contestants


def _peers() -> Path:
    """Set up the peers in an environment of their own, with our versions of what they share with us."""
    wanted = [COGDUMPER, *(f"{name}=={version(name)}" for name in ("flask", "gunicorn"))]
    made = PEERS / "made"
    if not made.exists() or made.read_text() != "\n".join(wanted):
        print(f"setting up {PEERS}, once", file=sys.stderr)
        python = PEERS / "bin/python"
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(PEERS)], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--no-input"]
        subprocess.run([*pip, "--disable-pip-version-check", *wanted], check=True)
        made.write_text("\n".join(wanted))
    return PEERS
