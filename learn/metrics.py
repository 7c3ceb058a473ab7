"""What the report measures: accuracy and R2, their 95 % intervals, the confusion matrix.
NumPy only; every function takes plain arrays."""

from __future__ import annotations

import math

import numpy as np

Z = 1.959963984540054  # the normal quantile of a two-sided 95 % interval


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The share of rows that are right.

    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    0.75
    """
    return float(np.mean(truth == predicted))


def r2(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the variance that is explained: 1 is perfect, 0 no better than the mean.

    A constant truth has no variance to explain: 1 where it is met, else 0.

    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    0.0
    """
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    rest = np.sum((truth - predicted) ** 2)
    total = np.sum((truth - truth.mean()) ** 2)
    if total == 0:
        return 1.0 if rest == 0 else 0.0
    return float(1 - rest / total)


def rmse(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The root of the mean squared error, in the target's own unit."""
    return float(np.sqrt(np.mean((np.asarray(truth, np.float64) - predicted) ** 2)))


def wilson(right: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson, 1927): sound for small n and near 0 and 1.

    >>> [round(bound, 3) for bound in wilson(29, 30)]
    [0.833, 0.994]
    """
    p = right / rows
    shrink = 1 + Z * Z / rows
    centre = (p + Z * Z / (2 * rows)) / shrink
    half = Z / shrink * math.sqrt(p * (1 - p) / rows + Z * Z / (4 * rows * rows))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def bootstrap_r2(
    truth: np.ndarray, predicted: np.ndarray, seed: int, draws: int = 1000
) -> tuple[float, float]:
    """The 95 % interval of R2 by drawing the rows again with replacement (B. Efron, 1979)."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(truth), (draws, len(truth)))
    scores = [r2(truth[rows], predicted[rows]) for rows in picks]
    low, high = np.quantile(scores, [0.025, 0.975])
    return float(low), float(high)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes): row = true class, column = predicted class.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)
