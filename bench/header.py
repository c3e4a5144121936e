"""The first tile of a file that no reader has opened yet, behind an origin of 50 ms: number of reads, and time.

All readers have read files of the same origin before, so that connections are open and modules loaded. Each round asks
for the same bytes by a new URL.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import peers
from bench.contest import Effort
from bench.first_tile import first_tiles
from bench.imagery import GRID_TILE_PIXELS, TILE_PIXELS, TILES_A_SIDE, grid_z, make_cog, make_grid
from bench.origin import Origin, serving_files
from bench.report import Report, Table, at_most
from bench.server import PYTHON, Server, rawcog

DELAY_MS: Final = 50
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class File:
    """A file that begins where the grid of web maps does, so that x and y are column and row."""

    name: str
    side: int
    """Tiles across and down."""
    tile_pixels: int
    most_reads: int
    bound_by: str = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """z, x and y of the tile in the middle of the full resolution."""
        return grid_z(self.side), self.side // 2, self.side // 2


FILES: Final = (
    File("ordinary COG", TILES_A_SIDE, TILE_PIXELS, 2),
    File("10,000 tiles", 100, GRID_TILE_PIXELS, 3),
    File(
        "1,000,000 tiles",
        1000,
        GRID_TILE_PIXELS,
        3,
        "the index is two arrays that lie 4 MB apart; a page of each is read, both at the same time.",
    ),
)

MOST_OF_THREE_ROUND_TRIPS: Final = 1.15
"""Largest time of concurrent reads, as a multiple of three reads in sequence; four in sequence take 1.33."""

Ask = Callable[[str, File], float]
"""Asks for the tile of the file by the URL with this alias; returns ms."""

Runs = Mapping[str, Sequence[tuple[int, float]]]
"""Reader -> reads and ms of each round."""


def run(effort: Effort) -> Report:
    """Measure reads and time."""
    peers.set_up()
    aliases = [f"r{number}" for number in range(min(effort.rounds, ROUNDS))]
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        for file in FILES:
            path = folder / f"{file.side}.tif"
            make_cog(path) if file.side == TILES_A_SIDE else make_grid(path, file.side)
        origin = stack.enter_context(serving_files(folder))
        layers = (
            f'[layers.{alias}-{file.side}]\nuri = "{_url(origin, file, alias)}"\n'
            for alias in ("warm", *aliases)
            for file in FILES
        )
        own = stack.enter_context(rawcog("rawcog", "".join(layers), folder))
        titiler = stack.enter_context(peers.titiler(folder))
        servers: dict[str, Ask] = {"rawcog": partial(_by_rawcog, own), "TiTiler": partial(_by_titiler, titiler, origin)}
        runs = {file.name: _measure(file, aliases, servers, origin) for file in FILES}
    notes = {
        "files": f"a COG of {TILES_A_SIDE**2} tiles with four overviews, and TIFFs of one level with indexes of 80 kB "
        "and 8 MB; the tile in the middle of the full resolution",
        "origin": f"HTTP, {DELAY_MS} ms for each reply; all that it was asked is counted, HEAD too",
        "peers": "GDAL with the settings that TiTiler recommends, decoding the tile; TiTiler as its README says, "
        "encoding it anew; COGDumper by its HTTP reader",
        "rounds": f"{len(aliases)}, medians",
    }
    targets = [
        at_most(f"reads for the first tile, {file.name}", reads, file.most_reads, file.bound_by)
        for file in FILES
        for reads, _ in [_medians(runs[file.name]["rawcog"])]
    ]
    _, three_reads, most_reads = FILES
    ratio = _ms_of(runs, most_reads) / _ms_of(runs, three_reads)
    label = f"time to the first tile, {most_reads.name} / {three_reads.name}"
    targets.append(at_most(label, ratio, MOST_OF_THREE_ROUND_TRIPS))
    return Report("Cold header", notes, [_table(runs)], targets, raw=runs)


def _measure(file: File, aliases: Sequence[str], servers: Mapping[str, Ask], origin: Origin) -> Runs:
    runs: dict[str, list[tuple[int, float]]] = {name: [] for name in servers}
    for ask in servers.values():
        ask("warm", file)
    for alias in aliases:
        for name, ask in servers.items():
            origin.take_requests()
            ms = ask(alias, file)
            runs[name].append((len(origin.take_requests()), ms))
    for name, reader, python in (("GDAL", "gdal", PYTHON), ("COGDumper", "cogdumper", peers.PYTHON)):
        _, col, row = file.place
        tiles = [(_url(origin, file, alias), 0, col, row) for alias in ("warm", *aliases)]
        figures = first_tiles(reader, python, tiles)[1:]
        reads = Counter(path.split("/")[2] for path in origin.take_requests())
        runs[name] = [(reads[alias], one["ms"]) for alias, one in zip(aliases, figures, strict=True)]
    return runs


def _url(origin: Origin, file: File, alias: str) -> str:
    return origin.url(f"{file.side}.tif", DELAY_MS, alias)


def _by_rawcog(server: Server, alias: str, file: File) -> float:
    z, x, y = file.place
    return _ms(server, f"/layers/{alias}-{file.side}/tiles/WebMercatorQuad/{z}/{x}/{y}.jpg")


def _by_titiler(server: Server, origin: Origin, alias: str, file: File) -> float:
    return _ms(server, peers.titiler_path(_url(origin, file, alias), *file.place, file.tile_pixels))


def _ms(server: Server, path: str) -> float:
    began_s = time.perf_counter()
    server.get(path)
    return (time.perf_counter() - began_s) * 1000


def _medians(runs: Sequence[tuple[int, float]]) -> tuple[float, float]:
    return statistics.median(reads for reads, _ in runs), statistics.median(ms for _, ms in runs)


def _ms_of(runs: Mapping[str, Runs], file: File) -> float:
    """Median ms of rawcog."""
    return _medians(runs[file.name]["rawcog"])[1]


def _table(runs: Mapping[str, Runs]) -> Table:
    columns = [f"{file.name}, {unit}" for file in FILES for unit in ("reads", "ms")]
    readers = runs[FILES[0].name]
    rows = {name: [figure for file in FILES for figure in _medians(runs[file.name][name])] for name in readers}
    return Table(("first tile", *columns), rows)
