"""What is wrong with a table by itself: missing cells, columns that never change or only name rows,
repeated rows; and, from odd_cells.py, cells that are not what they seem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text
from ..data.cells import levels_of, missing_in
from ..data.columns import kinds
from ..data.words import listed, quoted
from ..numerals import percent
from .inputs import bound, commonest, input_columns
from .odd_cells import far_values, hidden_zeros, mixed_cells, spellings
from .rules import judged, limit

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
LEVELS = limit(
    "levels", 50, "different texts in a category column", "one-hot inputs are made of 50 levels"
)


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
    gone = sum(holes.values())
    text = (
        f"{count_text(gone, 'cell')} missing, {percent(gone, cells)}, in "
        f"{count_text(len(holes), 'column')}: {told}{more}"
    )
    many = worst > bound(context, MISSING)
    advice = (
        "ask why they are missing; a column that is mostly missing is better left out (ignored)"
        if many
        else "the preparation fills them in from the training part, and says with what"
    )
    level = "warning" if many else "note"
    return [
        judged("missing cells", level, text, worst, MISSING, context.limits, table.rows, advice)
    ]


def many_levels(context: Context) -> list[Finding]:
    """Categories with more levels than inputs are made of."""
    found = kinds(context.table)
    many = {}
    for name in input_columns(context):
        if found[name] == "category":
            count = len(levels_of(context.table.column(name))[0])
            if count > bound(context, LEVELS):
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
        share = commonest(context.table.column(name)) / rows
        if share == 1.0:
            constant.append(name)
        elif share >= bound(context, CONSTANT) and rows >= 200:
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
    text = (
        f"{count_text(count, 'row')} ({percent(count, table.rows)}) repeat an earlier row in "
        "every cell"
    )
    if not count:
        text = f"no row of {table.rows:,} repeats another in every cell"
    many = share > bound(context, REPEATED)
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
