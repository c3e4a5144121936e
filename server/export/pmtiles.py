"""PMTiles, version 3 (github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md), by the package `pmtiles`.

The directory of all tiles is known at the end. So that no tile is written twice, the root directory has the first
16 KiB, as the specification bounds it, the tiles follow, and metadata and leaf directories are behind them.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
    serialize_directory,
    serialize_header,
    tileid_to_zxy,
)

from server.export.errors import ExportError
from server.export.journal import Records
from server.export.target import About, Item, Tile
from server.export.writeback import Writeback

_HEADER_BYTES: Final = 127
_DATA_START: Final = 16384
"""Bound of header and root directory."""
_LEAF_ENTRIES: Final = 4096
_MOST_ROOT_ENTRIES: Final = 16384
"""Entries of a tile take more than a byte."""
_MOST_PIECES: Final = 1024
"""Pieces of a write (limits.h, IOV_MAX)."""
_WRITE_BYTES: Final = 2047 << 10
"""Bytes of a write, unless a single tile has more. One write of many tiles takes a quarter of the time of many writes.
Longer ones make Linux take memory in blocks of 2 MiB, for which a virtual machine may have to ask its host."""
_DAMAGES: Final = (
    *(MagicNumberNotFound, SpecVersionUnsupported, zlib.error),
    *(ArithmeticError, EOFError, LookupError, OSError, ValueError),
)
"""Errors of the package `pmtiles` in damaged archives."""
_TYPES: Final = {"image/jpeg": TileType.JPEG, "image/webp": TileType.WEBP, "image/png": TileType.PNG}


class PmtilesTarget:
    """An archive."""

    def __init__(self, part: Path, extension: str) -> None:
        self._part, self._file = part, os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        self._writeback = Writeback(self._file, 0)

    def resume(self, records: Records) -> None:
        """See `Target.resume`."""
        size_bytes = _DATA_START + _data_bytes(records)
        if len(records) and os.fstat(self._file).st_size < size_bytes:
            raise ExportError(f"{self._part}: it lacks tiles of the interrupted export; remove it to begin anew")
        os.truncate(self._file, size_bytes)
        os.lseek(self._file, 0, os.SEEK_END)
        self._writeback = Writeback(self._file, size_bytes)

    def add(self, items: Sequence[Item]) -> None:
        """See `Target.add`."""
        wrong = next((item.picture for item in items if item.picture.media_type not in _TYPES), None)
        if wrong is not None:
            place = f"tile {wrong.z}/{wrong.x}/{wrong.y}"
            raise ExportError(f"{place}: {wrong.media_type}, wanted one of {', '.join(_TYPES)}, as PMTiles holds them")
        pieces: list[bytes | memoryview] = []
        size_bytes = 0
        for item in items:
            if item.is_new:
                if size_bytes + item.size_bytes > _WRITE_BYTES:
                    self._write(pieces)
                    pieces, size_bytes = [], 0
                pieces += item.picture.pieces
                size_bytes += item.size_bytes
        self._write(pieces)
        self._writeback.advance(os.lseek(self._file, 0, os.SEEK_CUR))

    def finish(self, about: About, records: Records) -> None:
        """See `Target.finish`."""
        data_bytes = _data_bytes(records)
        top, leaves, entries = _directories(records)
        metadata = gzip.compress(json.dumps(_metadata(about)).encode(), mtime=0)
        document = about.tilejson
        west, south, east, north, longitude, latitude = (
            round(degrees * 1e7) for degrees in (*document["bounds"], *document["center"][:2])
        )
        leaves_start = _DATA_START + data_bytes + len(metadata)
        header: HeaderDict = {
            "version": 3,
            "root_offset": _HEADER_BYTES,
            "root_length": len(top),
            "metadata_offset": _DATA_START + data_bytes,
            "metadata_length": len(metadata),
            "leaf_directory_offset": leaves_start,
            "leaf_directory_length": len(leaves),
            "tile_data_offset": _DATA_START,
            "tile_data_length": data_bytes,
            "addressed_tiles_count": len(records),
            "tile_entries_count": entries,
            "tile_contents_count": len(np.unique(records["offset"])),
            "clustered": True,
            "internal_compression": Compression.GZIP,
            "tile_compression": Compression.NONE,
            "tile_type": _TYPES[about.media_types[0]],
            "min_zoom": document["minzoom"],
            "max_zoom": document["maxzoom"],
            "center_zoom": document["center"][2],
            "min_lon_e7": west,
            "min_lat_e7": south,
            "max_lon_e7": east,
            "max_lat_e7": north,
            "center_lon_e7": longitude,
            "center_lat_e7": latitude,
        }
        os.lseek(self._file, _DATA_START + data_bytes, os.SEEK_SET)
        self._write([metadata, leaves])
        os.lseek(self._file, 0, os.SEEK_SET)
        self._write([serialize_header(header).ljust(_HEADER_BYTES, b"\0"), top])
        os.fsync(self._file)

    def close(self) -> None:
        """See `Target.close`."""
        os.close(self._file)

    def _write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Append pieces to the tiles."""
        for start in range(0, len(pieces), _MOST_PIECES):
            some = pieces[start : start + _MOST_PIECES]
            written = os.writev(self._file, some)
            if written < sum(map(len, some)):  # such as a nearly full disk: the next write raises the reason
                rest = memoryview(b"".join(some))[written:]
                while rest:
                    rest = rest[os.write(self._file, rest) :]


