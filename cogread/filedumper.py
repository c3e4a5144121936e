"""`python cogread/filedumper.py`: COGDumper's command for local files."""

import os
import sys

if not __package__:  # run as a script: its folder would hide other modules
    _folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [os.path.dirname(_folder), *(path for path in sys.path if path != _folder)]

import click

from cogread.cli.main import dumper


@dumper("file")
@click.option("--file", required=True, metavar="PATH", help="Path of the COG.")
def main(file: str) -> str:
    """Write a tile of a local COG to a file."""
    return file


if __name__ == "__main__":
    main()
