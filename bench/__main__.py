"""The command line: `python -m bench [--json FILE]`."""

import argparse
import json
import sys
from pathlib import Path

from bench import hot_tile
from bench.server import BenchError


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=hot_tile.__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, in each of which all are measured (7)")
    parser.add_argument("--seconds", type=int, default=2, help="of load on each in a round (2)")
    parser.add_argument("--connections", type=int, default=16, help="of the load, kept alive (16)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    options = parser.parse_args()
    try:
        report = hot_tile.run(options.rounds, options.seconds, options.connections)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print(report.text())
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")


main()
