"""Charts by matplotlib, written into the page as SVG: its colours become classes that follow light
and dark, its text stays text, its identifiers are the chart's own, its numbers lose digits.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import MINUS, number
from .page import esc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE, CARD = "#1c1e21", "#5d6470", "#dfdcd5", "#ffffff"
BLUE, ORANGE = "#2166ac", "#b35806"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#888888")
DASHES = ("solid", (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)))
"""Lines of a chart differ by dash as well as by colour: Okabe and Ito's, for any colour vision."""

CLASSES = {INK: "ink", SOFT: "soft", LINE: "line", CARD: "card", BLUE: "blue", ORANGE: "orange"}
CLASSES |= {colour: f"c{k}" for k, colour in enumerate(SERIES)}
"""The colours that charts may use; style.py has each as a variable, for light and for dark."""

PLAIN: dict[Any, Any] = {
    "svg.fonttype": "none", "text.parse_math": False, "axes.unicode_minus": True,
    "font.family": "sans-serif", "font.size": 13, "axes.edgecolor": LINE, "axes.linewidth": 1,
    "axes.labelcolor": SOFT, "text.color": SOFT, "xtick.color": LINE, "ytick.color": LINE,
    "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT, "ytick.major.size": 0, "axes.grid": True,
    "axes.grid.axis": "y", "grid.color": LINE, "grid.linewidth": 1, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": CARD,
    "lines.linewidth": 2, "xtick.minor.size": 0, "ytick.minor.size": 0,
}  # fmt: skip
SIZE = (440, 260)
MOST_POINTS = 400  # a longer line keeps the lowest and highest value of each stretch
KEPT = {
    "d", "x", "y", "width", "height", "transform", "cx", "cy", "r", "points", "clip-path",
    "fill", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
    "stroke-linejoin", "fill-opacity", "stroke-opacity", "opacity", "text-anchor", "font-size",
    "font-weight",
}  # fmt: skip

Place = Callable[[float, float], tuple[float, float]]
"""Where a point of the data lies in the drawing."""


def chart(
    title: str,
    key: str,
    paint: Callable[[Axes], None],
    size: tuple[int, int] = SIZE,
    beneath: Callable[[Place], str] | None = None,
    above: Callable[[Place], str] | None = None,
) -> str:
    """What `paint` draws, as an <svg> that says its title to those who cannot see it.

    `key` names the chart within its page; `beneath` and `above` give SVG to put under and over what
    was painted. The same data give the same bytes, whatever the user's own settings of matplotlib.
    """
    import matplotlib
    from matplotlib.figure import Figure

    width, height = size
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that matplotlib lacks, the browser may have
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**PLAIN, "svg.hashsalt": key})
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_gid("ground")
        axes.margins(x=0.02)
        paint(axes)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = axes.transData.transform((x, y))
        return float(across), height - float(up)

    under = beneath(place) if beneath else ""
    over = above(place) if above else ""
    drawn = _Writer(out.getvalue(), key, under).text()
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{esc(title)}">'
        f"<title>{esc(title)}</title>{drawn}{over}</svg>"
    )


class _Writer:
    """Writes matplotlib's SVG anew, for the page."""

    def __init__(self, svg: bytes, key: str, beneath: str) -> None:
        """Read it; `beneath` goes right above the ground."""
        self.root = ET.fromstring(svg)
        self.key, self.beneath = key, beneath
        self.wanted = set(re.findall(r'(?:url\(|href=")#(\w+)', svg.decode()))

    def text(self) -> str:
        """What is in it, without its outermost element."""
        return "".join(map(self._element, self.root))

    def _element(self, element: ET.Element) -> str:
        tag = element.tag.rpartition("}")[2]
        if tag in ("metadata", "style", "title"):
            return ""
        inside = "".join(map(self._element, element))
        if tag == "text":
            inside += esc(element.text or "")
        attributes = self._attributes(element)
        ground = self.beneath if element.get("id") == "ground" else ""
        if tag in ("g", "defs") and not inside:
            return ground
        if tag == "g" and not attributes:
            return inside + ground
        written = "".join(f' {name}="{value}"' for name, value in attributes.items())
        return (f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>") + ground

    def _attributes(self, element: ET.Element) -> dict[str, str]:
        attributes: dict[str, str] = {}
        classes: list[str] = []
        given = {name.rpartition("}")[2]: value for name, value in element.items()}
        rules = (rule.partition(":") for rule in given.pop("style", "").split(";"))
        style = {name.strip(): value.strip() for name, colon, value in rules if colon}
        for name, value in (given | style).items():
            if name in ("fill", "stroke") and value.lower() in CLASSES:
                classes.append(f"{name[0]}-{CLASSES[value.lower()]}")
            elif name == "id" and value in self.wanted:
                attributes["id"] = f"{self.key}-{value}"
            elif name == "href":
                attributes["href"] = f"#{self.key}-{value.lstrip('#')}"
            elif value.startswith("rotate(-0 "):
                continue
            elif name in KEPT or (name == "stroke" and value == "none"):
                attributes[name] = esc(self._short(value))
        if classes:
            attributes["class"] = " ".join(classes)
        return attributes

    def _short(self, value: str) -> str:
        """A value with at most two digits behind each point, and its own identifiers."""
        value = re.sub(r"url\(#(\w+)\)", rf"url(#{self.key}-\1)", value)
        value = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}".rstrip("0"), value)
        return re.sub(r"\.(?=\D|$)", "", " ".join(value.split())).removesuffix("px")


