"""The numbers behind a verdict: how the network and the others stand, how far training and
validation lie apart, what happened at the end of training, and what was in its way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ..numerals import decimal, percent, signed, standard_errors
from .inputs import metric_of
from .rates import rates
from .rules import judged, limit
from .standing import (
    BEATS,
    LOSSES,
    Standing,
    baseline_score,
    of_candidate,
    of_network,
    possible,
    scale_of,
)
from .trying import blind_loss, value_of
from .units import units

if TYPE_CHECKING:
    from ..models.loop import Fit
    from .context import Context

GAIN = limit(
    "verdict_gain", 0.10, "the gain over the baseline, of the gain that is possible, from below",
    "measured: ten tables, thirty seeds, 0.33 at least where training went well",
)  # fmt: skip
APART = limit(
    "verdict_apart", 3.0, "standard errors by which training and validation differ beyond chance",
    "measured: ten tables, thirty seeds: 3 leave all 300 healthy runs in peace, 2 blame six",
)  # fmt: skip
GAP = limit(
    "verdict_gap", 0.10, "the training score less the validation score, in points, or in shares of "
    "the baseline's loss, where it is also beyond chance",
    "measured: ten tables, thirty seeds, 0.08 at most in classes, 0.16 on 30 rows, 0.28 in R²",
)  # fmt: skip
LEAK = limit(
    "verdict_leak", 0.05, "the validation score less the training score, likewise",
    "rows that validation shares with training, or luck",
)  # fmt: skip
RISE = limit(
    "verdict_rise", 0.05, "how far validation loss rose above its best, of it, while training fell",
    "L. Prechelt, Early stopping - but when? (1998); measured: most runs that were stopped in time "
    "show it, so it is a note: the best epoch's weights are kept",
)  # fmt: skip
SLOPE = limit(
    "verdict_slope", 2.0, "standard errors by which validation loss still falls at the end",
    "the slope of a line through the last fifth of the epochs; 97.7 % one-sided",
)  # fmt: skip
FALL = limit(
    "verdict_fall", 0.01, "how much of the loss of knowing nothing went in the last fifth",
    "measured: ten tables, thirty seeds, 0.005 at most at the end of runs that learned all",
)  # fmt: skip

FEWEST = 4
"""Epochs that a slope is drawn through at least."""


@dataclass(frozen=True)
class Evidence:
    """All the numbers of a verdict."""

    network: Standing
    others: tuple[Standing, ...]
    baseline: float
    gain: float
    """Of the network over the baseline, of what is possible; NaN where that is not known."""
    gap: float
    """In points, or shares of the baseline's loss."""
    noise: float
    """What chance can make of the gap: some standard errors, in the same measure."""
    rise: float
    """Validation loss at the end over its best, less 1."""
    slope: float
    """Standard errors of the fall at the end: positive where the loss still falls."""
    fall: float
    """What it fell by, of the loss of knowing nothing."""
    beating: tuple[str, ...]
    """Who beats the baseline by more than chance."""
    obstacles: tuple[Finding, ...]
    """What kept the network from learning, by the checks of rates and units."""

    @property
    def broken(self) -> bool:
        """Whether one of them is an error."""
        return any(finding.level == "error" for finding in self.obstacles)


def evidence(context: Context) -> Evidence:
    """Collect the numbers."""
    fit, limits = context.fit, context.limits
    assert fit is not None
    assert context.train is not None
    network, baseline = of_network(context), baseline_score(context)
    others = tuple(
        of_candidate(candidate, context)
        for candidate in context.candidates
        if candidate.name not in ("baseline", "network")
    )
    metric = context.problem.metric
    scale, room = scale_of(metric, baseline), possible(metric, baseline)
    slope, fall = _end(fit)
    known = blind_loss(context.train.target)
    best, last = fit.best_epoch, fit.history[-1]
    risen = last.train_loss < best.train_loss and best.validation_loss > 0
    obstacles = [
        finding for finding in (*rates(context), *units(context))
        if finding.code.startswith("learning-rate-") or finding.level == "error"
    ]  # fmt: skip
    return Evidence(
        network, others, baseline,
        gain=(network.score - baseline) / room if room else 0.0,
        gap=network.gap / scale,
        noise=value_of(APART, limits) * _gap_error(network, context) / scale,
        rise=last.validation_loss / best.validation_loss - 1 if risen else 0.0,
        slope=slope,
        fall=fall / known if known else 0.0,
        beating=tuple(
            each.name for each in (network, *others)
            if each.beats(baseline if math.isfinite(baseline) else -math.inf, limits)
        ),
        obstacles=tuple(obstacles),
    )  # fmt: skip


def _gap_error(network: Standing, context: Context) -> float:
    """Of the gap: both scores vary, the training score as much less as it has more rows."""
    assert context.train is not None
    assert context.validation is not None
    return network.error * math.sqrt(1 + len(context.validation.X) / len(context.train.X))


