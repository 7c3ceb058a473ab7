"""Whether a model is as good for everybody: the error of each group of rows with its interval, and
who is chosen how often. An average hides whom it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.findings import Finding, Level
from ..data.columns import kinds
from ..data.words import listed, plain, quoted
from ..models.metrics import METRICS, Metric, predicted
from ..numerals import decimal, p_value, percent
from .inputs import (
    bound,
    chosen,
    classes_of,
    codes_of,
    input_columns,
    ordered,
    positive_of,
)
from .rules import judged, limit

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from .context import Context

SHARE = limit(
    "group_share", 0.05, "the share of validation rows that a group needs to be judged",
    "smaller groups have intervals too wide to say anything",
)  # fmt: skip
DROP = limit(
    "group_drop", 0.2, "how much less accurate (how much larger the error) a group is than all",
    "deepchecks' weak segments; and the group's interval lies apart from the score of all",
)  # fmt: skip
SELECTED = limit(
    "selection_ratio", 0.8, "how often the positive class is predicted, to the group most chosen",
    "the four-fifths rule, US Uniform Guidelines on Employee Selection, 1978; with p < 0.05",
)  # fmt: skip
AGES = (25.0, 40.0, 60.0)
"""Where a column that is called age is cut: from each of these on begins a group."""
MOST_LEVELS = 10


@dataclass(frozen=True)
class GroupScore:
    """One group of validation rows: the accuracy, or the mean absolute error of a regression."""

    column: str
    group: str
    n: int
    score: float
    low: float
    high: float
    selected: float | None
    """The share that the positive class is predicted for; None where there is no such class."""
    overall: float
    """The same score of all validation rows."""


def by_group(
    context: Context,
    columns: Sequence[str],
    candidate: Candidate | None = None,
    cuts: Mapping[str, Sequence[float]] | None = None,
) -> list[GroupScore]:
    """Scores of the groups that columns make, of the candidate that would be used.

    Texts make a group of each level; numbers are cut at `cuts[column]`, ages at 25, 40 and 60,
    other numbers into four ranges of equally many training rows. Groups under 5 % of the validation
    rows are left out. Intervals are Wilson's, or a bootstrap's of the mean absolute error.
    """
    validation = context.validation
    candidate = candidate or chosen(context)
    if validation is None or candidate is None:
        return []
    outputs = candidate.outputs(validation.X)
    classification = context.problem.task == "classification"
    metric = METRICS["accuracy" if classification else "mae"]
    classes, positive = classes_of(context), positive_of(context)
    if len(classes) == 2 and positive is None:
        positive = 1
    given, truth = predicted(outputs), validation.truth
    overall = metric.score(truth, outputs)
    found = []
    for column in columns:
        names, group = _groups(context, column, (cuts or {}).get(column))
        group = group[validation.rows]
        for k, name in enumerate(names):
            rows = np.flatnonzero(group == k)
            if len(rows) < max(2, bound(context, SHARE) * len(truth)):
                continue
            low, high = metric.interval(truth[rows], outputs[rows], context.seed)
            selected = float(np.mean(given[rows] == positive)) if len(classes) == 2 else None
            score = metric.score(truth[rows], outputs[rows])
            found.append(GroupScore(column, name, len(rows), score, low, high, selected, overall))
    return found


def _groups(
    context: Context, column: str, cuts: Sequence[float] | None
) -> tuple[list[str], np.ndarray]:
    """The groups' names, and each row's number (-1 where it has none)."""
    cells = context.table.column(column)
    values = ordered(column, cells) if cells.dtype != object else None
    if values is None or len(np.unique(values[np.isfinite(values)])) <= 5:
        names, codes = codes_of(cells)
        return [str(name) for name in names], codes
    if cuts is None:
        if column.strip().lower().split(" ")[0] == "age" and np.nanmax(values) > AGES[1]:
            cuts = AGES
        else:
            rows = slice(None) if context.parts is None else context.parts.train
            known = values[rows][np.isfinite(values[rows])]
            # the three quarters as values that occur: a group is told by its own bounds
            cuts = np.quantile(known, [0.25, 0.5, 0.75], method="higher").tolist()
    assert cuts is not None
    edges = sorted(set(cuts))
    group = np.searchsorted(edges, values, side="right")
    whole = bool((values[np.isfinite(values)] % 1 == 0).all())
    names = [f"under {plain(edges[0])}"]
    for low, high in pairwise(edges):
        names.append(
            f"{plain(low)} to {plain(high - 1)}"
            if whole
            else f"{plain(low)} to under {plain(high)}"
        )
    names.append(f"{plain(edges[-1])} and more")
    if np.isnan(values).any():
        group = np.where(np.isnan(values), len(names), group)
        names.append("missing")
    return names, group


def groups(context: Context) -> list[Finding]:
    """Groups that are worse off: of the sensitive columns as warnings, of categories as notes."""
    candidate = chosen(context)
    if context.validation is None or candidate is None or candidate.name == "baseline":
        return []
    table = context.table
    sensitive = [name for name in context.problem.sensitive if name in table.names]
    findings = []
    for column in sensitive:
        scores = by_group(context, [column], candidate)
        worse = _worse(context, scores, candidate, "warning")
        if scores and not worse:
            worse = [_even(context, scores, candidate)]
        findings += [*worse, *_selection(context, scores, candidate)]
    if sensitive:
        return findings
    kind_of = kinds(table)
    quiet = [
        name
        for name in input_columns(context)
        if table.column(name).dtype == object
        and kind_of[name] in ("category", "boolean")
        and len(codes_of(table.column(name))[0]) <= MOST_LEVELS
    ]
    scores = by_group(context, quiet, candidate)
    worse = _worse(context, scores, candidate, "note", others=max(1, len(scores)))
    if scores and not worse:
        return [_even(context, scores, candidate)]
    return worse


def _told(one: GroupScore, classification: bool) -> str:
    metric = _measure(classification)
    return (
        f"{metric.title} {metric.text(one.score)} (95 % interval {metric.text(one.low)} to "
        f"{metric.text(one.high)}, n = {one.n:,})"
    )


def _measure(classification: bool) -> Metric:
    """What groups are compared by, whatever the problem's metric: it is a mean over rows."""
    return METRICS["accuracy" if classification else "mae"]


