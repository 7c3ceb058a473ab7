"""Whether probabilities mean what they say: of the rows given 0.7, seven in ten should be so. The
error is judged beside what chance alone makes of it, as few rows look uncalibrated by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ..numerals import decimal, signed
from .inputs import bound, chosen, positive_of
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

ECE = limit(
    "calibration_error", 0.05, "the expected calibration error, 15 bins of equal size",
    "M. Naeini et al., 2015; and above what 95 of 100 calibrated models show on these rows",
)  # fmt: skip
SPIEGELHALTER = limit(
    "spiegelhalter_z", 1.96, "|z| of Spiegelhalter's test of the Brier score",
    "D. Spiegelhalter, 1986; measured: naive Bayes on spam 36.6",
)  # fmt: skip
BINS = 15
LEAST_ROWS = 100


@dataclass(frozen=True)
class Reliability:
    """Bins of equal size in order of the probability: what was said, and what came of it.

    `said` (bins,) is the mean probability, `came` (bins,) the share of rows where it was so,
    `count` (bins,) the rows; `ece` the mean distance, `z` Spiegelhalter's.
    """

    said: np.ndarray
    came: np.ndarray
    count: np.ndarray
    ece: float
    z: float


def reliability(
    truth: np.ndarray, probabilities: np.ndarray, positive: int | None = None, bins: int = BINS
) -> Reliability:
    """Bins, ECE and z of probabilities (n, classes) with class numbers (n,).

    Of two classes the positive one's probability is judged; of more, that of the class that is
    predicted. Rows of one probability stay in one bin, so there may be fewer bins.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=20_000)
    >>> truth = (rng.uniform(size=20_000) < p).astype(int)
    >>> fair = reliability(truth, np.column_stack([1 - p, p]))
    >>> fair.ece < 0.02, abs(fair.z) < 3
    (True, True)
    """
    said, came = judged_events(truth, probabilities, positive)
    order = np.argsort(said, kind="stable")
    bin_of = np.empty(len(said), np.int64)
    bin_of[order] = np.arange(len(said)) * min(bins, len(said)) // len(said)
    values, where = np.unique(said, return_inverse=True)
    first = np.full(len(values), bins)
    np.minimum.at(first, where.ravel(), bin_of)
    bin_of = np.unique(first[where.ravel()], return_inverse=True)[1].ravel()
    count = np.bincount(bin_of)
    mean_said = np.bincount(bin_of, said) / count
    mean_came = np.bincount(bin_of, came) / count
    ece = float(np.sum(count * np.abs(mean_said - mean_came)) / len(said))
    return Reliability(mean_said, mean_came, count, ece, spiegelhalter(said, came))


def judged_events(
    truth: np.ndarray, probabilities: np.ndarray, positive: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities that are judged (n,), and whether it came so (n,) 0.0 or 1.0."""
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.shape[1] == 2:
        chosen = np.full(len(truth), 1 if positive is None else positive)
    else:
        chosen = probabilities.argmax(axis=1)
    said = probabilities[np.arange(len(truth)), chosen]
    return said, (np.asarray(truth) == chosen).astype(np.float64)


def spiegelhalter(said: np.ndarray, came: np.ndarray) -> float:
    """Spiegelhalter's z: normal where the probabilities are right; 0 where they are all one half.

    Probabilities count as at least 1e-6 and at most 1 - 1e-6: a mistake of one that was certain
    gives a large z, not an infinite one.
    """
    p = np.clip(said, 1e-6, 1 - 1e-6)
    spread = math.sqrt(float(np.sum((1 - 2 * p) ** 2 * p * (1 - p))))
    return float(np.sum((came - p) * (1 - 2 * p))) / spread if spread else 0.0


def chance_error(
    said: np.ndarray, seed: int = 0, draws: int = 400, bins: int = BINS
) -> float:  # fmt: skip
    """The ECE that 95 of 100 draws stay below where the probabilities are right."""
    rng = np.random.default_rng(seed)
    order = np.argsort(said, kind="stable")
    starts = np.unique(np.arange(min(bins, len(said))) * len(said) // min(bins, len(said)))
    p = said[order]
    errors = []
    for _ in range(draws):
        off = (rng.random(len(p)) < p) - p
        errors.append(np.abs(np.add.reduceat(off, starts)).sum() / len(p))
    return float(np.quantile(errors, 0.95))


def calibration(context: Context) -> list[Finding]:
    """The calibration of each candidate but the baseline, on the validation rows.

    A warning is only for the one that would be used, and for the network.
    """
    validation = context.validation
    if context.problem.task != "classification" or validation is None or not context.candidates:
        return []
    rows = len(validation.truth)
    positive = positive_of(context)
    findings = []
    used = chosen(context)
    for candidate in context.candidates:
        if candidate.name == "baseline":
            continue
        worth = candidate is used or candidate.name == "network"
        said, _ = judged_events(validation.truth, candidate.outputs(validation.X), positive)
        found = reliability(validation.truth, candidate.outputs(validation.X), positive)
        if rows < LEAST_ROWS:
            text = (
                f"the {candidate.name}'s probabilities are off by {decimal(found.ece)} on "
                f"average (ECE), but {rows} rows are too few to judge them"
            )
            findings.append(
                judged("calibration", "note", text, found.ece, ECE, context.limits, rows, "")
            )
            continue
        chance = chance_error(said, context.seed)
        off = found.ece > bound(context, ECE) and found.ece > chance
        tilted = abs(found.z) > bound(context, SPIEGELHALTER)
        numbers = (
            f"ECE {decimal(found.ece)}, by chance up to {decimal(chance)}; Spiegelhalter's z "
            f"{signed(found.z, 2)}"
        )
        if off:
            wide = float(
                np.sum(found.count * (found.came - found.said) * np.sign(found.said - 0.5))
            )
            how = "too sure" if wide < 0 else "not sure enough"
            text = f"the {candidate.name}'s probabilities are {how}: {numbers}"
            level, statistic, name = "warning" if worth else "note", found.ece, ECE
            advice = "they rank rows, no more; recalibrate them on validation rows, or stop earlier"
        elif tilted:
            text = f"the {candidate.name}'s probabilities are a little off: {numbers}"
            level, statistic, name = "warning" if worth else "note", abs(found.z), SPIEGELHALTER
            advice = (
                "fine for ranking rows; look at the picture before reading them as probabilities"
            )
        else:
            text = f"the {candidate.name}'s probabilities mean what they say: {numbers}"
            level, statistic, name, advice = "note", found.ece, ECE, ""
        findings.append(
            judged("calibration", level, text, statistic, name, context.limits, rows, advice)
        )
    return findings
