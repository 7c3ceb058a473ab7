"""What a card is made of: pieces of text, heat maps and bars, at offsets of their own.
They say what is meant (a tone, a number); the theme says in which colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TITLE, BODY, SMALL = 13.0, 11.0, 10.0  # sizes of text


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text; `tone` names its role and the theme its colour. `full` is the tooltip. One
    that stands on a heat map says on what cell, so that the theme can choose what is readable."""

    x: float
    y: float
    text: str
    size: float = BODY
    tone: str = "ink"
    bold: bool = False
    anchor: str = "start"
    full: str = ""
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """A heat map of signed bytes on a symmetric scale; -128 is NaN."""

    x: float
    y: float
    w: float
    h: float
    cells: np.ndarray


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts or sizes, from left to right, as bars on a line; the highest has the height `h`.

    `zero` is where on the way from left to right 0 lies, where that is meant and within.
    """

    x: float
    y: float
    w: float
    h: float
    heights: tuple[float, ...]
    gap: float = 0.0
    zero: float | None = None


Mark = Text | Heat | Bars
