"""Columns hidden at random and predicted from the others: a question to a table that needs no
target. It tells which columns can be told from the rest, and leaves numbers that stand for rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...engine import (
    Generator,
    Tensor,
    bernoulli,
    binary_cross_entropy_with_logits,
    no_grad,
    sqrt,
    tensor,
)
from ..errors import DataError
from .descent import Descent, descend, halves
from .masking import Arrays, Layout, Masked
from .matrix import Matrix, enough

HIDDEN = 0.25
"""The share of cells that are hidden while it learns."""

SLACK = 0.1
"""Deviations under which a miss counts as its square: the loss has a slope everywhere."""

ASKED = 12
"""Columns that are asked which others they are told by, the best of those that are told."""

CELLS = 20_000
"""Of so many rows times columns that is asked, by 100 to 500 rows."""


@dataclass(frozen=True)
class ColumnScore:
    """How well a column is told by the others, on rows that were not learned from.

    `error` and `guess` are the model's and that of always saying the median (mean absolute error,
    in deviations) or the mode (share of wrong classes); `skill` is the share of `guess` that is
    gone, `spread` its standard error. `told_by` are the columns without which it is told worse, for
    the 12 columns that are told best.
    """

    column: str
    kind: str
    """"number" or "category"."""
    error: float
    guess: float
    skill: float
    spread: float
    told_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaskedColumns:
    """A score for each column, in the table's order; `null` is the highest skill on the same table
    with shuffled columns.
    """

    model: Masked
    layout: Layout
    scores: tuple[ColumnScore, ...]
    null: float
    descent: Descent

    @cached_property
    def told(self) -> tuple[ColumnScore, ...]:
        """The columns that can be told from the others, the best first: more than any could be in
        the shuffled table, and more than chance with the number of columns counted in.
        """
        from scipy.stats import norm

        limit = norm.ppf(1 - 0.025 / len(self.scores))
        found = [s for s in self.scores if s.skill > max(self.null, limit * s.spread)]
        return tuple(sorted(found, key=lambda score: -score.skill))

    def embedding(self, matrix: Matrix) -> np.ndarray:
        """Rows as numbers (rows, width) in which what columns say about each other is used."""
        numbers, truths, known = self.layout.arrays(matrix)
        with no_grad():
            hidden = np.zeros_like(known)
            return self.model.embed(tensor(numbers), tensor(truths), tensor(hidden)).numpy().copy()


def masked_columns(matrix: Matrix, seed: int = 0, epochs: int = 200) -> MaskedColumns:
    """Train on four fifths of the rows to predict hidden columns, and judge it by the rest.

    Raises DataError for fewer than 20 rows or 2 columns.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, noise = rng.normal(size=(2, 400))
    >>> found = masked_columns(Matrix.of(np.column_stack([a, noise, -a]), ["a", "noise", "b"]))
    >>> [(score.column, score.told_by) for score in found.told if score.skill > 0.5]
    [('b', ('a',)), ('a', ('b',))]
    """
    enough(matrix, 20, "learning from masked columns")
    if len(matrix.groups) < 2:
        raise DataError("masked columns need two columns at least: one to hide, one to tell it")
    model, layout, scores, descent, judged = _trained(matrix, seed, epochs)
    null = max(0.0, *(score.skill for score in _trained(matrix.shuffled(seed), seed, epochs)[2]))
    found = MaskedColumns(model, layout, tuple(scores), null, descent)
    told = {score.column for score in found.told[:ASKED]}
    rows = int(np.clip(CELLS // len(scores), 100, 500))
    asked = judged[0][:rows], judged[1][:rows], judged[2][:rows]
    scores = [
        _told_by(model, layout, asked, score) if score.column in told else score
        for score in found.scores
    ]
    return MaskedColumns(model, layout, tuple(scores), null, descent)


def _trained(
    matrix: Matrix, seed: int, epochs: int
) -> tuple[Masked, Layout, list[ColumnScore], Descent, Arrays]:
    rows, others = halves(len(matrix), 0.2, seed)
    layout = Layout(matrix.take(rows))
    train, judged = layout.arrays(matrix.take(rows)), layout.arrays(matrix.take(others))
    generator = Generator(seed)
    model = Masked(layout, int(np.clip(2 * matrix.X.shape[1], 24, 96)), generator)
    columns = len(layout.columns)

    def loss(numbers: Tensor, truths: Tensor, known: Tensor, hidden: Tensor | None = None) -> Any:
        if hidden is None:
            hidden = bernoulli(known.shape, HIDDEN, generator=generator).astype(np.float32)
        values, logits = model(numbers, truths, hidden)
        counted = hidden * known
        total: Any = 0.0
        if values is not None:
            missed = sqrt((values - numbers).square() + SLACK**2) - SLACK
            total = total + (missed * (counted @ layout.spread_numbers)).sum()
        if logits is not None:
            weight = counted @ layout.spread_truths
            total = total + binary_cross_entropy_with_logits(
                logits, truths, weight=weight, reduction="sum"
            )
        return total * (1.0 / (known.shape[0] * columns))

    period = min(columns, 4)
    fixed = (np.arange(len(others))[:, None] + np.arange(columns)) % period == 0
    descent = descend(
        model, loss, train, (*judged, fixed.astype(np.float32)),
        seed=seed, measure=loss, epochs=epochs, lr=5e-3, patience=15,
    )  # fmt: skip
    guesses = _guesses(layout, train)
    scores = [_score(model, layout, judged, k, guesses[k]) for k in range(columns)]
    return model, layout, scores, descent, judged


def _guesses(layout: Layout, train: Arrays) -> list[tuple[np.ndarray, int]]:
    """Of each column what is said without looking: the medians of its numbers, its mode."""
    numbers, truths, known = train
    found = []
    for k in range(len(layout.columns)):
        there = known[:, k] > 0 if known[:, k].any() else np.ones(len(known), bool)
        own = layout.of_truths[k] > 0
        classes = _classes(truths[there][:, own])
        found.append(
            (np.median(numbers[there][:, layout.of_numbers[k] > 0], axis=0),
             int(np.bincount(classes).argmax()))
        )  # fmt: skip
    return found


def _classes(truths: np.ndarray) -> np.ndarray:
    """The class of each row: which of its truths holds, counted from 1; 0 where none does."""
    if not truths.shape[1]:
        return np.zeros(len(truths), int)
    return np.where(truths.max(1) > 0.5, truths.argmax(1) + 1, 0)


def _errors(model: Masked, layout: Layout, rows: Arrays, k: int, hidden: list[int]) -> np.ndarray:
    """How far off the model is in column `k` of each row, with the columns `hidden` hidden."""
    numbers, truths, known = rows
    mask = np.zeros_like(known)
    mask[:, hidden] = 1
    with no_grad():
        values, logits = model(tensor(numbers), tensor(truths), tensor(mask))
    own = layout.of_numbers[k] > 0
    if own.any():
        assert values is not None
        return np.abs(values.numpy() - numbers)[:, own].mean(1, dtype=np.float64)
    assert logits is not None
    own = layout.of_truths[k] > 0
    said = logits.numpy()[:, own]
    if own.sum() > 1:  # one of several holds, unless the table has a category without an input
        none = truths[:, own].max(1).min() < 0.5
        best = said.max(1) > 0 if none else np.ones(len(said), bool)
        guessed = np.where(best, said.argmax(1) + 1, 0)
    else:
        guessed = (said[:, 0] > 0).astype(int)
    return (guessed != _classes(truths[:, own])).astype(np.float64)


def _score(
    model: Masked, layout: Layout, judged: Arrays, k: int, guess: tuple[np.ndarray, int]
) -> ColumnScore:
    numbers, truths, known = judged
    there = known[:, k] > 0
    own = layout.of_numbers[k] > 0
    kind = "number" if own.any() else "category"
    if there.sum() < 2:
        return ColumnScore(layout.columns[k], kind, 0.0, 0.0, 0.0, np.inf)
    missed = _errors(model, layout, judged, k, [k])[there]
    if own.any():
        blind = np.abs(numbers[there][:, own] - guess[0]).mean(1, dtype=np.float64)
    else:
        blind = (_classes(truths[there][:, layout.of_truths[k] > 0]) != guess[1]).astype(float)
    unit = blind.mean()
    if unit == 0:
        return ColumnScore(layout.columns[k], kind, float(missed.mean()), 0.0, 0.0, np.inf)
    saved = (blind - missed) / unit
    spread = float(saved.std(ddof=1) / np.sqrt(len(saved)))
    return ColumnScore(
        layout.columns[k], kind, float(missed.mean()), float(unit), float(saved.mean()), spread
    )


def _told_by(model: Masked, layout: Layout, asked: Arrays, score: ColumnScore) -> ColumnScore:
    """The score with the columns that it needs: hidden too, they cost a fifth of its skill."""
    k = layout.columns.index(score.column)
    there = asked[2][:, k] > 0
    before = _errors(model, layout, asked, k, [k])[there].mean()
    lost = {}
    for other, column in enumerate(layout.columns):
        if other != k:
            after = _errors(model, layout, asked, k, [k, other])[there].mean()
            lost[column] = float(after - before) / score.guess
    needed = [column for column in lost if lost[column] >= 0.2 * score.skill]
    needed.sort(key=lambda column: -lost[column])
    return ColumnScore(
        score.column, score.kind, score.error, score.guess, score.skill, score.spread,
        tuple(needed[:3]),
    )  # fmt: skip
