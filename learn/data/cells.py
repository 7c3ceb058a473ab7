"""Cells of any origin in the two storages that a table has, numbers and texts, and the ways between
them: a column of numbers read as texts, texts read as numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from .notation import is_number
from .words import quoted

EXACT = 2**53
"""Below which every whole number is a float64."""


def canonical(values: Any, where: str) -> np.ndarray:
    """A column as float64, int64, or object (str, None where missing).

    `where` begins the error. Raises DataError for infinite numbers and cells that are neither
    numbers nor texts.
    """
    import pandas as pd

    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise DataError(f"{where}: a column is one-dimensional, not {values.shape}")
    try:
        series = values if isinstance(values, pd.Series) else pd.Series(values)
    except OverflowError:
        raise DataError(f"{where}: an integer too large for a number") from None
    series = series.reset_index(drop=True)
    dtype = series.dtype
    missing = series.isna().to_numpy()
    if isinstance(dtype, pd.CategoricalDtype):
        return _texts(series.astype(object).to_numpy(object), missing, where)
    if pd.api.types.is_bool_dtype(dtype):
        return _texts(series.astype(object).to_numpy(object), missing, where)
    if pd.api.types.is_complex_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise DataError(f"{where}: cells of type {dtype} are neither numbers nor texts")
    if pd.api.types.is_integer_dtype(dtype) and not missing.any():
        whole = series.to_numpy()
        # Only uint64 can leave int64's range.
        return whole.astype(np.float64 if whole.max(initial=0) > 2**63 - 1 else np.int64)
    if pd.api.types.is_numeric_dtype(dtype):
        return _finite(series.to_numpy(np.float64, na_value=np.nan), where)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        cells = np.array(
            [None if gone else t.isoformat() for t, gone in zip(series, missing, strict=True)],
            object,
        )
        return cells
    cells = series.to_numpy(object)
    there = cells[~missing]
    if len(there) and all(
        isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool)
        for cell in there
    ):
        try:
            numbers = np.array(
                [np.nan if gone else float(c) for c, gone in zip(cells, missing, strict=True)]
            )
        except OverflowError:
            raise DataError(f"{where}: an integer too large for a number") from None
        return _finite(numbers, where)
    if not len(there):
        return np.full(len(cells), np.nan)
    return _texts(cells, missing, where)


def _finite(values: np.ndarray, where: str) -> np.ndarray:
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"{where}, row {infinite[0]}: {values[infinite[0]]} is infinite; correct it, or make "
            "it missing (NaN)"
        )
    return values


def _texts(cells: np.ndarray, missing: np.ndarray, where: str) -> np.ndarray:
    made = np.empty(len(cells), object)
    for row, (cell, gone) in enumerate(zip(cells, missing, strict=True)):
        if gone:
            continue
        if isinstance(cell, float | np.floating):
            made[row] = text_of(float(cell))
        elif isinstance(cell, str):
            made[row] = str(cell)
        elif isinstance(cell, list | tuple | dict | set | bytes | np.ndarray):
            raise DataError(
                f"{where}, row {row}: a cell is one number or text, not a {type(cell).__name__}"
            )
        else:
            made[row] = str(cell)
    return made


def text_of(value: float) -> str:
    """A number as the text that names it: whole ones without a point.

    >>> text_of(3.0), text_of(-0.5), text_of(1e300)
    ('3', '-0.5', '1e+300')
    """
    if abs(value) < 2**53 and value == int(value):
        return str(int(value))
    return repr(float(value))


def missing_in(column: np.ndarray) -> np.ndarray:
    """Which cells of a column are missing (rows,) bool."""
    if column.dtype == object:
        return np.array([cell is None for cell in column], bool)
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)


def require_exact(column: np.ndarray, what: str) -> None:
    """Raise DataError where cells that are names may have become other names: whole numbers beyond
    2^53 among missing cells or fractions, or beyond 64 bits. `what` begins the sentence.
    """
    if column.dtype.kind == "f" and (np.abs(column) >= EXACT).any():
        raise DataError(
            f"{what} holds numbers beyond 2^53, which are not kept to their last digit, as names "
            "must be; read the column as text: --text NAME (in Python: texts=[...])"
        )


def as_texts(column: np.ndarray) -> np.ndarray:
    """A column's cells as texts, object (rows,); None where missing.

    >>> as_texts(np.array([1.0, np.nan, 2.5])).tolist()
    ['1', None, '2.5']
    """
    if column.dtype == object:
        return column
    if column.dtype.kind == "f":
        values, codes = np.unique(column, return_inverse=True)
        named = [None if np.isnan(value) else text_of(float(value)) for value in values]
    else:
        values, codes = np.unique(column, return_inverse=True)
        named = [str(int(value)) for value in values]
    return np.array([*named, None], object)[codes]


def as_numbers(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A column's cells as float64 (rows,), NaN where missing; and the rows that are no numbers.

    >>> values, wrong = as_numbers(np.array(["1.5", None, "x"], object))
    >>> values.tolist(), wrong.tolist()
    ([1.5, nan, nan], [2])
    """
    if column.dtype != object:
        return column.astype(np.float64), np.zeros(0, np.int64)
    values = np.full(len(column), np.nan)
    wrong = []
    for row, cell in enumerate(column):
        if cell is None:
            continue
        text = cell.strip()
        if is_number(text) and np.isfinite(float(text)):
            values[row] = float(text)
        else:
            wrong.append(row)
    return values, np.array(wrong, np.int64)


def levels_of(column: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The different texts of a column, sorted, and the number of each cell's (-1 where missing).

    Numbers are sorted as numbers; a column of texts that are all numbers likewise.

    >>> levels_of(np.array([10, 9, 10]))
    (['9', '10'], array([1, 0, 1]))
    """
    import pandas as pd

    codes, uniques = pd.factorize(as_texts(column))
    codes = np.asarray(codes, np.int64)
    texts = [str(text) for text in uniques]
    try:
        keys: list[Any] = [(float(text), text) for text in texts]
        if any(key != key for key, _ in keys):
            raise ValueError
    except ValueError:
        keys = texts
    order = sorted(range(len(texts)), key=keys.__getitem__)
    place = np.empty(len(texts) + 1, np.int64)
    place[order] = np.arange(len(texts))
    place[-1] = -1
    return [texts[i] for i in order], place[codes]


def describe(cells: list[str]) -> str:
    """A few cells for a sentence."""
    return ", ".join(quoted(cell) for cell in cells[:3]) + (", …" if len(cells) > 3 else "")
