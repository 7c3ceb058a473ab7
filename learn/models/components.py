"""Directions in which the rows differ most, by principal component analysis: how much of the table
each explains, against tables with shuffled columns, and what it is made of, in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.words import quoted
from .matrix import Matrix, enough, one_thread

SHUFFLES = 19
"""Shuffled tables: a component above all of them is above chance at one in twenty."""


@dataclass(frozen=True)
class Components:
    """Components in order. `explained` (components,) is the share of the variance of each, `null`
    the largest share that the component of that number has in shuffled tables (parallel analysis:
    Horn 1965; Buja, Eyuboglu 1992); `directions` (components, inputs) have length 1.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: np.ndarray
    null: np.ndarray
    words: tuple[str, ...]
    """What the components that count are made of."""

    @property
    def count(self) -> int:
        """How many of the first components explain more than in any shuffled table."""
        above = self.explained > self.null
        return len(above) if above.all() else int(np.argmin(above))

    def needed(self, share: float) -> int:
        """How many components explain that share of the variance together."""
        reached = np.searchsorted(np.cumsum(self.explained), share - 1e-9)
        return min(int(reached) + 1, len(self.explained))

    def rebuilt(self, X: np.ndarray, count: int) -> np.ndarray:
        """Rows (rows, inputs) from their first `count` components alone."""
        directions = self.directions[:count]
        return self.mean + (X - self.mean) @ directions.T @ directions


def components(matrix: Matrix, seed: int = 0, shuffles: int = SHUFFLES) -> Components:
    """The principal components of the rows. Raises DataError for fewer than 3 rows.

    >>> import numpy as np
    >>> t = np.random.default_rng(0).normal(size=200)
    >>> found = components(Matrix.of(np.column_stack([t, -t, np.roll(t, 1)]), ["a", "b", "c"]))
    >>> found.count, found.words
    (1, ("'a' up, 'b' down",))
    """
    enough(matrix, 3, "a search for components")
    with one_thread():
        mean, directions, explained = _fitted(matrix.X)
        null = np.zeros(len(explained))
        for k in range(shuffles):
            null = np.maximum(null, _fitted(matrix.shuffled(seed + k).X)[2])
    found = Components(mean, directions, explained, null, ())
    words = tuple(_words(matrix, found.directions[k]) for k in range(found.count))
    return Components(mean, directions, explained, null, words)


def _fitted(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA

    X = X.astype(np.float64)
    if not np.ptp(X, axis=0).any():  # all rows are the same: nothing to explain
        count = min(X.shape)
        return X[0], np.eye(count, X.shape[1]), np.zeros(count)
    fitted: Any = PCA(svd_solver="full").fit(X)
    return fitted.mean_, fitted.components_, fitted.explained_variance_ratio_


def _words(matrix: Matrix, direction: np.ndarray) -> str:
    """The inputs that count for at least half as much as the first; that one goes up."""
    size = np.abs(direction).round(6)  # so that equals keep their order
    order = [k for k in np.argsort(-size, kind="stable") if size[k] >= size.max() / 2]
    up = np.sign(direction[order[0]])
    said = [
        f"{quoted(matrix.names[k])} {'up' if direction[k] * up > 0 else 'down'}" for k in order[:4]
    ]
    more = len(order) - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")
