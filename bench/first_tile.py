"""Runs `bench.apps.first_tile` in a process of its own."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.peers import GDAL_ENVIRONMENT
from bench.server import ROOT

Tile = tuple[str | Path, int, int, int]
"""Path or URL, level, col, row."""


def first_tiles(reader: str, python: Path, tiles: Sequence[Tile]) -> list[dict[str, Any]]:
    """Measure the first tile of each file.

    Args:
        reader: name of a reader in the app.
        python: the interpreter that has it.
        tiles: one of each file; the first pays for what a process does once.
    """
    words = [f"{level}/{col}/{row}@{place}" for place, level, col, row in tiles]
    command = [str(python), "-m", "bench.apps.first_tile", reader, *words]
    environment = {**os.environ, **GDAL_ENVIRONMENT}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
