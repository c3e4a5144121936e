"""The hot tile: a local file whose header is cached, eight threads of one gunicorn worker on one CPU.

All contestants serve the same tiles, and all but TiTiler, which encodes them anew, the same bytes; this is checked
before anything is measured.
"""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from bench import peers
from bench.contest import Contestant, Effort, Rounds, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.imagery import TILE_PIXELS, TILES_A_SIDE, Z, make_cog
from bench.profile import profiles
from bench.recording import Recording, check_same, mean_body_bytes, record, save, write_requests
from bench.report import Report, at_least
from bench.server import GTHREAD, OWN_WORKER, PYTHON, THREADS, BenchError, Server, rawcog, serving

COG_TILES: Final = "cog-tiles + Flask"
BARE_TOO: Final = "bare WSGI, worker of rawcog"
"""All others run in gunicorn's own worker."""
RATIOS: Final = (
    ("rawcog", "bare WSGI"),
    ("rawcog", BARE_TOO),
    (BARE_TOO, "bare WSGI"),
    ("Flask view", "bare WSGI"),
    ("COGDumper + Flask", "bare WSGI"),
    (COG_TILES, "bare WSGI"),
    ("rawcog", "COGDumper + Flask"),
    ("rawcog", COG_TILES),
    ("rawcog", "TiTiler"),
    ("rawcog 304", "bare WSGI"),
    ("rawcog 304", "bare WSGI 304"),
)
PLACES: Final = [(x, y) for y in range(TILES_A_SIDE) for x in range(TILES_A_SIDE)]
PATHS: Final = [f"/layers/bench/tiles/native/{Z}/{x}/{y}.jpg" for x, y in PLACES]
"""Paths of the tiles of the full resolution."""

_MOST_DIFFERENCE: Final = 4.0
"""Largest mean difference between pixels of TiTiler's tiles and rawcog's: the loss of encoding JPEG anew."""


def run(effort: Effort) -> Report:
    """Measure all contestants."""
    peers.set_up()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, _contestants(Path(scratch)) as contestants:
        rounds = take_turns(contestants, effort)
        watched = profiles(contestants, ("rawcog", "rawcog 304"), effort)
    size_kb = contestants["rawcog"].body_bytes / 1000
    notes = {
        "tiles": f"{len(PATHS)} JPEG tiles of a local file, {size_kb:.1f} kB on average; TiTiler's are encoded anew",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}, each in its turn; all gunicorn gthread, but "
        "rawcog its own worker, which its gunicorn.conf.py names, and TiTiler uvicorn, as its README says",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    pairs = [pair for pair in RATIOS if set(pair) <= contestants.keys()]
    targets = (
        at_least("hot tile / bare WSGI", rounds.ratio("rawcog", "bare WSGI"), 0.85),
        at_least("hot tile / bare WSGI in the same worker", rounds.ratio("rawcog", BARE_TOO), 0.85),
        *(
            at_least(f"hot tile / {name}", rounds.ratio("rawcog", name), wanted, _limit(rounds, name))
            for name, wanted in (("COGDumper + Flask", 2), ("TiTiler", 50))
        ),
        at_least("304 / bare WSGI with the tile", rounds.ratio("rawcog 304", "bare WSGI"), 0.95),
        at_least("304 / bare WSGI with the 304", rounds.ratio("rawcog 304", "bare WSGI 304"), 0.95),
    )
    tables = [rounds.medians(), rounds.ratios(pairs), *watched]
    return Report("Hot local tile", notes, tables, targets, raw=rounds.raw())


def _limit(rounds: Rounds, peer: str) -> str:
    return f"bare WSGI itself, the limit here, is {rounds.ratio('bare WSGI', peer):.2f} times as fast."


@contextmanager
def _contestants(scratch: Path) -> Iterator[dict[str, Contestant]]:
    """Start all; rawcog first, since the others replay its replies or must match them."""
    cog = scratch / "tiles.tif"
    make_cog(cog)
    with ExitStack() as stack:

        def start(name: str, app: str, python: Path = PYTHON, command: tuple[str, ...] = GTHREAD) -> Server:
            return stack.enter_context(serving(app, scratch / f"{name}.log", python, command=command))

        own = stack.enter_context(rawcog("rawcog", f'[layers.bench]\nuri = "{cog}"\n', scratch))
        no_etags = dict.fromkeys(PATHS, "")
        tiles = record(own, no_etags, HTTPStatus.OK)
        etags = {path: reply.header("ETag") for path, reply in tiles.items()}
        unchanged = record(own, etags, HTTPStatus.NOT_MODIFIED)
        plain, conditional = write_requests(no_etags, scratch / "plain"), write_requests(etags, scratch / "conditional")
        replies, replies_304 = save(tiles, scratch / "tiles"), save(unchanged, scratch / "unchanged")
        size = mean_body_bytes(tiles)
        same_bytes = {
            "bare WSGI": start("bare", f"bench.apps.bare:create('{replies}')"),
            BARE_TOO: start("bare_own", f"bench.apps.bare:create('{replies}')", command=OWN_WORKER),
            "rawcog": own,
            "Flask view": start("flask", f"bench.apps.flask_view:create('{replies}')"),
            "COGDumper + Flask": start("cogdumper", f"bench.apps.cogdumper_view:create('{cog}')", peers.PYTHON),
        }
        if peers.has_cog_tiles():
            same_bytes[COG_TILES] = start("cog_tiles", f"bench.apps.cog_tiles_view:create('{cog}')", peers.PYTHON)
        same_304 = {"bare WSGI 304": start("bare304", f"bench.apps.bare:create('{replies_304}')"), "rawcog 304": own}
        for name, server in same_bytes.items():
            check_same(name, record(server, no_etags, HTTPStatus.OK), tiles)
        for name, server in same_304.items():
            check_same(name, record(server, etags, HTTPStatus.NOT_MODIFIED), unchanged)
        yield {
            **{name: Contestant(server, plain, size) for name, server in same_bytes.items()},
            "TiTiler": _titiler(stack.enter_context(peers.titiler(scratch)), cog, tiles, scratch),
            **{name: Contestant(server, conditional, 0) for name, server in same_304.items()},
        }


def _titiler(server: Server, cog: Path, tiles: Recording, scratch: Path) -> Contestant:
    paths = {peers.titiler_path(cog, Z, x, y, TILE_PIXELS): "" for x, y in PLACES}
    recording = record(server, paths, HTTPStatus.OK)
    for (path, reply), own in zip(recording.items(), tiles.values(), strict=True):
        if np.abs(_pixels(reply.body) - _pixels(own.body)).mean() > _MOST_DIFFERENCE:
            raise BenchError(f"TiTiler: {path}: another picture than rawcog's")
    return Contestant(server, write_requests(paths, scratch / "titiler"), mean_body_bytes(recording))


def _pixels(body: bytes) -> NDArray[np.int16]:
    quiet = warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning)
    with quiet, MemoryFile(body) as memory, memory.open() as dataset:
        return np.asarray(dataset.read(), np.int16)
