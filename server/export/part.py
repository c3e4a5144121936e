"""The working name of a target, under which it lies until it is whole."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from server.export.errors import ExportError


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

    def check(self, *, is_overwriting: bool) -> None:
        """Raise ExportError where the target has no name, or must not be replaced, such as a folder of other files."""
        if not self.target.name or self.target.name == "..":
            raise ExportError(f"{self.target}: wanted the name of a new file or folder")
        if self.target.exists() and not is_overwriting:
            raise ExportError(f"{self.target} exists: --overwrite replaces it")
        if self.target.is_dir() and any(self.target.iterdir()) and not (self.target / "tilejson.json").is_file():
            raise ExportError(f"{self.target} is not replaced: a folder without tilejson.json, which no export wrote")

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
