"""`rawcog warm`: fill the caches that workers share before users come, at a bounded rate.

Tiles are read by the code of the server in this process, through Redis, or by requests to a running server, which fill
the cache of a proxy too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

import click
import requests

from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.crs.georeference import Bounds
from cogread.errors import CogError
from server.cli.layer_source import LayerSource, layer_source, user_errors
from server.cli.progress import Meter, duration, in_order
from server.cli.selection_options import BBOX, FORMAT, ZOOMS
from server.export.pictures import address_of
from server.export.selection import Selection, select
from server.http.errors import ServerError
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


@click.command("warm")
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@FORMAT
@ZOOMS
@BBOX
@click.option("--url", metavar="URL", help="A running server; requests to it fill the cache of its proxy too.")
@click.option("--rate", default=200.0, show_default=True, type=click.FloatRange(0.1), help="Most tiles a second.")
@click.option("--jobs", default=8, show_default=True, type=click.IntRange(1, 64), help="Tiles at the same time.")
@click.pass_context
def warm_command(
    context: click.Context,
    layers: tuple[str, ...],
    tile_format: str,
    zooms: tuple[int, int] | None,
    bbox: Bounds | None,
    url: str | None,
    rate: float,
    jobs: int,
) -> None:
    """Fill the shared caches with tiles of layers of the config file, before users come.

    Without --url, tiles are read into Redis, which REDIS_URL names. Layers whose tiles no cache keeps (cache_tiles) are
    refused. The layers must lie on the grid of web maps.

    \b
    rawcog warm naip ortho --zooms 0-12
    rawcog warm naip --zooms 10-16 --bbox 7.3,46.9,7.6,47.0 --url https://tiles.example.com/ --rate 50

    Exit code 1 if a tile failed, else 0.
    """
    with user_errors():
        failed = [_warm(name, tile_format, zooms, bbox, url, rate, jobs) for name in layers]
    context.exit(int(any(failed)))


def _warm(
    name: str,
    tile_format: str,
    zooms: tuple[int, int] | None,
    bbox: Bounds | None,
    url: str | None,
    rate: float,
    jobs: int,
) -> bool:
    """Warm a layer and print its summary; True: a tile failed."""
    source = layer_source(name)
    selection = select(source.opened, zooms, bbox)
    if url is None and not source.has_shared_cache:
        raise click.ClickException("no cache that workers share: set REDIS_URL, or give the --url of a running server")
    if url is None and not source.layer.config.cache_tiles:
        raise click.ClickException(f"layer {name!r}: its tiles are in no shared cache (cache_tiles)")
    began_s, results = time.monotonic(), []
    meter = Meter(f"warming {name}", "tiles")
    with requests.Session() as session:
        if url is None:
            fetch: Fetch = partial(_through_tiers, source, selection.grid, tile_format)
        else:
            fetch = partial(_by_url, session, source, url.rstrip("/"), selection.grid, tile_format)
        size_bytes = 0
        for result in in_order(fetch, _paced(_places(selection), rate), jobs):
            results.append(result)
            size_bytes += result.size_bytes
            meter.show(len(results), selection.count, size_bytes)
    meter.close()
    faults = [result.fault for result in results if result.fault is not None]
    for fault in faults[:_MOST_FAULTS]:
        click.echo(f"failed: {printable(fault)}", err=True)
    write_stdout(f"{name}: {_summary(results, len(faults), time.monotonic() - began_s)}\n")
    return bool(faults)


def _summary(results: list[_Result], failed: int, seconds: float) -> str:
    tiers = Counter(result.tier for result in results if result.fault is None)
    parts = ", ".join(f"{count:,} {tier}" for tier, count in tiers.most_common())
    reads, size_bytes = sum(result.origin_reads for result in results), sum(result.size_bytes for result in results)
    cost = f"; {reads:,} reads of the origin" if reads else ""
    failures = f"; {failed:,} failed" if failed else ""
    return f"{len(results):,} tiles, {size_bytes / 1e6:,.1f} MB in {duration(seconds)} ({parts}){cost}{failures}"


def _through_tiers(source: LayerSource, grid: str, tile_format: str, place: Place) -> _Result:
    trace.reset()
    try:
        body = source.serve(grid, place, tile_format)
    except (CogError, ServerError) as error:
        return _Result(0, "failed", trace.cost.origin_reads, f"tile {'/'.join(map(str, place))}: {error}")
    cost = trace.cost
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
