"""Exports: a local file of JPEG tiles beside `cp`, and a small one beside programs that decode and encode."""

import math
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench import peers
from bench.contest import Effort
from bench.imagery import TILE_PIXELS, make_cog
from bench.report import Report, Table, at_least
from cogread.reader import open_cog
from server.cli.layer_source import layer_source
from server.export.job import export
from server.export.pictures import AUTO, Pictures
from server.export.selection import select
from tests.support import handmade as hm
from tests.support.system_gdal import gdal_program

_SIDE: Final = 128
"""Tiles across and down of the large file; its single level has 16,384 tiles of 44 kB."""
_COMMENT: Final = b"\xff\xfe\0\6"
"""Marker and length of a comment of four bytes (ITU-T T.81 §B.2.4.5)."""
_TARGETS: Final = ("a.pmtiles", "a.mbtiles", "a")


def run(effort: Effort) -> Report:
    """Measure all, in turns."""
    peers.set_up()
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch:
        folder = Path(scratch)
        small, large = folder / "small.tif", folder / "large.tif"
        make_cog(small)
        _make_large(small, large)
        size_bytes = large.stat().st_size
        files = folder / "files"
        _split(large, files)
        copies = {
            "cp": lambda: _copy(large, folder / "copy"),
            "cp and fsync": lambda: _copy(large, folder / "copy", is_synced=True),
            "SQLite alone": lambda: _insert(large, folder / "b.mbtiles"),
            **{f"rawcog, {_kind(name)}": _exporting(large, folder / name) for name in _TARGETS},
            "cp -r, as many files": lambda: subprocess.run(["cp", "-r", files, folder / "copies"], check=True),
        }
        seconds = _turns(copies, folder, min(effort.rounds, 3))
        encoders = {
            "rawcog, PMTiles": _command(small, folder / "a.pmtiles"),
            "rawcog, MBTiles": _command(small, folder / "a.mbtiles"),
            "gdal_translate, MBTiles": _gdal(small, folder / "b.mbtiles"),
            "rio pmtiles": _rio(small, folder / "b.pmtiles"),
        }
        small_seconds = _turns(encoders, folder, min(effort.rounds, 2))
        small_bytes = small.stat().st_size
    ratios = {name: _ratio(seconds, name, "cp") for name in seconds}
    synced = {name: _ratio(seconds, name, "cp and fsync") for name in seconds}
    rows = {
        name: (
            size_bytes / min(run.wall_s for run in runs) / 1e6,
            size_bytes / statistics.median(run.wall_s for run in runs) / 1e6,
            statistics.median(run.cpu_s for run in runs),
            ratios[name],
            synced[name],
        )
        for name, runs in seconds.items()
    }
    small_rows = {
        name: (statistics.median(run.wall_s for run in runs), small_bytes / 1e6) for name, runs in small_seconds.items()
    }
    notes = {
        "large file": f"{_SIDE * _SIDE:,} JPEG tiles of {TILE_PIXELS} px, {size_bytes / 1e6:,.0f} MB, all different; "
        "in the page cache; rawcog without the start of Python, and with fsync, which cp and SQLite alone leave out; "
        "SQLite alone inserts blobs of the size of tiles, in transactions of 64, without a journal",
        "PMTiles beside cp": "reads and writes alone, with the fsync that overlaps them, take 1.3 times as long; the "
        "rest is 10 µs of Python for each tile: its place, check, digest and entry. Writes go on in a second thread",
        "MBTiles beside cp": "short of half the speed of cp: SQLite alone, without fsync, has 0.57 of it. It copies "
        "bodies into pages of 32 KiB and writes each of the 25,000 by itself. Its thread takes 0.32 s of CPU, that of "
        "the reads, checks and digests 0.25 s, and both 0.5 s with the fsync; no journal at all saves 0.02 s",
        "small file": f"{small_bytes / 1e6:,.0f} MB with overviews; whole commands, gdal_translate and rio of one zoom",
    }
    return Report(
        "Exports",
        notes,
        [
            Table(("large file", "MB/s, best", "MB/s, median", "CPU s", "of cp", "of cp and fsync"), rows),
            Table(("small file", "seconds", "MB of the file"), small_rows),
        ],
        [
            at_least("PMTiles, of the speed of cp", ratios["rawcog, PMTiles"], 0.5),
            at_least("PMTiles, of the speed of cp and fsync", synced["rawcog, PMTiles"], 0.5),
        ],
        raw={"large": seconds, "small": small_seconds},
    )


def _kind(name: str) -> str:
    return {".pmtiles": "PMTiles", ".mbtiles": "MBTiles"}.get(Path(name).suffix, "folder")


class _Cost(NamedTuple):
    wall_s: float
    cpu_s: float
    """User and system, with ended processes that were started."""


