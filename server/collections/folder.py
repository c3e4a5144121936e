"""`folder`: the TIFFs in a folder and below it."""

import os
from collections.abc import Iterator
from functools import partial

from cogread.deadline import Deadline
from cogread.errors import SourceError, SourceNotFound, SourceTimeout
from cogread.sources import SourceUri
from server.collections.key_rule import KeyRule
from server.settings.load import CollectionConfig


def make(config: CollectionConfig) -> KeyRule:
    """Make the rule of a collection."""
    folder = config.uri.location
    return KeyRule(config, lambda key: SourceUri("file", f"{folder}/{key}"), partial(_keys, folder, ""))


def _keys(folder: str, below: str, deadline: Deadline) -> Iterator[str]:
    """Paths of the files of a folder that begin with `below`, sorted.

    Raises:
        SourceError: the folder cannot be read. A folder below it is left out.
    """
    if deadline.is_expired:
        raise SourceTimeout(f"{folder}: listing it takes too long")
    try:
        with os.scandir(f"{folder}/{below}") as entries:
            names = sorted(f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries)
    except OSError as error:
        if below:
            return
        kind = SourceNotFound if isinstance(error, FileNotFoundError) else SourceError
        raise kind(f"{folder}: {error.strerror}") from error
    for name in names:
        if not name.endswith("/"):
            yield below + name
        elif not name.startswith("."):
            yield from _keys(folder, below + name, deadline)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, and no link to a folder that it is in, which would have no end."""
    if not entry.is_symlink():
        return entry.is_dir()
    return entry.is_dir() and not os.path.realpath(os.path.dirname(entry.path)).startswith(os.path.realpath(entry.path))
