"""The place of the config file: a path, or a document on the web or in a bucket that the environment has access to."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from cogread.byterange import SourceBytes, Version
from cogread.errors import SourceError, UriError
from cogread.sources import Document, SourceUri, make_document, parse_uri
from cogread.sources.gdal_env import options_from_environment
from server.settings.file import FileError

MOST_BYTES: Final = 32 << 20
"""Bound of the file: some 100,000 layers."""


class ConfigPlace:
    """A place from which the config file is read, as often as wanted."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        """Make it; nothing is read yet.

        Args:
            text: a path or a URI, as `RAWCOG_CONFIG` has it.
            environ: environment with the options of origins.

        Raises:
            FileError: the URI has no supported form.
            SettingError: a switch in the environment is neither on nor off.
        """
        self.uri: Final = _uri(text)
        self._options = options_from_environment(self.uri.scheme, environ)

    @property
    def name(self) -> str:
        """The path or URI without credentials, for messages."""
        return self.uri.display

    @property
    def folder(self) -> Path | None:
        """The folder that relative paths in the file start from; None: the file is not local, and has none."""
        return Path(self.uri.location).resolve().parent if self.is_local else None

    @property
    def is_local(self) -> bool:
        """True for a file of this machine."""
        return self.uri.scheme == "file"

    def read(self, unless: Version | None = None) -> SourceBytes | None:
        """Read the file; None: it still has the version `unless`.

        Raises:
            FileError: it cannot be read, or is too large.
        """
        try:
            return self._read_local(unless) if self.is_local else self._document.read_whole(MOST_BYTES, unless)
        except OSError as error:
            raise FileError(error.strerror or type(error).__name__) from error
        except SourceError as error:
            raise FileError(str(error).removeprefix(f"{self.name}: ")) from error

    def close(self) -> None:
        """Close connections; the place may be read again."""
        if not self.is_local:
            self._document.close()

    @cached_property
    def _document(self) -> Document:
        return make_document(self.uri, self._options)

    def _read_local(self, unless: Version | None) -> SourceBytes | None:
        """Read a file, or a pipe; the version is that after the read."""
        path = Path(self.uri.location)
        if unless is not None and unless == _version(path):
            return None
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise FileError(f"more than {MOST_BYTES} bytes")
        return SourceBytes(data, _version(path))


def uri_of(where: str, text: str, folder: Path | None) -> SourceUri:
    """The canonical URI of a path or URI in the config file.

    Args:
        where: name of the key, for messages.
        text: its value.
        folder: see `ConfigPlace.folder`.

    Raises:
        FileError: it has no supported form, or is relative in a file without a folder.
    """
    try:
        uri = parse_uri(text, base=folder)
    except UriError as error:
        raise FileError(f"{where}: {error}") from error
    if folder is None and uri.scheme == "file" and not Path(uri.location).is_absolute():
        raise FileError(f"{where}: found a relative path in a remote config file, wanted an absolute path or a URI")
    return uri


def _uri(text: str) -> SourceUri:
    if "://" not in text and not text.startswith("/vsi"):
        return SourceUri("file", text)
    try:
        return parse_uri(text)
    except UriError as error:
        raise FileError(str(error)) from error


def _version(path: Path) -> Version:
    state = os.stat(path)
    return Version(state.st_size, modified=f"{state.st_mtime_ns}-{state.st_ino}")
