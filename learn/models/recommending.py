"""Which candidate to use: the simplest, unless another wins by more than the noise. Two are
compared on the same validation rows, pair by pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...study.text import count_text
from ..numerals import amount, p_value, percent, standard_errors
from .candidate import Candidate
from .metrics import Metric, predicted, redrawn, require_metric, row_losses

if TYPE_CHECKING:
    from ..checks.context import Part


@dataclass(frozen=True)
class Comparison:
    """Two candidates on the same rows: whether the less simple one is better beyond the noise."""

    simpler: Candidate
    other: Candidate
    difference: float
    """Of the scores, signed so that above 0 the other is better."""
    wins: bool
    n: int
    words: str
    """The statistic with its numbers."""
    by_loss: str = ""
    """By how much its rows lose less, where it wins by that."""


def compared(
    simpler: Candidate,
    other: Candidate,
    validation: Part,
    metric: Metric,
    positive: int | None = None,
    seed: int = 0,
    alpha: float = 0.05,
) -> Comparison:
    """Compare two candidates pair by pair.

    Accuracy by McNemar's exact test (1947) on the rows that only one of them has right; every other
    metric by the 1 - alpha interval of the difference in a bootstrap that draws the same rows for
    both (1,000 draws). Metrics that count classes see little in a few hundred rows: there a
    candidate that is no worse by the metric also wins where its rows lose less cross-entropy, by a
    paired normal test, for that is how sure and how right it is (T. Gneiting, A. Raftery, 2007).
    """
    result = _by_metric(simpler, other, validation, metric, positive, seed, alpha)
    if result.wins or metric.needs != "classes" or not result.difference >= 0:
        return result
    truth, X = validation.truth, validation.X
    first, second = (row_losses(truth, c.outputs(X)) for c in (simpler, other))
    gain = first - second
    error = float(gain.std()) / math.sqrt(len(gain))
    z = float(gain.mean()) / error if error > 0 else 0.0
    if math.erfc(abs(z) / math.sqrt(2)) >= alpha or z <= 0:
        return result
    words = (
        f"its rows lose {amount(float(second.mean()))} against "
        f"{amount(float(first.mean()))}, {standard_errors(z)} less"
    )
    return replace(result, wins=True, by_loss=words)


def _by_metric(
    simpler: Candidate, other: Candidate, validation: Part, metric: Metric, positive: int | None,
    seed: int, alpha: float,
) -> Comparison:  # fmt: skip
    """The comparison by the metric alone."""
    truth = validation.truth
    first, second = (np.asarray(c.outputs(validation.X)) for c in (simpler, other))
    difference = metric.signed(metric.score(truth, second, positive)) - metric.signed(
        metric.score(truth, first, positive)
    )
    n = len(truth)
    if metric.name == "accuracy":
        right_first, right_second = predicted(first) == truth, predicted(second) == truth
        b = int(np.sum(right_second & ~right_first))
        c = int(np.sum(right_first & ~right_second))
        p = mcnemar(b, c)
        words = (
            f"McNemar: {count_text(b, 'row')} right by it alone, {c:,} by the other alone, "
            f"{p_value(p)}, n = {n:,}"
        )
        return Comparison(simpler, other, difference, b > c and p < alpha, n, words)
    strata = truth if metric.task == "classification" else np.zeros(n, np.int64)
    rng = np.random.default_rng(seed)
    draws, step, parts = 1000, max(1, 2_000_000 // n), []
    with np.errstate(all="ignore"):
        for start in range(0, draws, step):
            weights = redrawn(strata, min(step, draws - start), rng)
            a, b = (metric.weighted(truth, given, weights, positive) for given in (first, second))
            parts.append(b - a if metric.better == "higher" else a - b)
    drawn = np.concatenate(parts)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not math.isfinite(difference):
        return Comparison(simpler, other, difference, False, n, f"not to be compared, n = {n:,}")
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    words = (
        f"difference {metric.difference(difference)}, paired bootstrap {percent(1 - alpha)} "
        f"interval {metric.difference(float(low))} to {metric.difference(float(high))}, n = {n:,}"
    )
    return Comparison(simpler, other, difference, bool(low > 0 and difference > 0), n, words)


def mcnemar(b: int, c: int) -> float:
    """The two-sided p of McNemar's exact test: b and c of b + c tosses of a fair coin.

    >>> mcnemar(0, 5), mcnemar(0, 0)
    (0.0625, 1.0)
    """
    from scipy.stats import binom

    if b + c == 0:
        return 1.0
    return float(min(1.0, 2 * binom.cdf(min(b, c), b + c, 0.5)))


def recommend(
    candidates: Sequence[Candidate],
    validation: Part,
    metric: Metric | str,
    positive: int | None = None,
    seed: int = 0,
) -> tuple[Candidate, str]:
    """The candidate to use, and a sentence that says why with the numbers.

    Candidates come in order of simplicity. The first is held until one after it is better by more
    than the noise; each comparison is held to 5 % divided by their number (C. Bonferroni).
    """
    metric = require_metric(metric) if isinstance(metric, str) else metric
    chosen, lost, won = candidates[0], [], ""
    alpha = 0.05 / max(1, len(candidates) - 1)
    for other in candidates[1:]:
        result = compared(chosen, other, validation, metric, positive, seed, alpha)
        if result.wins:
            beats = "is no less than" if result.by_loss else "beats"
            won = (
                f"its {metric.title} of {_score(other, metric)} {beats} the "
                f"{_score(chosen, metric)} of the {chosen.name} ({result.words})"
            )
            won += f", and {result.by_loss}" if result.by_loss else ""
            chosen, lost = other, []
        else:
            worse = "is no better" if result.difference <= 0 else "is better only within the noise"
            lost.append(f"the {other.name}, {_score(other, metric)}, {worse} ({result.words})")
    if not won:
        head = f"nothing beats the baseline, whose {metric.title} is {_score(chosen, metric)}"
    else:
        head = f"the {chosen.name} is recommended: {won}"
    return chosen, "; ".join([head, *lost])


def _score(candidate: Candidate, metric: Metric) -> str:
    return metric.text(metric.signed(candidate.score))
