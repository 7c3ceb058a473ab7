"""How sentences about a table name its columns, cells and rows: cleaned, shortened, and not too
many at once. Names come from files of strangers.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ...study.text import clean, shorten
from ..numerals import amount

WIDEST = 40  # columns of text that a name may take in a sentence


def quoted(name: object) -> str:
    """A name or a cell in quotes, on one line, at most 40 characters of it.

    >>> quoted("age\\n(years)")
    "'age (years)'"
    """
    return f"'{shorten(clean(name), WIDEST)}'"


def listed(names: Sequence[object], most: int = 5) -> str:
    """Names as a sentence lists them, the first few of many.

    >>> listed(["a", "b", "c"]), listed("abcdefg", most=2)
    ("'a', 'b' and 'c'", "'a', 'b' and 5 others")
    """
    if len(names) > most + 1:
        return f"{', '.join(map(quoted, names[:most]))} and {len(names) - most:,} others"
    *first, last = map(quoted, names)
    return f"{', '.join(first)} and {last}" if first else last


def nearest(name: str, known: Iterable[str]) -> str:
    """What follows a name that is not known: the one that may have been meant, or nothing.

    >>> nearest("Speceis", ["species", "island"]), nearest("x", ["species"])
    ("; did you mean 'species'?", '')
    """
    lowered = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    return f"; did you mean {quoted(lowered[close[0]])}?" if close else ""


def plain(value: float) -> str:
    """A number of the table as a sentence says it: whole ones in full, others to four digits.

    >>> plain(1234567.0), plain(-0.123456)
    ('1,234,567', '−0.1235')
    """
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}".replace("-", "−")
    return amount(value, 4)
