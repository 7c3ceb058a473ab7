"""Words and numbers as every way of telling a result writes them: the metric's name, scores,
intervals, what a finding was judged by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...study.findings import Finding, Level
from ...study.text import clean, shorten
from ..models.metrics import METRICS
from ..numerals import amount, signed
from ..numerals import decimal as score

if TYPE_CHECKING:
    from ..result import Result

LOWER = ("log_loss", "rmse", "mae")
"""Metrics of which less is better; candidates hold them with a minus sign, a reader sees none."""

SYMBOLS = {"error": "✗", "warning": "!", "note": "✓"}
"""A sign for each level, so that nothing is told by colour alone."""

STATUS = {"interrupted": "Interrupted", "diverged": "Stopped"}
LONGEST = 44  # columns of a name in a table or a list of links


def metric_name(result: Result) -> str:
    """The metric of a result in words."""
    metric = result.context.problem.metric or "score"
    return METRICS[metric].title if metric in METRICS else clean(metric).replace("_", " ")


def shown(result: Result, value: float) -> str:
    """A score, given as the metric's own number."""
    metric = result.context.problem.metric
    return METRICS[metric].text(value) if metric in METRICS else score(value)


def scored(result: Result, value: float) -> str:
    """A score, given as results hold it."""
    return shown(result, plain(result, value))


def difference(result: Result, value: float) -> str:
    """A difference of scores, given as the metric's own number, with its sign."""
    metric = result.context.problem.metric
    return METRICS[metric].difference(value) if metric in METRICS else signed(value)


def shown_interval(result: Result, low_high: Sequence[float]) -> str:
    """Both ends of an interval of scores, given as the metric's own numbers."""
    low, high = low_high
    return f"{shown(result, low)} to {shown(result, high)}"


def interval(low_high: Sequence[float]) -> str:
    """Both ends of an interval.

    >>> interval((0.943, 0.989))
    '0.943 to 0.989'
    """
    low, high = low_high
    return f"{score(low)} to {score(high)}"


def name(text: object, limit: int = LONGEST) -> str:
    """A name on one line, shortened in its middle where it is very long."""
    return shorten(clean(text), limit)


def capital(text: str) -> str:
    """The text with a large first letter, unless it begins with a name from a program.

    >>> capital("no row"), capital("roc_auc 0.8"), capital("x1 is constant")
    ('No row', 'roc_auc 0.8', 'x1 is constant')
    """
    first = text.partition(" ")[0].rstrip(",:;.")
    return text if not first.replace("-", "").isalpha() else text[:1].upper() + text[1:]


def judged_by(finding: Finding) -> list[str]:
    """What a finding's level came from: statistic, n, limit with its source, where they are given.

    >>> judged_by(Finding("dead", "error", "...", 0.84, 0.4, 1078, "measured on digits", ""))
    ['statistic 0.84', 'n = 1,078', 'limit 0.4 (measured on digits)']
    """
    parts = []
    if math.isfinite(finding.statistic):
        parts.append(f"statistic {amount(float(finding.statistic))}")
    if finding.n:
        parts.append(f"n = {finding.n:,}")
    if math.isfinite(finding.threshold):
        source = f" ({clean(finding.source)})" if finding.source else ""
        parts.append(f"limit {amount(float(finding.threshold))}{source}")
    return parts


def sentence(text: str) -> str:
    """A sentence as it is printed: a large first letter, a full stop where it has no end.

    >>> sentence("no row repeats another"), sentence("'x1' is constant!"), sentence("")
    ('No row repeats another.', "'x1' is constant!", '')
    """
    text = clean(text).strip()
    return capital(text) + ("" if not text or text[-1] in ".!?:;…" else ".")


def advice(finding: Finding) -> str:
    """What to try; nothing where there is nothing to be done."""
    text = clean(finding.advice).strip()
    return "" if text.rstrip(".").lower() in ("", "nothing", "none") else text


def sign_of(finding: Finding) -> str:
    """The sign of a finding: a note is as it should be, or, where there is something to try, worth
    knowing."""
    return "i" if finding.level == "note" and advice(finding) else SYMBOLS[finding.level]


def counted(findings: Sequence[Finding]) -> str:
    """How many findings of each level.

    >>> counted([])
    'no findings'
    """
    parts = []
    for level in ("error", "warning", "note"):
        many = sum(finding.level == level for finding in findings)
        if many:
            parts.append(f"{many} {level}{'' if many == 1 else 's'}")
    return ", ".join(parts) or "no findings"


def plain(result: Result, value: float) -> float:
    """A score as the metric's own number, whatever sign it is held with."""
    return abs(value) if result.context.problem.metric in LOWER else value


def plain_interval(result: Result, low_high: Sequence[float]) -> tuple[float, float]:
    """An interval as the metric's own numbers, in order."""
    low, high = sorted(plain(result, value) for value in low_high)
    return low, high


def beyond_baseline(result: Result) -> bool:
    """Whether the whole interval of the test score is better than what the baseline gets."""
    exam = result.exam
    sign = -1 if result.context.problem.metric in LOWER else 1
    worst = min(sign * end for end in plain_interval(result, exam.interval))
    return worst > sign * plain(result, exam.baseline_score)


def against_baseline(result: Result) -> str:
    """Whether the test score is more than what the baseline gets."""
    exam = result.exam
    sign = -1 if result.context.problem.metric in LOWER else 1
    value, base = (sign * plain(result, v) for v in (exam.score, exam.baseline_score))
    if beyond_baseline(result):
        return f"the whole interval lies {'above' if sign > 0 else 'below'} the baseline"
    if value > base:
        return (
            f"the interval reaches {'down' if sign > 0 else 'up'} to the baseline: this may be luck"
        )
    if value == base:
        return "exactly what the baseline gets"
    return "no better than the baseline"


def unseen_words(result: Result) -> str:
    """The score on the test rows that do not stand in the training part too, where some do."""
    unseen = result.extras.get("unseen")
    if not unseen:
        return ""
    ends = unseen.get("interval")
    within = "" if ends is None else (
        f" (95 % interval {shown_interval(result, plain_interval(result, ends))})"
    )  # fmt: skip
    return (
        f"on the {int(unseen['rows']):,} of them that do not stand in the training part as well it "
        f"is {scored(result, float(unseen['score']))}{within}: that is the honest number"
    )


def level_of(code: str) -> Level:
    """The level of a verdict: whether to use the result, look at it, or not use it.

    >>> level_of("good"), level_of("memorising"), level_of("diverged")
    ('note', 'warning', 'error')
    """
    if code == "good":
        return "note"
    return "error" if code in ("nothing to learn", "suspicious", "diverged") else "warning"


def classes_of(result: Result) -> tuple[str, ...]:
    """The names of the classes; none for a regression."""
    if result.context.problem.task != "classification" or result.context.preparation is None:
        return ()
    return tuple(map(str, result.context.preparation.classes))


def times(count: int) -> str:
    """How often, in words.

    >>> times(1), times(2), times(5)
    ('once', 'twice', '5 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def kept_words(best: int) -> str:
    """Which weights were kept."""
    return f"epoch {best}" if best else "the untrained network"
