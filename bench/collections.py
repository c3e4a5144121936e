"""Collections: members opened by name, of a million that there may be, and the list of a prefix of 100,000 objects."""

import time
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from bench.clients import ask_each
from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.hot_tile import PATHS
from bench.imagery import make_cog, make_grid
from bench.origin import Origin, serving_files
from bench.processes import memory_of
from bench.recording import mean_body_bytes, record, write_requests
from bench.report import Report, Table, at_least, at_most
from bench.server import THREADS, BenchError, Server, rawcog

MEMORY_BYTES: Final = 16 << 20
"""Bound of the caches of a worker, which FEW members fill."""
FEW: Final = 1000
MANY: Final = 100_000
MISSES: Final = 20_000
HOT: Final = PATHS[:32]
"""Few enough for the cache of replies."""
REFRESH_S: Final = 5
PLAIN: Final = "a layer, no collections"
BESIDE: Final = "a layer beside collections"
MEMBER: Final = "a member"
NEW: Final = "s until a new object is listed"

_PREFIX: Final = f"""
[collections.scenes]
prefix = "s3://0ms/"
source = "store"
refresh_s = {REFRESH_S}
"""
_TEMPLATE: Final = """
[collections.any]
uri = "s3://0ms/any/{number}/tiles.tif"
match = { number = "[0-9]{6}" }
source = "store"
"""


