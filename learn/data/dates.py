"""Texts that are dates: ISO and the other common forms, told apart by which one fits every cell.
Times are seconds since 1970 as float64, the same whatever version of pandas is installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

EPOCH = datetime(1970, 1, 1)
DAY = 86_400.0
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?:[ T,]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?)?"
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?([ T][0-9].*)?")
_PARTED = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})" + _CLOCK)
_YEARLY = re.compile(r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})" + _CLOCK)
_WORDED = re.compile(r"([0-9]{1,2})\.?[ -]([A-Za-z]{3,9})\.?,?[ -]([0-9]{4})" + _CLOCK)
_AMERICAN = re.compile(r"([A-Za-z]{3,9})\.? ([0-9]{1,2}),? ([0-9]{4})" + _CLOCK)


def _seconds(when: datetime) -> float:
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return (when - EPOCH) / timedelta(seconds=1)


def _iso(text: str) -> float | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    if not found[1]:
        text += "-01"  # a month
    return _seconds(datetime.fromisoformat(text))


def _clocked(
    pattern: re.Pattern[str], order: tuple[int, int, int]
) -> Callable[[str], float | None]:
    """A reader of dates whose year, month and day are the groups of these numbers."""

    def parse(text: str) -> float | None:
        found = pattern.fullmatch(text)
        if found is None:
            return None
        year, month, day = (found[i] for i in order)
        if month[0].isalpha():
            number = MONTHS.index(month[:3].lower()) + 1
        else:
            number = int(month)
        hour, minute, second = (int(part or 0) for part in found.groups()[3:6])
        return _seconds(datetime(int(year), number, int(day), hour, minute, second))

    return parse


@dataclass(frozen=True)
class Form:
    """A way to write dates: its name, as sentences and files have it, and its reader."""

    name: str
    parse: Callable[[str], float | None]


FORMS = {
    form.name: form
    for form in (
        Form("ISO (year-month-day)", _iso),
        Form("year/month/day", _clocked(_YEARLY, (1, 2, 3))),
        Form("day.month.year", _clocked(_PARTED, (3, 2, 1))),
        Form("month/day/year", _clocked(_PARTED, (3, 1, 2))),
        Form("day month-name year", _clocked(_WORDED, (3, 2, 1))),
        Form("month-name day, year", _clocked(_AMERICAN, (3, 1, 2))),
    )
}
"""All forms, by name; where two fit, slashes decide for the month first, all else for the day."""


def seconds_of(text: str, form: str) -> float:
    """A date as seconds since 1970-01-01 (UTC where it names an offset); NaN where it is none.

    >>> seconds_of("1970-01-02", "ISO (year-month-day)"), seconds_of("x", "day.month.year")
    (86400.0, nan)
    """
    try:
        value = FORMS[form].parse(text.strip())
    except (ValueError, OverflowError):
        value = None
    return float("nan") if value is None else value


def form_of(texts: Iterable[str]) -> tuple[str, bool] | None:
    """The form that all these texts have, and whether another one fits as well; None where none.

    >>> form_of(["2024-02-29", "2024-03-01 12:00"])
    ('ISO (year-month-day)', False)
    >>> form_of(["03/04/2024", "01/02/2023"])
    ('month/day/year', True)
    >>> form_of(["1", "2"])
    """
    texts = list(texts)
    fitting = [
        name
        for name in FORMS
        if texts and not any(np.isnan(seconds_of(text, name)) for text in texts)
    ]
    if not fitting:
        return None
    if len(fitting) > 1 and all("/" in text for text in texts):
        return "month/day/year", True
    return fitting[0], len(fitting) > 1 and not all("." in text for text in texts)


def date_text(seconds: float) -> str:
    """Seconds since 1970 as a sentence says them.

    >>> date_text(0.0), date_text(3600.0)
    ('1970-01-01', '1970-01-01 01:00:00')
    """
    when = EPOCH + timedelta(seconds=seconds)
    midnight = (when.hour, when.minute, when.second, when.microsecond) == (0, 0, 0, 0)
    return when.date().isoformat() if midnight else when.isoformat(" ", "seconds")
