"""The first tile of files of more and more tiles, in fresh processes: time and memory, beside COGDumper and GDAL."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench import peers
from bench.contest import Effort
from bench.cpus import SERVER_CPU, pinned
from bench.first_tile import first_tiles
from bench.imagery import make_grid
from bench.report import Report, Table, Target, at_most
from bench.server import PYTHON, BenchError

SIDES: Final = (10, 100, 1000, 2000)
READERS: Final = {"rawcog": ("cogread", PYTHON), "COGDumper": ("cogdumper", peers.PYTHON), "GDAL": ("gdal", PYTHON)}
ROUNDS: Final = 3

_Figures = Mapping[str, Mapping[int, tuple[float, float]]]
"""Reader -> number of tiles -> ms, MB."""


def run(effort: Effort) -> Report:
    """Measure."""
    peers.set_up()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch:
        folder = Path(scratch)
        for side in SIDES:
            make_grid(folder / f"{side}.tif", side)
        with pinned(SERVER_CPU):
            runs = [_measure(folder) for _ in range(min(effort.rounds, ROUNDS))]
    figures = {
        reader: {side * side: _median([run[reader][side] for run in runs]) for side in SIDES} for reader in READERS
    }
    notes = {
        "files": "local TIFFs of one level, each with its whole index; the tile in the middle",
        "processes": f"a fresh one for each file and reader, {len(runs)} times, after the first tile of a file of 100 "
        "tiles, which is not counted; memory is the growth at its height",
        "GDAL": "decodes the tile too",
    }
    return Report("Size of the file", notes, [_table(figures)], _targets(figures), "size", runs)


def _measure(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Reader -> side -> figures."""
    runs: dict[str, dict[int, dict[str, Any]]] = {}
    tiles = {side: (folder / f"{side}.tif", 0, side // 2, side // 2) for side in SIDES}
    for reader, (name, python) in READERS.items():
        runs[reader] = {side: first_tiles(name, python, [tiles[SIDES[0]], tiles[side]])[-1] for side in SIDES}
    for side in SIDES:
        if runs["rawcog"][side]["digest"] != runs["COGDumper"][side]["digest"]:
            raise BenchError(f"{side} × {side} tiles: COGDumper gives other bytes than rawcog")
    return runs


def _median(figures: list[dict[str, Any]]) -> tuple[float, float]:
    return statistics.median(one["ms"] for one in figures), statistics.median(one["peak_mb"] for one in figures)


def figures_of(report: Report) -> _Figures:
    """The figures of a report, for a plot."""
    table = report.tables[0]
    return {
        reader: {
            side * side: (
                table.figure(f"{reader}, ms", f"{side * side:,}"),
                table.figure(f"{reader}, MB", f"{side * side:,}"),
            )
            for side in SIDES
        }
        for reader in READERS
    }


def _table(figures: _Figures) -> Table:
    counts = [side * side for side in SIDES]
    rows = {
        f"{reader}, {unit}": [figures[reader][count][at] for count in counts]
        for reader in figures
        for at, unit in enumerate(("ms", "MB"))
    }
    return Table(("tiles in the file", *(f"{count:,}" for count in counts)), rows)


def _targets(figures: _Figures) -> list[Target]:
    own = figures["rawcog"]
    least, most = own[SIDES[0] ** 2], own[SIDES[-1] ** 2]
    return [
        at_most("ms more for 4,000,000 tiles than for 100", most[0] - least[0], 1),
        at_most("MB more for 4,000,000 tiles than for 100", most[1] - least[1], 1),
    ]
