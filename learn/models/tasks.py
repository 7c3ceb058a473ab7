"""The two kinds of task: telling classes apart, and predicting a number. Each knows its loss, what
an untrained network should lose, and what a network's outputs say; scores are in metrics.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from ...engine import Tensor


@dataclass(frozen=True)
class Theory:
    """What a network that knows nothing should lose: the value and where it comes from.

    `entropy` is what the best constant answer loses: H(y) in nats, the entropy of the classes, for
    a classification; Var(y) of the standardised target, the same as `value`, for a regression.
    """

    value: float
    text: str
    entropy: float


@runtime_checkable
class Task(Protocol):
    """What the loop, the checks and the report ask of a task."""

    outputs: int
    """Numbers that the network gives for a row."""
    loss_name: str
    theory: Theory

    def target(self, truth: np.ndarray) -> np.ndarray:
        """What the loss compares outputs with."""
        ...

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean loss as a scalar on the tape."""
        ...

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Class numbers (rows,) int64, or values (rows,) float64 in the target's own unit."""
        ...

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """What metrics take: probabilities (rows, classes) float64, or values as `predict`."""
        ...

    def describe(self) -> dict[str, Any]:
        """All of it as JSON can hold it; `task_of` reads it."""
        ...


class Classification:
    """Cross-entropy from logits, one for each class; an untrained network should lose ln C.

    Parameters
    ----------
    classes : the names of the classes.
    truth : class numbers (rows,) of the training part.

    Raises DataError for a class number that has no name, and where there is one class only.

    >>> task = Classification(["no", "yes"], np.array([0, 0, 0, 1]))
    >>> task.outputs, task.theory.text, round(task.theory.value, 3), round(task.theory.entropy, 3)
    (2, 'ln 2', 0.693, 0.562)
    >>> task.predict(np.array([[0.1, 2.0], [3.0, -3.0]])).tolist()
    [1, 0]
    """

    loss_name = "cross-entropy"

    def __init__(self, classes: Sequence[str], truth: np.ndarray) -> None:
        """Count the classes of the training part."""
        self.classes = tuple(map(str, classes))
        self.outputs = len(self.classes)
        if self.outputs < 2:
            raise DataError(
                f"a classification needs two classes or more, and there is {self.outputs}: "
                "there is nothing to tell apart"
            )
        counts = np.bincount(self.target(truth), minlength=self.outputs)
        if not counts.sum():
            raise DataError("the training part has no rows")
        shares = counts / counts.sum()
        self.shares = tuple(shares.tolist())
        """How often each class comes, in the training part."""
        self.theory = _theory_of_classes(self.outputs, self.shares)

    def target(self, truth: np.ndarray) -> np.ndarray:
        """Class numbers (rows,) int64; raises DataError for what is none."""
        truth = np.asarray(truth)
        if truth.ndim != 1 or (truth.size and truth.dtype.kind not in "iu"):
            raise DataError(
                "the truth of a classification is class numbers (rows,) of integers, "
                f"not {truth.dtype} of shape {truth.shape}"
            )
        if truth.size and not 0 <= truth.min() <= truth.max() < self.outputs:
            wrong = truth.min() if truth.min() < 0 else truth.max()
            raise DataError(f"class number {wrong} has no name; there are {self.outputs} classes")
        return truth.astype(np.int64)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy of logits (rows, classes) with class numbers (rows,)."""
        from ...nn import functional as F

        return F.cross_entropy(outputs, target)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """The class with the largest logit."""
        return np.asarray(outputs).argmax(axis=1)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """The softmax of logits in float64, (rows, classes); each row's sum is 1."""
        logits = np.asarray(outputs, np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def describe(self) -> dict[str, Any]:
        """Kind, names and shares of the classes."""
        return {
            "kind": "classification",
            "classes": list(self.classes),
            "shares": list(self.shares),
        }


class Regression:
    """Squared error of the standardised target; an untrained network should lose Var(y) = 1.

    Parameters
    ----------
    truth : values (rows,) of the training part, whose mean and deviation standardise all targets.

    Raises DataError where a value is not finite, or all are the same.

    >>> task = Regression(np.array([10.0, 20.0, 30.0]))
    >>> task.target(np.array([20.0])).tolist(), task.theory.text
    ([[0.0]], 'Var(y) of the standardised target')
    >>> task.predict(np.array([[0.0], [1.0]])).round(3).tolist()
    [20.0, 28.165]
    """

    outputs = 1
    loss_name = "mean squared error of the standardised target"

    def __init__(self, truth: np.ndarray) -> None:
        """Take mean and deviation of the training part."""
        values = _values(truth)
        if not len(values):
            raise DataError("the training part has no rows")
        if values.max() == values.min():
            raise DataError(
                f"the target is {values[0]:g} in every training row; there is nothing to learn"
            )
        with np.errstate(all="ignore"):
            self.mean, self.deviation = float(values.mean()), float(values.std())
        if not (math.isfinite(self.mean) and math.isfinite(self.deviation) and self.deviation):
            raise DataError(
                f"the target goes from {values.min():g} to {values.max():g}, and its variance is "
                "beyond what float64 can hold; measure it in another unit"
            )
        variance = float(np.mean(np.square(self.target(truth), dtype=np.float64)))
        self.theory = Theory(variance, "Var(y) of the standardised target", variance)

    def target(self, truth: np.ndarray) -> np.ndarray:
        """Standardised values (rows, 1) float32; raises DataError for what is not finite."""
        return ((_values(truth) - self.mean) / self.deviation).astype(np.float32)[:, None]

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean squared error of outputs (rows, 1) with standardised values (rows, 1)."""
        from ...nn import functional as F

        return F.mse_loss(outputs, target)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Values in the target's unit."""
        return np.asarray(outputs, np.float64)[:, 0] * self.deviation + self.mean

    probabilities = predict

    def describe(self) -> dict[str, Any]:
        """Kind, mean and deviation of the target."""
        return {"kind": "regression", "mean": self.mean, "deviation": self.deviation}


def task_of(description: Mapping[str, Any]) -> Classification | Regression:
    """The task that `describe()` described. Raises DataError where it is no description.

    >>> task_of(Regression(np.array([1.0, 3.0])).describe()).predict(np.array([[1.0]])).tolist()
    [3.0]
    """
    try:
        if description["kind"] == "classification":
            task = Classification.__new__(Classification)
            task.classes = tuple(map(str, description["classes"]))
            task.outputs = len(task.classes)
            task.shares = tuple(map(float, description["shares"]))
            if len(task.shares) != task.outputs or task.outputs < 2:
                raise ValueError("a share for each of two classes or more is needed")
            task.theory = _theory_of_classes(task.outputs, task.shares)
            return task
        if description["kind"] == "regression":
            number = Regression.__new__(Regression)
            number.mean = float(description["mean"])
            number.deviation = float(description["deviation"])
            if not (math.isfinite(number.mean) and 0 < number.deviation < math.inf):
                raise ValueError("mean and deviation must be numbers, the deviation above 0")
            number.theory = Theory(1.0, "Var(y) of the standardised target", 1.0)
            return number
        raise ValueError(f"kind {description['kind']!r}")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"this describes no task: {error}") from None


def _theory_of_classes(count: int, shares: Sequence[float]) -> Theory:
    entropy = -sum(share * math.log(share) for share in shares if share > 0)
    return Theory(math.log(count), f"ln {count}", entropy)


def _values(truth: np.ndarray) -> np.ndarray:
    """A regression's truth as (rows,) float64."""
    try:
        values = np.asarray(truth, np.float64)
    except (TypeError, ValueError):
        raise DataError("the truth of a regression is numbers, and these are none") from None
    if values.ndim != 1:
        raise DataError(f"the truth of a regression has the shape (rows,), not {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"the target is {values[row]} in row {row} of the part; give a number")
    return values
