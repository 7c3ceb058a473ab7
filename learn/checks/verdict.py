"""The last word on how the network's training went, and whether anything beats knowing nothing:
one code, a headline, the numbers behind it and what to try next.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...study.findings import Finding
from ...study.text import clean
from .evidence import (
    FALL,
    GAIN,
    GAP,
    LEAK,
    RISE,
    SLOPE,
    Evidence,
    counted,
    evidence,
    findings_of,
)
from .standing import BEATS, LOSSES
from .trying import value_of

if TYPE_CHECKING:
    from ..models.loop import Fit
    from .context import Context

GOOD = "good"
NOTHING = "nothing to learn"
MEMORISING = "memorising"
UNDERFITTING = "underfitting"
LEARNING = "still learning"
SUSPICIOUS = "suspicious"
DIVERGED = "diverged"


class Judgement(NamedTuple):
    """What `judge` says; it unpacks as a tuple."""

    code: str
    headline: str
    reasons: tuple[str, ...]
    findings: list[Finding]
    next: tuple[str, ...]


def judge(context: Context, found: Sequence[Finding] = ()) -> Judgement:
    """The verdict on a trained network, beside the other candidates.

    `found` is what other checks have found: an error among it turns "good" into "suspicious", for a
    good score does not mend a wrong loss, a leak or rows that see each other. Needs `fit`,
    `validation`, `train` and `task`.

    Codes: "diverged", "nothing to learn", "suspicious", "memorising", "still learning",
    "underfitting", "good"; the first that holds, in this order.

    >>> Judgement("good", "It generalises.", (), [], ()).code
    'good'
    """
    fit = context.fit
    if fit is None or context.train is None or context.validation is None or context.task is None:
        raise ValueError("a verdict needs a fit and the parts it was made with")
    seen = evidence(context)
    findings = findings_of(context, fit, seen)
    code = _code(context, fit, seen)
    wrong = [finding for finding in found if finding.level == "error"]
    if code == GOOD and wrong:
        code = SUSPICIOUS
    reasons = _reasons(context, fit, seen)
    reasons += [f.sentence for f in wrong if f.sentence not in reasons]
    return Judgement(
        code, _headline(code, context, fit, seen, wrong), tuple(reasons), findings,
        tuple(_next(code, context, seen, wrong)),
    )  # fmt: skip


def _code(context: Context, fit: Fit, seen: Evidence) -> str:
    limits = context.limits
    if fit.status == "diverged":
        return DIVERGED
    learned = seen.network.name in seen.beating
    if not seen.beating:
        return UNDERFITTING if seen.broken else NOTHING
    apart = abs(seen.gap) >= seen.noise
    if -seen.gap >= value_of(LEAK, limits) and apart:
        return SUSPICIOUS
    if seen.gap >= value_of(GAP, limits) and apart:
        return MEMORISING
    if seen.slope >= value_of(SLOPE, limits) and seen.fall >= value_of(FALL, limits):
        return LEARNING
    if not learned or seen.gain < value_of(GAIN, limits) or seen.broken:
        return UNDERFITTING
    if any(other.outdoes(seen.network, limits) for other in seen.others):
        return UNDERFITTING
    return GOOD


# ---- in words -----------------------------------------------------------------------------------


def _headline(
    code: str, context: Context, fit: Fit, seen: Evidence, wrong: Sequence[Finding]
) -> str:
    score = f"{_metric(context)} {_shown(seen.network.score, context)}"
    if code == DIVERGED:
        kept = (
            f"; the weights of epoch {fit.best} were kept" if fit.best
            else "; the untrained weights are all there is"
        )  # fmt: skip
        return f"Training broke off: {fit.message or 'the loss is no number'}{kept}."
    if code == NOTHING:
        return (
            "Nothing to learn: no model is better than the baseline by more than chance; the "
            "columns say nothing about the target that these rows could show."
        )
    if code == SUSPICIOUS and wrong:
        count = f"{len(wrong)} error{'s' * (len(wrong) != 1)}"
        return f"Do not trust {score} yet: the checks found {count}, {_codes(wrong)}."
    if code == SUSPICIOUS:
        return (
            f"Too good to be true: {score} in validation, better than the "
            f"{_shown(seen.network.train_score, context)} in training."
        )
    if code == MEMORISING and context.problem.time is not None:
        return (
            f"The network does better on its training rows, {_metric(context)} "
            f"{_shown(seen.network.train_score, context)}, than on later ones, "
            f"{_shown(seen.network.score, context)}: it has learned them by heart, or what they "
            "show has changed since."
        )
    if code == MEMORISING:
        return (
            f"The network learns training rows by heart: {_metric(context)} "
            f"{_shown(seen.network.train_score, context)} there, "
            f"{_shown(seen.network.score, context)} on rows it has not seen."
        )
    if code == LEARNING:
        epochs = len(fit.history) - 1
        return f"Still learning: {score} after {epochs} epochs, and validation loss still falls."
    if code == UNDERFITTING:
        if seen.obstacles:
            first = next((f for f in seen.obstacles if f.level == "error"), seen.obstacles[0])
            why = re.split(r"[:;] ", clean(first.sentence))[0]
            return f"The network has not learned what it could: {why}."
        best = max(seen.others, key=lambda each: each.score, default=None)
        if best is not None and best.score > seen.network.score:
            return (
                f"The network has learned less than there is: {clean(best.name)} reaches "
                f"{_metric(context)} {_shown(best.score, context)}, it "
                f"{_shown(seen.network.score, context)}."
            )
        return f"The network has learned little: {score}, the baseline's is near."
    return f"The network generalises: {score} on rows it has not seen."


def _reasons(context: Context, fit: Fit, seen: Evidence) -> list[str]:
    network, n = seen.network, len(context.validation.X) if context.validation else 0
    reasons = []
    if math.isfinite(seen.baseline):
        errors = (network.score - seen.baseline) / network.error if network.error else math.inf
        better = network.name in seen.beating
        words = "more than chance" if better else "which chance can do too"
        if network.score <= seen.baseline:
            words = "no better"
        if better and errors < value_of(BEATS, context.limits):
            words += f", as its rows lose less by {counted(network.fewer)}"
        reasons.append(
            f"{_metric(context)} {_shown(network.score, context)} on {n:,} validation rows, the "
            f"baseline {_shown(seen.baseline, context)}: {counted(errors)} standard errors, {words}"
        )
    reasons.append(
        f"{_metric(context)} {_shown(network.train_score, context)} in training, a gap of "
        f"{seen.gap:+.3f}; chance alone makes up to {seen.noise:.3f}"
    )
    if fit.best == 0:
        reasons.append("no epoch was better than the untrained network")
    elif seen.rise > value_of(RISE, context.limits):
        reasons.append(
            f"after epoch {fit.best} validation loss rose by {seen.rise:.0%} while training loss "
            "fell on: those epochs learned rows by heart and were not kept"
        )
    if seen.fall > 0 and seen.slope >= value_of(SLOPE, context.limits):
        reasons.append(
            f"validation loss still falls at the end, by {counted(seen.slope)} standard errors"
        )
    for other in seen.others:
        word = "beats the baseline" if other.name in seen.beating else "does not beat the baseline"
        reasons.append(f"{clean(other.name)}: {_shown(other.score, context)}, {word}")
    reasons += [finding.sentence for finding in seen.obstacles]
    return reasons


def _next(code: str, context: Context, seen: Evidence, wrong: Sequence[Finding]) -> list[str]:
    advice = [finding.advice for finding in (*seen.obstacles, *wrong)]
    if code == DIVERGED:
        if not seen.obstacles:
            advice.append(f"a smaller learning rate: {context.lr / 10:g}")
        advice.append("look for extreme input values")
    elif code == NOTHING:
        advice = [
            "check that rows and labels still belong together, after a join, a sort or a shuffle",
            "other columns: ask who knows the matter what the target depends on",
            "more rows show smaller effects: four times as many halve what chance can do",
        ]
    elif code == SUSPICIOUS and not wrong:
        advice += [
            "look for rows that stand in both parts, and for groups (one patient, one customer)",
            "split with another seed: luck goes, a leak stays",
        ]
    elif code == MEMORISING:
        if context.problem.time is not None:
            advice.append("see by backlit drift whether later rows differ from earlier ones")
        advice += [
            "more rows, or a smaller network", "dropout, or fewer epochs",
            "fewer columns: each that says nothing is one more thing to learn by heart",
        ]  # fmt: skip
    elif code == LEARNING:
        advice.append("more epochs: twice as many")
        if not seen.obstacles:
            advice.append("or a learning rate three times as large")
    elif code == UNDERFITTING and not seen.obstacles:
        advice += [
            "more units, more epochs, or another learning rate",
            "the simpler model, if it does better",
        ]
    elif code == GOOD:
        advice.append("rows from elsewhere, or later ones, are the next test")
    return list(dict.fromkeys(advice))


def _codes(found: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(finding.code for finding in found))


def _metric(context: Context) -> str:
    task = context.problem.task
    return context.problem.metric or ("accuracy" if task == "classification" else "r2")


def _shown(score: float, context: Context) -> str:
    """A score as people write it: losses are carried negated."""
    if context.problem.metric in LOSSES:
        return f"{-score:.4g}"
    return f"{round(score, 3) + 0.0:.3f}"  # no minus before 0
