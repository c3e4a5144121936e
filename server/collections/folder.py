"""`folder`: the TIFFs in a folder and below it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from cogread.deadline import Deadline
from cogread.errors import SourceError, SourceNotFound, SourceTimeout
from cogread.sources import SourceUri
from server.collections.key_rule import KeyRule
from server.collections.keys import name_of
from server.settings.layer_config import CollectionConfig


def make(config: CollectionConfig) -> KeyRule:
    """Make the rule of a collection."""
    folder = config.uri.location
    return KeyRule(config, lambda key: SourceUri("file", f"{folder}/{key}"), partial(_keys, folder, "", frozenset()))


def _keys(folder: str, below: str, above: frozenset[str], deadline: Deadline) -> Iterator[str]:
    """Paths of the files of a folder that begin with `below`, sorted.

    Links to folders are followed, but not to one that they are in, also by way of others, which would have no end.

    Args:
        folder: the folder.
        below: path of a folder below it, with a slash at its end; or empty.
        above: real paths of the folders that this one is in.
        deadline: when the call gives up.

    Raises:
        SourceError: the folder cannot be read. A folder below it is left out.
    """
    if deadline.is_expired:
        raise SourceTimeout(f"{folder}: listing it takes too long")
    try:
        real = os.path.realpath(f"{folder}/{below}")
        if real in above:
            return
        with os.scandir(real) as entries:
            names = sorted(f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries)
    except OSError as error:
        if below:
            return
        kind = SourceNotFound if isinstance(error, FileNotFoundError) else SourceError
        raise kind(f"{folder}: {error.strerror}") from error
    for name in names:
        if not name.endswith("/"):
            yield below + name
        elif not name.startswith(".") and name_of(below + name) is not None:  # else too long for names
            yield from _keys(folder, below + name, above | {real}, deadline)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, or a link to one; a link to itself is none."""
    with suppress(OSError):
        return entry.is_dir()
    return False
