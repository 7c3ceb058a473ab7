"""Groups of rows by k-means, with their number chosen and their existence doubted: columns that
have nothing to do with each other have clusters too, and so has a single long cloud.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...study.text import number
from ..data.words import quoted
from .matrix import Matrix, enough, one_thread

MOST = 10
"""Clusters that are tried."""

STABLE = 0.8
"""Agreement between starts (adjusted Rand index) from which on a number of clusters is stable."""

SMALLEST = 0.02
"""The share of the rows that a cluster has at least: fewer are rows that stand out, no group."""

SHUFFLES = 9
"""Tables of each kind without groups that the silhouette must exceed: one in ten by chance."""

MARGIN = 0.02
"""By which a silhouette must be higher; of 100 to 800 normal rows none was by as much as 0.012."""

FAR = 3.0
"""Quartile ranges above the upper quartile of the distances from the middle from which on a row is
far from all: it would be a cluster of its own."""

ROWS = 1000
"""Rows that clusters are sought in; the others are put to the nearest centre."""

STARTS = 4
"""Clusterings that are compared, each the best of three starts."""


@dataclass(frozen=True)
class Trial:
    """One number of clusters: how far apart they lie, and whether other starts find them too."""

    k: int
    silhouette: float
    stability: float
    smallest: float
    """The share of the rows in the smallest cluster."""

    @property
    def counts(self) -> bool:
        """Whether every cluster is large enough to be one."""
        return self.smallest >= SMALLEST


@dataclass(frozen=True)
class Clusters:
    """The clustering of the chosen number, and what it is worth.

    `labels` (rows,) number the clusters from the largest, 0; `centres` (k, inputs). `silhouette`
    lies between -1 and 1 (Rousseeuw 1987): how much nearer rows are to their own cluster than to
    the next; `null` is the highest one of tables with shuffled columns, over all k, `cloud` that of
    normal clouds with the covariances of the table (the search for them ends where they are as
    high as `silhouette`). `far` rows were left out of the search.
    """

    k: int
    labels: np.ndarray
    centres: np.ndarray
    silhouette: float
    stability: float
    null: float
    cloud: float
    far: int
    trials: tuple[Trial, ...]
    marks: tuple[str, ...]
    """What sets each cluster apart, in words."""

    @property
    def found(self) -> bool:
        """Whether there are groups: clear, stable, none of a few rows."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """Why these are no groups: "same" rows, "columns", "cloud", "few" or "unstable"; or ""."""
        if self.k < 2:
            return "same"
        if self.silhouette <= self.null + MARGIN:
            return "columns"
        if self.silhouette <= self.cloud + MARGIN:
            return "cloud"
        if min(self.sizes) < SMALLEST * len(self.labels):
            return "few"
        return "unstable" if self.stability < STABLE else ""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each cluster."""
        return tuple(np.bincount(self.labels, minlength=self.k).tolist())


