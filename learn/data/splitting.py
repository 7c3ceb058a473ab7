"""Cutting a table into training, validation and test rows: stratified, by groups, or by time. No
row and no group stands in two parts, and the same seed gives the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...study.text import count_text
from ..errors import DataError, UsageError
from ..numerals import percent
from ..problem import Problem
from .cells import levels_of, missing_in, require_exact
from .columns import kind_of
from .dates import date_text, seconds_of
from .table import Table
from .words import plain, quoted

NAMES = ("training", "validation", "test")
SHARES = (0.6, 0.2, 0.2)
BINS = 10  # strata of a regression target
FEWEST = 5  # rows of a table


@dataclass(frozen=True)
class Parts:
    """Row numbers of the three parts, each ascending. Together they are all rows once, except for
    those that a split by time and groups at once leaves out."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str
    """How they were cut, in a sentence."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows in training, validation and test."""
        return len(self.train), len(self.validation), len(self.test)


def split(table: Table, problem: Problem, seed: int = 0, shares: Sequence[float] = SHARES) -> Parts:
    """Deal the rows of a table into training, validation and test.

    Without groups and time, rows are shuffled by `seed` and dealt within each class, or within
    tenths of the sorted target of a regression. With `problem.groups` whole groups are dealt, the
    largest first, each to the part that most lacks what it has. With `problem.time` the latest rows
    are the test part, those before them the validation part; rows of one time stay together. With
    both, a group that reaches over a border is dealt to one of the parts that it reaches into, and
    its rows in the others are left out: the test part is later and of other groups.

    Raises DataError where a part, or a class in the training part, would get nothing; UsageError
    for shares that are not three above 0 with sum 1.

    >>> table = Table.of({"x": range(50), "y": ["a", "b"] * 25})
    >>> parts = split(table, Problem("y", task="classification"), seed=0)
    >>> parts.sizes, parts.how
    ((30, 10, 10), "dealt at random (seed 0) within each class of 'y'")
    """
    exact = _shares(shares)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"a seed is a whole number of 0 or more, not {seed!r}")
    if table.rows < FEWEST:
        raise DataError(
            f"{quoted(table.name)}: {count_text(table.rows, 'row')} is too few; training, "
            f"validation and test need {FEWEST} at least"
        )
    strata, names = _strata(table, problem)
    if problem.time is not None:
        part, how = _by_time(table, problem.time, exact)
        if problem.groups is not None:
            part, told = _kept_apart(table, problem.groups, part, exact, seed)
            how += told
    elif problem.groups is not None:
        part, how = _by_groups(table, problem.groups, strata, exact, seed)
    else:
        part = _dealt(strata, exact, seed)
        within = "each class" if names else "tenths"
        how = f"dealt at random (seed {seed}) within {within} of {quoted(problem.target)}"
    _require_rows(part, strata, names, problem, dealt=not (problem.time or problem.groups))
    train, validation, test = (np.flatnonzero(part == p) for p in range(3))
    return Parts(train, validation, test, how)


def _shares(shares: Sequence[float]) -> tuple[Fraction, ...]:
    exact = tuple(Fraction(share).limit_denominator(1000) for share in shares)
    if len(exact) != 3 or sum(exact) != 1 or min(exact) <= 0:
        raise UsageError(
            "shares are three numbers above 0 for training, validation and test, with sum 1, such "
            f"as 0.6, 0.2, 0.2; not {', '.join(map(str, shares))}"
        )
    return exact


