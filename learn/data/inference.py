"""From a question to one that can be worked on: does the target exist, is it a class or a value,
how is a prediction judged. What is inferred is said in words; what cannot be asked is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ...study.text import count_text
from ..errors import DataError, UsageError
from ..numerals import percent
from ..problem import Problem, Task
from .cells import levels_of, missing_in, require_exact
from .columns import kind_of
from .table import Table
from .words import listed, nearest, plain, quoted

FEWEST_ROWS = 5  # of a class: one for each fifth of the rows, so that every part has some
MOST_CLASSES = 20  # that a column of whole numbers may be; above it is a regression
MOST_SHARE = 0.05  # of the rows that its different values may be
EVEN_SHARE = 0.4  # of an even share of the rows: a class below is rare. Of two classes: 20 %


def settle(problem: Problem, table: Table) -> Problem:
    """The problem with task, metric and positive class filled in, checked against the table.

    Texts, two values, or at most 20 whole numbers that are at most 5 % of the rows are classes; all
    else is a regression. Raises DataError for a target that does not exist, is missing everywhere,
    has one class or value only, or a class with under 5 rows; UsageError where the problem asks for
    what the target cannot be.

    >>> table = Table.of({"x": range(40), "won": ["no", "no", "no", "yes"] * 10})
    >>> settle(Problem("won"), table)
    Problem(target='won', task='classification', metric='accuracy', positive='yes', ...)
    """
    _require_columns(problem, table)
    table = with_target(problem, table)
    column = table.column(problem.target)
    task = problem.task or _task(column)
    positive = problem.positive
    if task == "classification":
        classes, counts = _classes(problem, table)
        positive = _positive(problem, classes, counts)
        rare = counts.min() * len(classes) < EVEN_SHARE * counts.sum()
        usual = "balanced_accuracy" if rare else "accuracy"
        _require_cost(problem, classes)
    else:
        _require_values(problem, column)
        usual = "r2"
    metric = problem.metric or usual
    _require_metric(metric, task)
    return replace(problem, task=task, metric=metric, positive=positive)


def with_target(problem: Problem, table: Table) -> Table:
    """The table without the rows whose target is missing.

    Raises DataError where the target does not exist or no row has one.
    """
    table.require(problem.target, "the target")
    gone = missing_in(table.column(problem.target))
    if gone.all():
        raise DataError(
            f"the target {quoted(problem.target)} is missing in each of "
            f"{count_text(table.rows, 'row')}; predict another column"
        )
    return table.take(~gone) if gone.any() else table


def inferred(problem: Problem, settled: Problem, table: Table) -> list[str]:
    """What `settle` filled in, and from what, as sentences; of the table as it was read."""
    target = quoted(problem.target)
    said = []
    whole = with_target(problem, table)
    dropped = table.rows - whole.rows
    if dropped:
        gone = np.flatnonzero(missing_in(table.column(problem.target)))
        said.append(
            f"{count_text(dropped, 'row')} without a target {'is' if dropped == 1 else 'are'} "
            f"left out, the first at {table.where(int(gone[0]))}"
        )
    column = whole.column(problem.target)
    how = "" if problem.task else ", inferred"
    if settled.task == "classification":
        classes, codes = levels_of(column)
        counts = np.bincount(codes)
        even = counts.max() == counts.min()
        shares = ", ".join(
            f"{quoted(classes[k])} {percent(int(counts[k]), int(counts.sum()))}"
            for k in np.argsort(-counts, kind="stable")[:6]
        )
        more = f", … ({len(classes)} in all)" if len(classes) > 6 else ""
        said.append(f"classification{how}: {target} has {_reason(column)}: {shares}{more}")
        if settled.positive is not None:
            rarer = "the second of two that are as frequent" if even else "the rarer of the two"
            by = "given" if problem.positive else rarer
            said.append(f"the class that is looked for is {quoted(settled.positive)}, {by}")
    else:
        values = column.astype(np.float64)
        said.append(
            f"regression{how}: {target} has {_reason(column)}, from {plain(values.min())} to "
            f"{plain(values.max())}, {plain(float(values.mean()))} on average"
        )
    from ..models.metrics import METRICS

    if problem.metric:
        why = "given"
    elif settled.metric == "balanced_accuracy":
        why = "as a class is rare, and accuracy would hardly notice if it were never found"
    else:
        why = f"the usual one of a {settled.task}"
    said.append(f"judged by {METRICS[settled.metric or ''].title}, {why}")
    return said


def classes_of(column: np.ndarray) -> tuple[str, ...]:
    """The names of a target's classes, sorted; numbers as numbers.

    >>> classes_of(np.array([10.0, 9.0, np.nan]))
    ('9', '10')
    """
    return tuple(levels_of(column)[0])


def _task(column: np.ndarray) -> Task:
    if column.dtype == object:
        return "classification"
    different = np.unique(column)
    if len(different) == 2:
        return "classification"
    few = len(different) <= min(MOST_CLASSES, MOST_SHARE * len(column))
    return "classification" if few and bool((column == np.floor(column)).all()) else "regression"


def _reason(column: np.ndarray) -> str:
    """What a column's values are, as far as the task is inferred from them."""
    if column.dtype == object:
        return f"{count_text(len(levels_of(column)[0]), 'text')} as values"
    different = len(np.unique(column))
    whole = "whole " * bool((column == np.floor(column)).all())
    return f"{different:,} different {whole}numbers in {count_text(len(column), 'row')}"


