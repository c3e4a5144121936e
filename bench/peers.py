"""The peers, in an environment of their own, with our versions of what they share with us."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.server import ROOT, THREADS, Server, serving

PEERS: Final = ROOT / ".bench/peers"
PYTHON: Final = PEERS / "bin/python"
_WANTED: Final = (
    "cogdumper==1.1.0",
    "titiler.application==2.4.0",
    "uvicorn==0.54.0",
    "obstore==0.12.1",
    "matplotlib==3.11.2",
    "rio-pmtiles==1.2.2",
    "py-spy==0.4.3",
)
COG_TILES: Final = "cog-tiles==0.1.1"
"""In Rust; left out where there is no wheel of it for this machine."""

GDAL_ENVIRONMENT: Final = {
    "CPL_TMPDIR": "/tmp",
    "GDAL_CACHEMAX": "75%",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "PYTHONWARNINGS": "ignore",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "536870912",
}
"""Recommended by TiTiler's docker-compose.yml."""


def set_up() -> None:
    """Make the environment, unless it is there."""
    wanted = [*_WANTED, *(f"{name}=={version(name)}" for name in ("flask", "gunicorn"))]
    folder = PEERS / "made"
    if folder.exists() and folder.read_text() == "\n".join([*wanted, COG_TILES]):
        return
    print(f"setting up {PEERS}, once", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(PEERS)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "-qq", "--no-input"]
    subprocess.run([*pip, "--disable-pip-version-check", *wanted], check=True)
    subprocess.run([*pip, "--disable-pip-version-check", "--only-binary", ":all:", COG_TILES], check=False)
    folder.write_text("\n".join([*wanted, COG_TILES]))


def has_cog_tiles() -> bool:
    """Tell if a wheel of cog-tiles could be installed."""
    done = subprocess.run([str(PYTHON), "-c", "import cog_tiles"], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def titiler(folder: Path) -> Iterator[Server]:
    """Run TiTiler by uvicorn as its README says, in one process with as many threads as rawcog."""
    command = ("uvicorn", "--fd={fd}", "--log-level=warning", "--no-access-log", "--timeout-keep-alive=95")
    environment = {**GDAL_ENVIRONMENT, "RIO_TILER_MAX_THREADS": str(THREADS)}
    with serving("titiler.application.main:app", folder / "titiler.log", PYTHON, environment, command) as server:
        yield server


def titiler_path(source: str | Path, z: int, x: int, y: int, side: int) -> str:
    """The URL path of a tile of a file, by the grid of web maps, of so many pixels."""
    return f"/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.jpg?tilesize={side}&url={source}"


def run(script: str, *arguments: str, text: str = "") -> str:
    """Run a module of `bench.apps` with the peers' interpreter; returns its output."""
    done = subprocess.run(
        [str(PYTHON), "-m", f"bench.apps.{script}", *arguments],
        cwd=ROOT,
        env={**os.environ, **GDAL_ENVIRONMENT},
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
