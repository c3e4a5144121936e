"""MBTiles 1.3 (github.com/mapbox/mbtiles-spec), by sqlite3.

`tiles` is a view of two tables, as other writers have it, so that equal tiles are stored once. Rows count from the
south. The file has a page size that suits blobs of some KiB. The bodies come batch by batch, the places of all tiles
at the end in their order.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from server.export.errors import ExportError
from server.export.journal import Records
from server.export.target import About, Item, Tile
from server.export.writeback import Writeback

_SCHEMA: Final = """
PRAGMA page_size = 32768;
PRAGMA application_id = 0x4d504258;
CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL);
CREATE TABLE map (
    zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id INTEGER NOT NULL,
    PRIMARY KEY (zoom_level, tile_column, tile_row)
) WITHOUT ROWID;
CREATE VIEW tiles AS
    SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images ON images.tile_id = map.tile_id;
"""
_SETTINGS: Final = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = PERSIST;
PRAGMA synchronous = OFF;
PRAGMA cache_size = 16;
"""
"""A killed export rolls back its last batch; see `Journal` for a power failure. The cache is small, so that its pages
stay in that of the processor."""
_METADATA: Final = """
INSERT INTO metadata VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value
"""
"""Changes nothing where the same was written before: an export that is killed at its end has the same bytes, too."""
_ROWS: Final = 16384
"""Places that are Python's objects at once."""
_FORMATS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""Media type -> the specification's name; others have their media type."""


class MbtilesTarget:
    """A database; each batch is a transaction."""

    def __init__(self, part: Path, extension: str) -> None:
        self._part, self._file = part, os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        self._writeback = Writeback(self._file, os.fstat(self._file).st_size)
        self._db = sqlite3.connect(part, isolation_level=None, check_same_thread=False)

    def resume(self, records: Records) -> None:
        """See `Target.resume`."""
        with _errors_of(self._part):
            self._db.executescript(_SETTINGS)
            if not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            last = self._db.execute("SELECT max(tile_id) FROM images").fetchone()[0]
        if len(records) and (last is None or last < records["offset"].max()):
            raise ExportError(f"{self._part}: it lacks tiles of the interrupted export; remove it to begin anew")

    def add(self, items: Sequence[Item]) -> None:
        """See `Target.add`. All rows are in one statement: Python's lock is free from its start to its end."""
        rows = [(item.offset, item.picture.body) for item in items if item.is_new]
        images = ",".join(["INSERT OR IGNORE INTO images VALUES (?, ?)", *["(?, ?)"] * (len(rows) - 1)])
        with _errors_of(self._part):
            self._db.execute("BEGIN")
            if rows:
                self._db.execute(images, [*chain.from_iterable(rows)])
            self._db.execute("COMMIT")
        self._writeback.advance(os.fstat(self._file).st_size)

    def finish(self, about: About, records: Records) -> None:
        """See `Target.finish`."""
        document, form = about.tilejson, about.media_types[0]
        rows = {
            **{name: document.get(name) for name in ("name", "attribution", "minzoom", "maxzoom", "encoding")},
            **{name: ",".join(f"{number:.12g}" for number in document[name]) for name in ("bounds", "center")},
            "description": document["name"],
            "format": _FORMATS.get(form, form),
            "formats": json.dumps(about.media_types),
            "type": "baselayer",
            "version": document["version"],
        }
        values = [(name, str(value)) for name, value in rows.items() if value is not None]
        with _errors_of(self._part):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO map VALUES (?, ?, ?, ?)", _map(records))
            self._db.executemany(_METADATA, values)
            self._db.execute("COMMIT")
            self._db.execute("PRAGMA journal_mode = DELETE")
        os.fsync(self._file)

    def close(self) -> None:
        """See `Target.close`."""
        self._db.close()
        os.close(self._file)  # not before: this ends SQLite's locks of the file


def _map(records: Records) -> Iterator[tuple[int, ...]]:
    """The rows of the table `map` in its order."""
    z, x = records["z"].astype(np.int64), records["x"]
    row = (1 << z) - 1 - records["y"]
    order = np.lexsort((row, x, z))
    for first in range(0, len(order), _ROWS):
        some = order[first : first + _ROWS]
        yield from zip(*(each[some].tolist() for each in (z, x, row, records["offset"])), strict=True)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Name the database in errors of SQLite, such as a full disk."""
    try:
        yield
    except sqlite3.Error as error:
        raise ExportError(f"{path}: {error}") from error


def tiles_of(path: Path) -> Iterator[Tile]:
    """The tiles of a database.

    Raises:
        ExportError: it is no MBTiles.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
            for z, x, row, body in rows:
                yield z, x, 2**z - 1 - row, body
        except sqlite3.Error as error:
            raise ExportError(f"{path}: no MBTiles, or a damaged one: {error}") from error


make = MbtilesTarget
