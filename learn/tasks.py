"""The two kinds of task: telling classes apart, and predicting a number.
Each knows its loss, its score, what an untrained network should lose, and the baseline to beat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .datasets import Dataset
from .errors import DataError
from .metrics import accuracy, bootstrap_r2, r2, wilson
from .scaling import Standardiser
from .split import Split

if TYPE_CHECKING:
    from ..engine import Tensor


@dataclass(frozen=True)
class Theory:
    """What a network that knows nothing should lose: the value and where it comes from."""

    value: float
    text: str


class Task(Protocol):
    """What the loop, the terminal and the report ask of a task."""

    outputs: int  # numbers that the network gives for a row
    score_name: str
    loss_name: str
    theory: Theory
    baseline: str  # what the baseline predicts, in words

    def target(self, rows: np.ndarray) -> np.ndarray:
        """What the loss compares the outputs of these rows with."""
        ...

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss as a scalar on the tape."""
        ...

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Classes, or values in the target's own unit, from outputs (rows, outputs)."""
        ...

    def score(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """How good predictions are; 1 is perfect."""
        ...

    def interval(self, truth: np.ndarray, predicted: np.ndarray, seed: int) -> tuple[float, float]:
        """The 95 % interval of the score."""
        ...

    def baseline_predictions(self, rows: int) -> np.ndarray:
        """What a predictor that never looks at the inputs says, `rows` times."""
        ...


class Classification:
    """Cross-entropy from logits; accuracy; ln C; the most frequent class as baseline."""

    score_name = "accuracy"
    loss_name = "cross-entropy"

    def __init__(self, dataset: Dataset, split: Split) -> None:
        """Count the classes of the training part."""
        self.y = dataset.y.astype(np.int64)
        self.outputs = len(dataset.class_names)
        self.theory = Theory(math.log(self.outputs), f"ln {self.outputs}")
        self.majority = int(np.bincount(self.y[split.train]).argmax())
        self.baseline = f"always {dataset.class_names[self.majority]!r}"

    def target(self, rows: np.ndarray) -> np.ndarray:
        """Class numbers (rows,) int64."""
        return self.y[rows]

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy."""
        from ..nn import functional as F

        return F.cross_entropy(outputs, target)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """The class with the largest logit."""
        return outputs.argmax(axis=1)

    def score(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """Accuracy."""
        return accuracy(truth, predicted)

    def interval(self, truth: np.ndarray, predicted: np.ndarray, seed: int) -> tuple[float, float]:
        """Wilson's interval."""
        return wilson(int(np.sum(truth == predicted)), len(truth))

    def baseline_predictions(self, rows: int) -> np.ndarray:
        """The most frequent class of the training part."""
        return np.full(rows, self.majority)


class Regression:
    """Squared error of the standardised target; R2; Var(y); the mean as baseline."""

    outputs = 1
    score_name = "R²"
    loss_name = "mean squared error of the standardised target"

    def __init__(self, dataset: Dataset, split: Split) -> None:
        """Take mean and deviation of the training part; raises DataError where y never changes."""
        self.y = dataset.y.astype(np.float32)
        train = self.y[split.train, None]
        if train.max() == train.min():
            raise DataError(
                f"{dataset.name}: {dataset.target_name!r} is {train[0, 0]} in every training row; "
                "there is nothing to learn"
            )
        self.scaler = Standardiser.fit(train)
        self.theory = Theory(float(self.scaler.apply(train).var()), "Var(y), standardised")
        self.baseline = f"always the mean, {float(self.scaler.mean[0]):.4g}"

    def target(self, rows: np.ndarray) -> np.ndarray:
        """Standardised values (rows, 1) float32."""
        return self.scaler.apply(self.y[rows, None])

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        from ..nn import functional as F

        return F.mse_loss(outputs, target)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Values in the target's unit."""
        return self.scaler.undo(outputs)[:, 0]

    def score(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """R2."""
        return r2(truth, predicted)

    def interval(self, truth: np.ndarray, predicted: np.ndarray, seed: int) -> tuple[float, float]:
        """The bootstrap's interval."""
        return bootstrap_r2(truth, predicted, seed)

    def baseline_predictions(self, rows: int) -> np.ndarray:
        """The mean of the training part."""
        return np.full(rows, np.float32(self.scaler.mean[0]))


def task_of(dataset: Dataset, split: Split) -> Task:
    """The task that a dataset states."""
    kind = Classification if dataset.task == "classification" else Regression
    return kind(dataset, split)
