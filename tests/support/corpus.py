"""The shared corpus of TIFFs that stands beside some checkouts; see its README for the manifests.

`real/` is used where it is. The other files are made by the corpus's own scripts, once for each version of the scripts
and of the libraries that they use, and kept in pytest's cache.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"

Record = dict[str, Any]
"""An object of a manifest."""

_MAKERS: Final = {"data": "make_corpus.py", "hostile": "make_hostile.py"}
_LIBRARIES: Final = ("rasterio", "numpy", "tifffile", "imagecodecs")


def manifest(folder: Path) -> Record:
    """The manifest of `real/` or `data/`, or the list of hostile cases."""
    path = next(path for path in (folder / "manifest.json", folder / "hostile.json") if path.exists())
    record: Record = json.loads(path.read_text())
    return record


def corpus_folder(name: str, cache: Path) -> Path:
    """The folder `data` or `hostile`, made at the first call; other processes wait for it."""
    folder = cache / f"{name}-{_fingerprint()}"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for old in cache.glob(f"{name}-*"):
                shutil.rmtree(old)
            half_made = cache / f"{name}-half-made"
            command = [sys.executable, str(CORPUS / _MAKERS[name]), "--out", str(half_made)]
            environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            half_made.rename(folder)
    return folder


def served(folder: Path) -> list[Path]:
    """The files of less than 1 MiB that have to be served and that GDAL reads."""
    return [
        folder / record["path"]
        for record in manifest(folder)["files"]
        if record["expect"] == "serve" and record["bytes"] < (1 << 20) and "error" not in record["gdal"]
    ]


Answers = frozenset[str]
"""The outcome of requests for a tile: `error`, `empty`, or the hash of the stored bytes where it can be had."""

ERROR: Answers = frozenset({"error"})


def unexpected(case: Record, answers: list[Answers]) -> list[str]:
    """In what a hostile file ends otherwise than it may, its probes having had these answers."""
    if "reject-at-open" in case["accept"] and set(answers) == {ERROR}:
        return []
    return [
        f"{case['name']}: tile {probe['x']}/{probe['y']} is {sorted(outcome)}, wanted {probe['expect']}"
        for probe, outcome in zip(case["probe"], answers, strict=True)
        if not _is_as_expected(probe, outcome)
    ]


def _is_as_expected(probe: Record, outcome: Answers) -> bool:
    tile = probe.get("tile", {}).get("sha256")
    match probe["expect"]:
        case "tile":
            return outcome == {tile}
        case "bytes":  # a bomb: to be had as it is stored, but not decoded
            return tile in outcome and outcome <= {tile, "error"}
        case "tile?":
            return outcome <= {tile, "error"}
        case "error":
            return outcome == ERROR
        case "empty":
            return outcome <= {"error", "empty"}
        case expected:
            return bool(expected == "any")


def _fingerprint() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for script in sorted(CORPUS.glob("*.py")):
        digest.update(script.read_bytes())
    digest.update(repr([sys.version_info[:2], *map(version, _LIBRARIES)]).encode())
    return digest.hexdigest()
