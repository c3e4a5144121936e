"""A folder of files z/x/y.ext with `tilejson.json`, for a static web server. Equal tiles are hard links to one file."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.export.errors import ExportError
from server.export.journal import Records
from server.export.target import About, Item, Tile

_Place = tuple[int, int, int]


class FolderTarget:
    """A folder."""

    def __init__(self, part: Path, extension: str) -> None:
        self._part, self._extension = part, extension
        self._first: dict[int, _Place] = {}
        """Place of a body -> z, x, y of the first tile that has it."""

    def resume(self, records: Records) -> None:
        """See `Target.resume`."""
        self._part.mkdir(exist_ok=True)
        for offset, *place in zip(*(records[name].tolist() for name in ("offset", "z", "x", "y")), strict=True):
            self._first.setdefault(offset, (place[0], place[1], place[2]))

    def add(self, items: Sequence[Item]) -> None:
        """See `Target.add`."""
        for z, x in {(item.picture.z, item.picture.x) for item in items}:
            (self._part / str(z) / str(x)).mkdir(parents=True, exist_ok=True)
        for picture, offset, _, _ in items:
            place = (picture.z, picture.x, picture.y)
            first = self._first.setdefault(offset, place)
            if first == place or not self._link(first, place):
                self._path(place).write_bytes(picture.body)

    def finish(self, about: About, records: Records) -> None:
        """See `Target.finish`."""
        (self._part / "tilejson.json").write_text(json.dumps(about.tilejson, indent=2) + "\n")

    def close(self) -> None:
        """See `Target.close`."""

    def _path(self, place: _Place) -> Path:
        z, x, y = place
        return self._part / f"{z}/{x}/{y}.{self._extension}"

    def _link(self, first: _Place, place: _Place) -> bool:
        """Link a tile to the first one; False: there are too many links, or the file system has none."""
        try:
            self._path(place).unlink(missing_ok=True)
            os.link(self._path(first), self._path(place))
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EPERM, errno.ENOTSUP):
                raise
            return False
        return True


def tiles_of(path: Path) -> Iterator[Tile]:
    """The tiles of a folder.

    Raises:
        ExportError: it has no TileJSON.
    """
    if not (path / "tilejson.json").is_file():
        raise ExportError(f"{path}: no folder of tiles: it has no tilejson.json")
    for file in sorted(path.glob("*/*/*.*")):
        z, x, y = file.parts[-3], file.parts[-2], file.stem
        if z.isdecimal() and x.isdecimal() and y.isdecimal():
            yield int(z), int(x), int(y), file.read_bytes()


make = FolderTarget
