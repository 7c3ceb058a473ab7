"""Whether one column gives the answer away: each is tried alone, as rank, as tree and as a copy,
and what models score without the suspects is said beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text
from ..data.cells import levels_of, missing_in
from ..data.columns import kinds
from ..data.words import listed, quoted
from ..models.baselines import fit_linear
from ..models.metrics import METRICS
from ..numerals import decimal
from .context import Part
from .inputs import bound, classes_of, codes_of, input_columns, metric_of, ordered, positive_of
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

GIVEN = limit(
    "leak_error", 0.999, "AUC (R2 of a regression) of one column alone",
    "measured: the strongest honest column of ten real tables has 0.981, wisconsin's cell size",
)  # fmt: skip
STRONG = limit(
    "leak_warning", 0.95, "AUC (R2 of a regression) of one column alone",
    "measured: breast_cancer has five up to 0.976, iris and wisconsin two each",
)  # fmt: skip
COPY = limit(
    "leak_copy", 0.98, "agreement of a column with the target beyond chance, Cohen's kappa",
    "J. Cohen, 1960: 1 is the same column, 0 what chance agrees on",
)  # fmt: skip
NAMED = limit(
    "leak_identifier", 0.75, "AUC (R2 of a regression) of a column that only names rows",
    "0.5 (0) where rows are named without knowing the answer",
)  # fmt: skip
FEWEST = 10
"""Rows of the rarest class, below which an AUC of one column may be luck."""
MOST_ROWS = 5000


@dataclass(frozen=True)
class Strength:
    """How well one column alone tells the target: AUC (mean over classes) or R2, and how."""

    column: str
    score: float
    how: str


def leakage(context: Context) -> list[Finding]:
    """Columns that tell the target too well, the strongest first."""
    rows = _known_rows(context)
    if len(rows) < 20:
        return []
    measure = "R²" if context.problem.task == "regression" else "AUC"
    every = strengths(context, rows)
    if not every:
        return []
    n = len(rows)
    given = [one for one in every if one.how == "copy" or one.score >= bound(context, GIVEN)]
    strong = [one for one in every if one not in given and one.score >= bound(context, STRONG)]
    findings = _given(context, given, measure, n) + _strong(context, strong, measure, n)
    if not findings:
        best = every[0]
        text = (
            f"no column gives the target away: the strongest, {quoted(best.column)}, has "
            f"{measure} {decimal(best.score)} alone"
        )
        findings = [judged("leakage", "note", text, best.score, STRONG, context.limits, n, "")]
    return [*findings, *_identifiers(context, rows, measure), *_sums(context)]


def _given(
    context: Context, found: Sequence[Strength], measure: str, n: int
) -> list[Finding]:  # fmt: skip
    """Columns that are the answer, each an error; the score is that without any of them."""
    rescored = rescored_text(context, [one.column for one in found]) if found else ""
    findings = []
    for one in found:
        if one.how == "copy":
            name, told = COPY, f"is nearly a copy of the target: kappa {decimal(one.score, 4)}"
        else:
            name, told = GIVEN, f"alone gives the target away: {measure} {decimal(one.score, 4)}"
        text = f"{quoted(one.column)} {told}{rescored}"
        advice = f"if it is known only after the answer, leave it out: ignored=({one.column!r},)"
        findings.append(
            judged("leakage", "error", text, one.score, name, context.limits, n, advice)
        )
    return findings


def _strong(
    context: Context, found: Sequence[Strength], measure: str, n: int
) -> list[Finding]:  # fmt: skip
    """Columns that may be known too late: a warning each, or one for more than three."""
    told = [[one] for one in found] if len(found) <= 3 else [list(found)]
    findings = []
    for some in told:
        names = [one.column for one in some]
        text = f"{quoted(names[0])} is strong alone: {measure} {decimal(some[0].score)}"
        advice = "is it known at the time of prediction? if not, leave it out (ignored)"
        if len(some) > 1:
            text = (
                f"{count_text(len(some), 'column')} are strong alone, {measure} up to "
                f"{decimal(some[0].score)}: {listed(names)}"
            )
            advice = "are they known at the time of prediction? if not, leave them out (ignored)"
        text += rescored_text(context, names)
        findings.append(
            judged(
                "leakage", "warning", text, some[0].score, STRONG, context.limits, n, advice
            )
        )  # fmt: skip
    return findings


def strengths(
    context: Context, rows: np.ndarray, columns: Sequence[str] | None = None
) -> list[Strength]:
    """How well each input column alone tells the target on those rows, the strongest first.

    Numbers are tried as a rank and as a small tree, texts by the mean of their level, each fitted
    on one half of the rows and scored on the other; a missing cell counts as a level of its own.
    Dates count as numbers. Nothing for a class with under 10 rows, or a target of one value.
    """
    table, problem = context.table, context.problem
    target = table.column(problem.target)
    names = input_columns(context) if columns is None else list(columns)
    most = int(np.clip(1_000_000 // max(1, len(names)), 500, MOST_ROWS))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(context.seed).permutation(rows)[:most])
    if problem.task == "regression":
        truth = target[rows].astype(np.float64)
        classes = 0
        if np.ptp(truth) == 0:
            return []
    else:
        truth = np.unique(levels_of(target)[1][rows], return_inverse=True)[1].ravel()
        classes = int(truth.max()) + 1
        if classes < 2 or np.bincount(truth).min() < FEWEST:
            return []
    half = np.empty(len(rows), np.int64)
    shuffled = np.random.default_rng(context.seed).permutation(len(rows))
    half[shuffled[np.argsort(truth[shuffled], kind="stable")]] = np.arange(len(rows)) % 2
    kind_of = kinds(table)
    found = []
    for name in names:
        if kind_of[name] in ("constant", "empty"):
            continue
        column = table.column(name)[rows]
        values = ordered(name, column)
        kappa = _kappa(column, target[rows]) if classes else 0.0
        if kappa >= bound(context, COPY):
            found.append(Strength(name, kappa, "copy"))
            continue
        if values is not None:
            score = _of_numbers(values, truth, classes, half)
        else:
            score = _of_levels(codes_of(column)[1], truth, classes, half)
        found.append(Strength(name, score, "alone"))
    return sorted(found, key=lambda one: (one.how != "copy", -one.score))


def _kappa(column: np.ndarray, target: np.ndarray) -> float:
    """Cohen's kappa of two columns, the levels of one being named after those of the other."""
    theirs = codes_of(target)[1]
    if column.dtype != object and len(np.unique(column)) > theirs.max() + 2:
        return 0.0
    mine = codes_of(column)[1]
    rows, columns = int(mine.max()) + 1, int(theirs.max()) + 1
    if rows > columns + 1:
        return 0.0
    table = np.bincount(mine * columns + theirs, minlength=rows * columns).reshape(rows, columns)
    from scipy.optimize import linear_sum_assignment

    agreed = table[linear_sum_assignment(-table)].sum() / len(mine)
    pairs = linear_sum_assignment(-table)
    by_chance = (
        float((table.sum(axis=1)[pairs[0]] * table.sum(axis=0)[pairs[1]]).sum()) / len(mine) ** 2
    )
    return float((agreed - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


def _of_numbers(values: np.ndarray, truth: np.ndarray, classes: int, half: np.ndarray) -> float:
    """The best of rank, straight line and tree."""
    there = np.isfinite(values)
    best = 0.0
    if classes == 2 and there.any():
        filled = np.where(there, values, values[there].min() - 1)
        auc = METRICS["roc_auc"].score(truth, np.column_stack([-filled, filled]))
        best = max(auc, 1 - auc)
    elif classes == 0 and there.sum() > 2:
        # squares of 1e300 and of 1e-300 do not fit; a straight line knows no unit
        x, y = (v / (float(np.abs(v).max()) or 1.0) for v in (values[there], truth[there]))
        for a, b in ((x, y), (_ranks(x), _ranks(y))):
            if np.ptp(a) > 0 and np.ptp(b) > 0:
                # of the rows that have a value; the others are told by nothing
                best = max(best, float(np.corrcoef(a, b)[0, 1]) ** 2 * float(there.mean()))
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    given = np.zeros((len(truth), classes)) if classes else np.zeros(len(truth))
    # trees are fitted in float32, which holds no 1e300
    scale = float(np.abs(values[there]).max(initial=0.0)) or 1.0
    X = (values / scale).astype(np.float32)[:, None]
    for k in (0, 1):
        inside = half == k
        model = kind(max_leaf_nodes=16 if classes else 64, min_samples_leaf=2, random_state=0)
        model.fit(X[inside], truth[inside])
        if isinstance(model, DecisionTreeClassifier):
            given[np.ix_(~inside, model.classes_)] = model.predict_proba(X[~inside])
        else:
            given[~inside] = model.predict(X[~inside])
    return max(best, _score(truth, given, classes))


def _of_levels(codes: np.ndarray, truth: np.ndarray, classes: int, half: np.ndarray) -> float:
    """Each level's mean of the target, from the other half of the rows and one row of the whole."""
    wanted = np.eye(classes)[truth] if classes else truth[:, None]
    given = np.zeros(wanted.shape)
    count = int(codes.max()) + 1
    for k in (0, 1):
        inside = half == k
        centre = wanted[inside].mean(axis=0)
        sums = np.zeros((count, wanted.shape[1]))
        np.add.at(sums, codes[inside], wanted[inside])
        rows = np.bincount(codes[inside], minlength=count)[:, None]
        given[~inside] = ((sums + centre) / (rows + 1))[codes[~inside]]
    return _score(truth, given if classes else given[:, 0], classes)


def _score(truth: np.ndarray, given: np.ndarray, classes: int) -> float:
    return METRICS["roc_auc" if classes else "r2"].score(truth, given)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,), equal values sharing their mean rank."""
    from scipy.stats import rankdata

    return rankdata(values)


def _known_rows(context: Context) -> np.ndarray:
    """The training rows, or all before there are parts, whose target is known."""
    rows = np.arange(context.table.rows) if context.parts is None else context.parts.train
    return rows[~missing_in(context.table.column(context.problem.target))[rows]]


def without(context: Context, columns: Sequence[str]) -> tuple[float, float] | None:
    """What the linear model scores on validation with all columns, and without those.

    Plain scores of the problem's metric; None before the parts are prepared, or where nothing is
    left to learn from.
    """
    train, validation, preparation = context.train, context.validation, context.preparation
    if train is None or validation is None or preparation is None:
        return None
    origin = np.asarray(preparation.columns, object)
    kept = np.array([name not in columns for name in origin], bool)
    if not kept.any() or kept.all():
        return None
    classes, metric, positive = len(classes_of(context)), metric_of(context), positive_of(context)
    scores = []
    for inputs in (np.ones(len(kept), bool), kept):
        part = Part(train.X[:, inputs], train.target, train.truth, train.rows)
        outputs = fit_linear(part, classes).outputs(validation.X[:, inputs])
        scores.append(metric.score(validation.truth, outputs, positive))
    return scores[0], scores[1]


def rescored_text(context: Context, columns: Sequence[str]) -> str:
    """What `without` found, as the end of a sentence; empty where there is nothing to say."""
    scores = without(context, columns)
    if scores is None:
        return ""
    it, metric = "it" if len(columns) == 1 else "them", metric_of(context)
    model = "linear" if context.problem.task == "regression" else "logistic"
    return (
        f"; without {it} a {model} regression has {metric.title} {metric.text(scores[1])} "
        f"on validation, with {it} {metric.text(scores[0])}"
    )


def _identifiers(context: Context, rows: np.ndarray, measure: str) -> list[Finding]:
    """Columns that only name rows, and yet tell the target: the table's order gives it away."""
    kind_of = kinds(context.table)
    names = [name for name in input_columns(context) if kind_of[name] == "identifier"]
    findings = []
    for one in strengths(context, rows, names) if names else ():
        if one.score >= bound(context, NAMED):
            text = (
                f"{quoted(one.column)} only names rows, and still tells the target with {measure} "
                f"{decimal(one.score)}: rows are numbered by their answer, or in an order that "
                "has to do with it"
            )
            advice = (
                "it is not learned from; ask how rows were collected, and whether time is in it"
            )
            findings.append(
                judged(
                    "telling identifier", "warning", text, one.score, NAMED, context.limits,
                    len(rows), advice,
                )
            )  # fmt: skip
    return findings


def _sums(context: Context) -> list[Finding]:
    """A target that a linear model meets exactly is computed from its inputs."""
    if context.problem.task != "regression" or context.validation is None:
        return []
    for candidate in context.candidates:
        if candidate.name != "linear regression":
            continue
        truth = context.validation.truth
        score = METRICS["r2"].score(truth, candidate.outputs(context.validation.X))
        if score >= bound(context, GIVEN):
            text = (
                f"a linear model meets the target exactly, R² {decimal(score, 5)}: it may be the "
                "sum of other columns"
            )
            advice = "is the target computed from columns of this table? then leave those out"
            return [
                judged(
                    "sum of columns",
                    "warning",
                    text,
                    score,
                    GIVEN,
                    context.limits,
                    len(truth),
                    advice,
                )
            ]
    return []
