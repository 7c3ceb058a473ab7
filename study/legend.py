"""The legend of a figure: only the signs and colours that occur in it.
Its parts flow into lines like words, so that it fits under a figure of any width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .canvas import Canvas
from .cards import Card
from .marks import Bars, Heat, Text
from .model import Graph
from .text import width

MARGIN, PITCH, GAP, SIZE = 16.0, 19.0, 20.0, 10.0

KINDS = {
    "input": "input",
    "param": "parameter",
    "const": "constant",
    "op": "op",
    "module": "module",
    "output": "result",
}
FLOW = "values flow down, gradients flow up"
PRODUCT = "beside an edge: local derivative × upstream gradient = contribution"
ELEMENT = "the largest element, worked out"
UPSTREAM = "g: the gradient that arrives from below"


def draw_legend(
    canvas: Canvas, graph: Graph, cards: tuple[Card, ...], y: float, total: float
) -> float:
    """Draw the legend from `y` on, in lines of at most `total`; returns the figure's height."""
    canvas.line(
        ((MARGIN, y), (MARGIN, y), (total - MARGIN, y), (total - MARGIN, y)),
        canvas.theme.frame[1],
        1.0,
    )
    x, y = MARGIN, y + 20.0
    for needed, draw in _parts(canvas, graph, cards):
        if x > MARGIN and x + needed > total - MARGIN:
            x, y = MARGIN, y + PITCH
        draw(x, y)
        x += needed + GAP
    return y + 16.0


def _parts(
    canvas: Canvas, graph: Graph, cards: tuple[Card, ...]
) -> list[tuple[float, Callable[[float, float], None]]]:
    """The parts of the legend: how wide each is, and how to draw it at a baseline."""
    parts = [
        _swatch(canvas, kind, word)
        for kind, word in KINDS.items()
        if any(node.kind == kind for node in graph.nodes)
    ]
    if any(node.problem for node in graph.nodes):
        parts.append(_swatch(canvas, "problem", "what went wrong"))
    tones = {mark.tone for card in cards for mark in card.marks if isinstance(mark, Text)}
    if tones & {"plus", "minus"}:
        parts.append(_words(canvas, "▲", "plus", "positive"))
        parts.append(_words(canvas, "▼", "minus", "negative, dashed"))
    heats = [mark for card in cards for mark in card.marks if isinstance(mark, Heat)]
    if heats:
        parts.append(_scale(canvas))
    if any((heat.cells == -128).any() for heat in heats):
        parts.append(_nan(canvas))
    if any(isinstance(mark, Bars) and not mark.gap for card in cards for mark in card.marks):
        parts.append(_bars(canvas))
    if all(len(card.marks) <= 2 for card in cards):
        return parts
    parts.append(_words(canvas, "", "muted", FLOW))
    if not any(label for card in cards for label in card.labels):
        return parts
    flows = [edge for edge in graph.edges if edge.contribution is not None]
    if any(edge.factor is not None for edge in flows):
        parts.append(_words(canvas, "", "muted", PRODUCT))
    if any(edge.factor is None and edge.local for edge in flows):
        parts.append(_words(canvas, "", "muted", UPSTREAM))
    if any(line.text.startswith("[") for card in cards for label in card.labels for line in label):
        parts.append(_words(canvas, "[i, j]:", "ink", ELEMENT))
    return parts


def _words(
    canvas: Canvas, glyph: str, tone: str, words: str
) -> tuple[float, Callable[[float, float], None]]:
    indent = width(glyph, SIZE) + 6.0 if glyph else 0.0

    def draw(x: float, y: float) -> None:
        if glyph:
            canvas.text(Text(x, y, glyph, SIZE, tone))
        canvas.text(Text(x + indent, y, words, SIZE, "muted"))

    return indent + width(words, SIZE), draw


def _swatch(canvas: Canvas, kind: str, word: str) -> tuple[float, Callable[[float, float], None]]:
    fill, stroke = canvas.theme.cards[kind]

    def draw(x: float, y: float) -> None:
        canvas.rect(
            x,
            y - 10.0,
            14.0,
            12.0,
            fill,
            stroke,
            corner=5.0 if kind in ("op", "output", "problem") else 2.0,
            thickness=2.0 if kind == "output" else 1.0,
            dash="3 2" if kind == "const" else "",
        )
        canvas.text(Text(x + 20.0, y, word, SIZE, "muted"))

    return 20.0 + width(word, SIZE), draw


def _scale(canvas: Canvas) -> tuple[float, Callable[[float, float], None]]:
    """The colours of heat maps: each map on its own scale, symmetric about 0."""
    left, right = "−max", "+max of each map"
    cells = np.linspace(-127, 127, 33).round().astype(np.int8)[None, :]
    strip, start = 99.0, width(left, SIZE) + 6.0

    def draw(x: float, y: float) -> None:
        canvas.text(Text(x, y, left, SIZE, "muted"))
        canvas.heat(Heat(x + start, y - 9.0, strip, 11.0, cells))
        canvas.text(Text(x + start + strip + 6.0, y, right, SIZE, "muted"))

    return start + strip + 6.0 + width(right, SIZE), draw


def _nan(canvas: Canvas) -> tuple[float, Callable[[float, float], None]]:
    def draw(x: float, y: float) -> None:
        canvas.rect(x, y - 10.0, 12.0, 12.0, canvas.theme.nan)
        canvas.text(Text(x + 18.0, y, "NaN", SIZE, "muted"))

    return 18.0 + width("NaN", SIZE), draw


def _bars(canvas: Canvas) -> tuple[float, Callable[[float, float], None]]:
    words = "how often each value occurs, 0 marked"

    def draw(x: float, y: float) -> None:
        canvas.bars(Bars(x, y - 10.0, 24.0, 10.0, (1, 3, 6, 4, 2, 1), zero=0.5))
        canvas.text(Text(x + 30.0, y, words, SIZE, "muted"))

    return 30.0 + width(words, SIZE), draw
