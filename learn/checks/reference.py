"""What is remembered of the training table so that later rows can be held against it: bins, levels,
quantiles, missing cells and a small sample, as JSON of some tens of kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..data.cells import as_texts, levels_of, missing_in
from ..data.columns import kinds
from ..data.table import Table
from ..errors import DataError

FORMAT = 1
BINS = 10
QUANTILES = 101
SAMPLE_ROWS = 1000
SAMPLE_CELLS = 20_000


@dataclass(frozen=True)
class ColumnReference:
    """One column as it was.

    Numbers have inner `edges` of bins of equal size (a value on an edge belongs to the bin above),
    `quantiles` at equal shares, and a `deviation`; categories have `levels`, the most frequent
    first. `counts` are the rows of each bin or level, `rows` all rows, `missing` those without a
    value, `singles` how many levels came once.
    """

    name: str
    kind: Literal["number", "category"]
    rows: int
    missing: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()
    deviation: float = 0.0
    levels: tuple[str, ...] = ()
    singles: int = 0


@dataclass(frozen=True)
class Reference:
    """A table's columns as they were, and a sample of its rows.

    >>> table = Table.of({"age": [20, 30, 40] * 100, "city": ["Rome", "Bonn", "Rome"] * 100})
    >>> reference = Reference.of(table)
    >>> reference.columns[1].levels, reference.columns[1].counts
    (('Rome', 'Bonn'), (200, 100))
    >>> Reference.from_dict(reference.as_dict()) == reference
    True
    """

    rows: int
    columns: tuple[ColumnReference, ...]
    sample: Mapping[str, tuple[float | str | None, ...]]
    """Cells of at most 1,000 rows, by column; None where missing."""

    @classmethod
    def of(cls, table: Any, columns: Sequence[str] | None = None, seed: int = 0) -> Reference:
        """Remember a table (or DataFrame). `columns` are those to watch; by default all that are
        numbers, booleans or categories: dates move on, identifiers and free texts are always new.

        Raises DataError for a column that is not there.
        """
        table = Table.of(table)
        kind_of = kinds(table)
        names = [name for name in columns or table.names if _watched(kind_of, table, name)]
        most = int(np.clip(SAMPLE_CELLS // max(1, len(names)), 200, SAMPLE_ROWS))
        rows = np.arange(table.rows)
        if table.rows > most:
            rows = np.sort(np.random.default_rng(seed).permutation(table.rows)[:most])
        found, sample = [], {}
        for name in names:
            column = table.column(name)
            found.append(_column(name, column))
            sample[name] = _cells(column[rows], found[-1].kind)
        return cls(table.rows, tuple(found), sample)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "columns": [asdict(column) for column in self.columns],
            "sample": {name: list(cells) for name, cells in self.sample.items()},
        }

    @classmethod
    def from_dict(cls, record: Any) -> Reference:
        """The reference that `as_dict` wrote. Raises DataError for anything else."""
        try:
            if record["format"] != FORMAT:
                raise ValueError(f"format {record['format']!r}, this version reads {FORMAT}")
            columns = tuple(_column_from(column) for column in record["columns"])
            sample = {str(name): tuple(cells) for name, cells in record["sample"].items()}
            if set(sample) != {column.name for column in columns}:
                raise ValueError("the sample has other columns")
            if len({len(cells) for cells in sample.values()}) > 1:
                raise ValueError("the sample's columns are of different lengths")
            return cls(int(record["rows"]), columns, sample)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this is not what is remembered of a table: {error}") from None


def numbers_in(column: np.ndarray) -> np.ndarray:
    """Cells as float64 (rows,), NaN where missing or, in a column of texts, no number."""
    if column.dtype != object:
        return column.astype(np.float64)
    from ..data.cells import as_numbers

    return as_numbers(column)[0]


def place(edges: Sequence[float] | np.ndarray, values: np.ndarray) -> np.ndarray:
    """The bin of each value; a value on an edge belongs to the bin above."""
    return np.searchsorted(np.asarray(edges, np.float64), values, side="right")


def _watched(kind_of: Mapping[str, Any], table: Table, name: str) -> bool:
    table.require(name)
    return str(kind_of[name]) in ("number", "boolean", "category", "constant")


def _column(name: str, column: np.ndarray) -> ColumnReference:
    missing = int(missing_in(column).sum())
    rows = len(column)
    if column.dtype != object:
        values = column.astype(np.float64)
        values = values[np.isfinite(values)]
        different = np.unique(values)
        if len(different) > BINS:
            edges = np.quantile(values, np.arange(1, BINS) / BINS, method="higher")
            edges = np.unique(edges[edges > values.min()])
        else:
            edges = different[1:]  # few values: a bin for each
        counts = np.bincount(place(edges, values), minlength=len(edges) + 1)
        return ColumnReference(
            name, "number", rows, missing, tuple(counts.tolist()), tuple(edges.tolist()),
            tuple(np.quantile(values, np.linspace(0, 1, QUANTILES)).tolist()),
            float(values.std()),
        )  # fmt: skip
    texts, codes = levels_of(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    order = np.argsort(-counts, kind="stable")
    return ColumnReference(
        name, "category", rows, missing, tuple(counts[order].tolist()),
        levels=tuple(texts[k] for k in order), singles=int(np.sum(counts == 1)),
    )  # fmt: skip


def _cells(column: np.ndarray, kind: str) -> tuple[float | str | None, ...]:
    if kind == "category":
        return tuple(as_texts(column).tolist())
    return tuple(None if cell != cell else float(cell) for cell in column.tolist())


def _column_from(record: Mapping[str, Any]) -> ColumnReference:
    kind = record["kind"]
    if kind not in ("number", "category"):
        raise ValueError(f"a column of kind {kind!r}")
    made = ColumnReference(
        str(record["name"]), kind, int(record["rows"]), int(record["missing"]),
        tuple(map(int, record["counts"])), tuple(map(float, record["edges"])),
        tuple(map(float, record["quantiles"])), float(record["deviation"]),
        tuple(map(str, record["levels"])), int(record["singles"]),
    )  # fmt: skip
    wanted = len(made.edges) + 1 if kind == "number" else len(made.levels)
    if len(made.counts) != wanted or list(made.edges) != sorted(made.edges):
        raise ValueError(f"bins of {made.name!r} do not fit together")
    return made
