"""What is wrong with a table by itself: missing cells, zeros that stand for missing ones, values far
from all others, numbers and texts mixed, levels that differ by a space, repeated rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text, number
from ..data.cells import as_numbers, levels_of, missing_in
from ..data.columns import kinds
from ..data.words import listed, plain, quoted
from .inputs import input_columns, percent
from .rules import LIMITS, judged, limit

if TYPE_CHECKING:
    from .context import Context

MISSING = limit(
    "missing_share", 0.5, "the share of a column's cells that are missing",
    "F. Harrell, Regression Modeling Strategies: beyond half a guess is all that is left",
)  # fmt: skip
REPEATED = limit(
    "repeated_share", 0.05, "the share of rows that repeat an earlier one",
    "as of the test part that stands in training; spam has 0.085",
)  # fmt: skip
CONSTANT = limit(
    "constant_share", 0.995, "the share of a column's cells that are one value",
    "at 0.995 a fold of 200 rows has one other value",
)  # fmt: skip
GAP = limit(
    "zero_gap", 4.0, "how far the least value is from 0, in steps between the least values",
    "measured: 5 and more in glucose, blood pressure, skin, insulin, BMI of the Pima table, and "
    "humidity of the bikes; at most 1 in counts, pixels and frequencies of words",
)  # fmt: skip
HEIGHT = limit(
    "zero_height", 0.08, "the least value as a share of the median, with zero_gap",
    "measured on the same tables: 0.11 and more, where amounts of money have 0.03 and less",
)  # fmt: skip
FAR = limit(
    "outlier_z", 10.0, "distance from the median in robust deviations (1.4826 MAD)",
    "B. Iglewicz and D. Hoaglin, 1993, take 3.5 for normal columns; tables' columns are skewed",
)  # fmt: skip
APART = limit(
    "outlier_gap", 3.0, "distance of far values from the rest, in ranges of the rest",
    "a slipped decimal point moves a value by 9 ranges or more",
)  # fmt: skip
LEVELS = limit(
    "levels", 50, "different texts in a category column", "one-hot inputs are made of 50 levels"
)
MOSTLY = limit(
    "zero_share", 0.6, "the share of zeros, above which 0 is what is usual",
    "measured: 0.49 in insulin of the Pima table, 0.8 and more in frequencies of words",
)  # fmt: skip
SPIKE = (GAP, HEIGHT, MOSTLY)
LEAST_ZEROS = 3


def integrity(context: Context) -> list[Finding]:
    """All that is wrong with the table's own cells, each kind of trouble in one finding."""
    table = context.table
    if not table.rows:
        return []
    checks = (
        missing_cells, hidden_zeros, far_values, mixed_cells, spellings, many_levels,
        still_columns, identifiers, repeated_rows,
    )  # fmt: skip
    return [finding for check in checks for finding in check(context)]


def missing_cells(context: Context) -> list[Finding]:
    """How many cells of which columns are missing."""
    table = context.table
    counts = {name: int(missing_in(table.column(name)).sum()) for name in input_columns(context)}
    holes = {name: count for name, count in counts.items() if count}
    cells = table.rows * max(1, len(counts))
    if not holes:
        text = f"no cell of {count_text(len(counts), 'column')} is missing"
        return [judged("missing cells", "note", text, 0, MISSING, context.limits, table.rows, "")]
    by_count = sorted(holes, key=lambda name: -holes[name])
    worst = holes[by_count[0]] / table.rows
    told = ", ".join(f"{quoted(name)} {percent(holes[name], table.rows)}" for name in by_count[:5])
    more = f" and {len(by_count) - 5} more columns" if len(by_count) > 5 else ""
    text = (
        f"{count_text(sum(holes.values()), 'cell')} missing, {percent(sum(holes.values()), cells)}, in "
        f"{count_text(len(holes), 'column')}: {told}{more}"
    )
    many = worst > context.limits.get(MISSING, 0.5)
    advice = (
        "ask why they are missing; a column that is mostly missing is better left out (ignored)"
        if many
        else "the preparation fills them in from the training part, and says with what"
    )
    level = "warning" if many else "note"
    return [
        judged("missing cells", level, text, worst, MISSING, context.limits, table.rows, advice)
    ]


def hidden_zeros(context: Context) -> list[Finding]:
    """Measures that are never small, and yet 0 in some rows: nobody has a blood pressure of 0."""
    columns = {name: context.table.column(name) for name in input_columns(context)}
    columns = {name: column for name, column in columns.items() if column.dtype != object}
    apart, plainly = {}, []
    for name, column in columns.items():
        spike = zero_spike(column.astype(np.float64))
        gap, height, share = (context.limits.get(one, LIMITS[one].value) for one in SPIKE)
        if spike and spike[2] >= gap and spike[3] >= height and spike[0] <= share * len(column):
            apart[name] = spike
        else:
            plainly.append(column == 0)
    findings = []
    for name, (zeros, least, gap, _) in apart.items():
        column = columns[name]
        if _shared(column == 0, plainly):
            continue
        there = int((~missing_in(column)).sum())
        text = (
            f"{quoted(name)} is 0 in {count_text(zeros, 'row')} ({percent(zeros, there)}) and in no "
            f"other row under {plain(least)}: these zeros may stand for missing values"
        )
        advice = (
            "if nobody can have a 0 there, make those cells empty; the model takes 0 at its word"
        )
        findings.append(
            judged("hidden zeros", "warning", text, gap, GAP, context.limits, there, advice)
        )
    if not findings and columns:
        looked = count_text(len(columns), "number column")
        text = f"no zeros that look like missing values in {looked}"
        findings.append(
            judged("hidden zeros", "note", text, 0, GAP, context.limits, context.table.rows, "")
        )
    return findings


