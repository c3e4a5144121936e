"""Where a dumped tile goes: a file, a folder, or standard output. A file is whole or not there."""

import errno
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path


def write(output: str | None, default_name: str, data: bytes) -> str:
    """Write to where the user wants it.

    Args:
        output: a file; a folder, which exists, or ends in a slash and is made; `-` for standard output; None for the
            working directory.
        default_name: name of the file in a folder.
        data: the content.

    Returns:
        What was written to, for messages.

    Raises:
        OSError: it cannot be written; names the path.
    """
    if output == "-":
        write_stdout(data)
        return "standard output"
    path = default_name if output is None else output
    try:
        if path.endswith("/"):
            Path(path).mkdir(exist_ok=True)
        if Path(path).is_dir():
            path = os.path.join(path, default_name)
        _write_file(Path(os.path.realpath(path)), data)  # through a symbolic link, which is to stay one
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    return path


def write_stdout(content: str | bytes) -> None:
    """Write to standard output past Python's buffer, which would be tried once more at exit when this fails.

    Raises:
        OSError: it is closed or full.
    """
    name = "standard output"
    if sys.__stdout__ is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), name)
    data = content.encode(sys.__stdout__.encoding, "backslashreplace") if isinstance(content, str) else content
    try:
        with open(1, "wb", closefd=False) as stdout:
            stdout.write(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


def _write_file(target: Path, data: bytes) -> None:
    """A regular file is written aside and renamed; a device or pipe is not, since that would do away with it."""
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    aside = target.with_name(f".cogread-{secrets.token_hex(8)}")
    try:
        with aside.open("xb") as file:
            file.write(data)
        aside.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            aside.unlink()
        raise
