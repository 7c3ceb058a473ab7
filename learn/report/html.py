"""The report of a walk as one page that stands alone: the verdict first, then the steps in order,
each with its pictures. It holds no times and no dates: the same Result gives the same bytes.

What pictures need beside the documented fields of a Result stands in `Result.extras`. Every key may
be missing: its part of the page is then left out.

=================  =============================================================================
key                what it holds
=================  =============================================================================
reliability        {"mean": (B,), "share": (B,), "count": (B,), "sentence": str}: for each bin
                   the mean probability that was said, the share that came true, the rows
worst_rows         a list, the worst first: {"row": number in the table, "truth": str,
                   "predicted": str, "loss": float, "probability": float or None, of the predicted
                   class, "cells": {column: text}, "pixels": (height, width) or None}
worst_part         "validation" (the default), "test" or "training": where these rows are from
groups             a list of {"column": str, "group": str, "n": int, "score": float,
                   "low": float, "high": float, "overall": float}: accuracy or mean absolute error
                   of the group and of all, on the validation part
importances        a list of {"column": str, "mean": float, "se": float}: what the score loses
attributions       {"columns": (N,), "rows": a list of {"row", "truth", "predicted", "start": the
                   output for the average row, "end": for this one, "added": (N,) by column},
                   "gap": share of the largest change that they miss, "steps": int}; or None
learning_curve     {"rows": (K,), "train": K x (score, low, high), "validation": K x (score, low,
                   high), "sentence": str}
looks              as `Fit.looks`, which is taken where the key is missing: looks with .epoch, .rows
                   and .layers, these with .name, .gradient, .update, .dead, .saturated (or None)
plane_frames       for two inputs: {"names": (across, up), "x": (low, high), "y": (low, high),
                   "epochs": (F,), "shown": the epoch to begin with, "probabilities": (F, height,
                   width, C), row 0 at the top, "points": (n, 2) and "truth": (n,) class numbers,
                   "part": where they are from, "validation" by default}
lr_finder          {"rates": (K,), "losses": (K,), "suggestion": float or None, "sentence": str}
tree               sentences of the tree, each two spaces further in for a level deeper
drift_reference    a list of {"column": str, "kind": str, "seen": str}: what is remembered
graph              {"light": bytes, "dark": bytes, "rows": int}: SVGs of the loss of that many rows
sources            {"source": str, "licence": str, ...}: words about the data, by what they tell
unseen             {"rows": int, "score": float, "interval": (low, "
"high)}: of the test rows that do not stand in training
files              {"graph.svg": "what it is", ...}: files beside the page; backprop.html is linked
                   where it is among them
=================  =============================================================================

Scores may be held with the sign that makes higher better; the page shows the metric's own number.
"""

from __future__ import annotations

from collections.abc import Callable

from ..result import Result
from . import attributions, closing, mistakes, opening, plane, training, trust, walking
from .page import page
from .words import name

Picture = Callable[[Result], str]
PICTURES: dict[str, tuple[Picture, ...]] = {
    "problem": (closing.sources_panel,),
    "table": (walking.changes,),
    "split": (walking.parts_bar,),
    "models": (opening.candidates, trust.tree),
    "loss": (mistakes.worst_rows,),
    "optimise": (training.lr_finder, training.curves, training.looks, plane.plane),
    "verdict": (trust.learning_curve, mistakes.confusion, mistakes.residuals),
    "trust": (
        mistakes.calibration,
        trust.groups,
        trust.importances,
        attributions.attributions,
        trust.drift_reference,
    ),
}
"""Which pictures stand in which step, by its key."""


def render(result: Result) -> str:
    """The whole page.

    Names may be hostile: all text is escaped. Takes about a second, as matplotlib draws charts.
    """
    keys = [step.key for step in result.steps]
    body = [opening.header(result), opening.notice(result), opening.verdict(result)]
    seen: set[str] = set()
    for step in result.steps:
        pictures = () if step.key in seen else PICTURES.get(step.key, ())
        seen.add(step.key)
        body.append(walking.step_section(step, [picture(result) for picture in pictures]))
    left = [
        picture(result) for key, rest in PICTURES.items() if key not in keys for picture in rest
    ]
    more = "\n".join(filter(None, left))
    others = []
    if more:
        body.append(f'<section id="pictures">\n<h2>Pictures</h2>\n{more}\n</section>')
        others.append(("pictures", "Pictures"))
    for where, words, section in (
        ("graph", "The graph", closing.graph(result)),
        ("again", "Do it again", closing.again(result)),
    ):
        if section:
            body.append(section)
            others.append((where, words))
    body.append(closing.footer(result))
    title = f"{name(result.context.table.name)}: a backlit report"
    return page(title, "\n".join(filter(None, body)), walking.links(result, others))
