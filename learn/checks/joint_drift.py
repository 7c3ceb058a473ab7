"""Whether new rows can be told from old ones by all columns together: a forest tries. It sees what
no column shows alone, as when two that rose together now part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.cells import as_texts
from ..data.table import Table
from ..models.metrics import METRICS
from .reference import Reference, numbers_in


def told_apart(
    reference: Reference, new: Table, columns: Sequence[str], seed: int = 0, alpha: float = 0.05
) -> tuple[float, tuple[float, float]]:
    """How well a forest tells new rows from old ones: AUC and its 1 - alpha interval.

    It is fitted on one half of the rows and asked about the other, both ways; the interval is that
    of J. Hanley and B. McNeil (1982). 0.5 is what it gets where rows are alike.
    """
    from scipy.stats import norm
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    old = _features(reference, columns, None)
    rows = rng.permutation(new.rows)[: len(old)]
    now = _features(reference, columns, new.take(np.sort(rows)))
    both = np.vstack([old, now])
    # a forest asks for order alone, and places in order fit into float32 whatever the values
    X = np.column_stack([np.unique(column, return_inverse=True)[1] for column in both.T])
    truth = np.repeat([0, 1], [len(old), len(now)])
    half = np.empty(len(truth), np.int64)
    shuffled = rng.permutation(len(truth))
    half[shuffled[np.argsort(truth[shuffled], kind="stable")]] = np.arange(len(truth)) % 2
    given = np.empty((len(truth), 2))
    for k in (0, 1):
        forest = RandomForestClassifier(
            n_estimators=40,
            min_samples_leaf=10,
            max_samples=max(1, int(0.7 * np.sum(half == k))),
            random_state=seed + k,
            n_jobs=1,
        ).fit(X[half == k], truth[half == k])
        given[half != k] = forest.predict_proba(X[half != k])
    auc = METRICS["roc_auc"].score(truth, given)
    n, m = len(old), len(now)
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (m - 1) * (q1 - auc * auc) + (n - 1) * (q2 - auc * auc)
    half_width = float(norm.ppf(1 - alpha / 2)) * float(np.sqrt(max(variance, 0.0) / (n * m)))
    return auc, (max(0.0, auc - half_width), min(1.0, auc + half_width))


def _features(reference: Reference, columns: Sequence[str], table: Table | None) -> np.ndarray:
    """Rows as numbers for a forest: medians where missing and a mark, levels by how common."""
    known = {one.name: one for one in reference.columns}
    made = []
    for name in columns:
        one = known[name]
        cells: Any = reference.sample[name] if table is None else table.column(name)
        if one.kind == "number":
            values = np.array(cells, np.float64) if table is None else numbers_in(cells)
            gone = ~np.isfinite(values)
            middle = one.quantiles[len(one.quantiles) // 2] if one.quantiles else 0.0
            made += [np.where(gone, middle, values), gone]
        else:
            # who came once stands for all that did not come at all: else every new name would tell
            place_of = {one.levels[k]: k for k in range(len(one.levels)) if one.counts[k] > 1}
            texts = cells if table is None else as_texts(cells)
            made.append([-2 if t is None else place_of.get(t, -1) for t in texts])
    return np.column_stack(made).astype(np.float64)
