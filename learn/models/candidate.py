"""A model that was fitted on the training part and scored on the validation part, whatever it is:
the baseline, a linear model, a tree, a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Candidate:
    """A fitted model among others.

    `outputs(X)` gives probabilities (rows, classes) float64 or values in the target's own unit
    (rows,) for X (rows, inputs) float32. Scores are of the problem's metric, higher is better;
    `interval` is the 95 % one of the validation score. Candidates come in order of simplicity.
    """

    name: str
    """"baseline", "logistic regression" or "linear regression", "decision tree", "network"."""
    described: str
    """In a few words: always 'no'; 6 levels, 23 leaves; 64-128-10, 9,610 parameters."""
    outputs: Callable[[np.ndarray], np.ndarray]
    train_score: float
    score: float
    interval: tuple[float, float]
    loss: float
    """Cross-entropy or mean squared error on the validation part."""
    model: Any = None
    """The estimator or module itself."""
