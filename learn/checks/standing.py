"""How a fitted model stands on the validation part: its scores, how sure they are, and whether it
beats one that knows nothing but how frequent the classes are, or the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .blind import constant_outputs, paired_errors
from .rules import limit
from .trying import is_classes, row_losses, value_of

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from .context import Context, Part

BEATS = limit(
    "beats_baseline", 2.5, "standard errors by which a score is above the baseline's",
    "0.6 % one-sided, as several models are tried; measured: ten tables, ten seeds, 4.4 at least "
    "with their labels, 2.1 at most with shuffled ones",
)  # fmt: skip
LESS = limit(
    "beats_loss", 3.0, "standard errors by which rows lose less than knowing nothing loses",
    "paired, row by row; measured: ten tables, ten seeds, 2.6 at most with shuffled labels",
)  # fmt: skip
LOSSES = ("log_loss", "rmse", "mae")
"""Metrics whose best value is 0, and which have no other end: candidates carry them negated."""


@dataclass(frozen=True)
class Standing:
    """One model on the training and the validation part; scores are better the higher they are."""

    name: str
    train_score: float
    score: float
    error: float
    """The standard error of `score`."""
    fewer: float
    """Standard errors by which its rows lose less than knowing nothing does."""

    @property
    def gap(self) -> float:
        """How much better it is on the rows that it was trained on."""
        return self.train_score - self.score

    def above(self, baseline: float) -> float:
        """Standard errors by which its score is above another; infinite where it has no error.

        >>> Standing("network", 0.5, 0.5, 0.0, 0.0).above(0.5)  # a constant is what it is
        0.0
        """
        gain = self.score - baseline
        if self.error and gain:
            return gain / self.error
        return math.copysign(math.inf, gain) if gain else 0.0

    def outdoes(self, other: Standing, limits: Mapping[str, float]) -> bool:
        """Whether it is better than another model by more than chance."""
        margin = value_of(BEATS, limits) * math.hypot(self.error, other.error)
        return self.score - other.score > margin

    def beats(self, baseline: float, limits: Mapping[str, float]) -> bool:
        """Whether it is better than the baseline by more than chance; at the same score its rows
        may still lose less, as of probabilities that are more often right.
        """
        gain = self.score - baseline
        if not gain >= 0:
            return False
        sure = gain > 0 and gain >= value_of(BEATS, limits) * self.error
        return sure or self.fewer >= value_of(LESS, limits)


def of_candidate(candidate: Candidate, context: Context) -> Standing:
    """How a candidate stands."""
    assert context.validation is not None
    low, high = candidate.interval
    error = (high - low) / (2 * 1.96)
    outputs = np.asarray(candidate.outputs(context.validation.X), np.float64)
    return Standing(
        candidate.name, candidate.train_score, candidate.score, error, _fewer(outputs, context)
    )


def of_network(context: Context) -> Standing:
    """How the network stands: as a candidate, or as its training left it."""
    for candidate in context.candidates:
        if candidate.name == "network":
            return of_candidate(candidate, context)
    fit, part, task = context.fit, context.validation, context.task
    assert fit is not None
    assert part is not None
    assert task is not None
    raw = fit.outputs(part.X)
    scores = fit.best_epoch.train_score, fit.best_epoch.validation_score
    if math.isnan(scores[1]) and context.train is not None:  # trained without a score
        scores = _plain(fit.outputs(context.train.X), context.train), _plain(raw, part)
    error = (
        _share_error(scores[1], len(part.X)) if is_classes(part.target)
        else _explained_error(row_losses(raw, part.target), part)
    )  # fmt: skip
    outputs = np.asarray(task.probabilities(raw), np.float64)
    return Standing("network", *scores, error, _fewer(outputs, context))


def baseline_score(context: Context) -> float:
    """What knowing nothing scores on the validation part; NaN for a metric that only candidates
    know.
    """
    for candidate in context.candidates:
        if candidate.name == "baseline":
            return candidate.score
    train, part = context.train, context.validation
    assert train is not None
    assert part is not None
    if context.problem.metric in (None, "accuracy") and is_classes(part.target):
        return float((part.truth == np.bincount(train.truth).argmax()).mean())
    if context.problem.metric in (None, "r2") and not is_classes(part.target):
        spread = float(part.truth.var())
        off = float(part.truth.mean() - train.truth.mean())
        return -(off**2) / spread if spread else 0.0  # 1 - (spread + off^2) / spread
    return math.nan


def scale_of(metric: str | None, baseline: float) -> float:
    """What a difference of scores is measured by: points, or for a loss the baseline's.

    >>> scale_of("accuracy", 0.6), scale_of("rmse", -12.0)
    (1.0, 12.0)
    """
    return abs(baseline) if metric in LOSSES and baseline else 1.0


def possible(metric: str | None, baseline: float) -> float:
    """How much better than the baseline the best score is."""
    return -baseline if metric in LOSSES else 1 - baseline


def _fewer(outputs: np.ndarray, context: Context) -> float:
    """Of the rows' losses, against the best constant answer's."""
    part, train = context.validation, context.train
    assert part is not None
    assert train is not None
    if is_classes(part.target):
        right = outputs[np.arange(len(outputs)), part.target]
        losses = -np.log(np.clip(right, 1e-12, None))
        constant = constant_outputs(train.target, outputs.shape[1])
        known = row_losses(np.tile(constant, (len(outputs), 1)), part.target)
    else:
        losses = (outputs.reshape(-1) - part.truth) ** 2
        known = (part.truth - train.truth.mean()) ** 2
    with np.errstate(all="ignore"):
        return paired_errors(known - losses) if len(losses) > 1 else 0.0


def _plain(outputs: np.ndarray, part: Part) -> float:
    """Accuracy or R2."""
    if is_classes(part.target):
        return float((outputs.argmax(axis=1) == part.target).mean())
    spread = float(part.target.astype(np.float64).var())
    return 1 - float(row_losses(outputs, part.target).mean()) / spread if spread else 0.0


def _share_error(share: float, n: int) -> float:
    """Of a share of n rows, pulled from 0 and 1 as by A. Agresti and B. Coull (1998)."""
    pulled = (min(max(share, 0.0), 1.0) * n + 2) / (n + 4)
    return math.sqrt(pulled * (1 - pulled) / (n + 4))


def _explained_error(losses: np.ndarray, part: Part) -> float:
    """Of R2 = 1 - mean(losses) / variance, the variance being taken as known."""
    spread = float(part.target.astype(np.float64).var())
    n = len(losses)
    return float(losses.std(ddof=1)) / math.sqrt(n) / spread if spread and n > 1 else math.inf
