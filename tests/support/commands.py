"""Command lines, run as a user runs them: in a checkout of their own, with nothing of ours in the environment."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of what the commands need; they run in its root and leave their files there."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Checkout":
        shutil.copytree(ROOT / "cogread", folder / "cogread", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "data", folder / "data")
        return cls(folder)

    def run(self, line: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `python …` in a shell, so that pipes and redirections work, and wait for it."""
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self._environ() | (environ or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, line: str) -> "subprocess.Popen[str]":
        """Start `python …` without a shell in between, which would be what gets our signals."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            shlex.split(line), cwd=self.folder, env=self._environ(), stdout=pipe, stderr=pipe, text=True
        )

    def files(self) -> set[str]:
        """Names of the files that commands have left in the root."""
        return {path.name for path in self.folder.iterdir()} - {"cogread", "data"}

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONWARNINGS": "error",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
