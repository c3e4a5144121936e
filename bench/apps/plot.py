"""Draws figures over the number of tiles of a file: `python -m bench.apps.plot FILE.png < FIGURES`.

FIGURES is JSON: reader -> number of tiles -> [ms, MB].
"""

import json
import sys

import matplotlib.pyplot as plt  # type: ignore[import-not-found]
from matplotlib.ticker import FuncFormatter  # type: ignore[import-not-found]

COLOURS = {"rawcog": "#0b6e4f", "COGDumper": "#c8553d", "GDAL": "#6b7280"}
PANELS = (("time to the first tile, ms", 0), ("memory at its height, MB", 1))
LEAST = 0.1
"""Smallest value drawn: a logarithmic scale has no zero."""


def main(path: str) -> None:
    """Draw."""
    figures = json.load(sys.stdin)
    plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axis, (title, number) in zip(axes, PANELS, strict=True):
        axis.set(xscale="log", yscale="log", xlabel="tiles in the file")
        axis.set_title(title, loc="left", fontsize=12)
        for reader, by_count in figures.items():
            counts = [int(count) for count in by_count]
            values = [max(times[number], LEAST) for times in by_count.values()]
            axis.plot(counts, values, "o-", color=COLOURS.get(reader), linewidth=2, markersize=5, label=reader)
        axis.set_xticks(counts, [_short(count) for count in counts])
        axis.minorticks_off()
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _spelled(value)))
        axis.grid(axis="y", color="#e5e7eb")
        axis.set_axisbelow(True)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(figures), frameon=False)
    plt.savefig(path, dpi=130)


def _short(count: int) -> str:
    return f"{count // 10**6} M" if count >= 10**6 else f"{count:,}"


def _spelled(value: float) -> str:
    return f"≤ {value:g}" if value <= LEAST else f"{value:,g}"


if __name__ == "__main__":
    main(*sys.argv[1:])
