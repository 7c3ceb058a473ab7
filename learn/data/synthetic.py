"""Five two-input problems drawn by NumPy: moons, circles, spirals, blobs and xor.
They can be looked at, which is their use: the decision boundary is drawn over the points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Points = tuple[np.ndarray, np.ndarray]


def moons(rows: int, rng: np.random.Generator, noise: float = 0.15) -> Points:
    """Two half circles that reach into each other; X (rows, 2), y (rows,) in {0, 1}.

    >>> X, y = moons(10, np.random.default_rng(0))
    >>> X.shape, y.tolist()
    ((10, 2), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    """
    y = np.arange(rows) % 2
    angle = rng.uniform(0, np.pi, rows)
    x1 = np.where(y == 0, np.cos(angle), 1 - np.cos(angle))
    x2 = np.where(y == 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.column_stack([x1, x2]) + rng.normal(0, noise, (rows, 2)), y


def circles(rows: int, rng: np.random.Generator, noise: float = 0.08) -> Points:
    """A small circle (class 1) inside a large one (class 0); no straight line parts them."""
    y = np.arange(rows) % 2
    angle = rng.uniform(0, 2 * np.pi, rows)
    radius = np.where(y == 0, 1.0, 0.5)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return X + rng.normal(0, noise, (rows, 2)), y


def spirals(rows: int, rng: np.random.Generator, noise: float = 0.045) -> Points:
    """Three arms that wind around the origin, one turn each."""
    arms = 3
    y = np.arange(rows) % arms
    t = np.sqrt(rng.uniform(0.01, 1, rows))  # even density along the arm, which widens outwards
    angle = 2 * np.pi * (t + y / arms)
    X = np.column_stack([t * np.cos(angle), t * np.sin(angle)])
    return X + rng.normal(0, noise, (rows, 2)), y


def blobs(rows: int, rng: np.random.Generator, noise: float = 0.55) -> Points:
    """Four clouds around the corners of a slanted square; they touch, so some rows go wrong."""
    centres = np.array([[-1.6, 0.4], [0.4, 1.6], [1.6, -0.4], [-0.4, -1.6]])
    y = np.arange(rows) % len(centres)
    return centres[y] + rng.normal(0, noise, (rows, 2)), y


def xor(rows: int, rng: np.random.Generator, noise: float = 0.05) -> Points:
    """A square cut in four: class 1 where the signs of the two inputs differ."""
    X = rng.uniform(-1, 1, (rows, 2))
    y = ((X[:, 0] > 0) != (X[:, 1] > 0)).astype(np.int64)
    return X + rng.normal(0, noise, (rows, 2)), y


GENERATORS: dict[str, tuple[Callable[..., Points], tuple[str, ...]]] = {
    "moons": (moons, ("upper moon", "lower moon")),
    "circles": (circles, ("outer circle", "inner circle")),
    "spirals": (spirals, ("arm 1", "arm 2", "arm 3")),
    "blobs": (blobs, ("west", "north", "east", "south")),
    "xor": (xor, ("same sign", "other sign")),
}
