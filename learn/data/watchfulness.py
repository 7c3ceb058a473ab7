"""What new rows have that training had not: levels never met, numbers out of range, missing cells
where there were none. A prediction for them is an extrapolation, and a sentence says so.
"""

from __future__ import annotations

import numpy as np

from ...study.text import count_text
from .cells import as_texts, describe, missing_in
from .dates import date_text
from .plans import Boolean, Category, Number, Plan, Time, numbers_of, times_of
from .table import Table
from .words import plain, quoted


def remarks(plan: Plan, table: Table) -> list[str]:
    """What is unlike training in the column of a plan."""
    cells = table.column(plan.column)
    name = quoted(plan.column)
    said = []
    gone = missing_in(cells)
    if isinstance(plan, Number | Boolean | Category | Time) and gone.any() and not plan.gaps:
        said.append(
            f"{name}: {count_text(int(gone.sum()), 'cell')} missing, the first at "
            f"{table.where(int(np.argmax(gone)))}; in training none was"
        )
    if isinstance(plan, Number):
        values = numbers_of(plan.column, cells, table.where)
        said += _beyond(name, values, plan.low, plan.high, plan.scale, plain, table)
    elif isinstance(plan, Time):
        seconds = times_of(plan.column, cells, plan.form, table.where)
        if {"year", "days"} & {*plan.parts}:  # of the others none goes on and on
            said += _beyond(name, seconds, plan.low, plan.high, 0.0, date_text, table)
    elif isinstance(plan, Boolean):
        neither = np.isnan(plan.values(cells)) & ~gone
        if neither.any():
            row = int(np.argmax(neither))
            said.append(
                f"{name}: {count_text(int(neither.sum()), 'cell')} neither {plan.true} nor its "
                f"opposite ({quoted(as_texts(cells)[row])} at {table.where(row)}), taken as missing"
            )
    elif isinstance(plan, Category):
        _, unknown = plan.codes(cells)
        if unknown:
            texts = as_texts(cells)
            known = set(unknown)
            count = sum(text in known for text in texts)
            how = "taken as other levels" if plan.others else "which no input stands for"
            said.append(
                f"{name}: {count_text(count, 'cell')} of {count_text(len(unknown), 'level')} that "
                f"training did not have, {how}: {describe(unknown)}"
            )
    return said


def _beyond(
    name: str, values: np.ndarray, low: float, high: float, scale: float, say, table: Table
):
    """Sentences for values above and below what training had."""
    said = []
    for above in (True, False):
        bound = high if above else low
        out = values > bound if above else values < bound
        if not out.any():
            continue
        extreme = float(values[out].max() if above else values[out].min())
        row = int(np.argmax(values == extreme))
        deviations = abs(extreme - bound) / scale if scale else 0.0
        far = f", {plain(deviations)} deviations beyond" if scale else ""
        said.append(
            f"{name}: {count_text(int(out.sum()), 'value')} {'above' if above else 'below'} "
            f"{say(bound)}, the {'greatest' if above else 'least'} in training; the farthest is "
            f"{say(extreme)} at {table.where(row)}{far}"
        )
    return said
