"""A prepared table without a target, and the same table with its columns shuffled: in that there is
nothing to find, so what is claimed of the first must be clearer than what the second shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Matrix:
    """`X` (rows, inputs) float32 on comparable scales; `names` of the inputs; `columns`, the column
    of the table that each input was made from; `known` (rows, columns of the table) tells which
    cells were there, None where all were.
    """

    X: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    known: np.ndarray | None = None

    @classmethod
    def of(
        cls, X: np.ndarray, names: Sequence[str] | None = None,
        columns: Sequence[str] | None = None, known: np.ndarray | None = None,
    ) -> Matrix:  # fmt: skip
        """A matrix of numbers as a Matrix. Raises DataError where there is nothing to look at.

        >>> Matrix.of(np.zeros((5, 2))).names
        ('column 1', 'column 2')
        """
        X = np.asarray(X)
        if X.ndim != 2:
            raise DataError(f"a table is (rows, inputs), not of shape {X.shape}")
        if X.shape[1] < 1:
            raise DataError("the table has no column that could be an input")
        if not np.isfinite(X).all():
            row, k = np.argwhere(~np.isfinite(X))[0]
            raise DataError(f"row {row}, input {k} is {X[row, k]}; fill the gaps first")
        if names is None:
            names = [f"column {k + 1}" for k in range(X.shape[1])]
        names = tuple(map(str, names))
        columns = names if columns is None else tuple(map(str, columns))
        if len(names) != X.shape[1] or len(columns) != X.shape[1]:
            raise DataError(
                f"{X.shape[1]} inputs, but {len(names)} names and {len(columns)} columns"
            )
        return cls(np.ascontiguousarray(X, dtype=np.float32), names, columns, known)

    def __len__(self) -> int:
        return len(self.X)

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """The numbers of the inputs of each column, in the table's order."""
        found: dict[str, list[int]] = {}
        for k, column in enumerate(self.columns):
            found.setdefault(column, []).append(k)
        return {column: np.array(inputs) for column, inputs in found.items()}

    def take(self, rows: np.ndarray) -> Matrix:
        """Some of the rows."""
        known = None if self.known is None else self.known[rows]
        return replace(self, X=self.X[rows], known=known)

    def shuffled(self, seed: int) -> Matrix:
        """The same columns, each with its rows in an order of its own: what each column is alone
        stays, what columns have to do with each other is gone.
        """
        rng = np.random.default_rng([seed, 0x5AFF])
        X = np.empty_like(self.X)
        known = None if self.known is None else np.empty_like(self.known)
        for k, inputs in enumerate(self.groups.values()):
            order = rng.permutation(len(self))
            X[:, inputs] = self.X[order][:, inputs]
            if known is not None and self.known is not None:
                known[:, k] = self.known[order, k]
        return replace(self, X=X, known=known)

    def straightened(self, seed: int) -> Matrix:
        """A table with the same means and covariances in which nothing is bent: each principal
        component with its rows in an order of its own. Its inputs lose their two values or steps.
        """
        rng = np.random.default_rng([seed, 0x57A1])
        X = self.X.astype(np.float64)
        mean = X.mean(0)
        scores, sizes, directions = np.linalg.svd(X - mean, full_matrices=False)
        straight = rng.permuted(scores * sizes, axis=0) @ directions + mean
        return replace(self, X=straight.astype(np.float32))

    def cloud(self, seed: int) -> Matrix:
        """Normal rows of the same means and covariances: one cloud, as long and as flat."""
        rng = np.random.default_rng([seed, 0xC10D])
        X = self.X.astype(np.float64)
        mean = X.mean(0)
        _, sizes, directions = np.linalg.svd(X - mean, full_matrices=False)
        scores = rng.normal(size=(len(X), len(sizes))) * (sizes / np.sqrt(len(X)))
        return replace(self, X=(scores @ directions + mean).astype(np.float32))


def enough(matrix: Matrix, rows: int, what: str) -> None:
    """Raise DataError where there are too few rows for what is to be done."""
    if len(matrix) < rows:
        raise DataError(f"{what} needs at least {rows} rows, this table has {len(matrix)}")


@contextmanager
def one_thread() -> Iterator[None]:
    """Other libraries keep to one thread: theirs add up in any order, so that bits would change
    from run to run, and wait for each other in busy loops where processors are few.
    """
    import scipy.spatial  # noqa: F401  what is loaded later is not limited
    import sklearn.cluster
    import sklearn.decomposition
    import sklearn.metrics  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
