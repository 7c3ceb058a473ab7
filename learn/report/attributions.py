"""What moved the network's answer for the rows that it gets most wrong: column by column, or pixel
by pixel where a row is a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...study.text import MINUS, count_text
from ..extras import shown_cell
from ..numerals import amount, percent
from ..result import Result
from .page import esc, panel, table
from .pictures import drawing, signed_drawing
from .words import classes_of, name

NAMED = 4  # columns that are named of a row; the others are added up


def attributions(result: Result) -> str:
    """A line for each row: from where to where the output went, and what moved it."""
    given: Mapping[str, Any] | None = result.extras.get("attributions")
    if not given:
        return ""
    worst = {one["row"]: one for one in result.extras.get("worst_rows") or ()}
    pictures = any(one.get("pixels") is not None for one in worst.values())
    columns = list(given["columns"])
    lines = []
    for one in given["rows"]:
        added = np.asarray(one["added"], np.float64)
        row = worst.get(one["row"], {})
        moved = f"{amount(one['start'])} to {amount(one['end'])}"
        cells = [f"{one['row']}", esc(name(one["truth"], 20)), esc(name(one["predicted"], 20))]
        if pictures:
            pixels = np.asarray(row["pixels"], np.float64)
            shown = _by_pixel(columns, added, result, pixels.shape)
            told = f"row {one['row']}: what spoke for {one['predicted']} and against it"
            cells += [drawing(pixels, f"row {one['row']}"), moved, signed_drawing(shown, told)]
        else:
            cells += [
                moved,
                _told(columns, added, result.context.table.frame.iloc[int(one["row"])]),
            ]
        lines.append(cells)
    what = "logit" if classes_of(result) else "prediction"
    aligned = "wide" if classes_of(result) else "n"
    head = [("row", "n"), ("truth", aligned), ("predicted", aligned),
            *([("picture", "")] if pictures else []), (what, "n"),
            ("each pixel's part" if pictures else "what moved it, most first", "")]  # fmt: skip
    words = "From the average row to this one"
    body = table(words, head, lines) + _explained(result, given, pictures)
    return panel("What made the network think so", body)


def _told(columns: list[str], added: np.ndarray, cells: Any) -> str:
    """The columns that moved the output most, each with its cell."""
    order = np.argsort(-np.abs(added), kind="stable")
    parts = []
    for k in order[:NAMED]:
        column = columns[int(k)]
        cell = shown_cell(cells[column]) or "missing"
        parts.append((float(added[k]), f"{esc(name(column, 24))}: {esc(name(cell, 20))}"))
    if len(order) > NAMED:
        rest = float(added[order[NAMED:]].sum())
        parts.append((rest, f"the other {count_text(len(order) - NAMED, 'column')}"))
    items = "".join(f"<li><b>{_signed(value)}</b> {words}</li>" for value, words in parts)
    return f'<ul class="moved">{items}</ul>'


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + amount(value)


def _by_pixel(
    columns: list[str], added: np.ndarray, result: Result, shape: tuple[int, ...]
) -> np.ndarray:
    """The parts laid where their pixels are; those of pixels that are no inputs are 0."""
    table = result.context.table
    pixels = [column for column in table.names if column != result.context.problem.target]
    part = dict(zip(columns, added.tolist(), strict=True))
    return np.array([part.get(column, 0.0) for column in pixels]).reshape(shape)


def _explained(result: Result, given: Mapping[str, Any], pictures: bool) -> str:
    classes = classes_of(result)
    unit = (
        "the logit of the predicted class, the number that softmax makes its probability from"
        if classes
        else f"the prediction, in the unit of {esc(name(result.context.problem.target))}"
    )
    colours = (
        "Blue (a filled square) spoke for the predicted class, orange (a hollow one) against it. "
        if pictures
        else f"A plus raised it, a {MINUS} lowered it. "
    )
    return (
        f'<p class="small soft">Integrated gradients (M. Sundararajan, A. Taly, Q. Yan, 2017) of '
        f"{unit}, along the straight way from the mean of the training rows’ inputs, in "
        f"{int(given['steps'])} steps. {colours}The parts add up to the change but for "
        f"{percent(float(given['gap']))} of the largest. They say what the network went by, not "
        "what is so.</p>"
    )