def _turns(works: dict[str, Callable[[], object]], folder: Path, rounds: int, runs: int = 1) -> dict[str, list[_Cost]]:
    """The cost of each work in each round, after one round that does not count.

    The last run of a work in a round counts. The first one takes memory that another program freed, which a virtual
    machine may have given back to its host, and takes up to three times as long.
    """
    costs: dict[str, list[_Cost]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            cost = _Cost(0.0, 0.0)
            for _ in range(runs):
                began_s, began_cpu_s = time.perf_counter(), _cpu_s()
                work()
                cost = _Cost(time.perf_counter() - began_s, _cpu_s() - began_cpu_s)
                for path in folder.iterdir():
                    if path.name not in ("small.tif", "large.tif", "files"):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
            costs[name].append(cost)
    return {name: each[1:] for name, each in costs.items()}


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _ratio(costs: dict[str, list[_Cost]], name: str, peer: str) -> float:
    """The speed of a work as a part of that of a peer, by rounds."""
    return statistics.median(b.wall_s / a.wall_s for a, b in zip(costs[name], costs[peer], strict=True))


def _copy(path: Path, target: Path, *, is_synced: bool = False) -> None:
    subprocess.run(["cp", path, target], check=True)
    if is_synced:
        with target.open("rb+") as file:
            os.fsync(file)


def _insert(path: Path, target: Path) -> None:
    """Fill a table of SQLite with pieces of a file."""
    size_bytes, batch = path.stat().st_size // _SIDE**2, 64
    with closing(sqlite3.connect(target, isolation_level=None)) as database, path.open("rb") as file:
        database.executescript(
            "PRAGMA page_size = 32768; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; "
            "PRAGMA synchronous = OFF; CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL);"
        )
        for first in range(0, _SIDE**2, batch):
            database.execute("BEGIN")
            rows = ((number, file.read(size_bytes)) for number in range(first, first + batch))
            database.executemany("INSERT INTO images VALUES (?, ?)", rows)
            database.execute("COMMIT")


def _split(path: Path, target: Path) -> None:
    """Write pieces of a file, of the size of tiles, as files of their own in as many folders as an export has."""
    size_bytes = path.stat().st_size // _SIDE**2
    with path.open("rb") as file:
        for col in range(_SIDE):
            (target / str(col)).mkdir(parents=True)
            for row in range(_SIDE):
                (target / str(col) / f"{row}.jpg").write_bytes(file.read(size_bytes))


def _exporting(path: Path, target: Path) -> Callable[[], object]:
    source = layer_source(str(path))
    pictures = Pictures(source.layer, source.opened, source.origin(), select(source.opened), AUTO)
    return lambda: export(pictures, target)


def _command(path: Path, target: Path) -> Callable[[], object]:
    code = "from server.cli.main import main; main()"
    return lambda: subprocess.run([sys.executable, "-c", code, "export", path, target], check=True, capture_output=True)


def _gdal(path: Path, target: Path) -> Callable[[], object]:
    words = ["-q", "-of", "MBTILES", "-co", "TILE_FORMAT=JPEG", "-co", "QUALITY=80", "-co", f"BLOCKSIZE={TILE_PIXELS}"]
    return lambda: subprocess.run([gdal_program("gdal_translate"), *words, path, target], check=True)


def _rio(path: Path, target: Path) -> Callable[[], object]:
    words = ["--format", "JPEG", "--tile-size", str(TILE_PIXELS), "--zoom-levels", "4..4", "-j", "2"]
    rio = peers.PYTHON.with_name("rio")
    return lambda: subprocess.run([rio, "pmtiles", path, target, *words], check=True, capture_output=True)


def _make_large(small: Path, large: Path) -> None:
    """Write a TIFF of one level with the tiles of a COG, each with a number of its own behind its scan."""
    with open_cog(str(small)) as reader:
        image = reader.cog.full
        places = [(col, row) for row in range(image.tiles_down) for col in range(image.tiles_across)]
        tiles = [reader.tile(0, col, row) or b"" for col, row in places]
        tables = image.jpeg_tables or b""
    numbered = [
        tiles[number % len(tiles)][:-2] + _COMMENT + number.to_bytes(4, "big") + b"\xff\xd9"
        for number in range(_SIDE**2)
    ]
    half, side = math.pi * 6378137, _SIDE * TILE_PIXELS
    ifd = hm.image(side, side, (TILE_PIXELS, TILE_PIXELS), samples=3, tiles=numbered).having(
        {
            hm.COMPRESSION: (hm.SHORT, [7]),
            hm.PHOTOMETRIC: (hm.SHORT, [6]),
            hm.JPEG_TABLES: (hm.UNDEFINED, tables),
            530: (hm.SHORT, [2, 2]),
            hm.SCALE: (hm.DOUBLE, [2 * half / side, 2 * half / side, 0]),
            hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, -half, half, 0]),
            hm.GEO_KEYS: (hm.SHORT, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3857]),
        }
    )
    large.write_bytes(hm.tiff(ifd))
