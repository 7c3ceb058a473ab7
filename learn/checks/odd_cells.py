"""Cells that are not what they seem: zeros that stand for missing ones, values far from all others,
texts among numbers, levels that differ by a space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text, number
from ..data.cells import as_numbers, levels_of, missing_in
from ..data.words import listed, plain, quoted
from ..numerals import percent
from .inputs import bound, input_columns
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

GAP = limit(
    "zero_gap", 4.0, "how far the least value is from 0, in steps between the least values",
    "measured: 5 and more in glucose, blood pressure, skin, insulin, BMI of the Pima table, and "
    "humidity of the bikes; at most 1 in counts, pixels and frequencies of words",
)  # fmt: skip
HEIGHT = limit(
    "zero_height", 0.08, "the least value as a share of the median, with zero_gap",
    "measured on the same tables: 0.11 and more, where amounts of money have 0.03 and less",
)  # fmt: skip
MOSTLY = limit(
    "zero_share", 0.6, "the share of zeros, above which 0 is what is usual",
    "measured: 0.49 in insulin of the Pima table, 0.8 and more in frequencies of words",
)  # fmt: skip
SPIKE = (GAP, HEIGHT, MOSTLY)
LEAST_ZEROS = 3
FAR = limit(
    "outlier_z", 10.0, "distance from the median in robust deviations (1.4826 MAD)",
    "B. Iglewicz and D. Hoaglin, 1993, take 3.5 for normal columns; tables' columns are skewed",
)  # fmt: skip
APART = limit(
    "outlier_gap", 3.0, "distance of far values from the rest, in ranges of the rest",
    "a slipped decimal point moves a value by 9 ranges or more",
)  # fmt: skip


def hidden_zeros(context: Context) -> list[Finding]:
    """Measures that are never small, and yet 0 in some rows: nobody has a blood pressure of 0."""
    columns = {name: context.table.column(name) for name in input_columns(context)}
    columns = {name: column for name, column in columns.items() if column.dtype != object}
    apart, plainly = {}, []
    for name, column in columns.items():
        spike = zero_spike(column.astype(np.float64))
        gap, height, share = (bound(context, one) for one in SPIKE)
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
            f"{quoted(name)} is 0 in {count_text(zeros, 'row')} ({percent(zeros, there)}) and in "
            f"no other row under {plain(least)}: these zeros may stand for missing values"
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
        far = z > bound(context, FAR)
        if not far.any():
            continue
        rest = values[~far]
        span = float(rest.max() - rest.min())
        beyond = np.minimum(np.abs(values[far] - rest.max()), np.abs(values[far] - rest.min()))
        gap = float(beyond.min() / span) if span else np.inf
        farthest = max(farthest, float(z.max()))
        if gap > bound(context, APART) and far.mean() < 0.01:
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
        has = "has" if len(heavy) == 1 else "have"
        text = (
            f"{count_text(len(heavy), 'column')} {has} a long tail, values over "
            f"{number(bound(context, FAR))} robust deviations from the median: {listed(heavy)}"
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
