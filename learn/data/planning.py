"""How the plans of a preparation are made: each column's kind decides what is done, the training
rows give the numbers, and every step is told in one sentence.
"""

from __future__ import annotations

import numpy as np

from ...study.text import count_text
from ..numerals import percent
from ..problem import Problem
from .cells import as_texts, levels_of, missing_in
from .changes import Change, Notes
from .columns import Kind, kind_of
from .dates import DAY, date_text
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
from .words import plain

MARKED = 0.01  # of the cells missing: above it an input says where
RETURNS = {"month": 365, "day of week": 7, "hour": 1}  # days after which a part has had all values
REASONS = {
    "ignored": "to be ignored",
    "groups": "the groups, of which new rows have others",
    "time": "the order of time: later rows are beyond it",
}


class Planner:
    """Makes the plans of all columns of a table of training rows, and tells what was done."""

    def __init__(self, table: Table, problem: Problem | None, shared: bool) -> None:
        """Go through the columns."""
        self.table = table
        self.plans: list[Plan] = []
        self.left_out: dict[str, str] = {}
        self.notes = Notes()
        self.whole: list[Change] = []
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
                self.leave(name, role, REASONS[role])
                continue
            in_order = problem is not None and name == problem.time
            self.plan(name, kind_of(name, table.column(name)), in_order)
        order = {name: i for i, name in enumerate(table.names)}
        self.plans.sort(key=lambda plan: order[plan.column])
        self.changes = (*self.whole, *self.notes.changes())

    @staticmethod
    def _role(name: str, problem: Problem | None) -> str:
        """What a column is for that is no input whatever it holds; "" where it may be one."""
        if problem is None:
            return ""
        if name == problem.target:
            return "target"
        if name in problem.ignored:
            return "ignored"
        return "groups" if name == problem.groups else ""

    def leave(self, name: str, why: str, reason: str) -> None:
        """Leave a column out."""
        self.left_out[name] = reason
        self.notes.add(f"left out: {why}", name, self.table.rows, reason)

    def plan(self, name: str, kind: Kind, in_order: bool) -> None:
        """Make the plan of a column, or leave it out."""
        cells = self.table.column(name)
        gone = missing_in(cells)
        if kind == "number" and in_order:
            self.leave(name, "time", REASONS["time"])
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
            self.notes.add("marked", name, int(gone.sum()), percent(gone.mean()))
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
            self.notes.add("filled", name, int(gone.sum()), plain(fill))
        if not constant:
            beyond = int(np.count_nonzero(np.abs(standardised(filled, mean, scale)) > CLIP))
            self.notes.add(
                "standardised", name, len(filled), f"mean {plain(mean)}, deviation {plain(scale)}"
            )
            if beyond:
                self.notes.add("clipped", name, beyond, f"up to {plain(_farthest(there, mean))}")
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
                self.notes.add("filled", name, int(gone[:, i].sum()), plain(fills[i]))
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
        self.whole.append(
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
        self.notes.add("encoded as 0 and 1", name, len(words), f"{true} is 1")
        if gone.any():
            self.notes.add("filled booleans", name, int(gone.sum()), true if fill else false)
        self.plans.append(Boolean(name, true, fill, self.marks(name, gone), bool(gone.any())))

    def category(self, name: str, cells: np.ndarray, gone: np.ndarray) -> None:
        """An input for each level; the rare ones of many together."""
        texts, codes = levels_of(cells)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        kept = list(range(len(texts)))
        if len(texts) > MOST_LEVELS:
            kept = sorted(np.argsort(-counts, kind="stable")[:MOST_LEVELS].tolist())
            rest = int(counts.sum() - counts[kept].sum())
            self.notes.add(
                "joined",
                name,
                rest,
                f"{len(texts) - MOST_LEVELS:,} of {len(texts):,} levels",
            )
        levels = tuple(texts[k] for k in kept)
        self.notes.add(
            "encoded by level",
            name,
            len(cells),
            count_text(len(levels), "level"),
        )
        if gone.any():
            self.notes.add("missing as a level", name, int(gone.sum()), "")
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
        parts, means, scales, beyond = [], [], [], []
        for part in TIME_PARTS:
            values = time_part(filled, part, low)
            if values.min() == values.max():
                continue
            if in_order and high - low < RETURNS.get(part, np.inf) * DAY:
                beyond.append(part)
            else:
                mean, scale = mean_and_scale(values)
                parts.append(part)
                means.append(mean)
                scales.append(scale)
        marked = self.marks(name, gone)
        if not parts and not marked:
            self.leave(name, "time", REASONS["time"])
            return
        if gone.any():
            self.notes.add("filled dates", name, int(gone.sum()), date_text(fill))
        without = f"; not {', '.join(beyond)}, which later rows are beyond" if beyond else ""
        self.notes.add(
            "dated", name, len(cells), ", ".join(parts or ["whether it is there"]) + without
        )
        some = bool(gone.any())
        means_, scales_ = tuple(means), tuple(scales)
        self.plans.append(
            Time(name, form, tuple(parts), means_, scales_, fill, low, high, marked, some)
        )


def _median(values: np.ndarray) -> float:
    """The median; of two middle values their mean, without overflow."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if low == high else low / 2 + high / 2


def _farthest(values: np.ndarray, mean: float) -> float:
    """The value that is farthest from the mean."""
    with np.errstate(over="ignore"):
        return float(values[np.argmax(np.abs(values - mean))])
