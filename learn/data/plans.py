"""What is done to one column so that it becomes inputs, and the few numbers that are remembered for
it. A plan looks at one row at a time: what else is in the table changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError
from .cells import as_numbers, as_texts, missing_in
from .columns import PAIRS
from .dates import DAY, FORMS, seconds_of
from .words import quoted

MOST_LEVELS = 50
CLIP = 10.0  # deviations
TIME_PARTS = ("year", "month", "day of week", "hour", "days")


@dataclass(frozen=True)
class Plan:
    """How a column becomes inputs."""

    kind: ClassVar[str]
    column: str

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names."""
        raise NotImplementedError

    def apply(self, cells: np.ndarray, where: Any) -> np.ndarray:
        """The inputs (rows, inputs) float64 of the column's cells (rows,).

        `where(row)` names a row. Raises DataError for cells that the column cannot hold.
        """
        raise NotImplementedError

    def as_dict(self) -> dict[str, Any]:
        """Everything that is remembered, as JSON has it."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Number(Plan):
    """(x - mean) / scale within 10 deviations; the median and a mark where it is missing."""

    kind: ClassVar[str] = "number"
    fill: float
    mean: float
    scale: float
    low: float
    high: float
    """The least and the greatest in training."""
    marked: bool
    """Whether an input says where the cell was missing."""
    gaps: bool
    """Whether cells were missing in training."""
    clipped: bool = True
    constant: bool = False
    """The same wherever it is there: only the mark is an input."""

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name, and that of the mark."""
        value = () if self.constant else (self.column,)
        return (*value, f"{self.column}: missing") if self.marked else value

    def apply(self, cells: np.ndarray, where: Any) -> np.ndarray:
        """Standardised values, and 1 where missing."""
        values = numbers_of(self.column, cells, where)
        gone = np.isnan(values)
        made = []
        if not self.constant:
            made.append(standardised(np.where(gone, self.fill, values), self.mean, self.scale))
            if self.clipped:
                np.clip(made[0], -CLIP, CLIP, out=made[0])
        if self.marked:
            made.append(gone.astype(np.float64))
        return np.column_stack(made)


