"""The place of a new file or folder."""

import errno
from pathlib import Path


def check_target(target: Path) -> None:
    """Refuse a place that a new file must not take, as that of a device or a pipe: a rename would remove it.

    Raises:
        OSError: there is something that is neither a file nor a folder.
    """
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise OSError(errno.EEXIST, "neither a file nor a folder, and stays", str(target))
