"""The hot remote tile: from the worker's memory, and from Redis where the worker keeps next to nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.hot_tile import PATHS
from bench.imagery import make_cog
from bench.origin import serving_files
from bench.profile import profiles
from bench.recording import check_same, mean_body_bytes, record, save, write_requests
from bench.report import Report, at_least, at_most
from bench.server import THREADS, rawcog, serving
from tests.support.redis import RedisServer

LEAST_MEMORY: Final = "[server]\nmemory_bytes = 1048576\n"
"""Holds a fourteenth of the tiles that are asked for in turn: none is there any more when it is asked for again."""


def run(effort: Effort) -> Report:
    """Measure both beside a bare WSGI callable."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, _contestants(Path(scratch)) as (contestants, asked):
        asked()
        rounds = take_turns(contestants, effort)
        watched = profiles(contestants, ("rawcog, memory", "rawcog, Redis"), effort)
        reads = asked()
    size_kb = contestants["rawcog, memory"].body_bytes / 1000
    notes = {
        "tiles": f"{len(PATHS)} JPEG tiles of a file behind HTTP, {size_kb:.1f} kB on average",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}, each in its turn; Redis on CPU {LOAD_CPU}",
        "checks": "the log says of each tile that it came from there",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    pairs = [(name, "bare WSGI") for name in contestants if name != "bare WSGI"]
    targets = (
        at_least("remote tile in memory / bare WSGI", rounds.ratio("rawcog, memory", "bare WSGI"), 0.85),
        at_least(
            "remote tile from Redis / bare WSGI",
            rounds.ratio("rawcog, Redis", "bare WSGI"),
            0.5,
            "one more send and receive, in Python, by eight threads that take turns at one GIL and one CPU.",
        ),
        at_most("tiles read from the origin meanwhile", reads, 0),
    )
    tables = [rounds.medians(), rounds.ratios(pairs), *watched]
    return Report("Hot remote tile", notes, tables, targets, raw=rounds.raw())


@contextmanager
def _contestants(scratch: Path) -> Iterator[tuple[dict[str, Contestant], Callable[[], int]]]:
    make_cog(scratch / "tiles.tif")
    with ExitStack() as stack:
        origin = stack.enter_context(serving_files(scratch))
        with pinned(LOAD_CPU):
            redis = stack.enter_context(RedisServer())
        layer = f'[layers.bench]\nuri = "{origin.url("tiles.tif")}"\n'
        memory = stack.enter_context(rawcog("memory", layer, scratch))
        over_redis = stack.enter_context(rawcog("redis", LEAST_MEMORY + layer, scratch, {"REDIS_URL": redis.url}))
        wanted = dict.fromkeys(PATHS, "")
        tiles = record(memory, wanted, HTTPStatus.OK)
        replies, requests = save(tiles, scratch / "tiles"), write_requests(wanted, scratch / "requests")
        bare = stack.enter_context(serving(f"bench.apps.bare:create('{replies}')", scratch / "bare.log"))
        for name, server in (("bare WSGI", bare), ("rawcog, Redis", over_redis)):
            check_same(name, record(server, wanted, HTTPStatus.OK), tiles)
        size = mean_body_bytes(tiles)

        def asked() -> int:
            return sum(path.endswith("tiles.tif") for path in origin.take_requests())

        yield (
            {
                "bare WSGI": Contestant(bare, requests, size),
                "rawcog, memory": Contestant(memory, requests, size, tier="memory"),
                "rawcog, Redis": Contestant(over_redis, requests, size, tier="redis"),
            },
            asked,
        )
