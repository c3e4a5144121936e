"""`rawcog warm`: fill the caches that workers share before users come, at a bounded rate.

Tiles are read by the code of the server in this process, through Redis, or by requests to a running server, which fill
the cache of a proxy too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final, NamedTuple

import click
import requests

from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.crs.georeference import Bounds
from cogread.errors import CogError
from server.cli.layer_source import LayerSource, layer_source, user_errors
from server.cli.progress import Meter, duration, in_order
from server.cli.selection_options import BBOX, FORMAT, ZOOMS
from server.export.pictures import Pictures, address_of
from server.export.selection import Selection, select, select_native
from server.http.errors import ServerError, UnknownGrid
from server.layers.grids import NATIVE, WEB_MERCATOR
from server.logs.trace import trace

_TIMEOUT_S: Final = 30.0
_MOST_FAULTS: Final = 3

Place = tuple[int, int, int]
"""z, x, y."""
Fetch = Callable[[Place], "_Result"]


class _Result(NamedTuple):
    """A tile that was asked for."""

    size_bytes: int
    tier: str
    """The farthest tier that was asked, or the status of a reply."""
    origin_reads: int
    fault: str | None


class _Choices(NamedTuple):
    """The options."""

    tile_format: str
    zooms: tuple[int, int] | None
    bbox: Bounds | None
    grid: str
    url: str | None
    rate: float
    jobs: int


class _Tally:
    """The cost of a layer, and its first faults."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._tiers: Counter[str] = Counter()
        self._origin_reads = 0
        self.tiles = self.size_bytes = self.failed = 0
        self.first: list[str] = []

    def add(self, result: _Result) -> None:
        """Count a tile."""
        self.tiles += 1
        self.size_bytes += result.size_bytes
        self._origin_reads += result.origin_reads
        if result.fault is None:
            self._tiers[result.tier] += 1
            return
        self.failed += 1
        if len(self.first) < _MOST_FAULTS:
            self.first.append(result.fault)

    def text(self) -> str:
        """A line for the user."""
        tiers = ", ".join(f"{count:,} {tier}" for tier, count in self._tiers.most_common()) or "none"
        cost = f"; {self._origin_reads:,} reads of the origin" if self._origin_reads else ""
        failures = f"; {self.failed:,} failed" if self.failed else ""
        size = f"{self.tiles:,} tiles, {self.size_bytes / 1e6:,.1f} MB"
        return f"{size} in {duration(time.monotonic() - self._began_s)} ({tiers}){cost}{failures}"


def _url(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"found {value!r}, wanted a URL that begins with http:// or https://")
    return value


@click.command("warm")
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@FORMAT
@ZOOMS
@BBOX
@click.option(
    "--grid",
    type=click.Choice([WEB_MERCATOR, NATIVE]),
    default=WEB_MERCATOR,
    show_default=True,
    help="Grid of the URLs.",
)
@click.option(
    "--url", callback=_url, metavar="URL", help="A running server; requests to it fill the cache of its proxy too."
)
@click.option("--rate", default=200.0, show_default=True, type=click.FloatRange(0.1), help="Most tiles a second.")
@click.option("--jobs", default=8, show_default=True, type=click.IntRange(1, 64), help="Tiles at the same time.")
@click.pass_context
def warm_command(context: click.Context, /, layers: tuple[str, ...], **choices: Any) -> None:
    """Fill the shared caches with tiles of layers of the config file, before users come.

    Without --url, tiles are read into Redis, which REDIS_URL names. Layers whose tiles no cache keeps (cache_tiles) are
    refused. Layers off the grid of web maps have tiles with --grid native, whose zooms count the levels of the file
    from the coarsest; --format tif is for those without pictures.

    \b
    rawcog warm naip ortho --zooms 0-12
    rawcog warm dem --grid native --format tif --zooms 0-2
    rawcog warm naip --zooms 10-16 --bbox 7.3,46.9,7.6,47.0 --url https://tiles.example.com/ --rate 50

    Exit code 1 if a tile failed, else 0.
    """
    with user_errors():
        plan = _Choices(**choices)
        failed = [_warm(name, plan) for name in layers]
    context.exit(int(any(failed)))


