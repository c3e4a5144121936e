"""Files that hang like those of a network file system whose server is gone: in the calls, for as long as that lasts.

Python imports a `sitecustomize` in its path before anything else. It has `os` wait for a file to vanish before it looks
at other files beside that one, or opens them, and shows these as on a device of their own.
"""

from pathlib import Path
from typing import Final

_CODE: Final = """
import os, time

FOLDER, HANG = {folder!r}, {hang!r}
real_stat, real_open, exists = os.stat, os.open, os.path.exists

def hang(path):
    if isinstance(path, str) and path.startswith(FOLDER) and path != HANG:
        while os.access(HANG, os.F_OK):
            time.sleep(0.02)
        return True
    return False

def stat(path, *args, **kwargs):
    is_mounted = hang(path)
    found = real_stat(path, *args, **kwargs)
    if not is_mounted:
        return found
    kind, (fields, more) = found.__reduce__()
    return kind((*fields[:2], 12345, *fields[3:]), more)

def open(path, *args, **kwargs):
    hang(path)
    return real_open(path, *args, **kwargs)

os.stat, os.open = stat, open
"""


class HangingFolder:
    """A folder whose files hang at times."""

    def __init__(self, root: Path) -> None:
        """Make it, below `root`."""
        self.path: Final = root / "mount"
        self._hang: Final = self.path / "hang"
        self._code: Final = root / "code"
        self.path.mkdir()
        self._code.mkdir()
        code = _CODE.format(folder=str(self.path), hang=str(self._hang))
        (self._code / "sitecustomize.py").write_text(code)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a Python process that sees it so."""
        return {"PYTHONPATH": str(self._code)}

    def hang(self) -> None:
        """Have all calls hang, those to come."""
        self._hang.touch()

    def answer(self) -> None:
        """Let all calls go on."""
        self._hang.unlink()
