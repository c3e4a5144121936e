"""From turns to a table."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Turn:
    """What a contestant did in a round."""

    requests_a_second: float
    cpu_us: float
    """Of the worker, for a request."""
    p50_ms: float
    p99_ms: float


Round = Mapping[str, Turn]
"""Contestant -> turn."""

_Figures = Sequence[tuple[str, Callable[[Turn], float]]]
"""Title and how to get it."""

_FIGURES: Final[_Figures] = (
    ("req/s", lambda turn: turn.requests_a_second),
    ("CPU µs", lambda turn: turn.cpu_us),
    ("p50 ms", lambda turn: turn.p50_ms),
    ("p99 ms", lambda turn: turn.p99_ms),
)
_RATIOS: Final[_Figures] = (
    ("req/s", lambda turn: turn.requests_a_second),
    ("1 / CPU", lambda turn: 1 / turn.cpu_us),
)
"""The second is what the first would be if nothing else ran on the machine."""


@dataclass(frozen=True, slots=True)
class Report:
    """All rounds, and which ratios are of interest."""

    rounds: Sequence[Round]
    ratios: Sequence[tuple[str, str]]
    """Contestant and whom it is compared with."""
    notes: Mapping[str, str]
    """What was measured, and how."""

    def text(self) -> str:
        """The tables, for people."""
        lines = [f"{name}: {note}" for name, note in (machine() | dict(self.notes)).items()]
        lines += ["", f"{'median of rounds':26}" + "".join(f"{title:>10}" for title, _ in _FIGURES)]
        for name in self.rounds[0]:
            figures = (statistics.median(figure(turns[name]) for turns in self.rounds) for _, figure in _FIGURES)
            lines.append(f"{name:26}" + "".join(f"{figure:10.1f}" for figure in figures))
        lines += ["", f"{'ratios within a round':34}" + "".join(f"{title + ', min–max':>22}" for title, _ in _RATIOS)]
        for pair in self.ratios:
            ratios = (self._ratios(*pair, figure) for _, figure in _RATIOS)
            cells = (f"{statistics.median(found):9.2f}  {min(found):.2f}–{max(found):.2f}" for found in ratios)
            lines.append(f"{' / '.join(pair):34}" + "".join(f"{cell:>22}" for cell in cells))
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """All figures, for programs."""
        return {
            "machine": machine(),
            "notes": dict(self.notes),
            "rounds": [
                {name: {title: figure(turn) for title, figure in _FIGURES} for name, turn in turns.items()}
                for turns in self.rounds
            ],
            "ratios": {
                " / ".join(pair): {title: statistics.median(self._ratios(*pair, figure)) for title, figure in _RATIOS}
                for pair in self.ratios
            },
        }

    def _ratios(self, name: str, other: str, figure: Callable[[Turn], float]) -> list[float]:
        return [figure(turns[name]) / figure(turns[other]) for turns in self.rounds]


def machine() -> dict[str, str]:
    """On what it ran."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "flask"))
    return {
        "machine": f"{os.cpu_count()} × {model[0] if model else platform.machine()}, Linux {platform.release()}",
        "software": f"Python {platform.python_version()}, {packages}",
    }