def _warm(name: str, choices: _Choices) -> bool:
    """Warm a layer and print its summary; True: a tile failed."""
    source = layer_source(name)
    selection = _selection(source, choices)
    if choices.url is None and not source.has_shared_cache:
        raise click.ClickException("no cache that workers share: set REDIS_URL, or give the --url of a running server")
    if choices.url is None and not source.layer.config.cache_tiles:
        raise click.ClickException(f"layer {name!r}: its tiles are in no shared cache (cache_tiles)")
    tally, meter = _Tally(), Meter(f"warming {name}", "tiles")
    with requests.Session() as session:
        if choices.url is None:
            fetch: Fetch = partial(_through_tiers, source, selection.grid, choices.tile_format)
        else:
            url = choices.url.rstrip("/")
            fetch = partial(_by_url, session, source, url, selection.grid, choices.tile_format)
        for result in in_order(fetch, _paced(_places(selection), choices.rate), choices.jobs):
            tally.add(result)
            meter.show(tally.tiles, selection.count, tally.size_bytes)
    meter.close()
    for fault in tally.first:
        click.echo(f"failed: {printable(fault)}", err=True)
    write_stdout(f"{name}: {tally.text()}\n")
    return tally.failed > 0


def _selection(source: LayerSource, choices: _Choices) -> Selection:
    """Select tiles; all of them are offered in the format."""
    try:
        choose = select_native if choices.grid == NATIVE else select
        selection = choose(source.opened, choices.zooms, choices.bbox)
    except UnknownGrid as error:
        raise click.ClickException(f"{error}; --grid native warms the tiles of the file's own grid") from error
    with closing(source.origin()) as origin:
        pictures = Pictures(source.layer, source.opened, origin, selection, choices.tile_format)
        for box in selection.boxes:
            pictures.representation(box)
    return selection


def _through_tiers(source: LayerSource, grid: str, tile_format: str, place: Place) -> _Result:
    trace.request.reset()
    try:
        body = source.serve(grid, place, tile_format)
    except (CogError, ServerError) as error:
        return _Result(0, "failed", trace.request.cost.origin_reads, f"tile {'/'.join(map(str, place))}: {error}")
    cost = trace.request.cost
    tier = "empty" if not body else f"from {cost.tier}" if cost.tier != "-" else "made"
    return _Result(len(body), tier, cost.origin_reads, None)


def _by_url(
    session: requests.Session, source: LayerSource, url: str, grid: str, tile_format: str, place: Place
) -> _Result:
    """Ask for a tile by the URL that documents name."""
    address = address_of(source.layer.config.name, grid, place, tile_format)
    path = address.path(address.template).replace(source.layer.path, source.layer.versioned_path(source.opened), 1)
    target = f"{url}{path}" + (f"?{address.query}" if address.query else "")
    try:
        reply = session.get(target, timeout=_TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        return _Result(0, "failed", 0, f"{path}: {type(error).__name__}")
    fault = None if reply.status_code in (200, 204) else f"{path}: status {reply.status_code}"
    return _Result(len(reply.content), f"with status {reply.status_code}", 0, fault)


def _places(selection: Selection) -> Iterator[Place]:
    """All tiles of a selection, neighbours together."""
    for block in selection.blocks():
        for _, position in zip(*block.in_order(), strict=True):
            row, col = divmod(position, len(block.cols))
            yield block.box.matrix.z, block.cols[col], block.rows[row]


def _paced(places: Iterable[Place], rate: float) -> Iterator[Place]:
    """The places, at most so many a second."""
    began_s = time.monotonic()
    for number, place in enumerate(places):
        time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
        yield place