def _shared(zeros: np.ndarray, plainly: list[np.ndarray]) -> bool:
    """Whether another column, whose zeros are plain values, is 0 in the same rows: then 0 means
    none, as with cells' nuclei that have no concave points."""
    count = zeros.sum()
    return any(
        (zeros & other).sum() >= 0.9 * count and other.sum() <= 2 * count for other in plainly
    )


def zero_spike(values: np.ndarray) -> tuple[int, float, float, float] | None:
    """Zeros that stand apart from a positive measure: (zeros, least, gap, height).

    `least` is the least value above 0, `gap` its distance from 0 in steps between the five least
    different values, `height` its share of the median above 0. None where there are no such zeros:
    fewer than 3, negative values, or under 10 different values, as in counts and codes.
    """
    values = values[np.isfinite(values)]
    zeros = int(np.sum(values == 0))
    above = values[values > 0]
    if zeros < LEAST_ZEROS or (values < 0).any() or not len(above):
        return None
    different = np.unique(above)
    if len(different) < 10:
        return None
    step = (different[4] - different[0]) / 4
    least = float(different[0])
    return zeros, least, float(least / step), least / float(np.median(above))


def far_values(context: Context) -> list[Finding]:
    """Values far from the median, and those that stand alone far from all the rest."""
    alone, heavy, looked, farthest = [], [], 0, 0.0
    for name in input_columns(context):
        values = context.table.column(name)
        if values.dtype == object:
            continue
        looked += 1
        values = values.astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values) < 20:
            continue
        middle = np.median(values)
        distance = np.abs(values - middle)
        spread = 1.4826 * np.median(distance)
        if spread == 0:
            continue
        z = distance / spread
        far = z > context.limits.get(FAR, 10.0)
        if not far.any():
            continue
        rest = values[~far]
        span = float(rest.max() - rest.min())
        beyond = np.minimum(np.abs(values[far] - rest.max()), np.abs(values[far] - rest.min()))
        gap = float(beyond.min() / span) if span else np.inf
        farthest = max(farthest, float(z.max()))
        if gap > context.limits.get(APART, 3.0) and far.mean() < 0.01:
            alone.append((name, np.unique(values[far]), int(far.sum()), rest))
        else:
            heavy.append(name)
    findings = []
    for name, odd, count, rest in alone:
        few = ", ".join(plain(float(value)) for value in odd[:3]) + (", …" if len(odd) > 3 else "")
        text = (
            f"{quoted(name)} is {few} in {count_text(count, 'row')}, while all other rows are "
            f"between {plain(float(rest.min()))} and {plain(float(rest.max()))}"
        )
        advice = "a slipped decimal point, another unit, or a code for missing? look at these rows"
        findings.append(
            judged(
                "outliers",
                "warning",
                text,
                farthest,
                FAR,
                context.limits,
                len(rest) + count,
                advice,
            )
        )
    if heavy:
        many = len(heavy) > 1
        text = (
            f"{count_text(len(heavy), 'column')} {'have' if many else 'has'} a long tail, values over "
            f"{number(context.limits.get(FAR, 10.0))} robust deviations from the median: {listed(heavy)}"
        )
        advice = "no fault by itself; the preparation clips what is beyond 10 deviations"
        findings.append(
            judged(
                "long tails",
                "note",
                text,
                farthest,
                FAR,
                context.limits,
                context.table.rows,
                advice,
            )
        )
    if not findings and looked:
        text = f"no value far from the others in {count_text(looked, 'number column')}"
        findings.append(
            judged("outliers", "note", text, 0, FAR, context.limits, context.table.rows, "")
        )
    return findings


def mixed_cells(context: Context) -> list[Finding]:
    """Columns of texts in which most cells are numbers."""
    findings = []
    for name in input_columns(context):
        column = context.table.column(name)
        if column.dtype != object:
            continue
        values, wrong = as_numbers(column)
        there = int(np.isfinite(values).sum())
        if not len(wrong) or there <= len(wrong) or len(np.unique(values)) < 5:
            continue  # 1, "2 to 3", "4 and more" are levels
        odd = sorted({str(column[row]) for row in wrong})
        text = (
            f"{quoted(name)} holds {there:,} numbers and {count_text(len(wrong), 'text')}: "
            f"{listed(odd, 3)}; the first is in {context.table.where(int(wrong[0]))}"
        )
        advice = "as it stands each number is a category; correct the texts, or make them missing"
        total = there + len(wrong)
        findings.append(
            Finding(
                "mixed cells", "warning", text, len(wrong) / total, 0.0, total, "a rule", advice
            )
        )
    return findings


