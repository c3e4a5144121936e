"""Plots of a run in `plots`, as PNG and SVG; matplotlib is in the environment of the peers."""

import json
import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench import cost, peers, size
from bench.report import Report

FOLDER: Final = Path(__file__).parent / "plots"
_CONNECTIONS: Final = re.compile(r"200, (\d+) connections")


def draw(reports: Mapping[str, Report]) -> None:
    """Draw the plots whose benchmarks ran."""
    figures = {name: _FIGURES[name](reports[name]) for name in _FIGURES if name in reports}
    FOLDER.mkdir(exist_ok=True)
    if figures:
        peers.set_up()
        peers.run("plot", str(FOLDER), text=json.dumps(figures))


def _rates(report: Report) -> dict[str, float]:
    """Contestant -> requests a second, of those that send tiles."""
    rows = report.tables[0].rows
    return {name: report.figure(name, "req/s") for name in rows if not name.endswith("304")}


def _tails(report: Report) -> dict[str, dict[str, float]]:
    """Server -> number of connections -> p99 in ms."""
    tails: dict[str, dict[str, float]] = {}
    for row, rounds in report.raw.items():
        if match := _CONNECTIONS.fullmatch(row):
            for name in rounds[0]:
                tails.setdefault(name, {})[match[1]] = statistics.median(turns[name]["p99_ms"] for turns in rounds)
    return tails


def _costs(report: Report) -> dict[str, float]:
    """Kind of tile -> CPU seconds of a million."""
    return {name: report.figure(name, cost.COLUMNS[1]) for name in report.tables[0].rows}


_FIGURES: Final[Mapping[str, Any]] = {
    "hot": _rates,
    "nginx": _rates,
    "worker": _tails,
    "size": size.figures_of,
    "cost": _costs,
}
"""Benchmark -> maker of the figures of its plot."""
