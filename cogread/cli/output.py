"""Output of a dumped tile to a file, a folder, or standard output. A file is whole or absent."""

import errno
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path


def write(output: str | None, default_name: str, data: bytes) -> str:
    """Write to the output that the user chose.

    Args:
        output: a file; a folder, which exists, or ends in a slash and is created; `-` for standard output; None for the
            working directory.
        default_name: name of the file in a folder.
        data: the content.

    Returns:
        Name of the output, for messages.

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
    """Write to standard output past Python's buffer, which Python would flush once more at exit after a failure.

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
    """Write a regular file aside and rename it; write to a device or pipe directly, which a rename would replace."""
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    temporary = target.with_name(f".cogread-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
