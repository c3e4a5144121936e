"""The cost of a million tiles, from the figures of the other benchmarks of the same run."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from bench import masked_view, nginx
from bench.report import Report, Table


class Kind(NamedTuple):
    """Tiles of one kind, by the row of a benchmark that has their figures."""

    bench: str
    row: str
    reads: int = 0
    """Requests at the origin for a tile."""


KINDS: Final[Mapping[str, Kind]] = {
    "cache of nginx": Kind("nginx", nginx.CACHED),
    "304, worker memory": Kind("hot", "rawcog 304"),
    "worker memory": Kind("hot", "rawcog"),
    "Redis": Kind("remote", "rawcog, Redis"),
    "read by HTTP": Kind("cold", "cold, http", 1),
    "read from S3": Kind("cold", "cold, s3", 1),
    "auto, made anew": Kind("masked", f"{masked_view.SHEET}, auto"),
    "PNG, made anew": Kind("masked", f"{masked_view.SHEET}, png"),
    "TiTiler, encoded anew": Kind("hot", "TiTiler"),
}
COLUMNS: Final = ("a million tiles", "CPU seconds", "reads of the origin", "GB from the origin", "GB sent")


def run(reports: Mapping[str, Report]) -> Report:
    """Make the table of the kinds whose benchmarks ran."""
    rows = {name: _row(reports[kind.bench], kind) for name, kind in KINDS.items() if kind.bench in reports}
    notes = {
        "CPU": "of the server and of the request; of Redis, the origin, and a proxy in front, none is included",
        "GB": "by the mean size of the measured tiles: 512 pixels a side, or 256 where they are read or made",
        "costs": "CPU seconds × price of a CPU second + reads × price of a GET + GB sent × price of a GB that leaves",
        "mixture": "multiply each line by its share of the tiles; a tile that nginx does not have costs both CPUs",
    }
    return Report("A million tiles", notes, [Table(COLUMNS, rows)], picture="cost")


def _row(report: Report, kind: Kind) -> Sequence[float]:
    cpu_us, kilobytes = report.figure(kind.row, "CPU µs"), report.figure(kind.row, "kB a tile")
    return cpu_us, 1e6 * kind.reads, kilobytes * kind.reads, kilobytes