def _data_bytes(records: Records) -> int:
    return int((records["offset"] + records["size"]).max()) if len(records) else 0


def _directories(records: Records) -> tuple[bytes, bytes, int]:
    """The root directory, the leaf directories, and the number of entries of tiles."""
    entries = _entries(records)
    if len(entries) < _MOST_ROOT_ENTRIES:
        top = serialize_directory(entries)
        if len(top) <= _DATA_START - _HEADER_BYTES:
            return top, b"", len(entries)
    size = _LEAF_ENTRIES
    while True:
        top, leaves = _tree(entries, size)
        if len(top) <= _DATA_START - _HEADER_BYTES:
            return top, leaves, len(entries)
        size *= 2


def _tree(entries: Sequence[Entry], size: int) -> tuple[bytes, bytes]:
    leaves, pointers = bytearray(), []
    for start in range(0, len(entries), size):
        leaf = serialize_directory(entries[start : start + size])
        pointers.append(Entry(entries[start].tile_id, len(leaves), len(leaf), 0))
        leaves += leaf
    return serialize_directory(pointers), bytes(leaves)


def _entries(records: Records) -> list[Entry]:
    """The tiles in order; neighbours of one body are one entry."""
    ids, offsets = records["id"].astype(np.int64), records["offset"].astype(np.int64)
    is_first = np.ones(len(records), bool)
    is_first[1:] = (np.diff(ids) != 1) | (np.diff(offsets) != 0)
    starts = np.flatnonzero(is_first)
    runs = np.diff(starts, append=len(records))
    fields = (ids[starts], offsets[starts], records["size"][starts], runs)
    return [Entry(*values) for values in zip(*(field.tolist() for field in fields), strict=True)]


def _metadata(about: About) -> dict[str, Any]:
    names = ("name", "version", "attribution", "tileSize", "encoding")
    return {
        **{name: about.tilejson[name] for name in names if name in about.tilejson},
        "type": "baselayer",
        "format": about.media_types[0],
        "formats": about.media_types,
    }


def tiles_of(path: Path) -> Iterator[Tile]:
    """The tiles of an archive in its order.

    Raises:
        ExportError: it is no archive, or its directory is damaged.
    """
    file, tiles = os.open(path, os.O_RDONLY), 0
    try:
        header = deserialize_header(_section(file, 0, _HEADER_BYTES))
        json.loads(gzip.decompress(_section(file, header["metadata_offset"], header["metadata_length"])))
        for entry in _all_entries(file, header, header["root_offset"], header["root_length"]):
            tiles += entry.run_length
            if tiles > header["addressed_tiles_count"]:
                break
            body = _section(file, header["tile_data_offset"] + entry.offset, entry.length)
            for number in range(entry.tile_id, entry.tile_id + entry.run_length):
                yield (*tileid_to_zxy(number), body)
        if tiles != header["addressed_tiles_count"]:
            raise ValueError(f"{tiles} tiles, wanted {header['addressed_tiles_count']} by the header")
    except _DAMAGES as error:
        raise ExportError(f"{path}: no archive of PMTiles, or a damaged one: {error!r}") from error
    finally:
        os.close(file)


def _section(file: int, start: int, length: int) -> bytes:
    """Bytes that the file must have."""
    if start + length > os.fstat(file).st_size:
        raise ValueError(f"{length} bytes at byte {start} are not in the file")
    return os.pread(file, length, start)


def _all_entries(file: int, header: HeaderDict, start: int, length: int) -> Iterator[Entry]:
    """The tiles of a directory and of those below it."""
    for entry in deserialize_directory(_section(file, start, length)):
        if entry.run_length:
            yield entry
        elif start == header["root_offset"]:
            yield from _all_entries(file, header, header["leaf_directory_offset"] + entry.offset, entry.length)


make = PmtilesTarget
