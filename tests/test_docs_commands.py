"""The commands and the Python code of all pages, run in a folder that has the files, buckets and servers they name."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import requests

from tests.support.exports import rawcog
from tests.support.gunicorn import ROOT, Gunicorn, procfile_line, wait_for
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.s3 import running_store
from tests.support.webmercator import WORLD_M
from tests.test_docs import NAMES, PAGES, blocks

_INDENTED: Final = re.compile(r"^    ((?:make|\.venv/bin/python) .*)$", re.MULTILINE)
_COMMAND: Final = "from server.cli.main import main; main(prog_name='rawcog')"
CONFIG: Final = """
[layers.naip]
uri = "s3://imagery/2025.tif"
[layers.ortho]
uri = "s3://imagery/2025.tif"
[layers.dem]
uri = "s3://imagery/dem.tif"
"""


def lines(page: Path) -> list[str]:
    """The command lines of a page, in their order, each once."""
    text = "\n".join([*blocks(page, "sh"), *_INDENTED.findall(page.read_text())])
    return list(dict.fromkeys(line for line in text.splitlines() if line.strip()))


def parses_recipe(line: str) -> None:
    subprocess.run(["make", "-n", *shlex.split(line, comments=True)[1:]], cwd=ROOT, check=True, capture_output=True)


def names_a_folder(line: str) -> None:
    assert (ROOT / shlex.split(line, comments=True)[3]).exists()


def is_the_line_of_the_procfile(line: str) -> None:
    assert shlex.split(line) == procfile_line()


def parses(line: str) -> None:
    subprocess.run(["sh", "-n", "-c", line], check=True)


ELSEWHERE: Final[Mapping[str, tuple[str, Callable[[str], None]]]] = {
    "make ": ("would run the tests or the benchmarks", parses_recipe),
    ".venv/bin/python -m pytest ": ("would run the tests", names_a_folder),
    ".venv/bin/python -m bench ": ("would take minutes", parses),
    "gunicorn ": ("the tests start every server by it", is_the_line_of_the_procfile),
    "docker ": ("needs an engine; test_containers.py runs what it would", parses),
}
"""First words of lines that do not run here -> the reason, and the check in place of it."""


@dataclass
class World:
    """A folder as the pages assume it, with its servers."""

    folder: Path
    environment: dict[str, str]
    places: dict[str, str]
    """Part of a line -> its value here."""

    @classmethod
    def make(cls, folder: Path, port: int) -> "World":
        """Make the folder.

        Args:
            folder: an empty one.
            port: a free port, for servers.
        """
        for name in ("data", "cogread", "config"):
            (folder / name).symlink_to(ROOT / name)
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (programs / "python").chmod(0o755)
        (folder / "imagery").mkdir()
        (folder / "imagery" / "netherlands.tif").symlink_to(ROOT / "data" / "netherlands.tif")
        (folder / "in.tif").symlink_to(ROOT / "data" / "world.tif")
        (folder / "layers.toml").write_text(CONFIG)
        (folder / "files.txt").write_text("scene.tif\n")
        path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PORT": str(port)}
        environment |= {"BROWSER": "true", "RAWCOG_CONFIG": "layers.toml"}
        return cls(folder, environment, {"--port 9000": f"--port {port}"})

    def run(self, line: str) -> None:
        """Run a line: a server until it answers, other commands of rawcog in this process."""
        for part, value in self.places.items():
            line = line.replace(part, value)
        words = shlex.split(line, comments=True)
        own = dict(words.pop(0).split("=", 1) for word in list(words) if "://" in word and "=" in word[:12])
        if words[:2] == ["rawcog", "serve"]:
            self._serve(words[1:])
        elif words[0] == "curl":  # which need not be installed
            assert requests.get(words[-1], timeout=30).status_code == 200, line
        elif words[0] == "rawcog":
            if words[1] == "crop":
                Path(words[3]).unlink(missing_ok=True)
            paths = [word.replace("~", str(self.folder)) for word in words[1:]]
            done = rawcog(*paths, **self.environment | own)
            assert done.returncode == 0, f"{line}\n{done}"
        else:
            self._run_in_shell(line)

    def _run_in_shell(self, line: str) -> None:
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _serve(self, arguments: list[str]) -> None:
        log = self.folder / "log"
        with log.open("wb") as stream:
            command = [sys.executable, "-c", _COMMAND, *(word.replace("~", str(self.folder)) for word in arguments)]
            server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=stream, stderr=stream)
        try:
            wait_for(lambda: server.poll() is not None or "Listening at" in log.read_text(), "the server")
            url = re.search(r"Listening at: (http://\S+)", log.read_text())
            assert url is not None, log.read_text()
            layers = requests.get(f"{url[1]}/layers", timeout=30).json()["layers"]
            assert layers
            assert {layer["status"] for layer in layers} == {"ok"}, layers
        finally:
            server.terminate()
            assert server.wait(60) == 0, log.read_text()


def aligned(path: Path) -> None:
    """An image of 16 x 16 tiles at zoom 14 with overviews up to one tile, in the Alps."""
    size_m = WORLD_M / 2**14
    place = rasterio.Affine(size_m / 256, 0, 8528 * size_m - WORLD_M / 2, 0, -size_m / 256, WORLD_M / 2 - 5760 * size_m)
    y, x = np.mgrid[:4096, :4096]
    profile = {"count": 3, "width": 4096, "height": 4096, "dtype": "uint8", "crs": "EPSG:3857", "transform": place}
    options = {"TILED": "YES", "COMPRESS": "JPEG", "PHOTOMETRIC": "YCBCR", "COPY_SRC_OVERVIEWS": "YES"}
    with rasterio.open("", "w", driver="MEM", **profile) as dataset:
        dataset.write(np.stack([x >> 4, y >> 4, (x + y) >> 5]).astype(np.uint8))
        dataset.build_overviews([2, 4, 8, 16])
        rasterio.shutil.copy(dataset, path, driver="GTiff", **options)


@pytest.fixture(scope="module")
def demo() -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}) as running:
        yield running


@pytest.mark.parametrize("name", [name for name, page in zip(NAMES, PAGES, strict=True) if lines(page)])
def test_the_commands_of_a_page_run(name: str, demo: Gunicorn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / name
    text = "\n".join(lines(page))
    with ExitStack() as stack:
        own = stack.enter_context(socket.socket())
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", 0))  # but not listening, so that no other program is given the port
        world = World.make(tmp_path, own.getsockname()[1])
        world.places["http://127.0.0.1:8000"] = demo.url
        monkeypatch.chdir(tmp_path)
        if "scene.tif" in text:
            aligned(tmp_path / "scene.tif")
        if "redis://" in text:
            redis_url = stack.enter_context(RedisServer()).url
            world.places["redis://cache:6379/0"] = world.environment["REDIS_URL"] = redis_url
        if "s3://" in text:
            store = stack.enter_context(running_store())
            store.put("2025.tif", (tmp_path / "scene.tif").read_bytes())
            store.put("dem.tif", (ROOT / "data" / "elk-mountains.tif").read_bytes())
            store.put("cog.tif", (ROOT / "data" / "cog.tif").read_bytes())
            world.environment |= store.environment
            own_server = Gunicorn({"WEB_CONCURRENCY": "1", **store.environment}, (tmp_path / "layers.toml").read_text())
            world.places["https://tiles.example.com"] = stack.enter_context(own_server).url
        if "http://localhost:8080" in text:
            origin = stack.enter_context(Origin())
            origin.put("/data/cog.tif", (ROOT / "data" / "cog.tif").read_bytes())
            world.places["http://localhost:8080"] = origin.url
        if page.stem == "access":
            [config] = blocks(page, "toml")
            (tmp_path / "layers.toml").write_text(config)
            world.environment |= {"TEAM_A_TOKEN": "t" * 32, "RAWCOG_SIGNING_KEYS": "k" * 32}
        for line in lines(page):
            check = next((check for words, (_, check) in ELSEWHERE.items() if line.startswith(words)), world.run)
            check(line)


def test_the_python_code_of_the_library_runs(tmp_path: Path) -> None:
    """The code for Dask needs a scheduler: only its imports run."""
    aligned(tmp_path / "scene.tif")
    pieces = blocks(ROOT / "docs" / "library-and-commands.md", "python")
    texts = [
        "\n".join(re.findall(r"^from server.*", text, re.MULTILINE)) if "dask" in text else text for text in pieces
    ]
    with running_store() as store:
        store.put("ortho/2025.tif", (tmp_path / "scene.tif").read_bytes())
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **store.environment}
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(texts)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "part.tif", "scene.pmtiles"}
    assert done.stdout.count("\n") == 16 * 16 + 8 * 8 + 4 * 4 + 2 * 2 + 1
