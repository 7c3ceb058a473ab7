"""The tables that need no file: five drawn by NumPy, five that lie inside scikit-learn's package,
six that lie beside this file. None is downloaded; files/LICENCES.md says where they are from."""

from __future__ import annotations

import csv
import difflib
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from . import sklearn_files
from .catalogue import BUILTIN, NOT_BROUGHT, Builtin, Recipe
from .synthetic import GENERATORS

if TYPE_CHECKING:
    from .table import Table

__all__ = ["BUILTIN", "Builtin", "Recipe", "known", "load", "require_known"]

FILES = Path(__file__).parent / "files"
DRAWN_ROWS = 1000


def load(name: str, seed: int = 0) -> Table:
    """The table of that name; `seed` draws the points of the five synthetic ones.

    Cells are as the source has them: float64 or int64 numbers, texts; NaN or None is missing. What
    there is to know about the table is in `BUILTIN[name]`. Raises UsageError for a name that
    is not known or a negative seed, MissingPackageError where pandas or scikit-learn is missing.

    >>> load("moons").rows
    1000
    >>> load("moon")
    Traceback (most recent call last):
        ...
    backlit.learn.errors.UsageError: unknown table 'moon'; did you mean 'moons'? Known: ...
    """
    require_known(name)
    if seed < 0:
        raise UsageError(f"the seed is an integer from 0 on, not {seed}")
    from .table import Table

    if name in GENERATORS:
        columns = _drawn(name, seed)
    elif name in sklearn_files.READERS:
        columns = sklearn_files.READERS[name]()
    else:
        columns = _file(name)
    return Table.of(columns, name)


def known(name: str) -> bool:
    """Whether there is such a table.

    >>> known("iris"), known("Iris"), known("customers.csv")
    (True, False, False)
    """
    return name in BUILTIN


def require_known(name: str) -> None:
    """Raise UsageError, with the nearest name and all names, unless there is such a table.

    >>> require_known("pima")
    Traceback (most recent call last):
        ...
    backlit.learn.errors.UsageError: the Pima diabetes table is not brought: ...
    """
    if known(name):
        return
    name = str(name)
    reason = NOT_BROUGHT.get(name.lower())
    if reason is not None:
        raise UsageError(reason)
    close = difflib.get_close_matches(name.lower(), BUILTIN, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    if "." in name or "/" in name:
        hint = ", it looks like a file: Table.read reads files."
    raise UsageError(f"unknown table {name!r}{hint} Known: {', '.join(BUILTIN)}")


def _drawn(name: str, seed: int) -> dict[str, np.ndarray]:
    draw, classes = GENERATORS[name]
    X, y = draw(DRAWN_ROWS, np.random.default_rng(seed))
    return {"x1": X[:, 0], "x2": X[:, 1], "class": np.array(classes, dtype=object)[y]}


def _file(name: str) -> dict[str, np.ndarray]:
    """The columns of a table that lies beside this file; only an empty cell is a missing one."""
    with gzip.open(FILES / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return {
        column: _column(cells) for column, cells in zip(names, zip(*rows, strict=True), strict=True)
    }


def _column(cells: tuple[str, ...]) -> np.ndarray:
    """Cells as int64 or float64 where all of them are numbers, as text otherwise.

    Python reads a number to its last bit, which pandas' own reader does only in some versions.
    """
    try:
        if "" not in cells:
            return np.array([int(cell) for cell in cells], dtype=np.int64)
    except ValueError:
        pass
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array([cell or None for cell in cells], dtype=object)
