"""The ratios as one picture: a row a case, a dot a peer, a line at 1 where backlit stands.
Colours are Okabe and Ito's, each with a marker of its own, so that no reader needs colour."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from .cases import GROUPS
from .systems import SYSTEMS

INK, FAINT, GRID = "#1a1a1a", "#5a5a5a", "#dddddd"
STYLE: dict[str, tuple[str, str]] = {
    "torch": ("#D55E00", "o"),
    "torch-fused": ("#CC79A7", "D"),
    "torch-compile": ("#E69F00", "s"),
    "jax": ("#0072B2", "^"),
    "numpy": ("#009E73", "v"),
    "numba": ("#56B4E9", "P"),
    "backlit-eager": ("#8a8a8a", "X"),
}
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
SETTINGS: dict = {
    "svg.hashsalt": "backlit",  # the same results draw the same file
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "ytick.color": INK,
    "xtick.color": FAINT,
}


def draw(result: dict, path: Path) -> None:
    """Write the picture as SVG; ValueError where the result holds no ratios to backlit."""
    lines = _lines(result["rows"])
    if not lines:
        raise ValueError("nothing to draw: backlit was not measured beside a peer")
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(9, 1.2 + 0.3 * len(lines)), layout="constrained")
        _frame(axes, lines)
        _dots(axes, lines)
        figure.legend(
            loc="outside upper center",
            ncols=len(STYLE),
            frameon=False,
            handletextpad=0.1,
            columnspacing=1.2,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
        plt.close(figure)


def _lines(rows: list[dict]) -> list[dict | str]:
    """Rows of the picture from the top: a group's title, then its measured rows."""
    lines: list[dict | str] = []
    for group in (group for group in GROUPS if group.usual):
        names = {measure.name for case in group.cases for measure in case.measures}
        drawn = [row for row in rows if row["name"] in names and row["ratios"].keys() & STYLE]
        if drawn:
            lines += [group.title, *drawn]
    return lines


def _frame(axes: Axes, lines: list[dict | str]) -> None:
    axes.set_xscale("log")
    axes.set_ylim(len(lines) - 0.4, -0.8)
    labels = [line if isinstance(line, str) else line["title"] for line in lines]
    axes.set_yticks(range(len(lines)), labels)
    for line, label in zip(lines, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if isinstance(line, str) else "normal")
    axes.tick_params(axis="both", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.axvline(1.0, color=INK, linewidth=1.2)
    axes.set_xlabel(
        "peer / backlit; right of 1× backlit is faster or smaller\n"
        "dot: medians; thin line: lowest to highest round"
    )


def _dots(axes: Axes, lines: list[dict | str]) -> None:
    for name, (color, marker) in STYLE.items():
        places, ratios = [], []
        for place, line in enumerate(lines):
            if not isinstance(line, str) and name in line["ratios"]:
                places.append(place)
                ratios.append(line["ratios"][name])
        if not places:
            continue
        low, high = [ratio["low"] for ratio in ratios], [ratio["high"] for ratio in ratios]
        axes.hlines(places, low, high, color=color, linewidth=1.0, alpha=0.6)
        middle = [ratio["ratio"] for ratio in ratios]
        look = {"color": color, "marker": marker, "edgecolors": "white", "linewidths": 0.6}
        axes.scatter(middle, places, s=46, zorder=3, label=SYSTEMS[name].title, **look)
    ticks = [tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
    axes.set_xticks(ticks)
