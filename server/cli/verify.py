"""`rawcog verify`: every tile of a file is sound, and an export holds what the server sends.

Exit code 1 if a tile is at fault. The stored tiles are read in large ranges and decoded. Then each is made by the code
of exports, and compared with the reply of a server of this process, which reads by itself.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import imagecodecs

from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.copy.stored_tiles import StoredTile, stored_tiles
from cogread.crs.georeference import Bounds
from cogread.errors import TileDamaged
from cogread.wrap import AUTO as AUTO_WRAPPER
from cogread.wrap.decode.pixels import samples
from cogread.wrap.decode.support import undecodable
from cogread.wrap.stored import check_stored
from cogread.wrap.tile import valid_size
from server.cli.comparison import Body, Place, compared
from server.cli.layer_source import LayerSource, layer_source, user_errors
from server.cli.progress import Meter, in_order
from server.cli.selection_options import BBOX, FORMAT, ZOOMS
from server.export.job import target_module
from server.export.pictures import AUTO, Pictures
from server.export.selection import Selection, select, select_native

_MOST_FAULTS: Final = 10
"""Faults that are shown."""
_CPUS: Final = len(os.sched_getaffinity(0))
_DECODERS: Final[dict[bytes, Callable[[bytes], Any]]] = {
    b"\xff\xd8": imagecodecs.jpeg8_decode,
    b"RI": imagecodecs.webp_decode,
    b"\x89P": imagecodecs.png_decode,
}
"""First bytes of a picture -> its decoder."""


@click.command("verify")
@click.argument("source")
@click.argument("export", required=False, type=click.Path(exists=True, path_type=Path))
@FORMAT
@ZOOMS
@BBOX
@click.pass_context
def verify_command(
    context: click.Context,
    source: str,
    export: Path | None,
    tile_format: str,
    zooms: tuple[int, int] | None,
    bbox: Bounds | None,
) -> None:
    """Check every tile of a COG, or of an export against its COG.

    SOURCE is a path, a URI, or a layer of the config file: each stored tile is decoded, and must be made into what the
    server sends. With EXPORT, a *.pmtiles, a *.mbtiles or a folder, each of its tiles must be the body that the server
    sends, and none may be missing: give the options of the export. SOURCE alone may be an export too: then its pictures
    are decoded.

    \b
    rawcog verify scene.tif
    rawcog verify scene.tif scene.pmtiles --zooms 8-14
    rawcog verify scene.pmtiles

    Exit code 1 if there is a fault, else 0.
    """
    with user_errors():
        tally = _Tally()
        try:
            if export is not None:
                _verify_export(layer_source(source), export, tile_format, zooms, bbox, tally)
            elif source.endswith((".pmtiles", ".mbtiles")) or Path(source, "tilejson.json").is_file():
                _verify_pictures(Path(source), tally)
            else:
                _verify_source(layer_source(source), tally)
        finally:
            tally.meter.close()
        for fault in tally.first:
            click.echo(f"fault: {printable(fault)}", err=True)
        write_stdout(f"{tally.text()}\n")
    context.exit(int(tally.faults > 0))


class _Tally:
    """Counts of tiles, and the first faults."""

    def __init__(self) -> None:
        self.meter = Meter("verifying", "tiles")
        self.tiles = self.tile_bytes = self.faults = 0
        self.first: list[str] = []

    def add(self, size_bytes: int, fault: str | None) -> None:
        """Count a tile."""
        self.tiles += 1
        self.tile_bytes += size_bytes
        self.note(fault)

    def note(self, fault: str | None) -> None:
        """Note the fault of a tile, if there is one."""
        if fault is not None:
            self.faults += 1
            if len(self.first) < _MOST_FAULTS:
                self.first.append(fault)

    def text(self) -> str:
        """A line for the user."""
        faults = "no fault" if not self.faults else "1 fault" if self.faults == 1 else f"{self.faults:,} faults"
        return f"{self.tiles:,} tiles, {self.tile_bytes / 1e6:,.1f} MB: {faults}"


def _verify_source(source: LayerSource, tally: _Tally) -> None:
    """Decode all stored tiles, then compare what they are made into with the server's replies."""
    cog, selection = source.opened.cog, select_native(source.opened)
    images = [image for level in cog.levels for image in (level.image, level.mask) if image is not None]
    total = sum(image.tiles_across * image.tiles_down * image.planes for image in images)

    def soundness(tile: StoredTile) -> tuple[int, str | None]:
        return len(tile.data), _damage(source, tile)

    def misplaced(damage: TileDamaged) -> None:
        tally.add(0, str(damage))

    with closing(source.origin()) as origin:
        for size_bytes, fault in in_order(soundness, stored_tiles(origin, cog, misplaced), _CPUS):
            tally.add(size_bytes, fault)
            tally.meter.show(tally.tiles, total, tally.tile_bytes)
        for box in selection.boxes:
            tile_format = AUTO if source.opened.refusal(box.matrix.level, AUTO_WRAPPER) is None else "tif"
            level = replace(selection, boxes=(box,))
            bodies = _bodies(Pictures(source.layer, source.opened, origin, level, tile_format))
            for _, fault in compared(source, selection.grid, tile_format, bodies):
                tally.note(fault)


