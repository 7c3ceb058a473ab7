"""Rows must not see each other: what a network says of one row may depend on that row alone. The
gradient is asked, and the outputs when another row is replaced.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ... import nn
from ...engine import no_grad, tensor
from ...study.findings import Finding
from ..numerals import amount, percent
from .rules import judged, limit
from .trying import drawing, in_mode, value_of

if TYPE_CHECKING:
    from .context import Context

MIXING = limit(
    "mixing", 1e-5, "what other rows do to a row's outputs, of what its own inputs do",
    "it must be 0; measured: 0 exactly on ten tables, float32 rounds at 1e−7",
)  # fmt: skip
ROWS = 8


def mixing(context: Context) -> list[Finding]:
    """Look, in evaluation and in training mode, whether rows of a batch see each other.

    Of 8 different training rows: d(sum of output i)/dx must be 0 outside of row i, and output i
    must stay as it is when another row takes the place of row j, dropout's draws being the same.

    >>> ROWS
    8
    """
    if context.build is None or context.train is None:
        return []
    X = np.unique(context.train.X[: 32 * ROWS], axis=0)
    X = X[np.random.default_rng(context.seed).permutation(len(X))[:ROWS]]
    if len(X) < 2:
        return []
    model = context.build()
    with np.errstate(all="ignore"):
        seen = {
            "training": _mixed(model, X, True, context.seed),
            "evaluation": _mixed(model, X, False, context.seed),
        }
    limit = value_of(MIXING, context.limits)
    worst = max(seen.values())
    modes = [mode for mode, size in seen.items() if size > limit]
    if not modes:
        return [
            judged(
                "mixing", "note",
                f"what the network says of a row depends on that row alone ({len(X)} rows tried)",
                worst, MIXING, context.limits, len(X), "nothing",
            )
        ]  # fmt: skip
    where = "mode" if len(modes) == 1 else "modes"
    return [
        judged(
            "mixing", "error",
            f"in {' and '.join(modes)} {where} a row's outputs depend on the other rows of its "
            f"batch: they do {_part(worst)} what its own inputs do",
            worst, MIXING, context.limits, len(X),
            "look for a mean, max, softmax, sort or reshape over axis 0 in forward(): the axis of "
            "rows; features are axis 1",
        )
    ]  # fmt: skip


def _mixed(model: nn.Module, X: np.ndarray, training: bool, seed: int) -> float:
    """The larger of what the gradient and what replaced rows say, relative to the row's own."""
    with in_mode(model, training):
        return max(_by_gradient(model, X, seed), _by_replacing(model, X, seed))


def _by_gradient(model: nn.Module, X: np.ndarray, seed: int) -> float:
    worst = 0.0
    for row in range(len(X)):
        x = tensor(X, requires_grad=True)
        with drawing(seed):
            total = model(x)[row].sum()
        if not total.requires_grad:
            continue
        total.backward()
        if x.grad is None:
            continue
        sizes = np.abs(x.grad.numpy()).reshape(len(X), -1).max(axis=1)
        others = float(np.delete(sizes, row).max())
        worst = max(worst, _share(others, float(sizes[row])))
    model.zero_grad()
    return worst


def _by_replacing(model: nn.Module, X: np.ndarray, seed: int) -> float:
    """Replace the last row, then the first: what that does to the others, and to themselves."""
    worst = 0.0
    with no_grad():
        with drawing(seed):
            before = model(tensor(X)).numpy()
        for row in (len(X) - 1, 0):
            other = X.copy()
            other[row] = 2 * X[row] - X[row - 1] + 1
            with drawing(seed):
                change = np.abs(model(tensor(other)).numpy() - before).reshape(len(X), -1)
            change = change.max(axis=1)
            worst = max(worst, _share(float(np.delete(change, row).max()), float(change[row])))
    return worst


def _share(others: float, own: float) -> float:
    if not others:
        return 0.0
    return others / own if own else float("inf")


def _part(share: float) -> str:
    """How much of something else it is.

    >>> _part(0.042), _part(12.3), _part(float("inf"))
    ('4.2 % of', '12 times', 'infinitely more than')
    """
    if not math.isfinite(share):
        return "infinitely more than"
    return f"{amount(share, 2)} times" if share > 2 else f"{percent(share)} of"