def _worse(
    context: Context,
    scores: Sequence[GroupScore],
    candidate: Candidate,
    level: Level,
    others: int = 1,
) -> list[Finding]:
    """Groups whose score is lower than that of all by the limit, and by more than the noise."""
    classification = context.problem.task == "classification"
    findings = []
    for one in scores:
        if not one.overall:
            continue
        drop = (
            one.overall - one.score if classification else one.score - one.overall
        ) / one.overall
        apart = one.high < one.overall if classification else one.low > one.overall
        if drop <= bound(context, DROP) or not apart:
            continue
        how = percent(round(drop, 2)) + " " + ("less accurate" if classification else "further off")
        text = (
            f"the {candidate.name} is {how} for {quoted(one.column)} = {quoted(one.group)} than "
            f"for all ({_measure(classification).text(one.overall)}): {_told(one, classification)}"
        )
        if others > 1:
            text += f"; one of {others} groups looked at, so some are worse by luck"
        advice = "more rows of this group, or a look at what is different with them"
        findings.append(judged("groups", level, text, drop, DROP, context.limits, one.n, advice))
    return findings


def _selection(
    context: Context, scores: Sequence[GroupScore], candidate: Candidate
) -> list[Finding]:  # fmt: skip
    """Groups that get the positive class less often than four fifths of the most chosen one's.

    Where all of it may be chance, the most extreme one stands for all.
    """
    from scipy.stats import fisher_exact

    known = [one for one in scores if one.selected is not None]
    if len(known) < 2:
        return []
    positive = positive_of(context)
    name = classes_of(context)[1 if positive is None else positive]
    most = max(known, key=lambda one: one.selected or 0.0)
    findings = []
    for one in known:
        assert one.selected is not None
        assert most.selected is not None
        if one is most or not most.selected:
            continue
        ratio = one.selected / most.selected
        if ratio >= bound(context, SELECTED):
            continue
        a, b = round(one.selected * one.n), round(most.selected * most.n)
        tested: Any = fisher_exact([[a, one.n - a], [b, most.n - b]])
        p = float(tested.pvalue)
        level: Level = "warning" if p < 0.05 else "note"
        text = (
            f"the {candidate.name} says {quoted(name)} for {percent(a, one.n)} of "
            f"{quoted(one.column)} = {quoted(one.group)} and {percent(b, most.n)} of "
            f"{quoted(most.group)}: a ratio of {decimal(ratio, 2)} (Fisher's test {p_value(p)}, "
            f"n = {one.n:,} and {most.n:,})"
        )
        if level == "note":
            text += ", which may be chance"
        advice = (
            "is the difference in the world, in the labels, or made by the model? decide who checks"
        )
        findings.append(
            judged(
                "selection", level, text, ratio, SELECTED, context.limits, one.n + most.n, advice
            )
        )
    sure = [finding for finding in findings if finding.level == "warning"]
    return sure or sorted(findings, key=lambda finding: finding.statistic)[:1]


def _even(context: Context, scores: Sequence[GroupScore], candidate: Candidate) -> Finding:
    """Nobody is worse off, as far as these rows can tell."""
    classification = context.problem.task == "classification"
    worst = (min if classification else max)(scores, key=lambda one: one.score)
    drop = abs(worst.overall - worst.score) / worst.overall if worst.overall else 0.0
    columns = list(dict.fromkeys(one.column for one in scores))
    metric = _measure(classification)
    told = f"the least is {quoted(worst.group)}: {_told(worst, classification)}"
    if len(columns) == 1:
        told = ", ".join(
            f"{quoted(one.group)} {metric.text(one.score)} ({metric.text(one.low)} to "
            f"{metric.text(one.high)}, n = {one.n:,})"
            for one in scores
        )
    text = (
        f"no group of {listed(columns)} is worse off beyond the noise, {metric.title} of all "
        f"{metric.text(worst.overall)}; {told}"
    )
    return judged("groups", "note", text, drop, DROP, context.limits, worst.n, "")
