"""`list`: a text or CSV file of names and URIs, as the rule of a collection.

A file `.csv` or `.tsv` is a table with the columns name, uri, title and datetime; others have a URI on each line. A
local list is trusted like the config and may name any place. The URIs of a remote list lead only to its own origin and
to the hosts of `hosts`.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from posixpath import basename
from typing import Final, NamedTuple
from urllib.parse import unquote

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import SourceProtocolError, UriError
from cogread.sources import BUCKETS, make_document, parse_uri
from server.collections.entries import (
    DOCUMENT_BYTES,
    DOCUMENT_S,
    ID_FORM,
    MOST_ENTRIES,
    Entries,
    Entry,
    EntryRule,
    name_of_id,
    refused,
)
from server.collections.instants import WANTED, interval
from server.collections.keys import name_of
from server.collections.places import Places, RefusedLink, Target
from server.settings.hosts import Host
from server.settings.layer_config import CollectionConfig

_COLUMNS: Final = ("name", "uri", "title", "datetime")
_DELIMITERS: Final = ",;\t"
_TABLES: Final = (".csv", ".tsv")
_NO_URI: Final = f"wanted a path, file:///path, http(s)://host/path or {'://bucket/key, '.join(BUCKETS)}://bucket/key"


class _Row(NamedTuple):
    line: int
    """Counted from 1."""
    columns: dict[str, int]
    """Column -> its number, counted from 1."""
    cells: dict[str, str]

    def place(self, column: str) -> str:
        """The place of a cell, for messages."""
        number = self.columns.get(column)
        return f"line {self.line}" if number is None else f"line {self.line}, column {number} ({column})"


class ListFile:
    """Reads a list again when it has changed."""

    def __init__(self, config: CollectionConfig) -> None:
        self._uri = config.uri
        self._places = Places(config.uri, tuple(map(Host.parse, config.fields.hosts)))
        options = replace(config.options_for(config.uri.scheme, True), total_timeout_s=DOCUMENT_S)
        self._document = partial(make_document, config.uri, options)
        self._last: tuple[Version, Entries] | None = None

    def read(self, deadline: Deadline) -> Entries:
        """Read the list.

        Raises:
            CogError: it cannot be read, or is no such list.
        """
        last = self._last
        read = self._document().read_whole(DOCUMENT_BYTES, last[0] if last else None, deadline)
        if read is not None:
            last = self._last = read.version, self._parse(read.data)
        if last is None:
            raise SourceProtocolError(f"{self._uri.display}: the origin states that an unread list is unchanged")
        return last[1]

    def _parse(self, data: bytes) -> Entries:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SourceProtocolError(f"{self._uri.display}: line {line} is not UTF-8") from None
        entries: dict[str, Entry] = {}
        lines: dict[str, int] = {}
        problems: list[str] = []
        for row in self._rows(text):
            if len(entries) == MOST_ENTRIES:
                problems.append(f"line {row.line}: more than {MOST_ENTRIES} entries, the others are left out")
                break
            entry = self._entry(row)
            if entry.refusal is not None:
                problems.append(entry.refusal)
            elif entry.name in lines:
                place, first = row.place("name"), lines[entry.name]
                problems.append(f"{place}: the name {entry.id!r} is that of line {first} too, which counts")
                continue
            else:
                lines[entry.name] = row.line
            entries[entry.name] = entry
        return Entries(sorted(entries.values(), key=lambda entry: entry.name), problems)

    def _rows(self, text: str) -> Iterator[_Row]:
        if not self._uri.display.lower().endswith(_TABLES):
            yield from _text_rows(text)
            return
        try:
            yield from _table_rows(text)
        except csv.Error as error:
            raise SourceProtocolError(f"{self._uri.display}: {error}") from None

    def _entry(self, row: _Row) -> Entry:
        uri, entry_id, title = row.cells.get("uri", ""), row.cells.get("name", ""), row.cells.get("title") or None
        name = name_of_id(entry_id)
        if not entry_id:
            entry_id = _stem(uri)
            name, title = name_of(entry_id), title or entry_id.removesuffix(".tif") or None
        if name is None:
            return refused(entry_id, f"{row.place('name')}: found {entry_id[:60]!r}, wanted {ID_FORM}", title)
        try:
            target = self._target(uri)
            first, last = _span(row.cells.get("datetime", ""))
        except UriError:  # its message shows the URI, which clients may not see
            return refused(entry_id, f"{row.place('uri')}: {_NO_URI}", title)
        except RefusedLink as error:
            return refused(entry_id, f"{row.place('uri')}: {error}", title)
        except ValueError as error:
            return refused(entry_id, f"{row.place('datetime')}: {error}", title)
        last = None if last == first else last
        return Entry(name, entry_id, target.uri.scheme, target.uri.location, target.is_own, title, first, last)

    def _target(self, uri: str) -> Target:
        if not uri:
            raise RefusedLink("there is no URI")
        if self._uri.scheme == "file":
            return Target(parse_uri(uri, base=Path(self._uri.location).parent), is_own=True)
        return self._places.resolve(uri, self._uri)


def _text_rows(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), 1):
        uri = line.strip()
        if uri and not uri.startswith("#"):
            yield _Row(number, {}, {"uri": uri})


def _table_rows(text: str) -> Iterator[_Row]:
    """The rows of a table, with or without a header."""
    start = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=start.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def numbered() -> Iterator[list[str]]:
        """The rows; an error names its line."""
        try:
            yield from reader
        except csv.Error as error:
            raise csv.Error(f"line {reader.line_num}: not CSV: {error}") from None

    columns: dict[str, int] | None = None
    for cells in numbered():
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            names = [cell.strip().lower() for cell in cells]
            is_header = "uri" in names
            columns = {name: at for at, name in enumerate(names if is_header else _COLUMNS, 1) if name in _COLUMNS}
            if is_header:
                continue
        row = {name: cells[at - 1].strip() for name, at in columns.items() if at <= len(cells)}
        yield _Row(reader.line_num, columns, row)


def _span(text: str) -> tuple[str | None, str | None]:
    """First and last instant of a cell, None for an empty one."""
    if not text:
        return None, None
    first, last = interval(text)
    if first is None or last is None:
        raise ValueError(f"found {text[:60]!r}, {WANTED}")
    return first, last


def _stem(uri: str) -> str:
    """The file name of a URI, which names a member without a name."""
    return unquote(basename(uri.partition("?")[0] if "://" in uri else uri))


def make(config: CollectionConfig) -> EntryRule:
    """Make the rule of a collection."""
    return EntryRule(config.name, config.fields.refresh_s, ListFile(config).read)
