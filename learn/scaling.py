"""Bringing columns to mean 0 and deviation 1, with numbers taken from the training part alone.
Validation and test rows are moved by the same numbers, so nothing of them leaks into training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Standardiser:
    """x -> (x - mean) / scale; mean and scale are float64, (columns,) or 0-d for all alike.

    >>> s = Standardiser.fit(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> s.apply(np.array([[2.0, 5.0], [5.0, 6.0]])).tolist()
    [[0.0, 0.0], [3.0, 1.0]]
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, shared: bool = False) -> Standardiser:
        """Take mean and deviation of each column of X (rows, columns), or one pair for all.

        A constant column has no deviation to divide by: its scale is 1, so it becomes 0.
        `shared` is for pixels, which have one unit: a pixel that is hardly ever inked would
        otherwise be blown up by its own tiny deviation.
        """
        X = np.asarray(X, np.float64)
        axis = None if shared else 0
        scale = np.asarray(X.std(axis=axis))
        constant = X.max(axis=axis) == X.min(axis=axis)  # exact, where std is only nearly 0
        return cls(np.asarray(X.mean(axis=axis)), np.where(constant | (scale == 0), 1.0, scale))

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Standardised X as float32."""
        return ((X - self.mean) / self.scale).astype(np.float32)

    def undo(self, X: np.ndarray) -> np.ndarray:
        """Standardised X back in its own units, as float32."""
        return (X * self.scale + self.mean).astype(np.float32)
