"""The thresholds that checks judge by: one table, each with what it bounds and where it comes from;
`learn(..., limits={...})` gives others.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping

from ...study.findings import Finding, Level, Limit
from ..errors import UsageError

LIMITS: dict[str, Limit] = {}
"""All limits, by name. Each check's file adds its own with `limit`."""


def limit(name: str, value: float, bounds: str, source: str) -> str:
    """Add a limit to the table; gives back its name."""
    assert name not in LIMITS, name
    LIMITS[name] = Limit(value, bounds, source)
    return name


def limits_with(others: Mapping[str, float]) -> dict[str, float]:
    """The limits' values, some of them replaced. Raises UsageError for a name that is not known."""
    values = {name: known.value for name, known in LIMITS.items()}
    for name, value in others.items():
        if name not in values:
            near = difflib.get_close_matches(name, values, 1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"there is no limit {name!r}; {meant}known are {', '.join(values)}")
        if not math.isfinite(value):
            raise UsageError(f"the limit {name!r} cannot be {value}: nothing is above or below it")
        values[name] = float(value)
    return values


def judged(
    code: str, level: Level, sentence: str, statistic: float, name: str,
    limits: Mapping[str, float], n: int, advice: str,
) -> Finding:  # fmt: skip
    """A finding judged by the limit of that name, whose source it carries."""
    known = LIMITS[name]
    value = limits.get(name, known.value)
    source = known.source if value == known.value else "given"
    return Finding(code, level, sentence, float(statistic), value, n, source, advice)
