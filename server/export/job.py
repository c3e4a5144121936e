"""An export: the batches of a layer's pictures into a target, which gets its name when it is whole."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np

from cogread.copy.places import stop
from cogread.copy.target import check_target
from cogread.errors import TileError
from cogread.wrap import EMPTY_TILES, TERRAIN, WRAPPERS
from server.documents.tilejson import tileset
from server.export import FOLDER, TARGETS
from server.export.errors import ExportError
from server.export.journal import FORMS, Journal, Records
from server.export.ledger import Ledger
from server.export.part import Part
from server.export.pictures import Pictures
from server.export.target import About, Item, Target

_LAYOUT: Final = 3
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
        ExportError: the target exists, must not be replaced, cannot hold the pictures, or would hold none.
        TileDamaged: of a damaged tile.
        SourceError: the source cannot be read, or was replaced.
        OSError: the target cannot be written.
    """
    check_target(path)
    part, extension = Part(path), _extension(pictures)
    part.check(is_overwriting=is_overwriting)
    make = target_module(path).make
    with closing(Journal(part.journal, _identity(pictures, extension), is_discarded=is_overwriting)) as journal:
        if not part.path.exists():
            journal.restart()
        ledger = Ledger(journal.batches)
        if not ledger.batches:
            part.discard()
        target: Target
        with _named(part.path), closing(make(part.path, extension)) as target:
            target.resume(ledger.records)
            _write(pictures, target, journal, ledger, on_damage, on_progress)
            records = ledger.records
            if not len(records):
                raise ExportError("no tile to export: all are sparse or hidden")
            target.finish(_about(pictures, records, f"{base_url}{{z}}/{{x}}/{{y}}.{extension}"), records)
        part.publish()
        journal.remove()
    contents, at = np.unique(records["offset"], return_index=True)
    empty = pictures.selection.count - len(records)
    return Outcome(len(records), len(contents), int(records["size"][at].sum()), empty)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the target in errors of writing to an open file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(
    pictures: Pictures,
    target: Target,
    journal: Journal,
    ledger: Ledger,
    on_damage: Callable[[TileError], None],
    on_progress: Progress,
) -> None:
    """Write all further batches, each in a thread of its own while the next one is made."""
    done, written_bytes = pictures.skipped(ledger.batches), 0
    on_progress(done, 0)

    def store(items: Sequence[Item], records: Records) -> None:
        target.add(items)
        journal.append(records)

    with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
        stored: Future[None] | None = None
        for positions, batch in pictures.batches(ledger.batches, on_damage):
            items, records = ledger.enter(batch)
            if stored is not None:
                stored.result()
            stored = writer.submit(store, items, records)
            done += positions
            written_bytes += sum(item.size_bytes for item in items if item.is_new)
            on_progress(done, written_bytes)
        if stored is not None:
            stored.result()


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
