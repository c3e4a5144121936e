"""Figures of a run in the pages of `docs/`, between `<!-- bench: NAME -->` and `<!-- /bench -->`."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

from bench import hot_tile, nginx
from bench.report import Report
from bench.server import ROOT

_PLACE: Final = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)
PAGES: Final = ("docs/performance.md", "docs/growing.md")

Reports = Mapping[str, Report]


class Claim(NamedTuple):
    """A line of the table of performance.md, from the report of a benchmark."""

    against: str
    bench: str
    text: Callable[[Report], str]


def _limit(hot: Report) -> str:
    shares = [hot.figure(f"rawcog / {name}", "req/s") for name in ("bare WSGI", hot_tile.BARE_TOO)]
    return "{} of its requests a second in gunicorn's worker, {} in rawcog's".format(*map(_percent, shares))


def _cogdumper(hot: Report) -> str:
    return f"{hot.figure('rawcog / COGDumper + Flask', 'req/s'):.1f} times as many hot tiles a second"


def _titiler(hot: Report) -> str:
    times, cpu = (hot.figure("rawcog / TiTiler", column) for column in ("req/s", "1 / CPU"))
    return f"{times:.0f} times as many hot tiles a second, with 1/{cpu:.0f} of the CPU"


def _first_tile(peer: str, header: Report) -> str:
    rows = [[header.figure(name, f"ordinary COG, {unit}") for unit in ("reads", "ms")] for name in ("rawcog", peer)]
    return ", beside ".join(f"{reads:.0f} reads and {ms:,.0f} ms" for reads, ms in rows)


def _files(behind: Report) -> str:
    share = behind.figure(f"{nginx.CACHED} / {nginx.FILES}", "req/s")
    return f"{_percent(share)} of their requests a second for tiles from the cache of nginx in front"


def _ranges(behind: Report) -> str:
    share = behind.figure(f"{nginx.CACHED} / {nginx.RANGES}", "1 / CPU")
    return f"{share:.1f} times as many tiles from the cache of nginx in front for the same CPU"


def _start(start: Report) -> str:
    own, bare, titiler = (start.figure(name, "median") for name in ("rawcog, file", "bare WSGI", "TiTiler"))
    return f"first tile after {own:.2f} s, beside {bare:.2f} s; TiTiler takes {titiler:.1f} s"


def _layers(layers: Report) -> str:
    return f"{_percent(layers.figure('10,000 / 1', 'req/s'))} of the hot tiles a second with 10,000 layers"


def _export(exports: Report) -> str:
    return f"{_percent(exports.figure('rawcog, PMTiles', 'of cp and fsync'))} of their speed for an export into PMTiles"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


CLAIMS: Final = (
    Claim("a WSGI app that replays recorded replies, the limit of its kind", "hot", _limit),
    Claim("COGDumper in a Flask view", "hot", _cogdumper),
    Claim("TiTiler, which decodes and encodes", "hot", _titiler),
    Claim("GDAL, first tile of an unknown COG 50 ms away", "header", partial(_first_tile, "GDAL")),
    Claim("TiTiler, the same", "header", partial(_first_tile, "TiTiler")),
    Claim("COGDumper, the same", "header", partial(_first_tile, "COGDumper")),
    Claim("static files of nginx", "nginx", _files),
    Claim("nginx with a map of all tiles to byte ranges of the COG", "nginx", _ranges),
    Claim("a config of one layer", "layers", _layers),
    Claim("`cp` and fsync of a file of JPEG tiles", "export", _export),
    Claim("the start of gunicorn with an app that does nothing", "start", _start),
)


def write(reports: Reports, head: Mapping[str, str]) -> None:
    """Replace the figures whose benchmarks ran."""
    claims = [f"| {one.against} | {one.text(reports[one.bench])} |" for one in CLAIMS if one.bench in reports]
    texts = {"run": f"Figures are those of a run on {datetime.now(UTC):%-d %B %Y}, {head['machine']}.\n"}
    if len(claims) == len(CLAIMS):
        texts["against"] = "\n".join(["| against | figure |", "| --- | --- |", *claims])
    for name in ("cost", "memory"):
        if name in reports:
            texts[name] = reports[name].tables[0].text()
    for page in PAGES:
        path = ROOT / page
        path.write_text(_PLACE.sub(lambda place: _filled(place, texts), path.read_text()))


def _filled(place: re.Match[str], texts: Mapping[str, str]) -> str:
    before, name, after = place.groups()
    return f"{before}\n{texts[name].strip()}\n\n{after}" if name in texts else place[0]
