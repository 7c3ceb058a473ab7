"""What each column of a table is: a number, a category, a date, an identifier, with the reason in
words. Only cells are looked at, and names where cells alone cannot tell a measure from a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...study.text import count_text
from ..numerals import percent
from .cells import describe, levels_of, missing_in
from .dates import date_text, form_of, seconds_of
from .table import Table
from .words import plain

KindName = Literal[
    "number", "category", "boolean", "time", "text", "identifier", "constant", "empty"
]
PAIRS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"), ("0", "1"))
"""What booleans are written as: 0 first, then 1."""
MANY = 0.5  # of the cells different: they name rows, or few rows each
FEWEST = 20  # cells, below which being all different means nothing
WORDS, LENGTH = 3, 40  # a mean of so many words or characters in a cell is a text
_KEY = re.compile(
    r"(?:.*[\W_])?(?:id|ids|uid|uuid|guid|identifier|rowid|index|key)|.*[a-z](?:Id|ID)", re.ASCII
)


@dataclass(frozen=True, eq=False)
class Kind:
    """What a column is, and why. It equals its name: `kind == "number"`.

    `form` is how its dates are written, or the pair of its booleans.
    """

    name: KindName
    reason: str
    form: str = ""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Kind):
            return self.name == other.name
        return self.name == other

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


def kinds(table: Table) -> dict[str, Kind]:
    """The kind of each column.

    >>> kinds(Table.of({"age": [31, 25, 47], "member": ["yes", "no", None]}))["member"].reason
    'yes or no; 1 cell is missing'
    """
    return {name: kind_of(name, table.column(name)) for name in table.names}


def kind_of(name: str, column: np.ndarray) -> Kind:
    """The kind of a column by its name and its cells (rows,): float64, int64 or object."""
    gone = int(missing_in(column).sum())
    there = len(column) - gone
    if not there:
        return Kind("empty", "all cells are missing")
    left = f"; {count_text(gone, 'cell')} {'is' if gone == 1 else 'are'} missing" if gone else ""
    kind = _of_texts(name, column, there) if column.dtype == object else _of_numbers(name, column)
    if kind == "constant" and gone:
        # Whether the cell is there may still say something.
        kind = Kind("number" if column.dtype != object else "category", kind.reason)
    return Kind(kind.name, kind.reason + left, kind.form)


def looks_like_key(name: str) -> bool:
    """Whether a column's name says that it is one of identifiers.

    >>> looks_like_key("customer_id"), looks_like_key("userId"), looks_like_key("humid")
    (True, True, False)
    """
    return (
        _KEY.fullmatch(name.strip()) is not None or _KEY.fullmatch(name.strip().lower()) is not None
    )


def _of_numbers(name: str, column: np.ndarray) -> Kind:
    values = column[column == column]
    low, high = values.min(), values.max()
    if low == high:
        return Kind("constant", f"always {plain(float(low))}")
    different = np.unique(values)
    if len(different) == 2 and low == 0 and high == 1:
        return Kind("boolean", "0 or 1", "1")
    span = f"from {plain(float(low))} to {plain(float(high))}"
    whole = bool((values == np.floor(values)).all())
    if whole and len(values) >= FEWEST:
        unique = len(different) == len(values)
        if unique and high - low == len(values) - 1:
            return Kind("identifier", f"the whole numbers {span}, each once: a count of the rows")
        if looks_like_key(name) and len(different) > FEWEST:
            how = "all" if unique else "many"
            return Kind("identifier", f"whole numbers, {how} different, and the name says it")
    values_text = count_text(len(different), "value")
    return Kind("number", f"{'whole ' * whole}numbers {span}, {values_text}")


def _of_texts(name: str, column: np.ndarray, there: int) -> Kind:
    texts, _ = levels_of(column)
    if len(texts) == 1:
        return Kind("constant", f"always {describe(texts)}")
    folded = sorted({text.strip().lower() for text in texts})
    for pair in PAIRS:
        if tuple(folded) == pair:
            return Kind("boolean", f"{pair[1]} or {pair[0]}", pair[1])
    dates = form_of(texts) if _may_be_date(texts) else None
    if dates is not None:
        form, ambiguous = dates
        seconds = [seconds_of(text, form) for text in texts]
        doubt = ", though day and month may be meant the other way round" if ambiguous else ""
        return Kind(
            "time",
            f"dates from {date_text(min(seconds))} to {date_text(max(seconds))}, "
            f"written as {form}{doubt}",
            form,
        )
    share = len(texts) / there
    if there >= FEWEST:
        length = float(np.mean([len(text) for text in texts]))
        words = float(np.mean([len(text.split()) for text in texts]))
        if share > MANY and (words >= WORDS or length > LENGTH):
            return Kind(
                "text",
                f"texts of {words:.1f} words and {length:.0f} characters on average, "
                f"{percent(round(share, 2))} of them different",
            )
        if share > MANY:
            how = "all" if share == 1 else f"{percent(round(share, 2))} of them"
            return Kind("identifier", f"short texts, {how} different: {describe(texts)}")
        if looks_like_key(name) and len(texts) > FEWEST:
            return Kind("identifier", f"{len(texts):,} different keys, and the name says it")
    return Kind("category", f"{count_text(len(texts), 'level')}: {describe(texts)}")


def _may_be_date(texts: list[str]) -> bool:
    """A quick look at the ends of a long list, before all of it is read."""
    few = texts[:3] + texts[-3:]
    return form_of(few) is not None