def _end(fit: Fit) -> tuple[float, float]:
    """Of the last fifth of the epochs: the fall by its standard error, and the fall."""
    losses = np.array([epoch.validation_loss for epoch in fit.history[1:]])
    if fit.status not in ("finished", "interrupted") or not len(losses):
        return 0.0, 0.0
    if len(losses) < FEWEST:  # too few for a line: the last epoch's fall is all that is known
        fall = fit.history[-2].validation_loss - fit.history[-1].validation_loss
        return (math.inf if fit.best == len(losses) else 0.0), fall
    losses = losses[-max(FEWEST, len(losses) // 5) :]
    time = np.arange(len(losses)) - (len(losses) - 1) / 2
    slope = float(time @ losses / (time @ time))
    rest = losses - losses.mean() - slope * time
    error = math.sqrt(float(rest @ rest) / (len(losses) - 2) / float(time @ time))
    fall = -slope * (len(losses) - 1)
    if not error:
        return math.copysign(math.inf, fall) if fall else 0.0, fall
    return -slope / error, fall


def findings_of(context: Context, fit: Fit, seen: Evidence) -> list[Finding]:
    """The numbers as findings, each beside its limit."""
    limits, n = context.limits, len(context.validation.X) if context.validation else 0
    found = []
    if math.isfinite(seen.baseline):
        beats = seen.network.name in seen.beating
        found.append(
            judged(
                "gain", "note" if beats else "warning", _gain_text(context, seen, n),
                seen.network.above(seen.baseline), BEATS, limits, n,
                "nothing" if beats else "another learning rate; other columns; more rows",
            )
        )  # fmt: skip
    wide = abs(seen.gap) >= seen.noise and (
        seen.gap >= value_of(GAP, limits) or -seen.gap >= value_of(LEAK, limits)
    )
    within = ": as it should be" if abs(seen.gap) < seen.noise else ": hardly more than that"
    advice = (
        "nothing" if not wide
        else "more rows, a smaller network, dropout" if seen.gap > 0
        else "look for rows that stand in both parts; split with another seed"
    )  # fmt: skip
    found.append(
        judged(
            "gap", "warning" if wide else "note",
            f"{_gap_text(context, seen)}{'' if wide else within}",
            seen.gap, LEAK if wide and seen.gap < 0 else GAP, limits, n,
            advice,
        )
    )  # fmt: skip
    epochs = len(fit.history) - 1
    if seen.rise > value_of(RISE, limits):
        found.append(
            judged(
                "overfitting-later", "note",
                f"after epoch {fit.best} of {epochs} validation loss rose by {percent(seen.rise)} "
                "while training loss fell on: those epochs learned rows by heart and were not kept",
                seen.rise, RISE, limits, epochs, "nothing",
            )
        )  # fmt: skip
    if seen.slope >= value_of(SLOPE, limits) and seen.fall >= value_of(FALL, limits):
        falling = (
            f"validation loss still falls at the end, by {standard_errors(seen.slope)}; the last "
            f"fifth of the epochs took"
            if math.isfinite(seen.slope)
            else f"validation loss still fell in the last of {epochs} epochs, which are too few to "
            "draw a line through; that one took"
        )
        found.append(
            judged(
                "still-falling", "warning",
                f"{falling} {percent(seen.fall)} of what knowing nothing loses",
                seen.slope, SLOPE, limits, epochs, "more epochs",
            )
        )  # fmt: skip
    return found


def _gain_text(context: Context, seen: Evidence, n: int) -> str:
    """The network's score beside the baseline's."""
    metric, network = metric_of(context), seen.network
    score, base = (metric.text(metric.signed(each)) for each in (network.score, seen.baseline))
    text = f"{metric.title} {score} on {n:,} validation rows, the baseline {base}: "
    ratio, better = network.above(seen.baseline), network.name in seen.beating
    if not ratio:
        text += "the same"
    elif math.isfinite(ratio):
        text += standard_errors(ratio) + (
            ", no better" if ratio < 0
            else ", more than chance" if better
            else ", which chance can do too"
        )  # fmt: skip
    else:
        text += f"{'better' if ratio > 0 else 'worse'}, and no draw of these rows changes it"
    if better and ratio < value_of(BEATS, context.limits):
        text += f"; its rows lose less, by {standard_errors(network.fewer)}"
    return text


def _gap_text(context: Context, seen: Evidence) -> str:
    """The training score beside the validation score, and what chance makes of the difference."""
    metric, network = metric_of(context), seen.network
    train, score = (metric.text(metric.signed(s)) for s in (network.train_score, network.score))
    text = f"{metric.title} {train} in training, {score} in validation: a gap of "
    if metric.name in LOSSES:  # of the baseline's, as errors have no scale of their own
        sign = "+" if seen.gap > 0 else ""
        return (
            f"{text}{sign}{percent(seen.gap)} of the baseline's; chance alone makes up to "
            f"{percent(seen.noise)}"
        )
    return f"{text}{signed(seen.gap)}; chance alone makes up to {decimal(seen.noise)}"
