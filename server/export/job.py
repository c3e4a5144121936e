"""An export: the batches of a layer's pictures into a target, which gets its name when it is whole."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
from xxhash import xxh3_128_digest

from cogread.errors import TileError
from cogread.wrap import EMPTY_TILES, TERRAIN, WRAPPERS
from server.documents.tilejson import tileset
from server.export import FOLDER, TARGETS
from server.export.errors import ExportError
from server.export.journal import FORMS, RECORD, Journal, Records
from server.export.pictures import Picture, Pictures, stop
from server.export.target import About, Item, Target

_LAYOUT: Final = 1
"""Counted up when the same tiles give other batches or other bytes."""

Progress = Callable[[int, int], None]
"""Called with the positions that are done, of all of the selection, and the bytes that this run wrote."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished export."""

    tiles: int
    contents: int
    """Bodies; equal ones are one."""
    body_bytes: int
    empty: int
    """Positions without a tile: sparse, hidden, or damaged and left out."""


class _Ledger:
    """The tiles that a target has, and the places of their bodies."""

    def __init__(self, batches: list[Records]) -> None:
        self.batches = list(batches)
        self._offsets: dict[bytes, int] = {}
        self._end = 0
        for records in batches:
            for digest, offset, size in zip(
                records["digest"].tolist(), records["offset"].tolist(), records["size"].tolist(), strict=True
            ):
                self._offsets[digest] = offset
                self._end = max(self._end, offset + size)

    @property
    def records(self) -> Records:
        """All tiles."""
        return np.concatenate([np.empty(0, RECORD), *self.batches])

    def enter(self, pictures: list[Picture]) -> list[Item]:
        """Place the bodies of a batch, and note its tiles."""
        items, records = [], np.empty(len(pictures), RECORD)
        digests = [xxh3_128_digest(picture.body) for picture in pictures]
        for picture, digest in zip(pictures, digests, strict=True):
            offset = self._offsets.setdefault(digest, self._end)
            is_new = offset == self._end
            if is_new:
                self._end += len(picture.body)
            items.append(Item(picture, offset, is_new))
        records["id"] = [picture.id for picture in pictures]
        records["offset"] = [item.offset for item in items]
        records["size"] = [len(picture.body) for picture in pictures]
        records["form"] = [FORMS.index(picture.media_type) for picture in pictures]
        for name in ("z", "x", "y"):
            records[name] = [getattr(picture, name) for picture in pictures]
        records["digest"] = np.frombuffer(b"".join(digests), "V16")
        self.batches.append(records)
        return items


def export(
    pictures: Pictures,
    path: Path,
    *,
    is_overwriting: bool = False,
    base_url: str = "",
    on_damage: Callable[[TileError], None] = stop,
    on_progress: Progress = lambda done, written_bytes: None,
) -> Outcome:
    """Write the pictures to a target; an export that was interrupted goes on.

    Args:
        pictures: of a layer.
        path: the target: `*.pmtiles`, `*.mbtiles`, or a folder.
        is_overwriting: whether a target of this name, or an interrupted export of other pictures, is replaced.
        base_url: where a folder will be, for its TileJSON.
        on_damage: see `Pictures.batches`.
        on_progress: see `Progress`.

    Raises:
        ExportError: the target exists, cannot hold the pictures, or would hold none.
        TileDamaged: of a damaged tile.
        SourceError: the source cannot be read, or was replaced.
        OSError: the target cannot be written.
    """
    if path.exists() and not is_overwriting:
        raise ExportError(f"{path} exists: --overwrite replaces it")
    part = path.with_name(f"{path.name}.part")
    extension = _extension(pictures)
    module = target_module(path)
    journal = Journal(
        path.with_name(f"{part.name}.journal"), _identity(pictures, extension), is_discarded=is_overwriting
    )
    try:
        ledger = _Ledger(journal.batches)
        if not ledger.batches:
            _remove(part)
        target: Target = module.make(part, extension)
        try:
            target.resume(ledger.records)
            _write(pictures, target, journal, ledger, on_damage, on_progress)
            records = ledger.records
            if not len(records):
                raise ExportError("no tile to export: all are sparse or hidden")
            target.finish(_about(pictures, records, f"{base_url}{{z}}/{{x}}/{{y}}.{extension}"), records)
        finally:
            target.close()
        _rename(part, path)
        journal.remove()
    finally:
        journal.close()
    contents, at = np.unique(records["offset"], return_index=True)
    count = pictures.selection.count - len(records)
    return Outcome(len(records), len(contents), int(records["size"][at].sum()), count)


def _write(
    pictures: Pictures,
    target: Target,
    journal: Journal,
    ledger: _Ledger,
    on_damage: Callable[[TileError], None],
    on_progress: Progress,
) -> None:
    """Write all further batches."""
    skip = len(ledger.batches)
    done, written_bytes = pictures.skipped(skip), 0
    on_progress(done, 0)
    for positions, batch in pictures.batches(skip, on_damage):
        items = ledger.enter(batch)
        target.add(items)
        journal.append(ledger.batches[-1])
        done += positions
        written_bytes += sum(len(item.picture.body) for item in items if item.is_new)
        on_progress(done, written_bytes)


def _identity(pictures: Pictures, extension: str) -> dict[str, object]:
    """All that the bytes of a target depend on but its metadata."""
    boxes = pictures.selection.boxes
    return {
        "source": pictures.opened.version_key,
        "format": pictures.format,
        "tiles": pictures.selection.name,
        "representations": [pictures.representation(box).suffix for box in boxes],
        "extension": extension,
        "layout": _LAYOUT,
    }


def _extension(pictures: Pictures) -> str:
    """The extension of all tiles: of several forms, one that can be transparent."""
    types = {pictures.representation(box).wrapping.media_type for box in pictures.selection.boxes}
    return next(each.extension for each in WRAPPERS.values() if each.media_type == _ranked(types)[0])


def _ranked(types: set[str]) -> list[str]:
    return sorted(types, key=lambda media_type: (media_type not in EMPTY_TILES, media_type))


def _about(pictures: Pictures, records: Records, template: str) -> About:
    selection, zooms = pictures.selection, records["z"]
    document = tileset(
        pictures.layer,
        template,
        (int(zooms.min()), int(zooms.max())),
        selection.boxes[0].matrix.tile_width,
        selection.bounds,
        pictures.format if pictures.format in TERRAIN else None,
    )
    return About(document, tuple(_ranked({FORMS[form] for form in np.unique(records["form"]).tolist()})))


def target_module(path: Path) -> ModuleType:
    """The module of a target; see `TARGETS`.

    Raises:
        ExportError: a package that it needs is not installed.
    """
    try:
        return import_module(TARGETS.get(path.suffix, FOLDER))
    except ModuleNotFoundError as error:
        raise ExportError(f"{path}: this needs the package {error.name}, of the extra `export`") from error


def _rename(part: Path, path: Path) -> None:
    """Give a whole target its name; a folder in its place is moved away first, since no call replaces one."""
    if path.is_dir():
        old = path.with_name(f"{path.name}.old")
        _remove(old)
        path.rename(old)
        os.replace(part, path)
        shutil.rmtree(old)
    else:
        os.replace(part, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
