"""Numbers as sentences write them: a real minus sign, no exponents where digits will do, per cent
with a space. JSON, CSV and command lines keep Python's own.
"""

from __future__ import annotations

import math

from ..study.text import MINUS, number

LEAST_P = 1e-4
"""Below this a p value says no more than that it is small; 0 would be untrue."""


def decimal(value: float, digits: int = 3) -> str:
    """Some digits behind the point, fewer where the number is large.

    >>> decimal(0.97512), decimal(-0.25), decimal(-6e-5), decimal(131.25), decimal(235321.2)
    ('0.975', '−0.250', '0.000', '131.2', '235,321')
    >>> decimal(99.6, 0), decimal(100.0, 0)
    ('100', '100')
    """
    if not math.isfinite(value) or abs(value) >= 1e9:
        return "not a number" if math.isnan(value) else number(float(value))
    size = abs(value)
    text = (
        f"{value:.{digits}f}"
        if size < 100
        else f"{value:.{min(digits, 1)}f}"
        if size < 1000
        else f"{value:,.0f}"
    )
    return (text if float(text.replace(",", "")) else text.lstrip("-")).replace("-", MINUS)


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign.

    >>> signed(0.0271), signed(-0.1), signed(-1e-9)
    ('+0.027', '−0.100', '0.000')
    """
    text = decimal(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def amount(value: float, digits: int = 3, zeros: bool = False) -> str:
    """Some significant digits, written out: whole digits are never rounded away. `zeros` keeps
    those at the end, for numbers that stand beside others.

    >>> amount(0.004761), amount(120.4), amount(-1234.5), amount(3.0), amount(2e-7)
    ('0.00476', '120', '−1,234', '3', '2e−7')
    >>> amount(2.3, zeros=True), amount(127.04, 4, zeros=True), amount(0.0, zeros=True)
    ('2.30', '127.0', '0')
    """
    if not math.isfinite(value) or abs(value) >= 1e9 or 0 < abs(value) < 1e-4:
        return "not a number" if math.isnan(value) else number(float(value), digits)
    whole = abs(value) >= 10 ** (digits - 1)
    kept = "#" if zeros and value else ""
    text = f"{value:,.0f}" if whole else f"{value:{kept}.{digits}g}"
    return (text if float(text.replace(",", "")) else "0").replace("-", MINUS)


def typed(value: float, digits: int = 4) -> str:
    """A number as it can be given to a command again, so with no sign that only print knows.

    >>> typed(1e-5), typed(0.003), typed(1.0)
    ('1e-5', '0.003', '1')
    """
    return number(float(value), digits).replace(MINUS, "-")


def percent(count: float, total: float = 1.0) -> str:
    """A share as a sentence says it.

    >>> percent(5, 768), percent(1, 100_000), percent(0.5), percent(-0.123)
    ('0.7 %', 'under 0.1 %', '50 %', '−12.3 %')
    """
    share = count / total if total else 0.0
    if 0 < share < 0.0005:
        return "under 0.1 %"
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{'0' if text == '-0' else text} %".replace("-", MINUS)


def p_value(p: float) -> str:
    """What a test says; a p too small to be told apart from 0 is given as a bound.

    >>> p_value(0.0321), p_value(6.8e-13), p_value(0.0), p_value(1.0)
    ('p = 0.032', 'p < 0.0001', 'p < 0.0001', 'p = 1')
    """
    return "p < 0.0001" if p < LEAST_P else f"p = {number(float(p), 2)}"


def standard_errors(count: float) -> str:
    """A number of standard errors; beyond a hundred nobody counts.

    >>> standard_errors(-0.74), standard_errors(1159.3), standard_errors(1.0)
    ('−0.7 standard errors', 'over 100 standard errors', '1.0 standard errors')
    """
    if abs(count) >= 100:
        return f"{'minus ' * (count < 0)}over 100 standard errors"
    return f"{decimal(count, 1)} standard errors"
