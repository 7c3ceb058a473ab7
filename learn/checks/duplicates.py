"""Rows that stand in two parts: what was seen in training is no test. Here they are counted, for
the sealed test part too, and the score on rows that were never seen is given beside the usual one.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text
from ..data.cells import missing_in
from ..data.words import quoted
from ..numerals import percent
from .inputs import bound, codes_of, input_columns, metric_of, ordered, positive_of
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

SEEN = limit(
    "seen_share", 0.05, "the share of a part's rows that stand in training too",
    "measured: 0.39 of wisconsin's test rows; 1-NN has 0.956 on all and 0.928 on the others",
)  # fmt: skip
FEW = limit(
    "different_share", 0.2, "the share of training rows that are different, from below",
    "below, rows are few combinations of few values, which meet again by themselves",
)  # fmt: skip
_SOMEBODY = re.compile(
    r"(?:.*[\W_])?(?:patient|customer|client|user|person|subject|household|account|session|device|"
    r"writer|individual|member)s?(?:[\W_]?(?:id|no|nr|number|key))?",
    re.IGNORECASE,
)


def duplicates(context: Context) -> list[Finding]:
    """Rows, groups and times that are shared between the parts."""
    if context.parts is None:
        return []
    return [*shared_rows(context), *shared_groups(context), *shared_times(context)]


def row_keys(context: Context) -> np.ndarray:
    """A number for each row (rows,) int64; rows that look the same to a model have the same one.

    Prepared inputs are compared where there is a preparation, else the raw cells: the target and
    columns that are not learned from do not count.
    """
    if context.preparation is not None:
        X = np.ascontiguousarray(context.preparation.matrix(context.table), np.float32) + 0.0
        rows = X.view(np.dtype((np.void, X.shape[1] * X.itemsize))) if X.shape[1] else X
        if X.shape[1]:
            return np.unique(rows.ravel(), return_inverse=True)[1].ravel()
        return np.zeros(len(X), np.int64)
    return _merged([context.table.column(name) for name in input_columns(context)], context)


def unseen(context: Context, part: Literal["validation", "test"]) -> np.ndarray:
    """The row numbers of a part, ascending, whose inputs stand in no training row.

    Labels are not looked at, so this may be asked of the test part before the exam.
    """
    if context.parts is None:
        raise ValueError("rows can be unseen only once the table is split")
    keys = row_keys(context)
    rows = np.asarray(getattr(context.parts, part))
    return rows[~np.isin(keys[rows], keys[context.parts.train])]


def shared_rows(context: Context) -> list[Finding]:
    """Rows of validation and test that stand in training, and the score without them."""
    parts = context.parts
    assert parts is not None
    keys = row_keys(context)
    target = codes_of(context.table.column(context.problem.target))[1]
    trained = keys[parts.train]
    different = len(np.unique(trained)) / max(1, len(trained))
    findings = []
    for part in ("validation", "test"):
        rows = np.asarray(getattr(parts, part))
        if not len(rows):
            continue
        seen = np.isin(keys[rows], trained)
        share = float(seen.mean())
        if not seen.any():
            text = f"no row of {len(rows):,} in the {part} part stands in training"
            findings.append(
                judged(f"rows in {part}", "note", text, 0, SEEN, context.limits, len(rows), "")
            )
            continue
        text = (
            f"{count_text(int(seen.sum()), 'row')} of {len(rows):,} in the {part} part "
            f"({percent(seen.sum(), len(rows))}) stand in training with the same inputs"
        )
        if part == "validation":  # the labels of the test part stay sealed
            same = _with_label(keys, target, parts.train, rows)
            text += f", {int(same.sum()):,} with the same {quoted(context.problem.target)} too"
            text += _honest(context, rows, seen)
        few = different < bound(context, FEW)
        level = "note"
        if share > bound(context, SEEN):
            level = "warning" if few or part == "validation" else "error"
        advice = "give one row of each, or name the column of groups, so that copies stay together"
        if few:
            text += (
                f"; but only {percent(len(np.unique(trained)), len(trained))} of the training rows "
                "are different, so rows meet again without being copies"
            )
            advice = "nothing to mend; judge by the score on unseen rows"
        findings.append(
            judged(f"rows in {part}", level, text, share, SEEN, context.limits, len(rows), advice)
        )
    return findings


def _with_label(
    keys: np.ndarray, target: np.ndarray, train: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Which of `rows` stand in `train` with the same target as well."""
    both = keys * (target.max() + 2) + target
    return np.isin(both[rows], both[train])


