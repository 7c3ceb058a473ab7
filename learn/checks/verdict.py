"""The last word on how the network's training went, and whether anything beats knowing nothing:
one code, a headline, the numbers behind it and what to try next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...study.findings import Finding
from ...study.text import clean, count_text
from ..numerals import standard_errors
from .evidence import (
    FALL,
    GAIN,
    GAP,
    LEAK,
    SLOPE,
    Evidence,
    evidence,
    findings_of,
)
from .inputs import metric_of
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
    reasons = _reasons(context, fit, seen, findings)
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
    score, trained = (_score(s, context) for s in (seen.network.score, seen.network.train_score))
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
        count = count_text(len(wrong), "error")
        return f"Do not trust {score} yet: the checks found {count}, {codes_of(wrong)}."
    if code == SUSPICIOUS:
        return (
            f"Too good to be true: {score} in validation, better than the "
            f"{_shown(seen.network.train_score, context)} in training."
        )
    if code == MEMORISING and context.problem.time is not None:
        return (
            f"The network does better on its training rows, {trained}, than on later ones, "
            f"{_shown(seen.network.score, context)}: it has learned them by heart, or what they "
            "show has changed since."
        )
    if code == MEMORISING:
        return (
            f"The network learns training rows by heart: {trained} there, "
            f"{_shown(seen.network.score, context)} on rows it has not seen."
        )
    if code == LEARNING:
        epochs = len(fit.history) - 1
        return (
            f"Still learning: {score} after {count_text(epochs, 'epoch')}, and validation loss "
            f"still falls."
        )
    if code == UNDERFITTING:
        if seen.obstacles:
            first = next((f for f in seen.obstacles if f.level == "error"), seen.obstacles[0])
            why = re.split(r"[:;] ", clean(first.sentence))[0]
            return f"The network has not learned what it could: {why}."
        best = max(seen.others, key=lambda each: each.score, default=None)
        if best is not None and best.score > seen.network.score:
            return (
                f"The network has learned less than there is: the {clean(best.name)} reaches "
                f"{_score(best.score, context)}, it {_shown(seen.network.score, context)}."
            )
        return f"The network has learned little: {score}, the baseline's is near."
    return f"The network generalises: {score} on rows it has not seen."


def _reasons(context: Context, fit: Fit, seen: Evidence, findings: Sequence[Finding]) -> list[str]:
    """What the findings say, how the other models stand, and what was in the way."""
    reasons = [finding.sentence for finding in findings]
    if fit.best == 0:
        reasons.append("no epoch was better than the untrained network")
    for other in seen.others:
        word = "beats the baseline" if other.name in seen.beating else "does not beat the baseline"
        if other.name in seen.beating and other.score == seen.baseline:
            less = standard_errors(other.fewer)
            word = f"as the baseline, but its rows lose less, by {less}"
        reasons.append(f"{clean(other.name)}: {_shown(other.score, context)}, {word}")
    return reasons + [finding.sentence for finding in seen.obstacles]


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


def codes_of(found: Sequence[Finding]) -> str:
    """What findings are called, in words."""
    return ", ".join(dict.fromkeys(finding.code.replace("-", " ") for finding in found))


def _score(score: float, context: Context) -> str:
    """A score under its metric's name, as people write it: losses are carried negated."""
    return f"{metric_of(context).title} {_shown(score, context)}"


def _shown(score: float, context: Context) -> str:
    metric = metric_of(context)
    return metric.text(metric.signed(score))
