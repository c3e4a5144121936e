"""`rawcog crop`: a part of a COG as a COG of its own, with the stored bytes of its tiles."""

from pathlib import Path

import click

from cogread.cli.main import one_line_errors, open_reader
from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.copy.crop import crop
from cogread.copy.window import Window, plan_crop, window_of
from cogread.crs.georeference import Bounds


def _window(context: click.Context, option: click.Parameter, value: str | None) -> Window | None:
    if value is None:
        return None
    try:
        col, row, width, height = map(int, value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"found {value!r}, wanted four whole numbers: col,row,width,height") from error
    if width < 1 or height < 1:
        raise click.BadParameter(f"found {value!r}, wanted a width and a height of 1 at least")
    return Window(col, row, width, height)


def bbox_of(context: click.Context, option: click.Parameter, value: str | None) -> Bounds | None:
    """Read the value of an option of bounds."""
    if value is None:
        return None
    try:
        west, south, east, north = map(float, value.split(","))
    except ValueError as error:
        wanted = "four numbers with commas: west,south,east,north"
        raise click.BadParameter(f"found {value!r}, wanted {wanted}") from error
    if not (-180 <= west < east <= 180 and -90 < south < north < 90):
        raise click.BadParameter(f"found {value!r}, wanted degrees with west < east and south < north")
    return west, south, east, north


@click.command("crop")
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--bbox", callback=bbox_of, metavar="W,S,E,N", help="Bounds in degrees.")
@click.option("--window", callback=_window, metavar="COL,ROW,WIDTH,HEIGHT", help="Pixels of the full resolution.")
@click.option("--overwrite", "is_overwriting", is_flag=True, help="Replace a target that exists.")
def crop_command(source: str, target: Path, bbox: Bounds | None, window: Window | None, is_overwriting: bool) -> None:
    """Copy a part of the COG at SOURCE into a new COG, without decoding it.

    TARGET has the whole tiles that cover the window, and their overviews: its edges lie on the tile grid of its
    coarsest level, as the output says. Overviews whose tiles are larger than the window are left out.

    \b
    rawcog crop s3://imagery/2025.tif town.tif --bbox 7.4,46.9,7.5,47.0
    rawcog crop scene.tif part.tif --window 2048,1024,600,400
    """
    if (bbox is None) == (window is None):
        raise click.UsageError("Wanted one of --bbox and --window.")
    if target.exists() and not is_overwriting:
        raise click.ClickException(f"{printable(str(target))} exists: --overwrite replaces it")
    with one_line_errors(), open_reader(source, verbose=False) as reader:
        wanted = window_of(reader.cog, bbox) if bbox is not None else window or Window(0, 0, 0, 0)
        plan = plan_crop(reader.cog, wanted)
        outcome = crop(reader.source, reader.cog, plan, target)
        across, down = plan.unit
        write_stdout(
            f"{printable(str(target))}: window {plan.window} of {wanted}, on the grid of {across} x {down} px; "
            f"{outcome.levels} of {len(reader.cog.levels)} levels, {outcome.tiles:,} tiles, "
            f"{outcome.size_bytes / 1e6:,.1f} MB\n"
        )
