"""A table: named columns of numbers or texts, where it came from, and which line of the file each
row stood in. What it is read or made from, the same cells give the same table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, MissingPackageError
from .words import nearest, quoted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """Rows and named columns.

    Each column of `frame` is float64 or int64 (numbers, NaN where missing) or object (texts as
    str, None where missing), and rows are numbered from 0. `lines` are the lines of the file in
    which rows begin, from 1; None where there was no file. `notes` says what reading found.

    >>> table = Table.of({"age": [3, 5, None], "sex": ["f", "m", None]}, "cats")
    >>> table
    Table('cats', 3 rows, 2 columns)
    >>> table.names, table.where(2)
    (('age', 'sex'), 'row 2')
    """

    frame: pd.DataFrame
    name: str
    origin: Path | None = None
    sha256: str = ""
    lines: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        encoding: str = "utf-8",
        missing: Collection[str] = (),
        texts: Collection[str] = (),
        one_column: bool = False,
    ) -> Table:
        """The table of a CSV file (.csv, .tsv, also packed: .csv.gz) with names in its first line.

        The separator (comma, semicolon, tab or bar) is found out. Empty cells and NA, N/A, NaN,
        null, None, ? and - are missing, and those in `missing`. Columns in `texts` are read as
        text even if all cells are numbers: post codes, numbers that are names of categories.

        Raises DataError, with line and column, for whatever is wrong with the file: ragged rows,
        quotes that do not close, bytes that are not in the encoding, infinite numbers, a few texts
        in a column of numbers, duplicate names, more than memory should hold (450 MB).
        """
        require_pandas()
        from .reading import read

        if isinstance(missing, str) or isinstance(texts, str):
            raise TypeError('missing and texts are collections of texts: missing=["n/a"]')
        path = Path(path)
        contents = read(path, encoding, missing, texts, one_column)
        name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
        frame = _frame(contents.columns)
        return cls(frame, name, path, contents.sha256, contents.lines, tuple(contents.notes))

    @classmethod
    def of(cls, data: Any, name: str = "table") -> Table:
        """The table of a DataFrame, a mapping of columns, or an array (rows, columns).

        Booleans become the texts True and False, dates ISO texts, categories texts (so a
        categorical column of integers stays one); an array's columns are called x1, x2, …
        Raises DataError for infinite numbers, no rows, duplicate names, or cells of other types.

        >>> Table.of(np.eye(2)).names
        ('x1', 'x2')
        """
        require_pandas()
        import pandas as pd

        from .cells import canonical
        from .heading import twice_in

        if isinstance(data, Table):
            return data
        if isinstance(data, np.ndarray):
            if data.ndim != 2:
                raise DataError(f"a table is made of an array (rows, columns), not {data.shape}")
            data = {f"x{i + 1}": data[:, i] for i in range(data.shape[1])}
        if isinstance(data, pd.DataFrame):
            names = [str(column) for column in data.columns]
            columns: list[Any] = [data.iloc[:, i] for i in range(len(names))]
        elif isinstance(data, Mapping):
            names = [str(column) for column in data]
            columns = list(data.values())
        else:
            raise DataError(
                "a table is made of a DataFrame, a mapping of columns or an array, "
                f"not of {type(data).__name__}"
            )
        label = quoted(name)
        if not names:
            raise DataError(f"{label}: a table without columns")
        for column in names:
            if not column.strip():
                raise DataError(f"{label}: column {names.index(column) + 1} has no name")
        if len(set(names)) < len(names):
            twice = names[twice_in(names)[0]]
            raise DataError(f"{label}: two columns are called {quoted(twice)}; rename one of them")
        made = {
            column: canonical(values, f"{label}, column {quoted(column)}")
            for column, values in zip(names, columns, strict=True)
        }
        sizes = {len(values) for values in made.values()}
        if len(sizes) > 1:
            raise DataError(f"{label}: columns of different lengths: {sorted(sizes)}")
        if sizes == {0}:
            raise DataError(f"{label}: a table without rows")
        return cls(_frame(made), name, None, _sha256(made))

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self.frame.columns)

    def column(self, name: str) -> np.ndarray:
        """The cells of a column (rows,): float64, int64 or object.

        Raises DataError, with the nearest name, where there is no such column.
        """
        self.require(name)
        return self.frame[name].to_numpy()

    def require(self, name: str, role: str = "") -> None:
        """Raise DataError, with the nearest name, unless there is such a column."""
        if name in self.frame.columns:
            return
        known = ", ".join(quoted(one) for one in self.names[:20])
        more = f" and {len(self.names) - 20:,} others" if len(self.names) > 20 else ""
        raise DataError(
            f"{quoted(self.name)} has no column {quoted(name)}{role and f' ({role})'}"
            f"{nearest(name, self.names) or ';'} it has {known}{more}"
        )

    def take(self, rows: Sequence[int] | np.ndarray) -> Table:
        """The table of these rows, in the order given, numbered anew."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        columns = {name: self.frame[name].to_numpy()[rows] for name in self.frame.columns}
        lines = None if self.lines is None else self.lines[rows]
        return Table(_frame(columns), self.name, self.origin, self.sha256, lines, self.notes)

    def without(self, names: Collection[str]) -> Table:
        """The table without some columns."""
        left = {one: self.frame[one].to_numpy() for one in self.frame.columns if one not in names}
        return Table(_frame(left), self.name, self.origin, self.sha256, self.lines, self.notes)

    def where(self, row: int) -> str:
        """What a sentence calls a row: its line in the file, or its number from 0."""
        return f"row {row}" if self.lines is None else f"line {int(self.lines[row])}"

    def __repr__(self) -> str:
        return f"Table({quoted(self.name)}, {self.rows:,} rows, {len(self.names):,} columns)"


def require_pandas() -> None:
    """Raise MissingPackageError, with the command that installs it, unless pandas is there."""
    import importlib.util

    if importlib.util.find_spec("pandas") is None:
        raise MissingPackageError(
            'tables need pandas, which is not installed; run: pip install "backlit[learn]"'
        )


def _frame(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A DataFrame of just these arrays: neither copied nor converted."""
    import pandas as pd

    index = pd.RangeIndex(len(next(iter(columns.values()), ())))
    # Arrays of numbers are taken as they are; of objects the type would be guessed.
    made = {
        name: pd.Series(values, index, dtype=object, copy=False)
        if values.dtype == object
        else values
        for name, values in columns.items()
    }
    return pd.DataFrame(made, index, copy=False)


def _sha256(columns: Mapping[str, np.ndarray]) -> str:
    """Of names and cells."""
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(f"{len(name)} {name} {values.dtype} {len(values)} ".encode(errors="replace"))
        if values.dtype == object:
            for text in values:
                digest.update(
                    b"-" if text is None else f"{len(text)} {text}".encode(errors="surrogatepass")
                )
        else:
            digest.update(values.tobytes())
    return digest.hexdigest()