@dataclass(frozen=True)
class Boolean(Plan):
    """0 or 1; the more frequent one and a mark where it is missing."""

    kind: ClassVar[str] = "boolean"
    true: str
    """The word for 1; the one for 0 is its partner in `PAIRS`."""
    fill: float
    marked: bool
    gaps: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name, and that of the mark."""
        return (self.column, f"{self.column}: missing") if self.marked else (self.column,)

    def values(self, cells: np.ndarray) -> np.ndarray:
        """0 or 1 (rows,), NaN for all that is neither."""
        false = next(pair[0] for pair in PAIRS if pair[1] == self.true)
        known = {false: 0.0, self.true: 1.0}
        texts = as_texts(cells)
        return np.array(
            [np.nan if t is None else known.get(t.strip().lower(), np.nan) for t in texts],
            np.float64,
        )

    def apply(self, cells: np.ndarray, where: Any) -> np.ndarray:
        """The values, and 1 where missing."""
        values = self.values(cells)
        gone = np.isnan(values)
        made = [np.where(gone, self.fill, values)]
        if self.marked:
            made.append(gone.astype(np.float64))
        return np.column_stack(made)


@dataclass(frozen=True)
class Category(Plan):
    """An input for each level, one for all others if there are many, one for missing cells."""

    kind: ClassVar[str] = "category"
    levels: tuple[str, ...]
    others: bool
    gaps: bool

    @property
    def names(self) -> tuple[str, ...]:
        """`colour = red`, …, `colour: other levels`, `colour: missing`."""
        names = [f"{self.column} = {level}" for level in self.levels]
        names += [f"{self.column}: other levels"] * self.others
        names += [f"{self.column}: missing"] * self.gaps
        return tuple(names)

    def codes(self, cells: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """The input that is 1 for each row, -1 for none; and the texts that are no levels."""
        import pandas as pd

        local, uniques = pd.factorize(as_texts(cells))
        place = {level: k for k, level in enumerate(self.levels)}
        other = len(self.levels) if self.others else -1
        table = np.empty(len(uniques) + 1, np.int64)
        table[-1] = len(self.levels) + self.others if self.gaps else -1
        unknown = []
        for k, text in enumerate(uniques):
            table[k] = place.get(text, other)
            if text not in place:
                unknown.append(str(text))
        return table[local], unknown

    def apply(self, cells: np.ndarray, where: Any) -> np.ndarray:
        """One 1 in each row; none for a level that is not known."""
        codes, _ = self.codes(cells)
        made = np.zeros((len(cells), len(self.names)))
        rows = np.flatnonzero(codes >= 0)
        made[rows, codes[rows]] = 1.0
        return made


@dataclass(frozen=True)
class Time(Plan):
    """Parts of a date that varied in training, standardised, and days since the earliest one."""

    kind: ClassVar[str] = "time"
    form: str
    parts: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    fill: float
    low: float
    high: float
    """Seconds since 1970: the median, the earliest, the latest."""
    marked: bool
    gaps: bool

    @property
    def names(self) -> tuple[str, ...]:
        """`date: month`, …, `date: missing`."""
        names = [f"{self.column}: {part}" for part in self.parts]
        return (*names, f"{self.column}: missing") if self.marked else tuple(names)

    def apply(self, cells: np.ndarray, where: Any) -> np.ndarray:
        """The parts, and 1 where missing."""
        seconds = times_of(self.column, cells, self.form, where)
        gone = np.isnan(seconds)
        there = np.where(gone, self.fill, seconds)
        made = [
            np.clip(standardised(time_part(there, part, self.low), mean, scale), -CLIP, CLIP)
            for part, mean, scale in zip(self.parts, self.means, self.scales, strict=True)
        ]
        if self.marked:
            made.append(gone.astype(np.float64))
        return np.column_stack(made)


def numbers_of(column: str, cells: np.ndarray, where: Any) -> np.ndarray:
    """Cells as float64, NaN where missing. Raises DataError for texts."""
    values, wrong = as_numbers(cells)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{where(row)}, column {quoted(column)}: {quoted(cells[row])} is no number, as all "
            "cells were in training; correct it, or leave it empty"
        )
    return values


def times_of(column: str, cells: np.ndarray, form: str, where: Any) -> np.ndarray:
    """Cells as seconds since 1970, NaN where missing. Raises DataError for what is no date."""
    import pandas as pd

    local, uniques = pd.factorize(as_texts(cells))
    table = np.array([*(seconds_of(str(text), form) for text in uniques), np.nan])
    seconds = table[local]
    wrong = np.flatnonzero(np.isnan(seconds) & ~missing_in(cells))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{where(row)}, column {quoted(column)}: {quoted(cells[row])} is no date written as "
            f"{form}, as all cells were in training; correct it, or let it count as missing"
        )
    return seconds


def time_part(seconds: np.ndarray, part: str, earliest: float) -> np.ndarray:
    """A part of dates: months from 1, days of the week from Monday = 0, hours from 0.

    >>> time_part(np.array([0.0, 86400 * 31 + 3600.0]), "month", 0.0).tolist()
    [1.0, 2.0]
    """
    days = np.floor(seconds / DAY)
    if part == "days":
        return (seconds - earliest) / DAY
    if part == "hour":
        return np.floor((seconds - days * DAY) / 3600)
    if part == "day of week":
        return (days + 3) % 7  # 1970 began on a Thursday
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (months // 12 + 1970 if part == "year" else months % 12 + 1).astype(np.float64)


def standardised(values: np.ndarray, mean: float, scale: float) -> np.ndarray:
    """(x - mean) / scale, where a difference beyond the largest number counts as infinite."""
    with np.errstate(over="ignore"):
        return (values - mean) / scale


def mean_and_scale(values: np.ndarray) -> tuple[float, float]:
    """Mean and deviation; the deviation of what never changes is 1.

    >>> mean_and_scale(np.array([1.0, 3.0])), mean_and_scale(np.array([1e308, -1e308]))
    ((2.0, 1.0), (0.0, 1e+308))
    """
    if values.min() == values.max():
        return float(values.flat[0]), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(values.mean()), float(values.std())
    if not (np.isfinite(mean) and np.isfinite(scale) and scale > 0):
        unit = float(np.abs(values).max())
        mean = float((values / unit).mean()) * unit
        scale = float((values / unit).std()) * unit
    return mean, scale if scale > 0 else 1.0


PLANS: dict[str, type[Plan]] = {plan.kind: plan for plan in (Number, Boolean, Category, Time)}


def plan_from(record: Any) -> Plan:
    """The plan that `as_dict` wrote. Raises DataError for anything else."""
    try:
        given = dict(record)
        plan = PLANS[given.pop("kind")]
        types = {one.name: str(one.type) for one in fields(plan)}
        if set(given) != set(types):
            raise ValueError(f"it has {sorted(given)}, not {sorted(types)}")
        made = plan(**{name: _checked(given[name], type_) for name, type_ in types.items()})
        if isinstance(made, Boolean) and made.true not in (pair[1] for pair in PAIRS):
            raise ValueError(f"there is no boolean of {quoted(made.true)}")
        if isinstance(made, Time) and not (made.form in FORMS and {*made.parts} <= {*TIME_PARTS}):
            raise ValueError(f"there is no form of dates {quoted(made.form)} with these parts")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"this is not what a preparation remembers of a column: {error}") from None
    return made


def _checked(value: Any, type_: str) -> Any:
    """A value of JSON as the field's type, exactly."""
    if type_.startswith("tuple"):
        inner = type_.removeprefix("tuple[").partition(",")[0]
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is no list")
        return tuple(_checked(one, inner) for one in value)
    known = {"str": str, "bool": bool, "float": int | float}[type_]
    if not isinstance(value, known) or (type_ == "float" and isinstance(value, bool)):
        raise ValueError(f"{value!r} is no {type_}")
    if type_ == "float":
        value = float(value)
        if not np.isfinite(value):
            raise ValueError(f"{value!r} is not finite")
    return value
