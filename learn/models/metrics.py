"""How predictions are scored: one table of metrics, each with its direction, its 95 % interval and
the level of knowing nothing. All draws of a bootstrap are scored at once, as weights of the rows.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..numerals import amount, decimal, signed

Z = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""
CELLS = 2_000_000
"""Weights that are held at once while a bootstrap runs."""

Weighted = Callable[[np.ndarray, np.ndarray, np.ndarray, "int | None"], np.ndarray]
"""(truth (n,), outputs, weights (draws, n), positive) -> scores (draws,)."""


@dataclass(frozen=True)
class Metric:
    """A way to score predictions.

    `outputs` are always what candidates give: probabilities (n, classes) of a classification, of
    which "classes" metrics take the largest; values (n,) of a regression. `truth` is class numbers
    (n,) or values (n,). `positive` is the number of the class that is looked for, of two; where it
    is None it is class 1; of three classes or more the score is the plain mean over the classes.

    >>> metric = METRICS["accuracy"]
    >>> metric.score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    0.6666666666666666
    >>> METRICS["rmse"].greater(1.0, 2.0)
    True
    """

    name: str
    """As commands and files have it: "roc_auc"."""
    title: str
    """As a reader meets it: "ROC AUC"."""
    words: str
    """What it is, for a sentence: "the share of rows that are right"."""
    task: Literal["classification", "regression"]
    needs: Literal["classes", "probabilities", "values"]
    better: Literal["higher", "lower"]
    weighted: Weighted
    bounded: bool
    """Whether it lies between 0 and 1."""

    def score(self, truth: np.ndarray, outputs: np.ndarray, positive: int | None = None) -> float:
        """How good outputs are; NaN where it is not defined, as an AUC of one class.

        Raises UsageError where the numbers of rows differ or there are none.
        """
        truth, outputs = _pair(self, truth, outputs)
        with np.errstate(all="ignore"):
            return float(self.weighted(truth, outputs, np.ones((1, len(truth))), positive)[0])

    def interval(
        self,
        truth: np.ndarray,
        outputs: np.ndarray,
        seed: int = 0,
        positive: int | None = None,
        draws: int = 1000,
    ) -> tuple[float, float]:
        """The 95 % interval of the score, as (low, high) of the metric's own numbers.

        Wilson's (1927) for accuracy; else a bootstrap (B. Efron, 1979) that draws the rows of each
        class anew. Above 20,000 rows it takes fewer draws, 200 at least: the interval is narrow
        there. Of a score of exactly 0 or 1 every draw is the same; then it is Wilson's for the
        smallest class.

        >>> truth = np.array([0, 1] * 20)
        >>> METRICS["accuracy"].interval(truth, np.eye(2)[truth])[1]
        1.0
        """
        truth, outputs = _pair(self, truth, outputs)
        if self.name == "accuracy":
            return wilson(int(np.sum(predicted(outputs) == truth)), len(truth))
        score = self.score(truth, outputs, positive)
        strata = truth if self.task == "classification" else np.zeros(len(truth), np.int64)
        if self.bounded and score in (0.0, 1.0):
            least = int(np.unique(strata, return_counts=True)[1].min())
            return wilson(round(score) * least, least)
        draws = int(np.clip(20_000_000 // len(truth), min(200, draws), draws))
        rng = np.random.default_rng(seed)
        step = max(1, CELLS // len(truth))
        parts = []
        with np.errstate(all="ignore"):
            for start in range(0, draws, step):
                weights = redrawn(strata, min(step, draws - start), rng)
                parts.append(self.weighted(truth, outputs, weights, positive))
        scores = np.concatenate(parts)
        scores = scores[np.isfinite(scores)]
        if not len(scores) or math.isnan(score):
            return math.nan, math.nan
        low, high = np.quantile(scores, [0.025, 0.975])
        return min(float(low), score), max(float(high), score)

    def greater(self, a: float, b: float) -> bool:
        """Whether the score `a` is better than `b`; NaN is never better."""
        return a > b if self.better == "higher" else a < b

    def signed(self, score: float) -> float:
        """The score with the sign that makes higher better, as Candidate holds it.

        Its own inverse: `signed(candidate.score)` is the plain number again.

        >>> METRICS["mae"].signed(2.0), METRICS["r2"].signed(0.5)
        (-2.0, 0.5)
        """
        return score if self.better == "higher" else -score

    def signed_interval(self, interval: tuple[float, float]) -> tuple[float, float]:
        """The same for an interval: (low, high) stays in order. Its own inverse.

        >>> METRICS["mae"].signed_interval((1.0, 2.0))
        (-2.0, -1.0)
        """
        low, high = sorted(self.signed(bound) for bound in interval)
        return low, high

    def text(self, score: float) -> str:
        """A score of its own numbers as sentences have it.

        >>> METRICS["r2"].text(-6e-5), METRICS["accuracy"].text(1.0), METRICS["mae"].text(1234.567)
        ('0.000', '1.000', '1,235')
        """
        return amount(score, 4, zeros=True) if self.name in ("rmse", "mae") else decimal(score)

    def ends(self, interval: tuple[float, float]) -> str:
        """Both ends of an interval of its own numbers as sentences have it.

        >>> METRICS["accuracy"].ends((0.943, 0.989))
        '0.943 to 0.989'
        """
        return " to ".join(map(self.text, interval))

    def difference(self, value: float) -> str:
        """A difference of two scores as sentences have it.

        >>> METRICS["accuracy"].difference(0.0312), METRICS["mae"].difference(-12.34)
        ('+0.031', '−12.3')
        """
        if self.name in ("rmse", "mae"):
            return ("+" if value > 0 else "") + amount(value, zeros=True)
        return signed(value)

    def constant(
        self, train: np.ndarray, classes: int | None = None, positive: int | None = None
    ) -> np.ndarray:
        """The best answer that is the same for every row, known from `train` alone.

        The shares of the classes (classes,), or the mean () of the values; the median for mae. For
        f1 of two classes the positive one at even odds: who always says no finds nothing.
        """
        train = np.asarray(train)
        if self.task == "regression":
            values = train.astype(np.float64)
            return np.asarray(np.median(values) if self.name == "mae" else values.mean())
        count = classes or int(train.max()) + 1
        if self.name == "f1" and count == 2:
            answer = np.array([0.5, 0.5])
            chosen = 1 if positive is None else positive
            answer[chosen] = np.nextafter(0.5, 1)
            return answer
        return np.bincount(train, minlength=count) / len(train)

    def guess(
        self,
        train: np.ndarray,
        truth: np.ndarray | None = None,
        classes: int | None = None,
        positive: int | None = None,
    ) -> float:
        """The level of knowing nothing: what `constant` scores on `truth` (`train` by default).

        >>> METRICS["accuracy"].guess(np.array([0, 0, 0, 1]))
        0.75
        """
        truth = np.asarray(train if truth is None else truth)
        answer = self.constant(train, classes, positive)
        return self.score(truth, np.broadcast_to(answer, (len(truth), *answer.shape)), positive)


def predicted(outputs: np.ndarray) -> np.ndarray:
    """The most probable class of each row (the first of equals), or the values as they are."""
    outputs = np.asarray(outputs)
    return outputs.argmax(axis=1) if outputs.ndim == 2 else outputs


def wilson(right: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson, 1927): sound for small n and near 0 and 1.

    >>> [round(bound, 3) for bound in wilson(29, 30)]
    [0.833, 0.994]
    """
    p = right / rows
    shrink = 1 + Z * Z / rows
    centre = (p + Z * Z / (2 * rows)) / shrink
    half = Z / shrink * math.sqrt(p * (1 - p) / rows + Z * Z / (4 * rows * rows))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def redrawn(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row comes (draws, n) when each stratum's rows are drawn again from it."""
    weights = np.empty((draws, len(strata)))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        picks = rng.integers(0, len(rows), (draws, len(rows)))
        picks += np.arange(draws)[:, None] * len(rows)
        counts = np.bincount(picks.ravel(), minlength=draws * len(rows))
        weights[:, rows] = counts.reshape(draws, len(rows))
    return weights


def row_losses(truth: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """What each row loses (n,): -ln of its class's probability, or its squared error.

    Probabilities under 1e-15 count as that, so that one sure mistake does not cost infinity.
    """
    if np.ndim(outputs) == 2:
        given = np.asarray(outputs, np.float64)[np.arange(len(truth)), truth]
        return -np.log(np.clip(given, 1e-15, 1.0))
    return (np.asarray(truth, np.float64) - outputs) ** 2


def require_metric(name: str, task: str | None = None) -> Metric:
    """The metric of that name. Raises UsageError for one that is not known, or of another task.

    >>> require_metric("acuracy")
    Traceback (most recent call last):
        ...
    backlit.learn.errors.UsageError: there is no metric 'acuracy'; did you mean 'accuracy'? ...
    """
    fitting = [m.name for m in METRICS.values() if task in (None, m.task)]
    if name not in METRICS:
        near = difflib.get_close_matches(str(name), METRICS, 1)
        meant = f"; did you mean {near[0]!r}?" if near else "."
        raise UsageError(f"there is no metric {name!r}{meant} Known: {', '.join(fitting)}")
    if name not in fitting:
        raise UsageError(
            f"{name} scores a {METRICS[name].task}, and this is a {task}; "
            f"take one of {', '.join(fitting)}"
        )
    return METRICS[name]


def _pair(
    metric: Metric, truth: np.ndarray, outputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    truth, outputs = np.asarray(truth), np.asarray(outputs, np.float64)
    wanted = 2 if metric.task == "classification" else 1
    if outputs.ndim != wanted:
        shape = "probabilities (rows, classes)" if wanted == 2 else "values (rows,)"
        raise UsageError(f"{metric.name} takes {shape}, not an array of shape {outputs.shape}")
    if truth.shape != outputs.shape[:1] or not len(truth):
        raise UsageError(
            f"{metric.name} compares row with row: there are outputs for {len(outputs)} rows and "
            f"a truth of shape {truth.shape}"
        )
    return truth if wanted == 2 else truth.astype(np.float64), outputs


# Each is written once, for weighted rows: a score has one row of ones, a bootstrap many of counts.


def _accuracy(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    return weights @ (predicted(outputs) == truth) / weights.sum(axis=1)


def _balanced(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    present = np.unique(truth)
    of_class = (truth[:, None] == present).astype(np.float64)
    right = of_class * (predicted(outputs) == truth)[:, None]
    return (weights @ right / (weights @ of_class)).mean(axis=1)


def _f1(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, positive: int | None):
    chosen = predicted(outputs)
    scores = []
    for k in _judged(outputs, positive):
        is_k, says_k = truth == k, chosen == k
        both = weights @ (is_k & says_k)
        either = weights @ is_k.astype(np.float64) + weights @ says_k
        if either.any():
            scores.append(np.divide(2 * both, either, out=np.zeros_like(both), where=either > 0))
    return np.mean(scores, axis=0) if scores else np.zeros(len(weights))


def _roc_auc(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, positive: int | None):
    def area(hit: np.ndarray, miss: np.ndarray) -> np.ndarray:
        # ascending: each positive beats the negatives below it, and half of those beside it
        below = np.cumsum(miss, axis=1) - 0.5 * miss
        return (hit * below).sum(axis=1) / (hit.sum(axis=1) * miss.sum(axis=1))

    return _over_classes(area, truth, outputs, weights, positive, descending=False)


def _pr_auc(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, positive: int | None):
    def precision(hit: np.ndarray, miss: np.ndarray) -> np.ndarray:
        found, named = np.cumsum(hit, axis=1), np.cumsum(hit + miss, axis=1)
        share = np.divide(found, named, out=np.zeros_like(found), where=named > 0)
        return (hit * share).sum(axis=1) / hit.sum(axis=1)

    return _over_classes(precision, truth, outputs, weights, positive, descending=True)


def _judged(outputs: np.ndarray, positive: int | None) -> range | list[int]:
    """The classes that a score is the mean of: the positive one of two, else all."""
    if outputs.shape[1] == 2:
        return [1 if positive is None else positive]
    return range(outputs.shape[1])


def _over_classes(
    curve: Callable[[np.ndarray, np.ndarray], np.ndarray],
    truth: np.ndarray,
    outputs: np.ndarray,
    weights: np.ndarray,
    positive: int | None,
    descending: bool,
) -> np.ndarray:
    """The mean over classes of what `curve` makes of weights in order of the probabilities.

    Rows of the same probability are one step of the curve. A class that is in no row, or in every
    row, has no curve and is left out; NaN where none has one.
    """
    scores = []
    for k in _judged(outputs, positive):
        is_k = truth == k
        if is_k.all() or not is_k.any():
            continue
        given = -outputs[:, k] if descending else outputs[:, k]
        order = np.argsort(given, kind="stable")
        starts = np.flatnonzero(np.diff(given[order], prepend=-np.inf) != 0)
        ordered = weights[:, order]
        hit = np.add.reduceat(ordered * is_k[order], starts, axis=1)
        miss = np.add.reduceat(ordered * ~is_k[order], starts, axis=1)
        scores.append(curve(hit, miss))
    return np.mean(scores, axis=0) if scores else np.full(len(weights), np.nan)


def _log_loss(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    return weights @ row_losses(truth, outputs) / weights.sum(axis=1)


def _r2(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    # a constant truth has no variance to explain: 1 where it is met, else 0
    total = weights.sum(axis=1)
    centred = truth - truth.mean()
    rest = weights @ (truth - outputs) ** 2
    spread = weights @ centred**2 - (weights @ centred) ** 2 / total
    flat = spread <= 1e-12 * (weights @ centred**2)
    explained = 1 - np.divide(rest, spread, out=np.ones_like(rest), where=~flat)
    return np.where(flat, (rest == 0).astype(np.float64), explained)


def _rmse(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    return np.sqrt(weights @ (truth - outputs) ** 2 / weights.sum(axis=1))


def _mae(truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray, _: int | None):
    return weights @ np.abs(truth - outputs) / weights.sum(axis=1)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy", "accuracy",
            "the share of rows that are right",
            "classification", "classes", "higher", _accuracy, True,
        ),
        Metric(
            "balanced_accuracy", "balanced accuracy",
            "the share of rows that are right, each class counting the same",
            "classification", "classes", "higher", _balanced, True,
        ),
        Metric(
            "f1", "F1",
            "the harmonic mean of precision (how many alarms are right) and recall (how many "
            "cases are found)",
            "classification", "classes", "higher", _f1, True,
        ),
        Metric(
            "roc_auc", "ROC AUC",
            "how often a row of the class gets a higher probability than one of another",
            "classification", "probabilities", "higher", _roc_auc, True,
        ),
        Metric(
            "pr_auc", "PR AUC",
            "the average precision: of the rows named first, how many are of the class",
            "classification", "probabilities", "higher", _pr_auc, True,
        ),
        Metric(
            "log_loss", "log loss",
            "the cross-entropy: the mean of −ln of the true class's probability",
            "classification", "probabilities", "lower", _log_loss, False,
        ),
        Metric(
            "r2", "R²",
            "the share of the target's variance that is explained",
            "regression", "values", "higher", _r2, False,
        ),
        Metric(
            "rmse", "root mean square error",
            "the root of the mean squared error, in the target's unit",
            "regression", "values", "lower", _rmse, False,
        ),
        Metric(
            "mae", "mean absolute error",
            "the mean distance from the truth, in the target's unit",
            "regression", "values", "lower", _mae, False,
        ),
    )
}  # fmt: skip
"""All metrics, by name."""
