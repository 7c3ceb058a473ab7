"""Data that the watch's tests train on: handwritten digits and two moons, standardised."""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 pictures of 64 pixels and their digits."""
    data: Any = load_digits()
    X = (data.data - data.data.mean(0)) / (data.data.std(0) + 1e-8)
    return X.astype(np.float32), data.target


def moons(seed: int, rows: int = 1200) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other, with noise."""
    rng = np.random.default_rng(seed)
    t, k = rng.uniform(0, np.pi, rows), rng.integers(0, 2, rows)
    x = np.where(k, 1 - np.cos(t), np.cos(t))
    y = np.where(k, 0.5 - np.sin(t), np.sin(t))
    X = np.column_stack([x, y]) + rng.normal(0, 0.1, (rows, 2))
    return ((X - X.mean(0)) / X.std(0)).astype(np.float32), k
