"""A view of a masked layer as auto, as stored and as PNG: its bytes, the CPU of making its tiles, and the hot tile."""

import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench.contest import Contestant, Effort, Rounds, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU
from bench.imagery import GRID_TILE_PIXELS, SHEET_TILES, make_sheet
from bench.recording import Recording, check_same, mean_body_bytes, record, write_requests
from bench.report import Report, Table, Target, at_least, at_most
from bench.server import ROOT, THREADS, Server, rawcog

CODECS: Final[Mapping[str, Mapping[str, str]]] = {
    "jpg": {"compress": "JPEG", "quality": "80"},
    "webp": {"compress": "WEBP", "quality": "75"},
}
"""Format of stored tiles -> GDAL's creation options."""
LEAST_TILES: Final = 64
"""Tiles whose CPU is measured at a time, in ticks of 10 ms."""
PASSES: Final = 3
HOT_TILES: Final = 256
"""Few enough for the cache of replies."""
SHEET: Final = "sheet of jpg"
DEMO: Final = "demo layer netherlands"
MOST: Final = 1.3
"""Wanted bytes of a view over those of its stored tiles."""


class View(NamedTuple):
    """All tiles of the full resolution of a layer."""

    layer: str
    z: int
    tiles: int
    """Across and down."""
    stored: str
    """Format of the stored tiles."""

    def paths(self, form: str) -> Mapping[str, str]:
        """Paths of the tiles, as `record` takes them."""
        suffix = "" if form == "auto" else f".{form}"
        places = [(x, y) for y in range(self.tiles) for x in range(self.tiles)]
        return {f"/layers/{self.layer}/tiles/native/{self.z}/{x}/{y}{suffix}": "" for x, y in places}


VIEWS: Final = {
    **{f"sheet of {name}": View(name, 0, SHEET_TILES, name) for name in CODECS},
    DEMO: View("netherlands", 1, 2, "jpg"),
}
"""Title -> view."""


class Figures(NamedTuple):
    """A view in one form."""

    size_bytes: int
    cpu_us: float
    """CPU of a tile that is made anew, with its request."""


def run(effort: Effort) -> Report:
    """Measure all views, and hot tiles of one."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        config = _config(folder)
        passes = min(effort.rounds, PASSES)
        making = stack.enter_context(rawcog("making", f"[defaults]\ncache_tiles = false\n{config}", folder))
        figures = {title: _figures(making, view, passes) for title, view in VIEWS.items()}
        hot = _hot(stack.enter_context(rawcog("hot", config, folder)), folder, effort)
    notes = {
        "sheets": f"{SHEET_TILES**2} tiles of {GRID_TILE_PIXELS} pixels with a map sheet that is turned by 7°; a mask "
        "hides the rest. The demo layer has 4 tiles of 512 pixels, all of which its mask hides in part",
        "CPU": f"median of {passes} views, of which each tile is made anew, one after the other",
        "hot": f"{HOT_TILES} tiles of the {SHEET} that are visible as a whole",
        "servers": f"one worker of {THREADS} threads on CPU {SERVER_CPU}",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    targets = (*_targets(figures), at_least("hot tile, auto / jpg", hot.ratio("auto", "jpg"), 0.95))
    tables = [_table(figures), hot.medians(), hot.ratios([("auto", "jpg")])]
    return Report("Masked view", notes, tables, targets, raw=hot.raw())


def _config(folder: Path) -> str:
    for name, codec in CODECS.items():
        make_sheet(folder / f"{name}.tif", codec)
    files = {name: folder / f"{name}.tif" for name in CODECS} | {"netherlands": ROOT / "data/netherlands.tif"}
    return "".join(f'[layers.{name}]\nuri = "{path}"\n' for name, path in files.items())


def _figures(server: Server, view: View, passes: int) -> Mapping[str, Figures]:
    """Measure a view in each form, the stored one first."""
    return {form: _figures_of(server, view.paths(form), passes) for form in (view.stored, "auto", "png")}


def _figures_of(server: Server, paths: Mapping[str, str], passes: int) -> Figures:
    tiles, repeats, cpu_s = _recorded(server, paths), max(1, LEAST_TILES // len(paths)), []
    for _ in range(passes):
        before_s = server.cpu_s()
        for _ in range(repeats):
            _recorded(server, paths)
        cpu_s.append((server.cpu_s() - before_s) / repeats)
    return Figures(sum(len(tile.body) for tile in tiles.values()), statistics.median(cpu_s) / len(paths) * 1e6)


def _recorded(server: Server, paths: Mapping[str, str]) -> Recording:
    """A tile without a visible pixel has no body."""
    return record(server, paths, HTTPStatus.OK, HTTPStatus.NO_CONTENT)


def _hot(server: Server, folder: Path, effort: Effort) -> Rounds:
    """Compare whole tiles, which have the same bytes in both forms."""
    tiles = _recorded(server, VIEWS[SHEET].paths("auto")).items()
    auto = dict(islice(((path, tile) for path, tile in tiles if tile.body.startswith(b"\xff\xd8")), HOT_TILES))
    stored = _recorded(server, dict.fromkeys((f"{path}.jpg" for path in auto), ""))
    check_same("auto", {f"{path}.jpg": tile for path, tile in auto.items()}, stored)
    return take_turns(
        {
            name: Contestant(server, write_requests(dict.fromkeys(tiles, ""), folder / name), mean_body_bytes(tiles))
            for name, tiles in {"jpg": stored, "auto": auto}.items()
        },
        effort,
    )


def _table(figures: Mapping[str, Mapping[str, Figures]]) -> Table:
    rows = {
        f"{title}, {form}": [
            one.size_bytes / VIEWS[title].tiles ** 2 / 1000,
            one.size_bytes / forms[VIEWS[title].stored].size_bytes,
            one.cpu_us,
        ]
        for title, forms in figures.items()
        for form, one in forms.items()
    }
    return Table(("view", "kB a tile", "/ stored", "CPU µs"), rows)


def _targets(figures: Mapping[str, Mapping[str, Figures]]) -> list[Target]:
    bound_by = "what is lossless keeps the noise of JPEG, and the edge of the mask crosses each of its four tiles."
    return [
        at_most(
            f"bytes of {title}, auto / stored",
            forms["auto"].size_bytes / forms[VIEWS[title].stored].size_bytes,
            MOST,
            bound_by if title == DEMO else "",
        )
        for title, forms in figures.items()
    ]
