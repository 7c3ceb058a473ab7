"""Small pictures drawn by hand: a row that is an image, a bar, an interval, and a plane of classes
as a small PNG, because a hundred thousand rectangles would not be small.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from .charts import SERIES, tick
from .page import esc
from .words import score

LEVELS = 8  # steps of certainty in a plane


def drawing(pixels: np.ndarray, title: str) -> str:
    """A grey picture (height, width) as an SVG in the text's colour; ink is the large value.

    >>> drawing(np.array([[0.0, 1.0]]), "a row")
    '<svg class="picture" viewBox="0 0 2 1" ...><path d="M1 0h1v1h-1z" opacity="1"/></svg>'
    """
    height, width = pixels.shape
    finite = np.where(np.isfinite(pixels), pixels, 0.0)
    low, high = float(finite.min()), float(finite.max())
    levels = np.round(16 * (finite - low) / (high - low or 1.0)).astype(int)
    paths = []
    for level in range(1, 17):
        squares = "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(levels == level))
        if squares:
            paths.append(f'<path d="{squares}" opacity="{level / 16:g}"/>')
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" fill="currentColor" role="img" '
        f'shape-rendering="crispEdges" aria-label="{esc(title)}">{"".join(paths)}</svg>'
    )


def signed_drawing(values: np.ndarray, title: str) -> str:
    """Values (height, width) as squares: blue and filled above 0, orange and hollow below, the
    larger the stronger.

    >>> signed_drawing(np.array([[1.0, -1.0]]), "parts").count("<path")
    2
    """
    height, width = values.shape
    finite = np.where(np.isfinite(values), values, 0.0)
    levels = np.round(8 * finite / (np.abs(finite).max() or 1.0)).astype(int)
    paths = []
    for level in (*range(-8, 0), *range(1, 9)):
        at = np.argwhere(levels == level)
        if len(at) and level > 0:
            squares = "".join(f"M{x} {y}h1v1h-1z" for y, x in at)
            paths.append(f'<path class="f-blue" d="{squares}" opacity="{level / 8:g}"/>')
        elif len(at):
            squares = "".join(f"M{x + 0.2:g} {y + 0.2:g}h.6v.6h-.6z" for y, x in at)
            paths.append(
                f'<path class="s-orange" fill="none" stroke-width=".3" d="{squares}" '
                f'opacity="{-level / 8:g}"/>'
            )
    return (
        f'<svg class="picture large" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{esc(title)}">{"".join(paths)}</svg>'
    )


def meter(share: float, colour: str = "blue", css: str = "") -> str:
    """A bar that is filled to a share between 0 and 1; the number stands beside it as text."""
    filled = 100 * min(1.0, max(0.0, share)) if np.isfinite(share) else 0.0
    return (
        f'<svg class="meter{" " + css if css else ""}" viewBox="0 0 100 8" '
        'preserveAspectRatio="none" aria-hidden="true"><rect class="f-line" width="100" '
        f'height="8"/><rect class="f-{colour}" width="{filled:.1f}" height="8"/></svg>'
    )


class Scale:
    """Scores laid from left to right, the same for all lines of a table."""

    def __init__(self, values: Sequence[float], low: float | None = None) -> None:
        """Reach over all finite values, and a little further."""
        finite = [float(v) for v in values if np.isfinite(v)] or [0.0, 1.0]
        self.low = min(finite) if low is None else min(low, *finite)
        self.high = max(finite)
        room = 0.05 * (self.high - self.low or 1.0)
        self.low, self.high = self.low - room, self.high + room

    def at(self, value: float) -> float:
        """The place of a value, 0 to 200."""
        return 200 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def interval(self, value: float, low: float, high: float, rule: float | None = None) -> str:
        """A value with its interval, and a rule across that other lines share."""
        parts = ['<path class="s-line" d="M0 10H200"/>']
        if rule is not None and np.isfinite(rule):
            parts.append(f'<path class="s-orange" stroke-width="2" d="M{self.at(rule):.1f} 0V20"/>')
        if np.isfinite(low) and np.isfinite(high):
            a, b = self.at(low), self.at(high)
            parts.append(
                f'<rect class="f-blue" opacity=".35" x="{a:.1f}" y="5" rx="2" '
                f'width="{max(b - a, 1):.1f}" height="10"/>'
            )
        if np.isfinite(value):
            parts.append(f'<circle class="f-blue" cx="{self.at(value):.1f}" cy="10" r="4"/>')
        return f'<svg viewBox="-5 0 210 20" aria-hidden="true">{"".join(parts)}</svg>'


def exam_strip(
    name: str, value: float, interval: tuple[float, float], baseline: float,
    written: Callable[[float], str] = score,
) -> str:  # fmt: skip
    """The test score with its interval and the baseline, on one line that says where it begins."""
    width, left, right = 520, 24, 496
    ends = [v for v in (value, *interval, baseline) if np.isfinite(v)] or [0.0]
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    if min(ends) < 0 or max(ends) > 1:
        ticks = round_ticks(min(ends), max(ends))
    low, high = ticks[0], ticks[-1]

    def at(v: float) -> float:
        return left + (right - left) * (v - low) / (high - low)

    parts = [f'<path class="s-line" d="M{left} 40H{right}"/>']
    for shown in ticks:
        x = at(shown)
        parts.append(f'<path class="s-line" d="M{x:.1f} 36v8"/>')
        parts.append(f'<text x="{x:.1f}" y="68" text-anchor="middle">{tick(shown)}</text>')
    if all(map(np.isfinite, interval)):
        a, b = map(at, interval)
        parts.append(
            f'<rect class="f-blue" opacity=".35" x="{a:.1f}" y="32" rx="3" '
            f'width="{max(b - a, 1):.1f}" height="16"/>'
        )
    said = []
    if np.isfinite(value):
        parts.append(f'<circle class="f-blue" cx="{at(value):.1f}" cy="40" r="6"/>')
        said.append((at(value), "strong", f"test {written(value)}"))
    if np.isfinite(baseline):
        parts.append(f'<path class="s-orange" stroke-width="2.5" d="M{at(baseline):.1f} 28v24"/>')
        said.append((at(baseline), "soft", f"baseline {written(baseline)}"))
    for x, css, words in _apart(said, left, right):
        parts.append(f'<text class="{css}" x="{x:.1f}" y="18" text-anchor="middle">{words}</text>')
    title = (
        f"test {name} {written(value)}, 95 % interval {written(interval[0])} to "
        f"{written(interval[1])}; baseline {written(baseline)}"
    )
    return (
        f'<svg viewBox="0 0 {width} 76" role="img" aria-label="{esc(title)}">{"".join(parts)}</svg>'
    )


def round_ticks(low: float, high: float) -> list[float]:
    """Round numbers at even steps that enclose both ends, about five of them.

    >>> round_ticks(-0.03, 0.61)
    [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    """
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def _apart(
    said: list[tuple[float, str, str]], left: float, right: float
) -> list[tuple[float, str, str]]:
    """Labels moved so that they stay inside and do not touch."""
    half, placed = 70.0, []
    for x, css, words in sorted(said):
        placed.append([min(max(x, left + half - 20), right - half + 20), css, words])
    if len(placed) == 2 and placed[1][0] - placed[0][0] < 2 * half:
        middle = (placed[0][0] + placed[1][0]) / 2
        middle = min(max(middle, left + 2 * half - 20), right - 2 * half + 20)
        placed[0][0], placed[1][0] = middle - half, middle + half
    return [(x, css, words) for x, css, words in placed]


def plane_png(probabilities: np.ndarray) -> str:
    """A data URI of (height, width, classes): the likeliest class's colour, as opaque as it is
    likely, with grey borders; row 0 is at the top."""
    probabilities = refined(probabilities)
    height, width, classes = probabilities.shape
    winner = probabilities.argmax(axis=2)
    sure = (probabilities.max(axis=2) - 1 / classes) / (1 - 1 / classes)
    level = np.clip((np.nan_to_num(sure) * LEVELS).astype(int), 0, LEVELS - 1)
    index = (winner % len(SERIES)) * LEVELS + level
    border = np.zeros((height, width), bool)
    border[:, 1:] |= winner[:, 1:] != winner[:, :-1]
    border[1:] |= winner[1:] != winner[:-1]
    index[border] = len(SERIES) * LEVELS
    palette = [
        (int(colour[1:], 16), 20 + 110 * i // LEVELS) for colour in SERIES for i in range(LEVELS)
    ]
    palette.append((0x777777, 255))
    return "data:image/png;base64," + base64.b64encode(indexed_png(index, palette)).decode()


def refined(values: np.ndarray, wanted: int = 240) -> np.ndarray:
    """Values (height, width, n) on a finer grid, by straight lines between neighbours.

    >>> refined(np.array([[[0.0], [1.0]], [[2.0], [3.0]]]), 3)[..., 0]
    array([[0. , 0.5, 1. ],
           [1. , 1.5, 2. ],
           [2. , 2.5, 3. ]])
    """
    for axis in (0, 1):
        size = values.shape[axis]
        if size < wanted:
            at = np.linspace(0, size - 1, wanted)
            below = np.minimum(at.astype(int), max(size - 2, 0))
            shape = [1, 1, 1]
            shape[axis] = wanted
            part = (at - below).reshape(shape)
            low, high = values.take(below, axis), values.take(np.minimum(below + 1, size - 1), axis)
            values = low + part * (high - low)
    return values


def indexed_png(index: np.ndarray, palette: list[tuple[int, int]]) -> bytes:
    """A PNG of palette numbers (height, width); the palette lists (0xRRGGBB, opacity 0..255)."""
    height, width = index.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row is led by its filter: 0, none
    rows[:, 1:] = index
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(colour.to_bytes(3, "big") for colour, _ in palette)
    opacity = bytes(alpha for _, alpha in palette)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", colours),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
