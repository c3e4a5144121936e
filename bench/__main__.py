"""The command line: `python -m bench [NAME …] [--json FILE] [--results]`; see README.md here."""

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import (
    cold,
    collections,
    concurrency,
    cost,
    export,
    file,
    header,
    hot_tile,
    layers,
    masked_view,
    memory,
    nginx,
    pages,
    pictures,
    remote,
    samples,
    size,
    start,
    worker,
)
from bench.contest import Effort
from bench.report import Report, machine
from bench.server import BenchError

BENCHES: Final[Mapping[str, Callable[[Effort], Report]]] = {
    "hot": hot_tile.run,
    "remote": remote.run,
    "cold": cold.run,
    "masked": masked_view.run,
    "header": header.run,
    "concurrency": concurrency.run,
    "size": size.run,
    "layers": layers.run,
    "collections": collections.run,
    "samples": samples.run,
    "start": start.run,
    "memory": memory.run,
    "nginx": nginx.run,
    "worker": worker.run,
    "file": file.run,
    "export": export.run,
}
RESULTS: Final = Path(__file__).parent / "RESULTS.md"
TOOLS: Final = {"wrk": "wrk", "nginx": "nginx-light"}
"""Command -> Debian package."""


def main() -> None:
    """Run the benchmarks and print what they say."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks; see bench/README.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(BENCHES)} (all)")
    parser.add_argument("--rounds", type=int, default=7, help="in each of which all are measured (7)")
    parser.add_argument("--seconds", type=int, default=1, help="of load on each in a round (1)")
    parser.add_argument("--connections", type=int, default=16, help="of the load, kept alive (16)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    parser.add_argument(
        "--results", action="store_true", help=f"write {RESULTS.name}, the plots and the figures of docs/"
    )
    parser.add_argument("--profile", action="store_true", help="show where the time goes, too (needs to be root)")
    parser.add_argument("--against", default="", metavar="COMMIT", help="measure `worker` of this commit too")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHES.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(BENCHES)}")
    for command, package in TOOLS.items():
        if shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            sys.exit(f"bench: {command} is missing: sudo apt-get install {package}")
    effort = Effort(options.rounds, options.seconds, options.connections, options.profile, options.against)
    head = {**machine(), "command": f"python -m bench {shlex.join(sys.argv[1:])}".strip()}
    reports, seconds = _run(options.names or list(BENCHES), effort)
    times = ", ".join(f"{name} {taken:.0f}" for name, taken in seconds.items())
    head["seconds"] = f"{sum(seconds.values()):,.0f}: {times}"
    reports["cost"] = cost.run(reports)
    if options.json:
        outcome = {**head, "benches": {name: report.as_json() for name, report in reports.items()}}
        options.json.write_text(json.dumps(outcome, indent=2) + "\n")
    if options.results:
        RESULTS.write_text(_results(head, reports))
        pages.write(reports, head)
        pictures.draw(reports)


def _run(names: list[str], effort: Effort) -> tuple[dict[str, Report], dict[str, float]]:
    """Run benchmarks; returns their reports, and how many seconds each took."""
    reports, seconds = {}, {}
    for name in names:
        began_s = time.monotonic()
        print(name, file=sys.stderr)
        try:
            reports[name] = BENCHES[name](effort)
        except BenchError as error:
            sys.exit(f"bench: {name}: {error}")
        print(f"{reports[name].text()}\n", flush=True)
        seconds[name] = time.monotonic() - began_s
        print(f"  {name} took {seconds[name]:.0f} s", file=sys.stderr)
    return reports, seconds


def _results(head: Mapping[str, str], reports: Mapping[str, Report]) -> str:
    parts = [
        "# Results",
        f"The last run, {datetime.now(UTC):%Y-%m-%d}. What is measured, and how, is in [README.md](README.md).",
        "\n".join(f"- {name}: {note}" for name, note in head.items()),
        *(report.text() for report in reports.values()),
    ]
    return "\n\n".join(parts) + "\n"


main()
