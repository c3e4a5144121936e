"""The Dockerfile, run without a container engine: its COPY and RUN lines below a folder, its ENTRYPOINT as a process.

Absolute paths of the Dockerfile lie below that folder. Both stages share it, so a COPY between them has nothing to do.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from dockerfile_parse import DockerfileParser

from tests.support.gunicorn import ROOT

READ_ONLY = """
import errno, os, sys
NAMES = ("mkdir", "remove", "rename", "rmdir", "link", "symlink", "truncate", "chmod", "utime")
CHANGES = {f"os.{name}" for name in NAMES}
def refuse_writes(event, arguments):
    if event == "open":
        path, _, flags = arguments
        changes = isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    else:
        path = arguments[0] if event in CHANGES else None
        changes = isinstance(path, (str, bytes))
    if changes and not os.fsdecode(path).startswith("/dev/"):
        raise OSError(errno.EROFS, "Read-only file system", os.fsdecode(path))
sys.addaudithook(refuse_writes)
"""
"""A module that makes the file system of its process read-only but for /dev, for what is written in Python."""

_MOUNT: Final = 'mount -o remount,bind,ro / && exec "$@"'


@cache
def _read_only_mount() -> list[str]:
    """The beginning of a command for which the file system is mounted read-only, where the kernel allows that."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh"]
    if shutil.which("unshare") is None:
        return []
    done = subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if done.returncode == 0 else []


def _instructions() -> Iterator[tuple[str, str]]:
    with (ROOT / "Dockerfile").open("rb") as file:
        for each in DockerfileParser(fileobj=file, parent_env={}).structure:
            yield each["instruction"], each["value"]


@dataclass
class Image:
    """The result of the Dockerfile below a folder."""

    folder: Path
    """It holds what COPY and RUN made."""
    env: dict[str, str] = field(default_factory=dict)
    """ENV of the last stage."""
    entrypoint: list[str] = field(default_factory=list)
    health_check: list[str] = field(default_factory=list)
    user: str = ""

    @classmethod
    def build(cls, folder: Path) -> "Image":
        image = cls(folder)
        workdir = folder
        for instruction, value in _instructions():
            text = image.placed(value)
            match instruction:
                case "FROM":
                    image.env = {}
                case "ENV":
                    image.env |= dict(word.split("=", 1) for word in shlex.split(text))
                case "WORKDIR":
                    workdir = Path(text)
                    workdir.mkdir(parents=True)
                case "COPY":
                    image._copy(shlex.split(text), workdir)
                case "RUN":
                    image._run(text, workdir)
                case "USER":
                    image.user = value
                case "ENTRYPOINT":
                    image.entrypoint = json.loads(text)
                case "HEALTHCHECK":
                    image.health_check = json.loads(value.partition("CMD ")[2])
                case _:
                    assert instruction in {"COMMENT", "ARG", "EXPOSE"}, instruction
        return image

    def placed(self, text: str) -> str:
        """The text with the Dockerfile's folders below that of the image."""
        return re.sub(r"(?<![\w./])/(?=(opt/rawcog|src)\b)", f"{self.folder}/", text)

    def environment(self, port: int) -> dict[str, str]:
        """The environment of a container."""
        path = self.env["PATH"].replace("$PATH", "/usr/bin:/bin")
        return self.env | {"PATH": path, "HOME": "/", "PORT": str(port)}

    def make_read_only(self) -> None:
        """Refuse writes outside of /dev to all processes of the image's Python."""
        [packages] = self.folder.glob("opt/rawcog/lib/python*/site-packages")
        (packages / "refuse_writes.py").write_text(READ_ONLY)
        (packages / "refuse_writes.pth").write_text("import refuse_writes\n")

    def start(self, arguments: list[str], environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start the entry point, on 127.0.0.1 alone, in a folder that it may not write."""
        name, *words = (word.replace("0.0.0.0", "127.0.0.1") for word in self.entrypoint)
        command = [str(self.folder / "opt/rawcog/bin" / name), *words, *arguments]
        command = [*_read_only_mount(), *command]
        with log.open("wb") as stream:
            return subprocess.Popen(command, cwd="/", env=environment, stdout=stream, stderr=stream)

    def is_healthy(self, environment: dict[str, str]) -> bool:
        """Run the health check."""
        return subprocess.run(self.health_check, check=False, env=environment, capture_output=True).returncode == 0

    def _copy(self, words: list[str], workdir: Path) -> None:
        *sources, target = words
        if sources[0].startswith("--from="):
            assert sources[1:] == [target]
            assert Path(target).exists()
            return
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        context = {line[1:] for line in lines if line.startswith("!")}
        ignored = shutil.ignore_patterns(*(line[3:] for line in lines if line.startswith("**/")))
        for source in sources:
            assert source in context, f"{source} is not in the context that .dockerignore leaves"
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, workdir / target, ignore=ignored)
            else:
                shutil.copy(ROOT / source, workdir / target)

    def _run(self, line: str, workdir: Path) -> None:
        """Run a line with the index and the cache of pip that this environment has."""
        own = {name: value for name, value in os.environ.items() if name == "HOME" or name.startswith("PIP_")}
        stage = {name: value for name, value in self.env.items() if name != "PIP_NO_CACHE_DIR"}
        environment = own | stage | {"PIP_NO_COMPILE": "1", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        done = subprocess.run(
            ["/bin/sh", "-ec", line], check=False, cwd=workdir, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
