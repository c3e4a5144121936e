"""Report of a benchmark: tables and targets, as Markdown and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

Cell = str | float


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a row for each name."""

    columns: Sequence[str]
    """Titles; the first is that of the names."""
    rows: Mapping[str, Sequence[Cell]]

    def figure(self, name: str, column: str) -> float:
        """The figure of a row in a column."""
        return float(self.rows[name][list(self.columns).index(column) - 1])

    def text(self) -> str:
        """The table in Markdown, with its columns aligned."""
        cells = [list(self.columns), *([name, *map(_spelled, row)] for name, row in self.rows.items())]
        widths = [max(len(line[number]) for line in cells) for number in range(len(self.columns))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines = [
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
            for line in cells
        ]
        return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with its limit."""

    subject: str
    figure: float
    limit: float
    is_least: bool
    """True: the limit is a minimum; False: a maximum."""
    bound_by: str = ""
    """Bottleneck, stated where the target is missed."""

    @property
    def is_met(self) -> bool:
        """Compares the unrounded figure."""
        return self.figure >= self.limit if self.is_least else self.figure <= self.limit

    @property
    def row(self) -> Sequence[Cell]:
        """Row of the table of targets."""
        return self.figure, ("≥ " if self.is_least else "≤ ") + _spelled(self.limit), "yes" if self.is_met else "no"


def at_least(subject: str, figure: float, limit: float, bound_by: str = "") -> Target:
    """A target where more is better."""
    return Target(subject, figure, limit, True, bound_by)


def at_most(subject: str, figure: float, limit: float, bound_by: str = "") -> Target:
    """A target where less is better."""
    return Target(subject, figure, limit, False, bound_by)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one benchmark."""

    title: str
    notes: Mapping[str, str]
    """Subject and method of the measurement."""
    tables: Sequence[Table]
    targets: Sequence[Target] = ()
    picture: str = ""
    """Name of a plot of it in the folder `plots`."""
    raw: Any = field(default=None, repr=False)
    """All measurements, for JSON."""

    def figure(self, name: str, column: str) -> float:
        """The figure in that row and column, of the first table that has them."""
        tables = (table for table in self.tables if name in table.rows and column in table.columns)
        return next(tables).figure(name, column)

    def text(self) -> str:
        """In Markdown."""
        parts = [f"## {self.title}", "\n".join(f"- {name}: {note}" for name, note in self.notes.items())]
        parts += [table.text() for table in self.tables]
        if self.targets:
            rows = {target.subject: target.row for target in self.targets}
            parts.append(Table(("target", "reached", "wanted", "met"), rows).text())
        parts += [f"{one.subject}: {one.bound_by}" for one in self.targets if one.bound_by and not one.is_met]
        parts += [f"![{self.title}](plots/{self.picture}.png)"] if self.picture else []
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "title": self.title,
            "notes": dict(self.notes),
            "tables": [
                {name: dict(zip(table.columns[1:], row, strict=True)) for name, row in table.rows.items()}
                for table in self.tables
            ],
            "targets": [
                {"subject": one.subject, "figure": one.figure, "wanted": one.row[1], "is_met": one.is_met}
                for one in self.targets
            ],
            "raw": self.raw,
        }


def machine() -> dict[str, str]:
    """On what it ran."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "flask", "urllib3", "boto3"))
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return {
        "machine": f"{os.cpu_count()} × {model[0] if model else platform.machine()}, Linux {platform.release()}",
        "software": f"Python {platform.python_version()}, {packages}",
        "load before": f"{load} (1, 5, 15 minutes)",
    }


def _spelled(cell: Cell) -> str:
    """Three digits, or all that stand before the point."""
    if isinstance(cell, str):
        return cell
    if cell == 0 or abs(cell) >= 100 or float(cell).is_integer():
        return f"{cell:,.0f}"
    return f"{cell:.{1 if abs(cell) >= 10 else 2 if abs(cell) >= 1 else 3}f}"