def _require_columns(problem: Problem, table: Table) -> None:
    table.require(problem.target, "the target")
    roles: list[tuple[str, str]] = []
    if problem.groups is not None:
        roles.append((problem.groups, "of groups"))
    if problem.time is not None:
        roles.append((problem.time, "of times"))
    roles += [(name, "sensitive") for name in problem.sensitive]
    roles += [(name, "to be ignored") for name in problem.ignored]
    for name, role in roles:
        table.require(name, role)
    for name, role in roles:
        if role.startswith("of") and name in problem.ignored:
            raise UsageError(f"{quoted(name)} is the column {role}, it need not be ignored")
    away = {problem.target, *problem.ignored, problem.groups}
    if not any(name not in away for name in table.names):
        raise DataError(f"{quoted(table.name)} has no column left to predict by")


def _classes(problem: Problem, table: Table) -> tuple[list[str], np.ndarray]:
    """Names and row counts of the classes; each has enough rows, and there are two at least."""
    column, target = table.column(problem.target), quoted(problem.target)
    require_exact(column, f"the target {target}")
    kind = kind_of(problem.target, column)
    classes, codes = levels_of(column)
    counts = np.bincount(codes)
    if len(classes) == 1:
        raise DataError(
            f"the target {target} is {quoted(classes[0])} in each of "
            f"{count_text(len(column), 'row')}; there is nothing to learn"
        )
    if kind in ("text", "identifier", "time"):
        raise DataError(
            f"the target {target} cannot be told apart into classes: {kind.reason}; "
            "predict another column"
        )
    small = np.flatnonzero(counts < FEWEST_ROWS)
    if len(small):
        if len(small) > len(classes) / 2 and column.dtype != object:
            raise DataError(
                f"the target {target} has {len(classes):,} different numbers, most of them in "
                f"fewer than {FEWEST_ROWS} rows: as a class each needs {FEWEST_ROWS}; "
                "ask for a regression (--task regression)"
            )
        k = int(small[0])
        row = int(np.argmax(codes == k))
        others = f" (and {len(small) - 1:,} other classes too few)" if len(small) > 1 else ""
        numbers = "; or predict it as a number (--task regression)"
        raise DataError(
            f"class {quoted(classes[k])} of {target} has {count_text(int(counts[k]), 'row')}, the "
            f"first at {table.where(row)}{others}; each class needs {FEWEST_ROWS}, so that "
            "training, validation and test all have some of it: join it to another class, or take "
            f"its rows out{numbers if column.dtype != object else ''}"
        )
    return classes, counts


def _positive(problem: Problem, classes: list[str], counts: np.ndarray) -> str | None:
    """The class that is looked for; None where there are more than two."""
    positive = problem.positive
    if positive is not None and positive not in classes:
        raise UsageError(
            f"{quoted(problem.target)} has no class {quoted(positive)} to look for"
            f"{nearest(positive, classes) or ';'} it has {listed(classes)}"
        )
    if len(classes) != 2:
        if positive is not None:
            raise UsageError(
                f"{quoted(positive)} cannot be the positive class: {quoted(problem.target)} has "
                f"{len(classes)} classes, and only of two one is positive; leave it out"
            )
        return None
    return positive or classes[0 if counts[0] < counts[1] else 1]


def _require_values(problem: Problem, column: np.ndarray) -> None:
    target = quoted(problem.target)
    if column.dtype == object:
        text = next(cell for cell in column if cell is not None)
        raise UsageError(
            f"a regression needs numbers, but {target} holds texts such as {quoted(text)}; "
            "ask for a classification (--task classification)"
        )
    if column.min() == column.max():
        raise DataError(
            f"the target {target} is {plain(float(column[0]))} in each of "
            f"{count_text(len(column), 'row')}; there is nothing to learn"
        )
    if len(column) < FEWEST_ROWS:
        raise DataError(
            f"{count_text(len(column), 'row')} with a target; training, validation and test need "
            f"{FEWEST_ROWS} at least"
        )
    if problem.positive is not None:
        raise UsageError(
            f"a regression has no positive class, so {quoted(problem.positive)} cannot be it; "
            "leave it out, or ask for a classification"
        )
    if problem.cost:
        raise UsageError("costs are those of mistaking classes; a regression has none")


def _require_cost(problem: Problem, classes: Iterable[str]) -> None:
    known = list(classes)
    for pair in problem.cost:
        for name in pair:
            if name not in known:
                raise UsageError(
                    f"the costs speak of a class {quoted(name)}, which {quoted(problem.target)} "
                    f"does not have{nearest(name, known) or ';'} it has {listed(known)}"
                )


def _require_metric(metric: str, task: Task) -> None:
    """Raise UsageError unless there is such a metric, and it judges this task."""
    from ..models.metrics import METRICS

    if metric not in METRICS:
        raise UsageError(
            f"there is no metric {quoted(metric)}{nearest(metric, METRICS) or ';'} "
            f"known: {', '.join(METRICS)}"
        )
    if METRICS[metric].task != task:
        fitting = [name for name, known in METRICS.items() if known.task == task]
        raise UsageError(f"{metric} does not judge a {task}; take one of {', '.join(fitting)}")