def _damage(source: LayerSource, tile: StoredTile) -> str | None:
    """The fault of a stored tile."""
    level = source.opened.cog.levels[tile.level]
    image = level.mask if tile.is_mask and level.mask is not None else level.image
    try:
        if undecodable(image) is None:
            samples(image, tile.data, valid_size(image, tile.col, tile.row)[1])
        else:
            check_stored(image, tile.data, tile.col, tile.row)
    except TileDamaged as error:
        kind = "mask" if tile.is_mask else "tile"
        return f"level {tile.level}, {kind} col {tile.col}, row {tile.row}, plane {tile.plane}: {error}"
    return None


def _verify_export(
    source: LayerSource,
    export: Path,
    tile_format: str,
    zooms: tuple[int, int] | None,
    bbox: Bounds | None,
    tally: _Tally,
) -> None:
    selection = select(source.opened, zooms, bbox)
    seen: set[Place] = set()

    def tiles() -> Iterator[Body]:
        for z, x, y, body in target_module(export).tiles_of(export):
            seen.add((z, x, y))
            yield Body((z, x, y), body)
        yield from (Body(place, b"") for place in _places(selection) if place not in seen)

    for size_bytes, fault in compared(source, selection.grid, tile_format, tiles()):
        if size_bytes or fault is not None:
            tally.add(size_bytes, fault)
        tally.meter.show(tally.tiles, selection.count, tally.tile_bytes)


def _verify_pictures(export: Path, tally: _Tally) -> None:
    def soundness(tile: tuple[int, int, int, bytes]) -> tuple[int, str | None]:
        """The size of a picture in bytes, and its fault; None: it can be decoded."""
        z, x, y, body = tile
        decode = _DECODERS.get(body[:2])
        try:
            if decode is not None:
                decode(body)
            return len(body), None if decode is not None else f"tile {z}/{x}/{y}: no picture"
        except (RuntimeError, ValueError) as error:
            return len(body), f"tile {z}/{x}/{y}: {error}"

    for size_bytes, fault in in_order(soundness, target_module(export).tiles_of(export), _CPUS):
        tally.add(size_bytes, fault)


def _bodies(pictures: Pictures) -> Iterator[Body]:
    """The tiles of a selection as exports have them, without damaged ones, which are faults already."""
    for _, batch in pictures.batches(on_damage=lambda damage: None):
        for picture in batch:
            yield Body((picture.z, picture.x, picture.y), picture.body)


def _places(selection: Selection) -> Iterator[Place]:
    for box in selection.boxes:
        for y in range(box.min_y, box.max_y + 1):
            yield from ((box.matrix.z, x, y) for x in range(box.min_x, box.max_x + 1))
