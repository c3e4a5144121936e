"""Reports of checked files as text for a terminal: a table with a row for each layer, then the problems."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from cogread.cli.table import columns
from server.cli.inspection import Report

_HEAD: Final = ("layer", "size", "CRS", "type", "codec", "formats", "masks", "web maps", "reads", "KiB", "problems")
_LONGEST: Final = 40
"""Characters of a column."""


def report_table(reports: Sequence[Report]) -> Iterator[str]:
    """The lines of the text."""
    yield from _aligned([_HEAD, *(_row(report) for report in reports)])
    for report in reports:
        if report.problems:
            yield ""
            yield f"{report.layer}: {report.file}"
        for command in dict.fromkeys(problem.command for problem in report.problems):
            yield from (f"  {each.grade}: {each.text}" for each in report.problems if each.command == command)
            if command is not None:
                yield f"    {command}"
    yield ""
    yield _total(reports)


def _row(report: Report) -> tuple[str, ...]:
    counts = Counter(problem.grade for problem in report.problems)
    problems = ", ".join(_count(number, grade) for grade, number in counts.items()) or "none"
    facts = report.facts
    if facts is None:
        return (report.layer, *["-"] * (len(_HEAD) - 2), problems)
    return (
        report.layer,
        f"{facts.width} x {facts.height}",
        facts.crs or "none",
        f"{facts.bands} x {facts.dtype}",
        facts.codec,
        " ".join(facts.formats) or "none",
        facts.masks,
        facts.web_maps,
        str(facts.reads),
        f"{facts.read_bytes / 1024:.0f}",
        problems,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    cut = [tuple(cell if len(cell) <= _LONGEST else f"{cell[: _LONGEST - 1]}…" for cell in row) for row in rows]
    return columns(cut)


def _total(reports: Sequence[Report]) -> str:
    counts = Counter(problem.grade for report in reports for problem in report.problems)
    grades = ", ".join(_count(counts[grade], grade) for grade in ("error", "problem", "note") if counts[grade])
    return f"{_count(len(reports), 'layer')}: {grades or 'no problems'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
