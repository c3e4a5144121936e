"""`rawcog export`: all tiles of a layer in a PMTiles, an MBTiles or a folder, as the server sends them."""

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from multiprocessing import active_children, get_context
from os import sched_getaffinity
from pathlib import Path
from typing import IO, Final, NamedTuple

import click

from cogread.cli.main import INTERRUPTED
from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.crs.georeference import Bounds
from cogread.errors import CogError, TileError
from server.cli.layer_files import candidate_files
from server.cli.layer_source import LayerSource, layer_source, user_errors
from server.cli.progress import Meter
from server.cli.selection_options import BBOX, FORMAT, ZOOMS
from server.documents.alignment import misfit
from server.export.errors import ExportError
from server.export.job import Outcome, export
from server.export.pictures import Pictures
from server.export.selection import select
from server.http.errors import ServerError

_MOST_FAULTS: Final = 10
"""Damaged tiles that are named."""
_SUFFIXES: Final = {"pmtiles": ".pmtiles", "mbtiles": ".mbtiles", "folder": ""}


class _Options(NamedTuple):
    """The choices for all files."""

    tile_format: str
    zooms: tuple[int, int] | None
    bbox: Bounds | None
    is_overwriting: bool
    skips_broken: bool
    base_url: str


@click.command("export")
@click.argument("paths", nargs=-1, metavar="SOURCE TARGET")
@FORMAT
@ZOOMS
@BBOX
@click.option("--overwrite", "is_overwriting", is_flag=True, help="Replace a target that exists.")
@click.option("--skip-broken", "skips_broken", is_flag=True, help="Leave damaged tiles out instead of stopping.")
@click.option("--base-url", default="", metavar="URL", help="Where a folder will be, for its TileJSON.")
@click.option("--from-list", type=click.File(), metavar="FILE", help="Export the sources that FILE names, one a line.")
@click.option(
    "--to", "kind", type=click.Choice(list(_SUFFIXES)), default="pmtiles", help="Targets of a list. Default: pmtiles."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Files of a list at the same time. Default: CPUs.")
@click.pass_context
def export_command(
    context: click.Context,
    paths: tuple[str, ...],
    tile_format: str,
    zooms: tuple[int, int] | None,
    bbox: Bounds | None,
    is_overwriting: bool,
    skips_broken: bool,
    base_url: str,
    from_list: IO[str] | None,
    kind: str,
    jobs: int | None,
) -> None:
    """Copy all tiles out of a COG, as the server sends them, without encoding them anew.

    SOURCE is a path, a URI, or a layer of the config file that RAWCOG_CONFIG names; its tiles must lie on the grid of
    web maps. TARGET is a *.pmtiles, a *.mbtiles, or a folder of z/x/y files with a TileJSON. An export that was
    interrupted goes on with the same line; TARGET appears when it is whole.

    \b
    rawcog export scene.tif scene.pmtiles
    rawcog export s3://imagery/2025.tif 2025.mbtiles --zooms 8-14 --bbox 5.8,45.8,10.6,47.9
    rawcog export naip tiles/ --format jpg --base-url https://example.com/tiles/
    rawcog export --from-list files.txt out/ --jobs 8
    """
    options = _Options(tile_format, zooms, bbox, is_overwriting, skips_broken, base_url)
    if from_list is not None:
        if len(paths) != 1:
            raise click.UsageError("With --from-list, wanted one argument: the folder of the targets.")
        context.exit(_export_list(from_list.read().splitlines(), Path(paths[0]), kind, options, jobs))
    if len(paths) != 2:
        raise click.UsageError("Wanted two arguments: SOURCE and TARGET.")
    with user_errors():
        source, meter = layer_source(paths[0]), Meter("exporting", "tiles")
        _note_unaligned(source)
        try:
            outcome, faults = _export(source, Path(paths[1]), options, meter)
        finally:
            meter.close()
        for fault in faults[:_MOST_FAULTS]:
            click.echo(f"left out: {printable(fault)}", err=True)
        write_stdout(f"{printable(paths[1])}: {_summary(outcome, len(faults))}\n")


def _export(source: LayerSource, target: Path, options: _Options, meter: Meter | None) -> tuple[Outcome, list[str]]:
    """Export a layer: the outcome, and the errors of the tiles that were left out."""
    faults: list[str] = []
    selection = select(source.opened, options.zooms, options.bbox)

    def note(damage: TileError) -> None:
        if not options.skips_broken:
            raise damage
        faults.append(str(damage))

    def show(done: int, size_bytes: int) -> None:
        if meter is not None:
            meter.show(done, selection.count, size_bytes)

    with closing(source.origin()) as origin:
        outcome = export(
            Pictures(source.layer, source.opened, origin, selection, options.tile_format),
            target,
            is_overwriting=options.is_overwriting,
            base_url=options.base_url,
            on_damage=note,
            on_progress=show,
        )
    return outcome, faults


def _note_unaligned(source: LayerSource) -> None:
    opened = source.opened
    obstacle = misfit(opened.cog, opened.grids, opened.resolver)
    if obstacle is not None and opened.grids.web_mercator is not None:
        click.echo(f"left out: {printable(obstacle.reason)}; this aligns all: {obstacle.command}", err=True)


def _summary(outcome: Outcome, broken: int) -> str:
    parts = [f"{outcome.tiles:,} tiles, {outcome.body_bytes / 1e6:,.1f} MB"]
    if outcome.contents < outcome.tiles:
        parts.append(f"{outcome.tiles - outcome.contents:,} of them equal to others")
    if outcome.empty > broken:
        parts.append(f"{outcome.empty - broken:,} without a picture left out")
    if broken:
        parts.append(f"{broken:,} damaged ones left out")
    return "; ".join(parts)


def _export_list(lines: list[str], folder: Path, kind: str, options: _Options, jobs: int | None) -> int:
    """Export many files, each in a process; returns the exit code. Targets that exist are finished ones."""
    with user_errors():
        sources = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        files = candidate_files(sources)
        folder.mkdir(parents=True, exist_ok=True)
        targets = {each.uri: folder / f"{each.name}{_SUFFIXES[kind]}" for each in files}
        todo = [uri for uri, target in targets.items() if options.is_overwriting or not target.exists()]
        failed, meter = 0, Meter("exporting", "files")
        with _processes(jobs or len(sched_getaffinity(0))) as pool:
            futures = {pool.submit(_export_file, uri, targets[uri], options): uri for uri in todo}
            for done, future in enumerate(as_completed(futures), 1):
                broken = future.exception()
                message, is_failed = future.result() if broken is None else (f"{futures[future]}: {broken}", True)
                failed += is_failed
                click.echo(printable(message), err=is_failed)
                meter.show(done, len(todo))
        meter.close()
        write_stdout(f"{len(todo) - failed} exported, {len(targets) - len(todo)} there before, {failed} failed\n")
        return int(failed > 0)


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes for files, which an interrupt ends at once."""
    ignore = (signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts all processes of a command; this one ends them
    with ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, ignore) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise SystemExit(INTERRUPTED) from None


def _export_file(uri: str, target: Path, options: _Options) -> tuple[str, bool]:
    """Export a file in a process of the list: a line for the user; True: it failed."""
    try:
        outcome, faults = _export(layer_source(uri), target, options, None)
    except (CogError, ServerError, ExportError, OSError) as error:
        return (str(error) if str(error).startswith(uri) else f"{uri}: {error}"), True
    except Exception as error:
        return f"{uri}: {type(error).__name__}: {error}", True
    return f"{target}: {_summary(outcome, len(faults))}", False
