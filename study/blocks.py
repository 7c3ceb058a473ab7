"""The numbers of one array as they stand in a card: printed on a heat map while they are few, as a
heat map alone when they are many, with range, norm, zeros and NaNs below.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .marks import SMALL, Bars, Heat, Mark, Text
from .model import Values
from .text import number, width
from .values import cells_of

PRINTED = 16  # to this many elements the numbers themselves are printed


class Block:
    """The numbers of one array with a caption: a grid of numbers, a heat map, and statistics.

    A gradient may come with the values that it is `of`, whose norm its own is compared with;
    `histogram` adds how often each size of value occurs.
    """

    def __init__(
        self,
        caption: str,
        values: Values | None,
        gradient: bool,
        word: str = "",
        tone: str = "muted",
        of: Values | None = None,
        histogram: bool = False,
    ) -> None:
        self.marks: list[Mark] = []
        self.width = self.height = self.heat_w = 0.0
        if values is None:
            self._text(caption, "muted")
            self._text(word, tone)
        elif values.size == 0:
            self._text(caption, "muted")
            self._text("empty", "muted")
        elif values.data is not None and values.size <= PRINTED:
            grid, texts, power = _printed(values)
            self._text(caption + power, "muted")
            self._heat(_cells(grid), texts)
        elif values.data is not None:
            self._text(caption, "muted")
            self._heat(_cells(_grid(values)), None)
        elif values.tile is not None:
            self._text(caption, "muted")
            self._heat(cells_of(values.tile), None)
        else:
            self._text(caption, "muted")
            self._text("not kept", "faint")
        if values is not None and values.size > PRINTED:
            self._statistics(values, gradient, of, histogram)
        elif values is not None and gradient and values.size > 1 and values.norm is not None:
            self._text(f"norm {number(values.norm, 3)}", "ink")

    def at(self, x: float, y: float) -> list[Mark]:
        """The marks, moved."""
        return [replace(mark, x=x + mark.x, y=y + mark.y) for mark in self.marks]

    def _text(self, text: str, tone: str) -> None:
        self.marks.append(Text(0.0, self.height + 9.0, text, SMALL, tone))
        self.width = max(self.width, width(text, SMALL))
        self.height += 13.0

    def _heat(self, cells: np.ndarray, texts: list[list[str]] | None) -> None:
        rows, cols = cells.shape
        top = self.height + 1.0
        if texts is None:
            w = min(max(cols * 16.0, 32.0), 96.0)
            h = min(max(rows * 12.0, 12.0), 72.0)
        else:
            cell_w = 8.0 + max(width(t, SMALL) for row in texts for t in row)
            w, h = cols * cell_w, rows * 16.0
        self.marks.append(Heat(0.0, top, w, h, cells))
        for r, row in enumerate(texts or ()):
            for c, text in enumerate(row):
                strong = abs(int(cells[r, c])) > 76
                self.marks.append(
                    Text(
                        (c + 0.5) * w / cols,
                        top + 16.0 * r + 11.5,
                        text,
                        SMALL,
                        "on strong" if strong else "ink",
                        anchor="middle",
                        cell=int(cells[r, c]),
                    )
                )
        self.heat_w = w
        self.width = max(self.width, w)
        self.height = top + h + 3.0

    def _statistics(
        self, values: Values, gradient: bool, of: Values | None, histogram: bool
    ) -> None:
        low, high = values.low, values.high
        if histogram and values.histogram and low is not None and high is not None:
            zero = -low / (high - low) if low < 0.0 < high else None
            wide = max(self.heat_w, 60.0)
            self.marks.append(Bars(0.0, self.height + 2.0, wide, 14.0, values.histogram, zero=zero))
            self.width = max(self.width, wide)
            self.height += 19.0
        if low is not None and high is not None:
            self._text(f"{number(low, 3)} … {number(high, 3)}", "ink")
        if gradient and values.norm is not None:
            self._text(f"norm {number(values.norm, 3)}", "ink")
            if of is not None and of.norm:
                self._text(f"{number(values.norm / of.norm, 2)} of value's", "muted")
        if values.zeros > 0:
            self._text(f"{number(100 * values.zeros, 3)}% zero", "muted")
        if values.nans or values.infs:
            odd = ((values.nans, "NaN"), (values.infs, "inf"))
            self._text(" · ".join(f"{count} {word}" for count, word in odd if count), "warn")


def _grid(values: Values) -> np.ndarray:
    """A short array as a grid: matrices as they are, vectors in lines of eight, padded with 0."""
    data = np.array(values.data, np.float64)
    last = values.shape[-1] if values.shape else 1
    cols = last if len(values.shape) > 1 and last > 1 else min(data.size, 8)
    grid = np.zeros((-(-data.size // cols), cols))
    grid.ravel()[: data.size] = data
    return grid


def _cells(grid: np.ndarray) -> np.ndarray:
    """A grid of numbers as signed bytes on a symmetric scale; -128 is NaN."""
    nan = np.isnan(grid)
    scale = float(np.abs(grid[np.isfinite(grid)]).max(initial=0.0)) or 1.0
    shade = np.clip(np.where(nan, 0.0, grid), -scale, scale) / scale
    return np.where(nan, -128, np.rint(shade * 127)).astype(np.int8)


def _printed(values: Values) -> tuple[np.ndarray, list[list[str]], str]:
    """A short array as a grid of numbers and texts, and the power of ten taken out of them."""
    grid = _grid(values)
    most = float(np.abs(grid[np.isfinite(grid)]).max(initial=0.0))
    power = math.floor(math.log10(most)) if most and not 0.1 <= most < 1000 else 0
    digits = 3 if 0 < most < 1 and not power else 2
    texts = [
        number(round(value / 10.0**power, digits), 4) if math.isfinite(value) else number(value)
        for value in values.data or ()
    ]
    texts += [""] * (grid.size - len(texts))
    cols = grid.shape[1]
    rows = [texts[i : i + cols] for i in range(0, grid.size, cols)]
    return grid, rows, f"  × 1e{number(power)}" if power else ""