def clusters(matrix: Matrix, seed: int = 0) -> Clusters:
    """Look for groups among the rows; the number of clusters, 2 to 10, is the one with the highest
    silhouette among those that most starts agree on and that have no cluster under 2 % of the rows.

    Raises DataError for fewer than 10 rows.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(90, 2)) + 9 * rng.integers(0, 3, 90)[:, None] * [1, 0]
    >>> found = clusters(Matrix.of(np.column_stack([X[:, 0], X[:, 0] + X[:, 1]])))
    >>> found.k, found.found
    (3, True)
    """
    enough(matrix, 10, "a search for clusters")
    with one_thread():
        near = _near(matrix.X.astype(np.float64))
        rows = np.sort(np.random.default_rng(seed).permutation(near)[:ROWS])
        some = matrix.take(rows)
        most = min(MOST, len(np.unique(some.X, axis=0)) - 1, len(some) // 3)
        if most < 2:
            return _one(matrix)
        trials = _trials(some.X.astype(np.float64), most, seed, STARTS)
        large = [trial for trial in trials if trial.counts] or trials
        stable = [trial for trial in large if trial.stability >= STABLE] or large
        best = max(stable, key=lambda trial: (trial.silhouette, -trial.k))
        fitted = _fitted(some.X.astype(np.float64), best.k, seed, 3 * STARTS)
        numbers = [seed + k for k in range(SHUFFLES)]
        reached = best.silhouette - MARGIN
        null = _clearest(map(some.shuffled, numbers), most, seed, reached)
        cloud = _clearest(map(some.cloud, numbers), most, seed, reached)
        labels = fitted.predict(matrix.X.astype(np.float64))
    order = np.argsort(-np.bincount(labels, minlength=best.k), kind="stable")
    centres = fitted.cluster_centers_[order]
    labels = np.argsort(order)[labels]
    return Clusters(
        best.k, labels, centres, best.silhouette, best.stability, null, cloud,
        len(matrix) - len(near), tuple(trials),
        tuple(_mark(matrix, centre) for centre in centres),
    )  # fmt: skip


def _near(X: np.ndarray) -> np.ndarray:
    """The rows that are not far from all others (Tukey's outer fence)."""
    away = np.linalg.norm(X - np.median(X, axis=0), axis=1)
    low, high = np.percentile(away, [25, 75])
    return np.flatnonzero(away <= high + FAR * (high - low))


def _clearest(tables: Iterable[Matrix], most: int, seed: int, enough: float) -> float:
    """The highest silhouette of tables without groups, or the first that is high enough."""
    highest = 0.0
    for table in tables:
        trials = _trials(table.X.astype(np.float64), most, seed, 1)
        highest = max(highest, *(trial.silhouette for trial in trials if trial.counts), 0.0)
        if highest >= enough:
            break
    return highest


def _one(matrix: Matrix) -> Clusters:
    """What is said of a table that has two different rows at most."""
    labels = np.zeros(len(matrix), int)
    return Clusters(1, labels, matrix.X[:1].astype(float), 0.0, 1.0, 0.0, 0.0, 0, (), ("",))


def _fitted(X: np.ndarray, k: int, seed: int, starts: int) -> Any:
    from sklearn import config_context
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    how: dict[str, Any] = {"n_init": starts, "random_state": seed}
    with (
        warnings.catch_warnings(),
        config_context(skip_parameter_validation=True, assume_finite=True),
    ):
        # Fewer different rows than clusters are told by the silhouette.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, **how).fit(X)


def _spread(fit: Any) -> float:
    """The sum of squared distances from the rows to their centres."""
    return float(fit.inertia_)


def _trials(X: np.ndarray, most: int, seed: int, starts: int) -> list[Trial]:
    """Each number of clusters; `starts` clusterings of each are compared with each other."""
    from scipy.spatial.distance import pdist, squareform
    from sklearn.metrics import adjusted_rand_score

    distances = squareform(pdist(X))
    each = 3 if starts > 1 else 1
    trials = []
    for k in range(2, most + 1):
        fits = [_fitted(X, k, seed + start, each) for start in range(starts)]
        best = min(fits, key=_spread)
        silhouette = _silhouette(distances, best.labels_, k)
        others = [
            float(adjusted_rand_score(best.labels_, fit.labels_)) for fit in fits if fit is not best
        ]
        stability = float(np.median(others)) if others else 1.0
        smallest = np.bincount(best.labels_, minlength=k).min() / len(X)
        trials.append(Trial(k, silhouette, stability, float(smallest)))
    return trials


def _silhouette(distances: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The mean silhouette of rows whose distances are known; scikit-learn's checks take most of the
    time where tables are small and many.
    """
    rows = np.arange(len(labels))
    counts = np.bincount(labels, minlength=k)
    if (counts > 0).sum() < 2:
        return 0.0
    sums = distances @ (labels[:, None] == np.arange(k))
    own = sums[rows, labels] / np.maximum(counts[labels] - 1, 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    means[rows, labels] = np.inf
    other = means.min(1)
    larger = np.maximum(own, other)
    score = np.divide(other - own, larger, out=np.zeros(len(labels)), where=larger > 0)
    return float(np.where(counts[labels] > 1, score, 0.0).mean())


def _mark(matrix: Matrix, centre: np.ndarray) -> str:
    """The inputs in which a centre lies farthest from the mean of all rows, in deviations."""
    mean, spread = matrix.X.mean(0, dtype=np.float64), matrix.X.std(0, dtype=np.float64)
    away = np.divide(centre - mean, spread, out=np.zeros(len(mean)), where=spread > 1e-12)
    top = [k for k in np.argsort(-np.abs(away), kind="stable")[:3] if abs(away[k]) >= 0.5]
    words = [
        f"{quoted(matrix.names[k])} {'high' if away[k] > 0 else 'low'} "
        f"({'+' if away[k] > 0 else ''}{number(float(away[k]), 2)} deviations)"
        for k in top
    ]
    return ", ".join(words) or "near the mean in every input"
