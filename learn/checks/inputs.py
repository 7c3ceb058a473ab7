"""What several checks of tables ask of a context: the columns that are learned from, cells as
numbers or levels, the metric and the positive class, the candidate that would be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..data.cells import levels_of, missing_in
from ..data.columns import kind_of
from ..data.dates import seconds_of
from ..models.baselines import positive_number
from ..models.metrics import Metric, require_metric
from ..models.recommending import recommend
from .rules import LIMITS

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from .context import Context


def input_columns(context: Context) -> list[str]:
    """The columns that may be learned from: all but the target, groups and ignored ones."""
    problem = context.problem
    out = {problem.target, problem.groups, *problem.ignored}
    return [name for name in context.table.names if name not in out]


def ordered(name: str, column: np.ndarray) -> np.ndarray | None:
    """Numbers, or dates as seconds, float64 (rows,) with NaN where missing; None for other texts.

    >>> ordered("day", np.array(["1970-01-02", None, "1970-01-03"], object)).tolist()
    [86400.0, nan, 172800.0]
    """
    if column.dtype != object:
        return column.astype(np.float64)
    kind = kind_of(name, column)
    if kind != "time":
        return None
    texts, codes = levels_of(column)
    seconds = np.array([*(seconds_of(text, kind.form) for text in texts), np.nan])
    return seconds[codes]


def commonest(column: np.ndarray) -> int:
    """How many cells hold the most frequent value, or are missing where that is more.

    >>> commonest(np.array([1.0, np.nan, 1.0])), commonest(np.array(["a", None, None], object))
    (2, 2)
    """
    if column.dtype == object:
        counts = np.bincount(levels_of(column)[1] + 1)
    else:
        counts = np.unique(column, return_counts=True)[1]
    return int(counts.max(initial=0))


def codes_of(column: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The levels of any column and each cell's number; a missing cell is the last level.

    >>> codes_of(np.array(["b", None, "a"], object))
    (['a', 'b', 'missing'], array([1, 2, 0]))
    """
    levels, codes = levels_of(column)
    if missing_in(column).any():
        codes = np.where(codes < 0, len(levels), codes)
        levels = [*levels, "missing"]
    return levels, codes


def classes_of(context: Context) -> tuple[str, ...]:
    """The names of the classes; none for a regression, or before there is a preparation."""
    if context.problem.task == "regression" or context.preparation is None:
        return ()
    return tuple(context.preparation.classes)


def metric_of(context: Context) -> Metric:
    """The problem's metric; accuracy or r2 where it does not say."""
    usual = "r2" if context.problem.task == "regression" else "accuracy"
    return require_metric(context.problem.metric or usual)


def positive_of(context: Context) -> int | None:
    """The number of the class that is looked for."""
    return positive_number(context.problem, classes_of(context))


def chosen(context: Context) -> Candidate | None:
    """The candidate that would be used; the best of the others where that is the baseline."""
    if not context.candidates or context.validation is None:
        return None
    candidates = context.candidates
    best, _ = recommend(
        candidates, context.validation, metric_of(context), positive_of(context), context.seed
    )
    others = [candidate for candidate in candidates if candidate.name != "baseline"]
    if best.name == "baseline" and others:
        return max(others, key=lambda candidate: candidate.score)
    return best


def bound(context: Context, name: str) -> float:
    """The value of a limit in this context."""
    return context.limits.get(name, LIMITS[name].value)
