"""How the plans of a preparation are made: each column's kind decides what is done, the training
rows give the numbers, and every step is told in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...study.text import count_text
from ..problem import Problem
from .cells import as_texts, levels_of, missing_in
from .columns import Kind, kind_of
from .dates import date_text
from .plans import (
    CLIP,
    MOST_LEVELS,
    PAIRS,
    TIME_PARTS,
    Boolean,
    Category,
    Number,
    Plan,
    Time,
    mean_and_scale,
    standardised,
    time_part,
    times_of,
)
from .table import Table
from .words import listed, plain, quoted

MARKED = 0.01  # of the cells missing: above it an input says where
DETAILS = 5  # columns that a sentence tells numbers of


@dataclass(frozen=True)
class Change:
    """A step of the preparation, as it was done to the training rows.

    `cells` is how many of their cells it changed, left out or encoded.
    """

    step: str
    """"left out", "filled", "marked", "encoded", "dated", "clipped" or "standardised"."""
    columns: tuple[str, ...]
    cells: int
    sentence: str

    @property
    def column(self) -> str:
        """The columns as a sentence lists them."""
        return listed(self.columns)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Change:
        """The change that `dataclasses.asdict` wrote."""
        made = cls(record["step"], tuple(record["columns"]), record["cells"], record["sentence"])
        texts = (made.step, made.sentence, *made.columns)
        if not all(isinstance(text, str) for text in texts) or not isinstance(made.cells, int):
            raise TypeError("a change has texts and a number of cells")
        return made


class Planner:
    """Makes the plans of all columns of a table of training rows, and tells what was done."""

    def __init__(self, table: Table, problem: Problem | None, shared: bool) -> None:
        """Go through the columns."""
        self.table = table
        self.plans: list[Plan] = []
        self.left_out: dict[str, str] = {}
        self.changes: list[Change] = []
        self.steps: dict[str, list[tuple[str, int, str]]] = {}
        """Columns with their cells and a detail, by step and what is done in it."""
        pixels = [
            name
            for name in table.names
            if shared and table.column(name).dtype != object and not self._role(name, problem)
        ]
        if pixels:
            self.pixels(pixels)
        for name in table.names:
            if name in pixels or (problem is not None and name == problem.target):
                continue
            role = self._role(name, problem)
            if role:
                self.leave(name, role, role)
                continue
            in_order = problem is not None and name == problem.time
            self.plan(name, kind_of(name, table.column(name)), in_order)
        order = {name: i for i, name in enumerate(table.names)}
        self.plans.sort(key=lambda plan: order[plan.column])
        self.tell()

    @staticmethod
    def _role(name: str, problem: Problem | None) -> str:
        """Why a column is no input whatever it holds; "" where it may be one."""
        if problem is None:
            return ""
        if name == problem.target:
            return "the target"
        if name in problem.ignored:
            return "to be ignored"
        if name == problem.groups:
            return "the groups, of which new rows have others"
        return ""

    def note(self, step: str, name: str, cells: int, detail: str) -> None:
        """Take down that a step was done to a column."""
        self.steps.setdefault(step, []).append((name, cells, detail))

    def leave(self, name: str, why: str, reason: str) -> None:
        """Leave a column out."""
        self.left_out[name] = reason
        self.note(f"left out: {why}", name, self.table.rows, reason)

    def plan(self, name: str, kind: Kind, in_order: bool) -> None:
        """Make the plan of a column, or leave it out."""
        cells = self.table.column(name)
        gone = missing_in(cells)
        if kind == "number" and in_order:
            self.leave(name, "the order of time", "the order of time: later rows are beyond it")
        elif kind == "number":
            self.number(name, cells.astype(np.float64), gone)
        elif kind == "boolean":
            self.boolean(name, cells, gone, kind.form)
        elif kind == "category":
            self.category(name, cells, gone)
        elif kind == "time":
            self.time(name, cells, gone, kind.form, in_order)
        else:
            self.leave(name, kind.name, kind.reason)

    def marks(self, name: str, gone: np.ndarray) -> bool:
        """Whether missing cells of a column get an input of their own."""
        marked = bool(gone.mean() > MARKED)
        if marked:
            self.note("marked", name, int(gone.sum()), f"{gone.mean():.1%}")
        return marked

    def number(self, name: str, values: np.ndarray, gone: np.ndarray) -> None:
        """Fill with the median, standardise, clip."""
        there = values[~gone]
        fill = _median(there)
        filled = np.where(gone, fill, values)
        mean, scale = mean_and_scale(filled)
        low, high = float(there.min()), float(there.max())
        marked = self.marks(name, gone)
        constant = low == high
        if constant and not marked:
            self.leave(name, "constant", f"always {plain(low)} where it is not missing")
            return
        if gone.any():
            self.note("filled", name, int(gone.sum()), plain(fill))
        if not constant:
            beyond = int(np.count_nonzero(np.abs(standardised(filled, mean, scale)) > CLIP))
            self.note(
                "standardised", name, len(filled), f"mean {plain(mean)}, deviation {plain(scale)}"
            )
            if beyond:
                self.note("clipped", name, beyond, f"up to {plain(_farthest(there, mean))}")
        self.plans.append(
            Number(name, fill, mean, scale, low, high, marked, bool(gone.any()), True, constant)
        )

    def pixels(self, names: list[str]) -> None:
        """One mean and deviation for all of these columns, which all stay."""
        block = np.column_stack([self.table.column(name).astype(np.float64) for name in names])
        gone = np.isnan(block)
        if gone.all():
            for name in names:
                self.leave(name, "empty", "all cells are missing")
            return
        if gone.any():
            fills = [
                _median(c[~g]) if not g.all() else 0.0 for c, g in zip(block.T, gone.T, strict=True)
            ]
            block = np.where(gone, fills, block)
        else:
            fills = [_median(c) for c in block.T]
        mean, scale = mean_and_scale(block)
        for i, name in enumerate(names):
            column = block[:, i]
            low, high = float(column.min()), float(column.max())
            if gone[:, i].any():
                self.note("filled", name, int(gone[:, i].sum()), plain(fills[i]))
            self.plans.append(
                Number(
                    name,
                    float(fills[i]),
                    mean,
                    scale,
                    low,
                    high,
                    False,
                    bool(gone[:, i].any()),
                    False,
                )
            )
        self.changes.append(
            Change(
                "standardised",
                tuple(names),
                block.size,
                f"{count_text(len(names), 'column')} in one unit are brought to mean 0 and "
                f"deviation 1 together, by their common mean {plain(mean)} and deviation "
                f"{plain(scale)}",
            )
        )

    def boolean(self, name: str, cells: np.ndarray, gone: np.ndarray, true: str) -> None:
        """0 and 1; filled with the more frequent."""
        words = [text.strip().lower() for text in as_texts(cells) if text is not None]
        fill = float(words.count(true) * 2 > len(words))
        false = next(pair[0] for pair in PAIRS if pair[1] == true)
        self.note("encoded as 0 and 1", name, len(words), f"{true} is 1")
        if gone.any():
            self.note("filled booleans", name, int(gone.sum()), true if fill else false)
        self.plans.append(Boolean(name, true, fill, self.marks(name, gone), bool(gone.any())))

    def category(self, name: str, cells: np.ndarray, gone: np.ndarray) -> None:
        """An input for each level; the rare ones of many together."""
        texts, codes = levels_of(cells)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        kept = list(range(len(texts)))
        if len(texts) > MOST_LEVELS:
            kept = sorted(np.argsort(-counts, kind="stable")[:MOST_LEVELS].tolist())
            rest = int(counts.sum() - counts[kept].sum())
            self.note(
                "joined",
                name,
                rest,
                f"{len(texts) - MOST_LEVELS:,} of {len(texts):,} levels",
            )
        levels = tuple(texts[k] for k in kept)
        self.note(
            "encoded as one input for each level",
            name,
            len(cells),
            count_text(len(levels), "level"),
        )
        if gone.any():
            self.note("missing as a level", name, int(gone.sum()), "")
        self.plans.append(Category(name, levels, len(levels) < len(texts), bool(gone.any())))

    def time(
        self, name: str, cells: np.ndarray, gone: np.ndarray, form: str, in_order: bool
    ) -> None:
        """The parts that vary; of the column that parts are ordered by, those that come again."""
        seconds = times_of(name, cells, form, self.table.where)
        there = seconds[~gone]
        fill = _median(there)
        filled = np.where(gone, fill, seconds)
        low, high = float(there.min()), float(there.max())
        parts, means, scales = [], [], []
        for part in TIME_PARTS:
            if in_order and part in ("year", "days"):
                continue
            values = time_part(filled, part, low)
            if values.min() < values.max():
                mean, scale = mean_and_scale(values)
                parts.append(part)
                means.append(mean)
                scales.append(scale)
        marked = self.marks(name, gone)
        if not parts and not marked:
            self.leave(name, "the order of time", "the order of time: later rows are beyond it")
            return
        if gone.any():
            self.note("filled dates", name, int(gone.sum()), date_text(fill))
        without = "; not year and days, as later rows are beyond them" if in_order else ""
        self.note("dated", name, len(cells), ", ".join(parts) + without)
        some = bool(gone.any())
        means_, scales_ = tuple(means), tuple(scales)
        self.plans.append(
            Time(name, form, tuple(parts), means_, scales_, fill, low, high, marked, some)
        )

    def tell(self) -> None:
        """Turn what was taken down into changes, in the order in which the steps are done."""
        what = {
            "to be ignored": "they are to be ignored",
            "the groups, of which new rows have others": "they are the groups",
            "the order of time": "they are the order of time, and later rows are beyond it",
            "empty": "all cells are missing",
            "constant": "they never change",
            "identifier": "identifiers: they name rows, and new rows have other names",
            "text": "free text is not turned into numbers",
        }
        for why, sentence in what.items():
            self._tell(f"left out: {why}", "left out", f"left out, {sentence}: ", "{1}")
        self._tell(
            "filled",
            "filled",
            "missing numbers are filled with the median of their column: ",
            "{0}, {1}",
        )
        self._tell(
            "filled booleans",
            "filled",
            "missing booleans are filled with the more frequent one: ",
            "{0}, {1}",
        )
        self._tell(
            "filled dates", "filled", "missing dates are filled with the middle one: ", "{0}, {1}"
        )
        self._tell("marked", "marked", "an input says where the cell was missing: ", "{1}")
        self._tell("encoded as 0 and 1", "encoded", "yes and no become 1 and 0: ", "{1}")
        self._tell("joined", "encoded", "rare levels are joined as one, other: ", "{1}, {0}")
        self._tell(
            "encoded as one input for each level",
            "encoded",
            "categories become one input for each level, 1 where it is that: ",
            "{1}",
        )
        self._tell("missing as a level", "marked", "missing is a level of its own: ", "{0}")
        self._tell("dated", "dated", "dates become numbers, standardised: ", "{1}")
        self._tell(
            "clipped",
            "clipped",
            f"values beyond {CLIP:.0f} deviations count as {CLIP:.0f}: ",
            "{0}, {1}",
        )
        self._tell(
            "standardised",
            "standardised",
            "numbers are brought to mean 0 and deviation 1: ",
            "{1}",
        )

    def _tell(self, key: str, step: str, begin: str, form: str) -> None:
        done = self.steps.get(key)
        if not done:
            return
        shown = done if len(done) <= DETAILS + 1 else done[:DETAILS]
        details = [
            f"{quoted(name)} ({form.format(count_text(cells, 'cell'), detail)})"
            for name, cells, detail in shown
        ]
        if len(shown) < len(done):
            details.append(f"and {len(done) - len(shown):,} others")
        columns = tuple(name for name, _, _ in done)
        cells = sum(cells for _, cells, _ in done)
        self.changes.append(Change(step, columns, cells, begin + ", ".join(details)))


def _median(values: np.ndarray) -> float:
    """The median; of two middle values their mean, without overflow."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if low == high else low / 2 + high / 2


def _farthest(values: np.ndarray, mean: float) -> float:
    """The value that is farthest from the mean."""
    with np.errstate(over="ignore"):
        return float(values[np.argmax(np.abs(values - mean))])