def _strata(table: Table, problem: Problem) -> tuple[np.ndarray, list[str]]:
    """The stratum of each row, and the classes' names where strata are classes."""
    table.require(problem.target, "the target")
    column = table.column(problem.target)
    gone = missing_in(column)
    if gone.any():
        raise DataError(
            f"the target {quoted(problem.target)} is missing at "
            f"{table.where(int(np.argmax(gone)))}; take such rows out first (with_target)"
        )
    if problem.task is None:
        raise UsageError("the problem is not settled: settle(problem, table) infers its task")
    if problem.task == "classification":
        names, codes = levels_of(column)
        return codes, names
    rank = np.argsort(np.argsort(column, kind="stable"), kind="stable")
    bins = min(BINS, table.rows // FEWEST)
    return rank * bins // table.rows, []


def pattern(shares: Sequence[Fraction], rows: int) -> np.ndarray:
    """Parts in turn, so that every beginning of them holds each part's share to within one.

    Each next entry goes to the part that is furthest behind. For 60/20/20 it repeats
    train, validation, train, test, train, whose every window holds its shares to within one.

    >>> pattern((Fraction(3, 5), Fraction(1, 5), Fraction(1, 5)), 6).tolist()
    [0, 1, 0, 2, 0, 0]
    """
    counts = [0] * len(shares)
    period = 1
    for share in shares:
        period = period * share.denominator // np.gcd(period, share.denominator)
    turns = []
    for turn in range(1, min(int(period), rows) + 1):
        behind = [turn * share - count for share, count in zip(shares, counts, strict=True)]
        part = behind.index(max(behind))
        counts[part] += 1
        turns.append(part)
    return np.resize(np.array(turns, np.int64), rows)


def _dealt(strata: np.ndarray, shares: Sequence[Fraction], seed: int) -> np.ndarray:
    """Dealt over the shuffled rows in order of stratum: each stratum is a window of the pattern."""
    rows = len(strata)
    shuffled = np.random.default_rng(seed).permutation(rows)
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    part = np.empty(rows, np.int64)
    part[by_stratum] = pattern(shares, rows)
    return part


def _by_groups(
    table: Table, name: str, strata: np.ndarray, shares: Sequence[Fraction], seed: int
) -> tuple[np.ndarray, str]:
    """Whole groups, the largest first, each to the part it brings nearest to its shares."""
    groups, codes = _groups(table, name)
    if len(groups) < 3:
        raise DataError(
            f"{quoted(name)} has {count_text(len(groups), 'group')}; training, validation and "
            "test need one each at least: split without groups, or collect more of them"
        )
    kinds = int(strata.max()) + 1
    counts = np.zeros((len(groups), kinds + 1))
    np.add.at(counts, (codes, strata), 1)
    counts[:, kinds] = counts[:, :kinds].sum(axis=1)
    unit = counts / counts.sum(axis=0)  # of all rows of that stratum, and of all rows
    unit[:, :kinds] /= kinds  # all strata together weigh as much as the number of rows
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(-counts[order, kinds], kind="stable")]
    share = np.array([float(s) for s in shares])
    total = unit.sum(axis=0)
    have = np.zeros((3, kinds + 1))
    where = np.empty(len(groups), np.int64)
    for turn, group in enumerate(order):
        # What (have - wanted)²/share grows by, if the group comes into a part.
        mine = unit[group]
        grows = ((2 * (have - share[:, None] * total) + mine) * mine).sum(axis=1) / share
        empty = have[:, kinds] == 0
        if len(groups) - turn <= empty.sum():
            grows[~empty] = np.inf  # the last groups are for parts that have none
        chosen = int(np.argmin(grows))
        where[group] = chosen
        have[chosen] += mine
    per_part = np.bincount(where, minlength=3)
    rows = have[:, kinds]
    how = (
        f"whole groups of {quoted(name)} dealt at random (seed {seed}), the largest first: "
        + ", ".join(
            f"{per_part[p]:,} groups with {percent(rows[p])} of the rows in {NAMES[p]}"
            for p in range(3)
        )
    )
    return where[codes], how


