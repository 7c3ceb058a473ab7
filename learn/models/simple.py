"""The simple models as plain numbers: a constant, a linear model, a tree. Scikit-learn fits them;
what is kept here predicts by NumPy alone and goes to JSON and back, bit for bit, without pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Constant:
    """The same answer for every row: `answer` is probabilities (classes,) or one value ().

    >>> Constant(np.array([0.75, 0.25])).outputs(np.zeros((2, 3))).tolist()
    [[0.75, 0.25], [0.75, 0.25]]
    """

    kind: ClassVar[str] = "constant"
    answer: np.ndarray

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (rows, classes) or values (rows,) float64."""
        return np.tile(self.answer, (len(X),) + (1,) * self.answer.ndim)


@dataclass(frozen=True)
class Linear:
    """Weights (inputs, classes) and bias (classes,) of logits, or (inputs,) and () of a value.

    >>> Linear(np.array([2.0, 0.0]), np.array(1.0)).outputs(np.array([[1.0, 5.0]])).tolist()
    [3.0]
    """

    kind: ClassVar[str] = "linear"
    weights: np.ndarray
    bias: np.ndarray

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """The softmax of logits (rows, classes), or values (rows,), float64."""
        scores = np.asarray(X, np.float64) @ self.weights + self.bias
        if scores.ndim == 1:
            return scores
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Tree:
    """Nodes in preorder: rows whose `feature` is at most `threshold` go to `left`, else `right`.

    A leaf has feature -1 and itself on both sides. `values` are probabilities (nodes, classes) or
    values (nodes,), `rows` the training rows that came to each node.
    """

    kind: ClassVar[str] = "tree"
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    values: np.ndarray
    rows: np.ndarray

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (rows, classes) or values (rows,) of the leaf that each row comes to."""
        X = np.asarray(X, np.float32)
        node = np.zeros(len(X), np.int64)
        going = np.arange(len(X))
        while len(going := going[self.feature[node[going]] >= 0]):
            at = node[going]
            stays = X[going, self.feature[at]] <= self.threshold[at]
            node[going] = np.where(stays, self.left[at], self.right[at])
        return self.values[node]

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return int(np.sum(self.feature < 0))

    @property
    def levels(self) -> int:
        """Questions on the longest way to a leaf."""
        depth = np.zeros(len(self.feature), np.int64)
        for node in range(len(depth)):  # children come after their parent
            if self.feature[node] >= 0:
                depth[[self.left[node], self.right[node]]] = depth[node] + 1
        return int(depth.max())


Simple = Constant | Linear | Tree
_KINDS: dict[str, type[Constant] | type[Linear] | type[Tree]] = {
    kind.kind: kind for kind in (Constant, Linear, Tree)
}


def as_dict(model: Simple) -> dict[str, Any]:
    """The model as JSON can hold it."""
    arrays = {name: array.tolist() for name, array in vars(model).items()}
    return {"kind": model.kind, **arrays}


def from_dict(description: Mapping[str, Any]) -> Simple:
    """The model that `as_dict` described. Raises DataError where it describes none.

    >>> from_dict(as_dict(Constant(np.array(2.5)))).outputs(np.zeros((1, 1))).tolist()
    [2.5]
    """
    try:
        kind = _KINDS[description["kind"]]
        arrays = {
            field.name: np.asarray(
                description[field.name],
                np.int64 if field.name in ("feature", "left", "right", "rows") else np.float64,
            )
            for field in fields(kind)
        }
        model = kind(**arrays)
        _require_whole(model)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"this describes no simple model: {error!r}") from None
    return model


def _require_whole(model: Simple) -> None:
    """Raise ValueError where arrays do not fit together, or a tree has no end."""
    if any(not np.isfinite(array).all() for array in vars(model).values()):
        raise ValueError("a number is not finite")
    if isinstance(model, Linear) and model.weights.shape[1:] != model.bias.shape:
        raise ValueError(f"weights {model.weights.shape} and bias {model.bias.shape}")
    if isinstance(model, Tree):
        nodes = np.arange(len(model.feature))
        inner = model.feature >= 0
        sides = (model.left, model.right)
        shapes = {len(array) for array in vars(model).values()}
        if shapes != {len(nodes)} or not len(nodes):
            raise ValueError("the arrays of a tree are of different lengths, or empty")
        for side in sides:
            ends = np.where(inner, (side > nodes) & (side < len(nodes)), side == nodes)
            if not ends.all():
                raise ValueError("a node of the tree leads back, or out of it")