def run(effort: Effort) -> Report:
    """Measure memory by members, reads of a first tile, hot tiles, and the list of a prefix."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_cog(folder / "tiles.tif")
        make_grid(folder / "small.tif", 2)
        origin = stack.enter_context(serving_files(folder))
        origin.set_keys(MANY)
        config = _source(origin) + '[layers.bench]\nuri = "s3://0ms/tiles.tif"\nsource = "store"\n'
        first_s = _start_s(config, PATHS[0], folder)
        prefix_s = _start_s(_source(origin) + _PREFIX, _member("scenes", 1, PATHS[0]), folder)
        plain = stack.enter_context(_server("plain", config, folder))
        templates = _TEMPLATE + _template(origin, "small", "small.tif") + _template(origin, "none", "nothing.tif")
        server = stack.enter_context(_server("collections", config + _PREFIX + templates, folder))
        reads = _reads_of_a_first_tile(server, origin)
        listed = _list_figures(server, origin)
        memory = {f"{count:,} members": _memory_mb(server, "small", count, HTTPStatus.OK) for count in (FEW, MANY)}
        memory[f"{MISSES:,} names without a file"] = _memory_mb(server, "none", MISSES, HTTPStatus.NOT_FOUND)
        of_member = [_member("any", 7, path) for path in HOT]
        requests = {name: write_requests(dict.fromkeys(paths, ""), folder / name) for name, paths in
                    ((BESIDE, HOT), (MEMBER, of_member))}  # fmt: skip
        size = mean_body_bytes(record(server, dict.fromkeys(HOT, ""), HTTPStatus.OK))
        rounds = take_turns(
            {
                PLAIN: Contestant(plain, requests[BESIDE], size, tier="memory"),
                BESIDE: Contestant(server, requests[BESIDE], size, tier="memory"),
                MEMBER: Contestant(server, requests[MEMBER], size, tier="memory"),
            },
            effort,
        )
    few, many, misses = memory.values()
    notes = {
        "members": "of a template with a million names, in an S3 store that answers by rule",
        "memory": "of members and names of templates behind HTTP, with a tile of each of files of 14 kB",
        "list": f"of a prefix with {MANY:,} objects, in pages of 1,000, `refresh_s = {REFRESH_S}`",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}, `memory_bytes` {MEMORY_BYTES >> 20} MiB",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    tables = [
        Table(("after", "RSS MB"), {name: [rss_mb] for name, rss_mb in memory.items()}),
        Table(("list of a prefix", "figure"), {name: [figure] for name, figure in listed.items()}),
        rounds.medians(),
        rounds.ratios([(BESIDE, PLAIN), (MEMBER, PLAIN)]),
    ]
    targets = [
        at_most("reads of the origin for the first tile of an unknown member", reads, 3),
        at_most(f"RSS after {MANY:,} members / after {FEW:,}", many / few, 1.1),
        at_most(f"RSS after {MISSES:,} names without a file / after {FEW:,} members", misses / few, 1.1),
        at_least("hot tile of a layer beside collections / without", rounds.ratio(BESIDE, PLAIN), 0.95),
        at_least("hot tile of a member / of a layer", rounds.ratio(MEMBER, PLAIN), 0.95),
        at_most(f"s to the first tile with a prefix of {MANY:,} objects, beyond a layer", prefix_s - first_s, 1),
        at_most("s until a new object is listed", listed[NEW], REFRESH_S + 1),
    ]
    return Report("Collections", notes, tables, targets, raw=rounds.raw())


def _list_figures(server: Server, origin: Origin) -> dict[str, float]:
    before_mb = memory_of(server.worker).rss_mb
    began_at = time.perf_counter()
    total = 0
    while total < MANY:
        total = _page(server, "?limit=1").get("numberMatched", 0)
    listed_s = time.perf_counter() - began_at
    after_mb = memory_of(server.worker).rss_mb
    began_at = time.perf_counter()
    pages = [_page(server, f"?limit=1000&after={number:06}~tiles") for number in range(0, MANY, MANY // 20)]
    page_ms = (time.perf_counter() - began_at) / len(pages) * 1000
    began_at = time.perf_counter()
    if not _page(server, f"?q={MANY - 1:06}")["layers"]:
        raise BenchError("the search has no result")
    search_ms = (time.perf_counter() - began_at) * 1000
    origin.set_keys(MANY + 1)
    began_at = time.perf_counter()
    while _page(server, "?limit=1")["numberMatched"] <= MANY:
        time.sleep(0.1)
    new_s = time.perf_counter() - began_at
    return {
        "s to list all": listed_s,
        "MB of RSS for the list": after_mb - before_mb,
        "ms for a page of 1,000": page_ms,
        "ms for a search": search_ms,
        NEW: new_s,
    }


def _page(server: Server, query: str) -> dict[str, Any]:
    page: dict[str, Any] = msgspec.json.decode(server.get(f"/layers/scenes{query}"))
    return page


def _source(origin: Origin) -> str:
    keys = 'access_key_id_env = "BENCH_KEY"\nsecret_access_key_env = "BENCH_KEY"\n'
    return f'[sources.store]\ntype = "s3"\nendpoint_url = "{origin.endpoint}"\nregion = "us-east-1"\n{keys}'


def _template(origin: Origin, name: str, file: str) -> str:
    """A collection behind HTTP, which takes less time for 100,000 members."""
    return f'[collections.{name}]\nuri = "{origin.endpoint}/0ms/{{number}}/{file}"\n'


def _server(name: str, config: str, folder: Path) -> AbstractContextManager[Server]:
    return rawcog(name, f"[server]\nmemory_bytes = {MEMORY_BYTES}\n{config}", folder, {"BENCH_KEY": "key"})


def _start_s(config: str, path: str, folder: Path) -> float:
    with _server("start", config, folder) as server:
        server.get(path)
        return time.perf_counter() - server.started_at


def _member(collection: str, number: int, path: str) -> str:
    """The path of a tile of the layer `bench` as one of a member."""
    return path.replace("/bench/", f"/{collection}:{number:06}{'~tiles' if collection == 'scenes' else ''}/")


def _reads_of_a_first_tile(server: Server, origin: Origin) -> int:
    origin.take_requests()
    server.get(_member("any", 999_999, PATHS[0]))
    return len(origin.take_requests())


def _memory_mb(server: Server, collection: str, count: int, status: HTTPStatus) -> float:
    """RSS of the worker after a tile of each of so many members."""
    paths = [f"/layers/{collection}:{number:06}/tiles/native/0/0/0.jpg" for number in range(count)]
    ask_each(server.port, paths, status)
    return memory_of(server.worker).rss_mb
