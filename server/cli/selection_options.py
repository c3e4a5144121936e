"""Options that select tiles of the grid of web maps: zooms, bounding box, format."""

import re
from typing import Final

import click

from cogread.cli.crop import bbox_of
from cogread.wrap import FILES, TERRAIN
from server.export.pictures import AUTO

_ZOOMS: Final = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")


def _zooms(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    match = _ZOOMS.fullmatch(value)
    least, most = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if least > most:
        raise click.BadParameter(f"found {value!r}, wanted a zoom or two, such as 12 or 8-14")
    return least, most


ZOOMS: Final = click.option("--zooms", callback=_zooms, metavar="Z|MIN-MAX", help="Zooms of the grid. Default: all.")
BBOX: Final = click.option(
    "--bbox", callback=bbox_of, metavar="W,S,E,N", help="Tiles within or across these bounds, in degrees. Default: all."
)
FORMAT: Final = click.option(
    "--format",
    "tile_format",
    type=click.Choice([AUTO, *FILES, *TERRAIN]),
    default=AUTO,
    show_default=True,
    help="Format of the tiles; auto: the lightest picture of each that loses nothing; mapbox, terrarium: terrain.",
)
