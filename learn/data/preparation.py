"""From a table to numbers: what is done to each column is settled on the training rows alone, told
in sentences, and remembered as plain JSON. Validation, test and later rows get just the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...study.text import count_text
from ..errors import DataError, UsageError
from ..problem import Problem
from .cells import as_texts, missing_in
from .changes import Change
from .inference import classes_of
from .planning import Planner
from .plans import Plan, numbers_of, plan_from
from .table import Table
from .watchfulness import remarks
from .words import listed, nearest, quoted

FORMAT = 1


@dataclass(frozen=True)
class Preparation:
    """What was settled on the training rows, and its application to any others.

    >>> table = Table.of({"age": [20, 30, None, 40] * 5, "city": ["Rome", "Bonn"] * 10,
    ...                   "won": ["no", "yes"] * 10})
    >>> prepared = Preparation.fit(table, Problem("won", task="classification"), range(12))
    >>> prepared.names
    ('age', 'age: missing', 'city = Bonn', 'city = Rome')
    >>> prepared.matrix(table).shape, prepared.truth(table)[:3].tolist()
    ((20, 4), [0, 1, 0])
    >>> print(prepared.changes[0].sentence)
    missing numbers are filled with the median of their column: 'age' (3 cells, 30)
    """

    target: str | None
    task: str | None
    classes: tuple[str, ...]
    """Names of the classes, by their numbers; none for a regression."""
    plans: tuple[Plan, ...]
    left_out: Mapping[str, str]
    """Columns that are no inputs, and why."""
    changes: tuple[Change, ...]
    """What was done to the training rows, step by step."""
    names: tuple[str, ...] = field(init=False)
    """Of the inputs."""
    columns: tuple[str, ...] = field(init=False)
    """The original column of each input."""

    def __post_init__(self) -> None:
        """Name the inputs, each differently."""
        taken: dict[str, int] = {}
        names = []
        for name in (name for plan in self.plans for name in plan.names):
            taken[name] = taken.get(name, 0) + 1
            names.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
        object.__setattr__(self, "names", tuple(names))
        columns = tuple(plan.column for plan in self.plans for _ in plan.names)
        object.__setattr__(self, "columns", columns)

    @classmethod
    def fit(
        cls,
        table: Table,
        problem: Problem | None,
        rows: Sequence[int] | np.ndarray,
        *,
        shared: bool = False,
    ) -> Preparation:
        """Settle what is done to each column, looking at these rows only.

        `problem` is settled (see `settle`); None where nothing is to be predicted, then every
        column may be an input. `shared` is for pictures: all columns of numbers are in one unit,
        get one mean and one deviation, and all of them stay. Raises DataError where no column is
        left.
        """
        rows = np.asarray(rows)
        if rows.size == 0:
            raise DataError(f"{quoted(table.name)}: a preparation needs rows to be fitted on")
        if problem is not None and problem.task is None:
            raise UsageError("the problem is not settled: settle(problem, table) infers its task")
        seen = table.take(rows)
        planner = Planner(seen, problem, shared)
        classes: tuple[str, ...] = ()
        if problem is not None and problem.task == "classification":
            classes = classes_of(seen.column(problem.target))
        if not planner.plans:
            use = "look at" if problem is None else "predict by"
            raise DataError(
                f"{quoted(table.name)} has no column left to {use}: "
                + "; ".join(f"{quoted(name)} {why}" for name, why in planner.left_out.items())[:400]
            )
        return cls(
            None if problem is None else problem.target,
            None if problem is None else problem.task,
            classes,
            tuple(planner.plans),
            planner.left_out,
            planner.changes,
        )

    def matrix(self, rows: Any) -> np.ndarray:
        """The inputs (rows, inputs) float32 of a Table, a DataFrame or a mapping of columns.

        Raises DataError for a column that is missing, and for texts where numbers or dates were.
        """
        table = self._complete(rows)
        X = np.empty((table.rows, len(self.names)), np.float32)
        at = 0
        for plan in self.plans:
            width = len(plan.names)
            X[:, at : at + width] = plan.apply(table.column(plan.column), table.where)
            at += width
        return X

    def truth(self, rows: Any) -> np.ndarray:
        """The target of each row: class numbers (rows,) int64, or values (rows,) float64.

        Raises DataError where it is missing, or a class that did not occur in training.
        """
        if self.target is None:
            raise UsageError("this preparation was made without a target")
        table = Table.of(rows)
        table.require(self.target, "the target")
        cells = table.column(self.target)
        gone = missing_in(cells)
        if gone.any():
            raise DataError(
                f"{table.where(int(np.argmax(gone)))}: the target {quoted(self.target)} is missing"
            )
        if self.task == "regression":
            return numbers_of(self.target, cells, table.where)
        number = {name: k for k, name in enumerate(self.classes)}
        texts = as_texts(cells)
        for row, text in enumerate(texts):
            if text not in number:
                raise DataError(
                    f"{table.where(row)}: {quoted(text)} is no class of {quoted(self.target)} that "
                    f"occurred in training; they are {listed(self.classes)}"
                )
        return np.array([number[text] for text in texts], np.int64)

    def warnings(self, rows: Any) -> list[str]:
        """What is unlike the training rows: columns, levels, ranges, missing cells; as sentences.

        Raises DataError for a column that is missing.
        """
        table = self._complete(rows)
        known = {plan.column for plan in self.plans} | {*self.left_out, self.target}
        extra = [name for name in table.names if name not in known]
        said = []
        if extra:
            said.append(f"not used, as training had no such column: {listed(extra)}")
        for plan in self.plans:
            said += remarks(plan, table)
        return said

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns that a file is to be read with as texts: `Table.read(path, texts=…)`."""
        return tuple(plan.column for plan in self.plans if plan.kind in ("category", "boolean"))

    def as_dict(self) -> dict[str, Any]:
        """Everything that is remembered, for JSON; `from_dict` gives the same preparation.

        >>> import json
        >>> made = Preparation.fit(Table.of({"x": [0.1, 0.2, 0.4]}), None, [0, 1, 2])
        >>> Preparation.from_dict(json.loads(json.dumps(made.as_dict()))) == made
        True
        """
        return {
            "format": FORMAT,
            "target": self.target,
            "task": self.task,
            "classes": list(self.classes),
            "plans": [plan.as_dict() for plan in self.plans],
            "left_out": dict(self.left_out),
            "changes": [asdict(change) for change in self.changes],
        }

    @classmethod
    def from_dict(cls, record: Any) -> Preparation:
        """The preparation that `as_dict` wrote. Raises DataError for anything else."""
        try:
            if record["format"] != FORMAT:
                raise DataError(
                    f"a preparation of format {record['format']!r}, which this version does not "
                    f"read (it reads {FORMAT}); make it anew, or use the version that wrote it"
                )
            target, task = record["target"], record["task"]
            texts = [*record["classes"], *record["left_out"], *record["left_out"].values()]
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("names are texts")
            if not isinstance(target, str | None) or task not in (
                None,
                "classification",
                "regression",
            ):
                raise TypeError("target and task are texts")
            return cls(
                target,
                task,
                tuple(record["classes"]),
                tuple(plan_from(plan) for plan in record["plans"]),
                dict(record["left_out"]),
                tuple(Change.from_dict(change) for change in record["changes"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"this is not what a preparation remembers: {error!r}") from None

    def _complete(self, rows: Any) -> Table:
        """The rows as a table. Raises DataError unless it has all columns of inputs."""
        table = Table.of(rows)
        gone = [plan.column for plan in self.plans if plan.column not in table.frame.columns]
        if gone:
            raise DataError(
                f"{quoted(table.name)} lacks {count_text(len(gone), 'column')} that training had: "
                f"{listed(gone)}{nearest(gone[0], table.names)}"
            )
        return table
