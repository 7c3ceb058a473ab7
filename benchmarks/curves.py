"""The time of a step against width, batch and depth: three panels side by side, a line a system.
Both axes are logarithmic: parallel lines are the same number of times apart."""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from .cases import scaling
from .chart import FAINT, GRID, INK, SETTINGS, STYLE
from .systems import SYSTEMS

PANELS = {
    "width": "units in each of two hidden layers\n64-w-w-10, batch 32",
    "batch": "rows in a batch\n64-128-10",
    "depth": "hidden layers of 64 units\n64-…-10, batch 32",
}
LOOKS = {"backlit": (INK, "o")} | STYLE
OWN, OTHER = 2.2, 1.4  # widths of lines

Point = tuple[int, float, float, float]  # value, then microseconds: median, least, most


def draw(result: dict, path: Path) -> None:
    """Write the picture as SVG; ValueError where the result holds no rows of `scaling`."""
    lines = _lines(result["rows"])
    if not any(lines.values()):
        raise ValueError("nothing to draw: no row of `scaling` was measured")
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(1, 3, figsize=(10, 4), sharey=True, layout="constrained")
        for axes, (panel, label) in zip(panels, PANELS.items(), strict=True):
            _panel(axes, lines[panel], label)
        panels[0].set_ylabel("time of a step\nline: medians; band: lowest to highest round")
        panels[0].yaxis.set_major_formatter(FuncFormatter(_time))
        handles = {}
        for axes in panels:
            handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        figure.legend(
            handles.values(), handles.keys(), loc="outside upper center", ncols=3, frameon=False
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
        plt.close(figure)


def _lines(rows: list[dict]) -> dict[str, dict[str, list[Point]]]:
    """For each panel, and there for each system, its points from left to right."""
    measured = {row["name"]: row for row in rows}
    lines: dict[str, dict[str, list[Point]]] = {panel: {} for panel in PANELS}
    for case in scaling.GROUP.cases:
        for name, cell in measured.get(case.name, {"cells": {}})["cells"].items():
            point = (case.spec["value"], cell["median"], min(cell["samples"]), max(cell["samples"]))
            lines[case.spec["panel"]].setdefault(name, []).append(point)
    return lines


def _panel(axes: Axes, lines: dict[str, list[Point]], label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for name, points in lines.items():
        color, marker = LOOKS[name]
        values, medians, least, most = zip(*points, strict=True)
        own = name == "backlit"
        axes.fill_between(values, least, most, color=color, alpha=0.15, linewidth=0)
        axes.plot(
            values,
            medians,
            color=color,
            marker=marker,
            markersize=5,
            linewidth=OWN if own else OTHER,
            zorder=3 if own else 2,
            label=SYSTEMS[name].title + (", replayed" if own else ""),
        )
    ticks = sorted({value for points in lines.values() for value, *_ in points})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)
    axes.tick_params(axis="both", length=0, colors=FAINT)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _time(microseconds: float, _: object = None) -> str:
    """A tick's label.

    >>> _time(10.0), _time(1000.0), _time(2e6)
    ('10 us', '1 ms', '2 s')
    """
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:g} {unit}"
    return f"{microseconds:g} us"
