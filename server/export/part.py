"""The working name of a target, under which it lies until it is whole."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """An unfinished target beside the place of the whole one."""

    target: Path

    @property
    def path(self) -> Path:
        """The unfinished file or folder."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def journal(self) -> Path:
        """The journal of its tiles."""
        return self.target.with_name(f"{self.target.name}.part.journal")

    def discard(self) -> None:
        """Remove what another export left there."""
        _remove(self.path)

    def publish(self) -> None:
        """Give the whole target its name; a folder in its place is moved away first, since no call replaces one."""
        if self.target.is_dir():
            old = self.target.with_name(f"{self.target.name}.old")
            _remove(old)
            self.target.rename(old)
            os.replace(self.path, self.target)
            shutil.rmtree(old)
        else:
            os.replace(self.path, self.target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
