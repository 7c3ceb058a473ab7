"""Charts as plain SVG, drawn by hand so that they follow the page's colours and weigh little.
An axis turns values into pixels; each chart is one function that returns an <svg>."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .page import esc

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 40
MOST_POINTS = 400  # a longer line keeps the lowest and highest value of each stretch


@dataclass(frozen=True)
class Axis:
    """Values from low to high laid on pixels from start to end, straight or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; values outside stop at the border."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        share = (value - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values inside the axis, at most `most` of them where that can be done.

        >>> Axis(0.0, 60.0, 0, 100).ticks()
        [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
        >>> Axis(0.02, 2.5, 0, 100, log=True).ticks()
        [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
        """
        if self.log:
            return self._log_ticks(most)
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        for factor in (1, 2, 5, 10):
            if (self.high - self.low) / (step * factor) <= most + 1e-9:
                step *= factor
                break
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)) - 1, math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            values = [float(f"{d}e{k}") for k in decades for d in digits]
            inside = [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]
            if len(inside) <= most + 1 or digits == (1,):
                break
        return inside[:: math.ceil(len(inside) / (most + 1)) or 1]


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, the CSS class that draws it, a value per x."""

    name: str
    css: str
    values: list[float]


def line_chart(
    title: str,
    x: list[int],
    lines: list[Line],
    best: int,
    log: bool = False,
    top: float | None = None,
) -> str:
    """Values over epochs, with the epoch that was kept marked on the last line.

    `log` draws the values by their logarithm, `top` fixes the upper end of the axis.
    """
    ys = [value for line in lines for value in line.values]
    vertical = _value_axis(min(ys), max(ys), log, top)
    first, last = (x[0], x[-1]) if len(x) > 1 else (x[0] - 1, x[0] + 1)
    horizontal = Axis(first, last, LEFT, WIDTH - RIGHT)
    parts = [_grid(horizontal, vertical, "epoch")]
    for line in lines:
        points = " ".join(
            f"{horizontal.at(a):.1f},{vertical.at(b):.1f}" for a, b in _thin(x, line.values)
        )
        parts.append(f'<polyline class="{line.css}" points="{points}"/>')
        if len(x) == 1:
            parts.append(_dot(horizontal.at(x[0]), vertical.at(line.values[0])))
    if best in x:
        value = lines[-1].values[x.index(best)]
        parts.append(_best_mark(horizontal.at(best), vertical.at(value), f"kept: epoch {best}"))
    return _svg(title, parts)


def _value_axis(low: float, high: float, log: bool, top: float | None) -> Axis:
    if log:
        low, high = max(low, 1e-8), max(high, 2e-8)
        if high < low * 2:
            low, high = low / 2, high * 2
        return Axis(low / 1.15, high * 1.15, HEIGHT - BOTTOM, TOP, log=True)
    span = max((high if top is None else top) - low, 1e-3)
    low -= 0.06 * span
    return Axis(low, high + 0.06 * span if top is None else top, HEIGHT - BOTTOM, TOP)


def _thin(x: list[int], values: list[float]) -> list[tuple[int, float]]:
    """All points of a short line; of a long one the lowest and highest of each stretch."""
    if len(x) <= MOST_POINTS:
        return list(zip(x, values, strict=True))
    keep = {0, len(x) - 1}
    for stretch in np.array_split(np.arange(len(x)), MOST_POINTS // 2):
        inside = np.asarray(values)[stretch]
        keep |= {int(stretch[inside.argmin()]), int(stretch[inside.argmax()])}
    return [(x[i], values[i]) for i in sorted(keep)]


def _grid(horizontal: Axis, vertical: Axis, x_name: str) -> str:
    left, right = min(horizontal.start, horizontal.end), max(horizontal.start, horizontal.end)
    top, bottom = vertical.end, vertical.start
    parts = []
    for value in vertical.ticks():
        y = vertical.at(value)
        parts.append(f'<path class="grid" d="M{left:.1f} {y:.1f}H{right:.1f}"/>')
        parts.append(
            f'<text x="{left - 8:.1f}" y="{y + 4.5:.1f}" text-anchor="end">{value:g}</text>'
        )
    for value in horizontal.ticks():
        x = horizontal.at(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {bottom:.1f}v5"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 19:.1f}" text-anchor="middle">{value:g}</text>'
        )
    parts.append(
        f'<text x="{right:.1f}" y="{bottom + 35:.1f}" text-anchor="end">{esc(x_name)}</text>'
    )
    parts.append(f'<path class="grid" d="M{left:.1f} {bottom:.1f}H{right:.1f}"/>')
    parts.append(f'<path class="grid" d="M{left:.1f} {top:.1f}V{bottom:.1f}"/>')
    return "".join(parts)


def _best_mark(x: float, y: float, words: str) -> str:
    """A dotted line through the chart, a dot on the curve, words above on the roomier side."""
    anchor, shift = ("start", 5) if x < WIDTH / 2 else ("end", -5)
    return (
        f'<path class="mark" d="M{x:.1f} {TOP - 12}V{HEIGHT - BOTTOM}"/>{_dot(x, y)}'
        f'<text class="strong" x="{x + shift:.1f}" y="{TOP - 8}" text-anchor="{anchor}">'
        f"{esc(words)}</text>"
    )


def _dot(x: float, y: float) -> str:
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _svg(title: str, parts: list[str], width: int = WIDTH, height: int = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{esc(title)}">'
        f"{''.join(parts)}</svg>"
    )


def interval_strip(
    name: str, score: float, interval: tuple[float, float], baseline: float, low: float
) -> str:
    """The score with its interval beside the baseline, on a line from low to 1."""
    width, height = 480, 74
    axis = Axis(low, 1.0, 20, width - 20)
    a, b, point, base = (axis.at(v) for v in (*interval, score, baseline))
    anchor = "start" if base < 90 else "end" if base > width - 90 else "middle"
    at = 20 if anchor == "start" else width - 20 if anchor == "end" else base
    parts = [f'<path class="grid" d="M20 36H{width - 20}"/>']
    for value in axis.ticks():
        x = axis.at(value)
        parts.append(f'<path class="grid" d="M{x:.1f} 32v8"/>')
        parts.append(f'<text x="{x:.1f}" y="66" text-anchor="middle">{value:g}</text>')
    parts += [
        f'<rect class="bar" x="{a:.1f}" y="28" width="{max(b - a, 1):.1f}" height="16" rx="3"/>',
        f'<circle class="point" cx="{point:.1f}" cy="36" r="6"/>',
        f'<path class="tick" d="M{base:.1f} 24v24"/>',
        f'<text x="{at:.1f}" y="16" text-anchor="{anchor}">baseline {baseline:.3f}</text>',
    ]
    if abs(point - base) > 150:
        anchor, at = ("end", width - 20) if point > width - 110 else ("middle", point)
        parts.append(
            f'<text class="strong" x="{at:.1f}" y="16" text-anchor="{anchor}">'
            f"{esc(name)} {score:.3f}</text>"
        )
    title = f"{name} {score:.3f}, 95 % interval {interval[0]:.3f} to {interval[1]:.3f}"
    return _svg(f"{title}; baseline {baseline:.3f}", parts, width, height)


def truth_chart(title: str, truth: np.ndarray, predicted: np.ndarray, unit: str) -> str:
    """Predicted over true values of a regression, with the line where both agree."""
    both = np.concatenate([truth, predicted]).astype(np.float64)
    span = max(float(both.max() - both.min()), 1e-9)
    low, high = float(both.min()) - 0.04 * span, float(both.max()) + 0.04 * span
    size = 440
    horizontal = Axis(low, high, LEFT, size - RIGHT)
    vertical = Axis(low, high, size - BOTTOM, TOP)
    parts = [_grid(horizontal, vertical, f"true {unit}")]
    parts.append(f'<text x="{LEFT}" y="{TOP - 10}">predicted {esc(unit)}</text>')
    parts.append(
        f'<path class="mark" d="M{horizontal.at(low):.1f} {vertical.at(low):.1f}'
        f'L{horizontal.at(high):.1f} {vertical.at(high):.1f}"/>'
    )
    parts += [
        f'<circle class="row" cx="{horizontal.at(float(t)):.1f}" '
        f'cy="{vertical.at(float(p)):.1f}" r="4"/>'
        for t, p in zip(truth, predicted, strict=True)
    ]
    return _svg(title, parts, size, size)
