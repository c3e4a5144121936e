"""Draws the plots of a run, as PNG and SVG: `python -m bench.apps.plot FOLDER < FIGURES`.

FIGURES is JSON: benchmark -> its figures, as `bench.pictures` makes them.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt  # type: ignore[import-not-found]
from matplotlib.axes import Axes  # type: ignore[import-not-found]
from matplotlib.figure import Figure  # type: ignore[import-not-found]
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # type: ignore[import-not-found]

OWN, OTHER, LIMIT, GRID, TEXT = "#0b6e4f", "#c8553d", "#a3adba", "#e5e7eb", "#1f2937"
"""Colours of rawcog, of peers, and of what serves replayed replies or files."""
LIMITS = ("bare WSGI", "static files")
PEERS = ("TiTiler", "COGDumper", "cog-tiles", "Flask", "byte ranges")
"""Starts of their names."""
LINES = (OWN, "#64748b", OTHER, LIMIT)
READERS = dict(zip(("rawcog", "GDAL", "COGDumper"), LINES, strict=False))
LEAST = 0.1
"""Smallest value drawn: a logarithmic scale has no zero."""
WIDTH_INCHES = 8
STYLE = {
    "font.size": 11,
    "font.family": "sans-serif",
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": LIMIT,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
    "svg.hashsalt": "rawcog",
}


def throughput(figures: Mapping[str, Any]) -> Figure:
    """Bars of requests a second: workers in one panel, nginx in another, each with a scale of its own."""
    panels = [
        (title, dict(sorted(figures[name].items(), key=lambda item: -item[1])))
        for name, title in (
            ("hot", "Hot tiles a second of one worker"),
            ("nginx", "Tiles a second with nginx in front"),
        )
        if name in figures
    ]
    heights = [len(rates) + 1.2 for _, rates in panels]
    size = (WIDTH_INCHES, 0.36 * sum(heights) + 0.4)
    figure, axes = plt.subplots(len(panels), squeeze=False, figsize=size, height_ratios=heights, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12)
    for axis, (title, rates) in zip(axes.flat, panels, strict=True):
        axis.set_title(title)
        _bars(axis, rates)
    return figure


def tail(figures: Mapping[str, Mapping[str, float]]) -> Figure:
    """Lines of p99 by the number of connections."""
    figure, axis = plt.subplots(figsize=(WIDTH_INCHES, 4.2), layout="constrained")
    axis.set_title("Latency of the slowest hundredth of hot tiles (p99), ms")
    axis.set(xscale="log", yscale="log", xlabel="connections, all busy all the time")
    counts = sorted({int(count) for tails in figures.values() for count in tails})
    for (name, tails), colour in zip(figures.items(), LINES, strict=False):
        values = [tails[str(count)] for count in counts]
        axis.plot(counts, values, "o-", color=colour, linewidth=2.2, markersize=6, label=name)
        for count, value in zip(counts, values, strict=True):
            ends = [other[str(count)] for other in figures.values()]
            if value in (min(ends), max(ends)):
                _label(axis, _spelled(value), (count, value), (0, 8 if value == max(ends) else -16), colour, "center")
    axis.set_xticks(counts, [str(count) for count in counts])
    _plain(axis, (1, 2, 5))
    axis.margins(x=0.08, y=0.18)
    axis.legend(frameon=False, loc="upper left")
    return figure


def size(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Lines of time and memory by the number of tiles of a file."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH_INCHES, 4), layout="constrained")
    for number, (axis, title) in enumerate(
        zip(axes, ("Time to the first tile, ms", "Memory at its height, MB"), strict=True)
    ):
        axis.set_title(title)
        axis.set(xscale="log", yscale="log", xlabel="tiles in the file")
        for reader, by_count in figures.items():
            counts = [int(count) for count in by_count]
            values = [max(pair[number], LEAST) for pair in by_count.values()]
            axis.plot(counts, values, "o-", color=READERS[reader], linewidth=2.2, markersize=6, label=reader)
            text = f"≤ {LEAST:g}" if values[-1] <= LEAST else _spelled(values[-1])
            _label(axis, text, (counts[-1], values[-1]), (8, -4), READERS[reader], "left")
        axis.set_xticks(counts, [f"{count // 10**6}M" if count >= 10**6 else f"{count:,}" for count in counts])
        _plain(axis)
        axis.margins(x=0.14)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(figures), frameon=False)
    return figure


def cost(figures: Mapping[str, float]) -> Figure:
    """Bars of CPU seconds, on a logarithmic scale."""
    figure, axis = plt.subplots(figsize=(WIDTH_INCHES, 0.36 * len(figures) + 1), layout="constrained")
    axis.set_title("CPU seconds of a million tiles, on a logarithmic scale")
    axis.set_xscale("log")
    _bars(axis, figures)
    return figure


def _bars(axis: Axes, figures: Mapping[str, float]) -> None:
    """Draw horizontal bars with their figures at their ends, and no scale."""
    bars = axis.barh(list(figures), list(figures.values()), color=[_colour(name) for name in figures], height=0.72)
    axis.bar_label(bars, [_spelled(figure) for figure in figures.values()], padding=5)
    axis.invert_yaxis()
    axis.margins(x=0.12, y=0.02)
    axis.tick_params(left=False)
    axis.spines[["bottom", "left"]].set_visible(False)
    axis.xaxis.set_major_locator(NullLocator())
    axis.xaxis.set_minor_locator(NullLocator())


def _plain(axis: Axes, subs: Sequence[int] = (1,)) -> None:
    """Label a logarithmic y axis with plain numbers, at these multiples of powers of ten."""
    axis.minorticks_off()
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.grid(axis="y", color=GRID)


def _label(axis: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], colour: str, side: str) -> None:
    axis.annotate(text, at, xytext=offset, textcoords="offset points", color=colour, ha=side, fontsize=10)


def _spelled(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _colour(name: str) -> str:
    if name.startswith(LIMITS):
        return LIMIT
    return OTHER if name.startswith(PEERS) else OWN


PLOTS: dict[str, tuple[Callable[[Any], Figure], Sequence[str]]] = {
    "throughput": (throughput, ("hot", "nginx")),
    "tail": (tail, ("worker",)),
    "size": (size, ("size",)),
    "cost": (cost, ("cost",)),
}
"""Name of the files -> function and the benchmarks that it draws."""


def main(folder: str) -> None:
    """Draw the plots that there are figures of."""
    figures = json.load(sys.stdin)
    plt.rcParams.update(STYLE)
    for name, (draw, benches) in PLOTS.items():
        if any(bench in figures for bench in benches):
            figure = draw(figures if len(benches) > 1 else figures[benches[0]])
            figure.savefig(Path(folder, f"{name}.png"))
            figure.savefig(Path(folder, f"{name}.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
