"""Profile of a worker under load by py-spy: shares of the time in which a thread held the GIL, without system calls."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort
from bench.load import put_load
from bench.peers import PEERS, set_up
from bench.report import Table

_ROWS: Final = 15
_SECONDS: Final = 4


@contextmanager
def profiling(title: str, worker: int, tables: list[Table]) -> Iterator[int]:
    """Profile a worker for the seconds that this yields, which the caller fills with load; adds a table."""
    with TemporaryDirectory(prefix="rawcog-bench-") as folder:
        stacks = Path(folder, "stacks")
        record = [str(PEERS / "bin/py-spy"), "record", "--pid", str(worker), "--duration", str(_SECONDS)]
        with subprocess.Popen(
            [*record, "--rate", "250", "--gil", "--format", "raw", "--output", str(stacks)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ):
            yield _SECONDS + 1
        if stacks.exists():  # else this user may not trace other processes
            tables.append(_table(title, stacks.read_text()))


def profiles(contestants: Mapping[str, Contestant], names: Sequence[str], effort: Effort) -> list[Table]:
    """Profiles of some contestants, if the effort has them."""
    tables: list[Table] = []
    for name in names if effort.profile else ():
        set_up()
        one = contestants[name]
        with profiling(name, one.server.worker, tables) as seconds:
            put_load(one.server.port, one.requests, seconds, effort.connections)
    return tables


def _table(title: str, stacks: str) -> Table:
    """Make a table of lines like `function (file:line);function (file:line) COUNT`."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_function(frame) for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = max(own.total(), 1)
    rows = {name: [100 * count / total, 100 * whole[name] / total] for name, count in own.most_common(_ROWS)}
    return Table((f"profile of {title}", "own %", "with what it calls %"), rows)


def _function(frame: str) -> str:
    """`name (a/b/c/file.py:12)` -> `c/file.py name`."""
    name, _, place = frame.partition(" (")
    file = "/".join(place.rpartition(":")[0].split("/")[-2:])
    return f"{file} {name}" if file else name