def tidy(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Which values of a line are drawn: positions (n,) and values (n,), those that are numbers.

    Of a long line the lowest and the highest of each stretch stay.
    """
    every = np.asarray(values, np.float64)
    at = np.flatnonzero(np.isfinite(every))
    if len(at) > MOST_POINTS:
        kept = {int(at[0]), int(at[-1])}
        for stretch in np.array_split(at, MOST_POINTS // 2):
            kept |= {int(stretch[every[stretch].argmin()]), int(stretch[every[stretch].argmax()])}
        at = np.array(sorted(kept))
    return at, every[at]


def line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, dash: Any = "-") -> None:
    """A line through what is finite of y; a single point is drawn as one."""
    at, values = tidy(y)
    marker = "o" if len(at) == 1 else None
    axes.plot(np.asarray(x)[at], values, color=colour, linestyle=dash, marker=marker, markersize=6)


def tick(value: float) -> str:
    """A number at an axis.

    >>> tick(0.05), tick(-1000.0), tick(1e-05), tick(2.5e7)
    ('0.05', '−1,000', '1e−5', '2.5e7')
    """
    if value and not 1e-4 <= abs(value) < 1e6:
        return number(value, 3)
    return f"{value:,.6g}".replace("-", MINUS)


def plain_numbers(
    axes: Axes,
    log_y: bool = False,
    log_x: bool = False,
    whole_x: bool = False,
    share_y: bool = False,
) -> None:
    """Ticks as numbers that a reader knows, few of them; logarithmic ones at 1, 2 and 5.

    `share_y` writes shares as per cent.
    """
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullLocator,
        PercentFormatter,
    )

    words = FuncFormatter(lambda value, _: tick(float(value)))
    for axis, log, whole in ((axes.xaxis, log_x, whole_x), (axes.yaxis, log_y, False)):
        if log:
            low, high = sorted(axis.get_view_interval())
            decades = np.log10(max(high, 1e-300) / max(low, 1e-300))
            every = (1.0, 2.0, 5.0) if decades < 2 else (1.0, 3.0) if decades < 3.5 else (1.0,)
            axis.set_major_locator(LogLocator(base=10, subs=every, numticks=7))
            axis.set_minor_locator(NullLocator())
        else:
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=whole))
        axis.set_major_formatter(words)
    if share_y:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def mark(axes: Axes, x: float, y: float | None, words: str) -> None:
    """A dotted line through the chart at x, a dot at y, words above on the roomier side."""
    left, right = axes.get_xlim()
    share = np.log(x / left) / np.log(right / left) if axes.get_xscale() == "log" else (
        (x - left) / (right - left)
    )  # fmt: skip
    axes.axvline(x, color=INK, linewidth=1, linestyle=(0, (2, 3)))
    if y is not None and np.isfinite(y):
        axes.plot([x], [y], "o", color=ORANGE, markeredgecolor=CARD, markersize=9)
    early = share < 0.5
    axes.annotate(
        words, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(4 if early else -4, 3),
        textcoords="offset points", ha="left" if early else "right", color=INK, weight="bold",
    )  # fmt: skip
