"""Servers that take turns of a few seconds under the same load, round after round.

Other load of the machine thus hits all servers alike, and ratios are taken within a round.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from bench.load import put_load
from bench.report import Cell, Table
from bench.server import BenchError, Server


@dataclass(frozen=True, slots=True)
class Effort:
    """Amount of measuring."""

    rounds: int = 7
    seconds: int = 1
    """Seconds of load on each contestant in a round."""
    connections: int = 16
    """Connections of the load, kept alive."""
    profile: bool = False
    """True: the reports have profiles."""
    against: str = ""
    """Commit that `worker` measures too."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server and its requests."""

    server: Server
    requests: Path
    """File of the requests; see wrk.lua."""
    body_bytes: float
    """Mean size of the bodies; shorter replies are wrong ones."""
    tier: str = ""
    """Cache tier that the log must name for all tiles; "": any."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The figures of a contestant in a round."""

    requests_a_second: float
    cpu_us: float
    """CPU time of the server for a request."""
    p50_ms: float
    p99_ms: float
    kilobytes: float
    """Mean size of a body."""


Pair = tuple[str, str]
"""Contestant and the one that it is compared with."""

_REQUESTS: Final[Callable[[Turn], float]] = attrgetter("requests_a_second")

_FIGURES: Final[Sequence[tuple[str, Callable[[Turn], float]]]] = (
    ("req/s", _REQUESTS),
    ("CPU µs", lambda turn: turn.cpu_us),
    ("p50 ms", lambda turn: turn.p50_ms),
    ("p99 ms", lambda turn: turn.p99_ms),
    ("kB a tile", lambda turn: turn.kilobytes),
)

MANY: Final = 1000
"""Requests; the tiles of fewer, as of a slow peer, may well be smaller than the mean."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """All that was measured; each round is contestant -> turn."""

    turns: Sequence[Mapping[str, Turn]]

    def medians(self) -> Table:
        """A row for each contestant."""
        names = self.turns[0]
        rows = {name: [self.median(name, figure) for _, figure in _FIGURES] for name in names}
        return Table(("median of rounds", *(title for title, _ in _FIGURES)), rows)

    def ratios(self, pairs: Sequence[Pair]) -> Table:
        """A row for each comparison.

        `1 / CPU` is what the ratio of requests would be if nothing else ran on the machine.
        """
        rows = {" / ".join(pair): self._ratio_row(*pair) for pair in pairs}
        return Table(("ratio within a round", "req/s", "min – max", "1 / CPU"), rows)

    def ratio(self, name: str, other: str, figure: Callable[[Turn], float] = _REQUESTS) -> float:
        """Median of the ratios of a figure."""
        return statistics.median(self._ratios(name, other, figure))

    def median(self, name: str, figure: Callable[[Turn], float]) -> float:
        """Median of a contestant's figure."""
        return statistics.median(figure(turns[name]) for turns in self.turns)

    def raw(self) -> list[dict[str, Any]]:
        """For programs."""
        return [{name: asdict(turn) for name, turn in turns.items()} for turns in self.turns]

    def _ratios(self, name: str, other: str, figure: Callable[[Turn], float] = _REQUESTS) -> list[float]:
        return [figure(turns[name]) / figure(turns[other]) for turns in self.turns]

    def _ratio_row(self, name: str, other: str) -> Sequence[Cell]:
        ratios = self._ratios(name, other)
        by_cpu = statistics.median(turns[other].cpu_us / turns[name].cpu_us for turns in self.turns)
        return statistics.median(ratios), f"{min(ratios):.2f} – {max(ratios):.2f}", by_cpu


def take_turns(contestants: Mapping[str, Contestant], effort: Effort) -> Rounds:
    """Measure all contestants.

    Raises:
        BenchError: there were errors, replies too short or tiles from elsewhere than they should be from.
    """
    for name, contestant in contestants.items():
        _turn(name, replace(contestant, tier=""), 1, effort.connections)  # threads start, caches fill
    turns = []
    for number in range(effort.rounds):
        print(f"  round {number + 1} of {effort.rounds}", file=sys.stderr)
        turns.append({name: _turn(name, one, effort.seconds, effort.connections) for name, one in contestants.items()})
    return Rounds(turns)


def described(effort: Effort) -> str:
    """The load, for notes."""
    return f"wrk, {effort.connections} kept-alive connections, {effort.rounds} rounds of {effort.seconds} s for each"


def _turn(name: str, contestant: Contestant, seconds: int, connections: int) -> Turn:
    server = contestant.server
    log_bytes = server.log.stat().st_size
    cpu_s = server.cpu_s()
    load = put_load(server.port, contestant.requests, seconds, connections)
    cpu_s = server.cpu_s() - cpu_s
    expected_bytes = load.requests * contestant.body_bytes * (0.99 if load.requests >= MANY else 0.5)
    if load.errors or load.size_bytes < expected_bytes:
        raise BenchError(f"{name}: {load.errors} errors, {load.size_bytes} bytes in {load.requests} replies")
    if contestant.tier:
        _check_tier(name, contestant, log_bytes)
    cpu_us, kilobytes = cpu_s / load.requests * 1e6, contestant.body_bytes / 1000
    return Turn(load.requests / load.seconds, cpu_us, load.p50_ms, load.p99_ms, kilobytes)


def _check_tier(name: str, contestant: Contestant, log_bytes: int) -> None:
    """All but a few, which are those of the beginning."""
    with contestant.server.log.open("rb") as log:
        log.seek(log_bytes)
        lines = [line for line in log.read().splitlines() if b" tier=" in line]
    hits = sum(line.partition(b" tier=")[2].split()[0].decode() == contestant.tier for line in lines)
    if hits < 0.98 * len(lines) or not lines:
        raise BenchError(f"{name}: {hits} of {len(lines)} tiles from {contestant.tier}; the last: {lines[-1:]}")
