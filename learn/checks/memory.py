"""Whether a walk over a table fits into memory: of one that is too large some rows are drawn, and
said to be. The others would add little to a small network, and less than a machine that swaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..data.cells import levels_of
from ..data.gathering import TEXT_BYTES
from ..data.inference import FEWEST_ROWS
from ..data.plans import MOST_LEVELS
from ..data.preparation import Preparation
from ..data.table import Table
from ..errors import DataError
from ..problem import Problem
from .rules import LIMITS, limit

MEMORY = limit(
    "memory", 1000, "MB that a walk may take; of tables that would take more, rows are drawn",
    "measured: files of 200 MB of numbers, of texts and of one digit a cell",
)  # fmt: skip
PROGRAM = 440
"""MB of the libraries."""
INPUT_BYTES = 32
"""What an input of a row costs at the peak: in the table, prepared, in its part, compared."""
LOOKED_AT = 5_000
"""Rows by which inputs are counted."""
FEWEST_DRAWN = 1_000


def within_memory(
    table: Table, problem: Problem, seed: int = 0, limits: Mapping[str, float] | None = None
) -> Table:
    """The table, or as many of its rows as can be learned from in the memory allowed.

    Rows are drawn at random and stay in order; of each class its share, and 5 at least. A note of
    the table says how many, and why. `problem` is settled.

    >>> table = Table.of({"x": np.arange(9000.0), "won": ["no", "yes"] * 4500})
    >>> problem = Problem("won", task="classification")
    >>> within_memory(table, problem).rows
    9000
    >>> few = within_memory(table, problem, limits={"memory": 0})
    >>> few.rows, few.notes[0].partition(":")[0]
    (1000, '1,000 of 9,000 rows were drawn at random (seed 0), of each class its share')
    """
    allowed = {MEMORY: LIMITS[MEMORY].value, **(limits or {})}[MEMORY]
    left = 1e6 * (allowed - PROGRAM) - _bytes_of(table)
    if table.rows * _most_inputs(table) * INPUT_BYTES <= left:
        return table
    rng = np.random.default_rng(seed)
    inputs = _inputs(table.take(rng.permutation(table.rows)[:LOOKED_AT]), problem)
    rows = max(FEWEST_DRAWN, int(left / (inputs * INPUT_BYTES)))
    if rows >= table.rows:
        return table
    kept, how = _drawn(table, problem, rows, rng)
    whole = PROGRAM + (_bytes_of(table) + table.rows * inputs * INPUT_BYTES) / 1e6
    note = (
        f"{len(kept):,} of {table.rows:,} rows were drawn at random (seed {seed}){how}: all of "
        f"them, {inputs:,} inputs each, could take {whole:,.0f} MB of memory, and the limit "
        f"'{MEMORY}' is {allowed:,.0f}"
    )
    return replace(table.take(kept), notes=(*table.notes, note))


def _bytes_of(table: Table) -> float:
    """About what a table takes; a text that occurs often is held once."""
    import pandas as pd

    columns = [table.column(name) for name in table.names]
    texts = sum(len(pd.unique(column)) for column in columns if column.dtype == object)
    return sum(column.nbytes for column in columns) + texts * TEXT_BYTES


def _most_inputs(table: Table) -> int:
    """More inputs than a table has are never made."""
    kinds = [table.column(name).dtype.kind for name in table.names]
    return sum(MOST_LEVELS + 2 if kind == "O" else 2 for kind in kinds)


def _inputs(table: Table, problem: Problem) -> int:
    """How many inputs these rows become."""
    try:
        return len(Preparation.fit(table, problem, np.arange(table.rows)).names)
    except DataError:  # that the whole table has none is said where it is prepared
        return 1


def _drawn(
    table: Table, problem: Problem, rows: int, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Row numbers, ascending, and how they were drawn."""
    order = rng.permutation(table.rows)
    if problem.task != "classification":
        return np.sort(order[:rows]), ""
    codes = levels_of(table.column(problem.target))[1]
    counts = np.bincount(codes)
    wanted = [max(FEWEST_ROWS, math.ceil(count * rows / table.rows)) for count in counts]
    by_class = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(table.rows) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = by_class[rank < np.repeat(wanted, counts)]
    return np.sort(kept), ", of each class its share"
