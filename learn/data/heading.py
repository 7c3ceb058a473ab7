"""The first line of a file: the columns' names, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DataError
from .structure import cells
from .words import quoted

MOST_COLUMNS = 10_000


def names_of(record: str, separator: str, where: str, least: int = 2) -> list[str]:
    """The columns' names in the first record, without spaces around them.

    `where` begins the error. Raises DataError for fewer than `least` or more than 10,000 columns,
    and for names that are empty or occur twice.

    >>> names_of('age, "income (k)"', ",", "line 1")
    ['age', 'income (k)']
    """
    names = [name.strip() for name in cells(record, separator)]
    if len(names) < least:
        raise DataError(
            f"{where}: one column only, {quoted(names[0])}; no comma, semicolon, tab or bar stands "
            "between names there, and a column to predict needs others to predict it by"
        )
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{where}: {len(names):,} columns, of at most {MOST_COLUMNS:,}; are rows and columns "
            "the wrong way round?"
        )
    if "" in names:
        at = names.index("") + 1
        index = "; a file that pandas wrote with its index? write it with index=False"
        raise DataError(f"{where}: column {at} has no name; give it one{index * (at == 1)}")
    if len(set(names)) < len(names):
        first, second = twice_in(names)
        raise DataError(
            f"{where}: columns {first + 1} and {second + 1} are both called "
            f"{quoted(names[first])}; rename one of them"
        )
    return names


def twice_in(names: Sequence[str]) -> tuple[int, int]:
    """Where the first name that occurs again stands, and where it does so.

    >>> twice_in(["a", "b", "c", "b"])
    (1, 3)
    """
    seen: dict[str, int] = {}
    for at, name in enumerate(names):
        if name in seen:
            return seen[name], at
        seen[name] = at
    raise ValueError("all names are different")