def _by_time(table: Table, name: str, shares: Sequence[Fraction]) -> tuple[np.ndarray, str]:
    """The rows in order of time, cut where the time changes, as near to the shares as that is."""
    times, say = _times(table, name)
    different, first = np.unique(np.sort(times), return_index=True)
    if len(different) < 3:
        raise DataError(
            f"{quoted(name)} has {count_text(len(different), 'different time')}; training, "
            "validation and test need one each at least: split without time"
        )
    borders = first[1:]  # rows before each time that is not the earliest
    wanted = float(shares[0]) * len(times)
    one = int(np.argmin(np.abs(borders[:-1] - wanted)))
    wanted = float(shares[0] + shares[1]) * len(times)
    two = one + 1 + int(np.argmin(np.abs(borders[one + 1 :] - wanted)))
    starts = different[[one + 1, two + 1]]
    part = np.searchsorted(starts, times, side="right")
    how = (
        f"by time, {quoted(name)}: training from {say(different[0])} to {say(different[one])}, "
        f"validation from {say(starts[0])} to {say(different[two])}, "
        f"test from {say(starts[1])} to {say(different[-1])}"
    )
    return part, how


def _kept_apart(
    table: Table, name: str, part: np.ndarray, shares: Sequence[Fraction], seed: int
) -> tuple[np.ndarray, str]:
    """The parts with each group in one of them only; -1 where a row is left out for that."""
    groups, codes = _groups(table, name)
    reaches = np.zeros((len(groups), 3), bool)
    reaches[codes, part] = True
    where = reaches.argmax(axis=1)
    over = np.flatnonzero(reaches.sum(axis=1) > 1)
    counts = np.zeros(3)
    for turn, group in enumerate(np.random.default_rng(seed).permutation(over), start=1):
        behind = turn * np.array([float(share) for share in shares]) - counts
        where[group] = int(np.argmax(np.where(reaches[group], behind, -np.inf)))
        counts[where[group]] += 1
    out = where[codes] != part
    if not out.any():
        return part, f"; no group of {quoted(name)} reaches over a border"
    return np.where(out, -1, part), (
        f"; {count_text(len(over), 'group')} of {quoted(name)} that reach over a border are each "
        f"kept in one part (seed {seed}), and {count_text(int(out.sum()), 'row')} of theirs in the "
        f"others ({out.mean():.1%} of all) are left out"
    )


def _groups(table: Table, name: str) -> tuple[list[str], np.ndarray]:
    """The groups, and the number of each row's."""
    table.require(name, "of groups")
    require_exact(table.column(name), f"the column of groups {quoted(name)}")
    groups, codes = levels_of(table.column(name))
    _require_there(table, name, codes < 0, "group")
    return groups, codes


def _times(table: Table, name: str):
    """Each row's time as a number, and how a sentence says one."""
    table.require(name, "of times")
    column = table.column(name)
    _require_there(table, name, missing_in(column), "time")
    if column.dtype != object:
        return column.astype(np.float64), plain
    kind = kind_of(name, column)
    if kind != "time":
        raise DataError(
            f"{quoted(name)} is no column of times: {kind.reason}; times are numbers or dates "
            "such as 2024-03-31 or 2024-03-31 12:00, all in one form"
        )
    texts, codes = levels_of(column)
    seconds = np.array([seconds_of(text, kind.form) for text in texts])
    return seconds[codes], date_text


def _require_there(table: Table, name: str, gone: np.ndarray, what: str) -> None:
    if gone.any():
        raise DataError(
            f"{quoted(name)} is missing in {count_text(int(gone.sum()), 'row')}, the first at "
            f"{table.where(int(np.argmax(gone)))}; each row needs its {what}: fill it in, or take "
            "the row out"
        )


def _require_rows(
    part: np.ndarray, strata: np.ndarray, names: list[str], problem: Problem, dealt: bool
) -> None:
    """Raise DataError where a part is empty, or a class is not there to be learned."""
    for p, name in enumerate(NAMES):
        if not (part == p).any():
            raise DataError(f"no row is left for {name}; take other shares or more rows")
    for k, label in enumerate(names):
        for p in range(3) if dealt else range(1):
            if not (strata[part == p] == k).any():
                rows = count_text(int((strata == k).sum()), "row")
                how = "" if dealt else " by the groups" if problem.groups else " by time"
                raise DataError(
                    f"class {quoted(label)} of {quoted(problem.target)} has {rows}, and none of "
                    f"them comes into {NAMES[p]}{how}; it needs more rows, or to be joined to "
                    "another class"
                )