def _honest(context: Context, rows: np.ndarray, seen: np.ndarray) -> str:
    """The best candidate's score on all validation rows and on the unseen ones, as words."""
    validation = context.validation
    if not context.candidates or validation is None or seen.all():
        return ""
    best = max(context.candidates, key=lambda candidate: candidate.score)
    metric, positive = metric_of(context), positive_of(context)
    outputs = best.outputs(validation.X)
    new = ~seen[np.searchsorted(rows, validation.rows)]
    usual = metric.score(validation.truth, outputs, positive)
    honest = metric.score(validation.truth[new], outputs[new], positive)
    return (
        f". The {best.name} has {metric.title} {metric.text(usual)} on all of them, and "
        f"{metric.text(honest)} on the {count_text(int(new.sum()), 'row')} that it has not seen"
    )


def shared_groups(context: Context) -> list[Finding]:
    """Groups that stand in two parts; and columns that look as if they named groups."""
    parts, table, problem = context.parts, context.table, context.problem
    assert parts is not None
    findings = []
    if problem.groups is not None and problem.groups in table.names:
        count, total = _in_two(table.column(problem.groups), context)
        level = "error" if count else "note"
        text = (
            f"{count_text(count, 'group')} of {quoted(problem.groups)} "
            f"{'stands' if count == 1 else 'stand'} in two parts or more"
            if count
            else f"no group of {quoted(problem.groups)} stands in two parts"
        )
        findings.append(
            Finding(
                "groups", level, text, count, 0.0, total, "one group, one part",
                "split by groups" if count else "",
            )
        )  # fmt: skip
        return findings
    named = []
    for name in table.names:
        if name == problem.target or not _SOMEBODY.fullmatch(name.strip()):
            continue
        column = table.column(name)
        levels, codes = codes_of(column)
        if len(levels) > 20 and len(codes) >= 1.2 * len(levels):
            count, total = _in_two(column, context)
            if count > 0.05 * total:
                named.append((name, count, total))
    for name, count, total in named:
        text = (
            f"{quoted(name)} names {total:,} of something, and {count:,} of them stand in two "
            "parts: if that is who a row is about, the scores are too good"
        )
        advice = f"split by it: Problem(..., groups={name!r}), or --group"
        findings.append(
            Finding("groups", "warning", text, count / total, 0.05, total, "a rule", advice)
        )
    return findings


def _in_two(column: np.ndarray, context: Context) -> tuple[int, int]:
    """How many groups stand in two parts or more, and how many there are."""
    assert context.parts is not None
    codes = codes_of(column)[1]
    gone = missing_in(column)
    there = [
        np.unique(codes[rows][~gone[rows]])
        for rows in (context.parts.train, context.parts.validation, context.parts.test)
    ]
    groups, times = np.unique(np.concatenate(there), return_counts=True)
    return int((times > 1).sum()), len(groups)


def shared_times(context: Context) -> list[Finding]:
    """Whether training, by its time column, ends before validation and test begin."""
    parts, table, problem = context.parts, context.table, context.problem
    assert parts is not None
    if problem.time is None or problem.time not in table.names:
        return []
    times = ordered(problem.time, table.column(problem.time))
    if times is None:
        return []
    late = 0
    for before, after in pairwise((parts.train, parts.validation, parts.test)):
        if len(before) and len(after):
            late += int((times[before] >= times[after].min()).sum())
    column = quoted(problem.time)
    if late:
        level, advice = "error", "split by time: what later rows teach would not have been known"
        text = f"{count_text(late, 'row')} of one part are not before the next by {column}"
    else:
        level, advice = "note", ""
        text = f"training, validation and test follow each other by {column}"
    return [
        Finding(
            "order of time", level, text, late, 0.0, table.rows,
            "the past predicts the future", advice,
        )
    ]  # fmt: skip


def _merged(columns: list[np.ndarray], context: Context) -> np.ndarray:
    """A number for each row by its cells in all columns."""
    keys = np.zeros(context.table.rows, np.int64)
    for column in columns:
        codes = codes_of(column)[1]
        keys = np.unique(keys * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1].ravel()
    return keys