def spellings(context: Context) -> list[Finding]:
    """Levels that differ only in case or spaces, of the target too."""
    findings = []
    for name in [*input_columns(context), context.problem.target]:
        if name not in context.table.names:
            continue
        column = context.table.column(name)
        if column.dtype != object:
            continue
        texts, codes = levels_of(column)
        if len(texts) > 2000:  # free text or keys
            continue
        alike: dict[str, list[str]] = {}
        for text in texts:
            alike.setdefault(" ".join(text.split()).casefold(), []).append(text)
        same = [group for group in alike.values() if len(group) > 1]
        if not same:
            continue
        extra = sum(len(group) - 1 for group in same)
        text = (
            f"{quoted(name)} spells {count_text(len(same), 'level')} in several ways, as "
            + " and ".join(f"{shown!r}" for shown in same[0][:3])
        )
        text = text if text.isprintable() else text.encode("unicode_escape").decode()
        advice = "they count as different categories; write them alike"
        findings.append(
            Finding(
                "spellings", "warning", text, extra, 0.0, int((codes >= 0).sum()), "a rule", advice
            )
        )
    return findings


def many_levels(context: Context) -> list[Finding]:
    """Categories with more levels than inputs are made of."""
    found = kinds(context.table)
    many = {}
    for name in input_columns(context):
        if found[name] == "category":
            count = len(levels_of(context.table.column(name))[0])
            if count > context.limits.get(LEVELS, 50):
                many[name] = count
    if not many:
        return []
    most = max(many.values())
    told = ", ".join(f"{quoted(name)} {count:,}" for name, count in list(many.items())[:5])
    text = f"{count_text(len(many), 'category column')} with many levels: {told}"
    advice = "rare levels are put together as 'other'; group them by meaning if you know how"
    return [
        judged(
            "many levels", "note", text, most, LEVELS, context.limits, context.table.rows, advice
        )
    ]


def still_columns(context: Context) -> list[Finding]:
    """Columns that are the same in all rows, or nearly."""
    rows = context.table.rows
    constant, nearly, most = [], [], 0.0
    for name in input_columns(context):
        _, codes = levels_of(context.table.column(name))
        counts = np.bincount(codes + 1)
        share = counts.max() / rows
        if share == 1.0:
            constant.append(name)
        elif share >= context.limits.get(CONSTANT, 0.995) and rows >= 200:
            nearly.append(name)
            most = max(most, float(share))
    findings = []
    if constant:
        text = f"{count_text(len(constant), 'column')} never changes: {listed(constant)}"
        text = text.replace("columns never changes", "columns never change")
        advice = "nothing can be learned from it; the preparation leaves it out"
        findings.append(
            judged("constant", "note", text, 1.0, CONSTANT, context.limits, rows, advice)
        )
    if nearly:
        text = f"{count_text(len(nearly), 'column')} hardly ever changes: {listed(nearly)}"
        text = text.replace("columns hardly ever changes", "columns hardly ever change")
        advice = "the few other rows may decide too much; leave it out if they say nothing to you"
        findings.append(
            judged("nearly constant", "note", text, most, CONSTANT, context.limits, rows, advice)
        )
    return findings


def identifiers(context: Context) -> list[Finding]:
    """Columns that name rows instead of describing them."""
    found = kinds(context.table)
    names = [name for name in input_columns(context) if found[name] == "identifier"]
    if not names:
        return []
    text = f"{listed(names)} {'name' if len(names) > 1 else 'names'} rows: {found[names[0]].reason}"
    advice = "left out of the inputs: what is learned by name does not hold for the next name"
    return [
        Finding(
            "identifiers", "note", text, len(names), 0.0, context.table.rows,
            "backlit.learn.data.columns", advice,
        )
    ]  # fmt: skip


def repeated_rows(context: Context) -> list[Finding]:
    """Rows that are equal to an earlier one in every cell."""
    table = context.table
    repeated = repeats(table.frame)
    count = int(repeated.sum())
    share = count / table.rows
    text = f"{count_text(count, 'row')} ({percent(count, table.rows)}) repeat an earlier row in every cell"
    if not count:
        text = f"no row of {table.rows:,} repeats another in every cell"
    many = share > context.limits.get(REPEATED, 0.05)
    advice = (
        "were they recorded twice? then drop them; if rows just happen to be alike, they may stay, "
        "but the score on rows that are not in training is the honest one"
    )
    return [
        judged(
            "repeated rows", "warning" if many else "note", text, share, REPEATED, context.limits,
            table.rows, advice if count else "",
        )
    ]  # fmt: skip


def repeats(frame: object) -> np.ndarray:
    """Which rows (rows,) bool are equal to an earlier one; missing cells are equal."""
    return np.asarray(frame.duplicated(), bool)  # type: ignore[attr-defined]
