"""What a number looks like as text, and the other notations that people write numbers in. These
are named in errors and never guessed: 1,234 is a thousand to some and one and a bit to others.
"""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]{16,400}")
COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([,.' \u00a0\u202f][0-9]{3})+([.,][0-9]+)?")


def is_number(text: str) -> bool:
    """Whether a text is a number as Python and pandas write them.

    >>> is_number("-1.5e3"), is_number("1,5"), is_number("nan")
    (True, False, False)
    """
    return NUMBER.fullmatch(text) is not None


def is_rounded(text: str) -> bool:
    """Whether a text is a whole number that changes when it becomes a float64.

    >>> is_rounded("9007199254740992"), is_rounded("9007199254740993"), is_rounded("1e300")
    (False, True, False)
    """
    if not WHOLE.fullmatch(text):
        return False
    value = float(text)
    return value - value == 0 and int(text) != int(value)  # infinite ones are refused elsewhere


def other_notation(text: str) -> str:
    """What is said of a cell that is a number in another notation; "" where it is none.

    >>> other_notation("3,14")
    'has a comma where a decimal point is wanted; write the column with points, as in 3.14'
    >>> other_notation("abc")
    ''
    """
    text = text.strip()
    if THOUSANDS.fullmatch(text):
        if COMMA.fullmatch(text):
            return (
                "is a number with a comma, which may separate thousands or decimals, and that is "
                "not guessed; write the column as 1234 or as 1.234"
            )
        return "has separators between thousands; write the column without them, as in 1234567.5"
    if COMMA.fullmatch(text):
        return (
            "has a comma where a decimal point is wanted; write the column with points, as in 3.14"
        )
    bare = text.strip("%€$£¥ \u00a0")
    if bare != text and is_number(bare):
        return "is a number with its unit; write the column as bare numbers, the unit in its name"
    return ""
