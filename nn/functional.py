"""The functions that layers and losses are made of, with PyTorch's names and arguments.
Each is a primitive of the engine, or a few of them, that keeps no state.
"""

from __future__ import annotations

from .. import engine
from ..engine import Generator, Tensor

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "embedding",
    "linear",
    "log_softmax",
    "mse_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def relu(input: Tensor) -> Tensor:
    """max(x, 0), entry by entry, any shape; the gradient at 0 is 0. Nair, Hinton 2010.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.relu(tensor([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    return engine.relu(input)


def tanh(input: Tensor) -> Tensor:
    """tanh(x), entry by entry, any shape, between -1 and 1.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.tanh(tensor([-100.0, 0.0, 100.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return engine.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), entry by entry, any shape: the logistic function, between 0 and 1.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.sigmoid(tensor([0.0])).tolist()
    [0.5]
    """
    return engine.sigmoid(input)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """exp(x) over its sum along ``dim``: logits to probabilities, computed without overflow.

    Losses take logits: give ``cross_entropy`` what goes in here, not what comes out.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.softmax(tensor([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    return engine.softmax(input, axis=dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """The logarithm of ``softmax``, exact where the probability itself rounds to 0.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.log_softmax(tensor([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    return engine.log_softmax(input, axis=dim)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``: (..., in) with (out, in) and (out,) to (..., out).

    Raises ShapeError where the sizes do not fit.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.linear(tensor([[1.0, 2.0]]), tensor([[3.0, 4.0]]), tensor([5.0])).tolist()
    [[16.0]]
    """
    return engine.linear(input, weight, bias)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """0 with probability ``p`` and x / (1 - p) otherwise; x itself where not ``training``.

    The mean of each entry stays what it was. Srivastava et al. 2014.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import ones
    >>> set(F.dropout(ones(100), 0.5).tolist()) <= {0.0, 2.0}
    True
    """
    return engine.dropout(input, p, training, generator)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of ``weight`` (N, features) at the integers ``input`` (...): (..., features).

    The gradient of a row is the sum over the places it was read at; row ``padding_idx`` gets none.

    Raises IndexError for an index that is no row, also for a negative one, TypeError where
    ``input`` does not hold integers.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.embedding(tensor([1, 0]), tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    return engine.embedding(weight, input, padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers (...) as int64 rows (..., num_classes) that are 1 in the place of the class.

    Without ``num_classes`` the largest number decides, which cannot be replayed.

    Raises IndexError for a class that is not there, TypeError for numbers that are no integers.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.one_hot(tensor([2, 0]), 3).tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    return engine.one_hot(tensor, num_classes)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log of the probability of the right class, from logits.

    ``input`` is (N, C): logits, not probabilities. ``target`` is (N,) class numbers of any int
    dtype, or (N, C) probabilities. ``weight`` (C,) weighs the classes, and the mean divides by
    the sum of the weights met. Rows with the target ``ignore_index`` do not count.
    ``reduction`` is "mean", "sum" or "none". ``label_smoothing`` mixes that share of the uniform
    distribution into the target.

    Raises ShapeError where the shapes do not fit and IndexError for a class out of range.

    A model that knows nothing gives log C:

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor, zeros
    >>> round(F.cross_entropy(zeros((5, 10)), tensor([0, 1, 2, 3, 4])).item(), 4)
    2.3026
    """
    return engine.cross_entropy(
        input,
        target,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The squared difference; ``reduction`` is "mean", "sum" or "none".

    Raises ShapeError unless both shapes are the same: (N, 1) against (N,) would silently compare
    every pair.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0])).item()
    2.0
    """
    return engine.mse_loss(input, target, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of a yes-or-no target from one logit, exact for logits of any size.

    ``target`` has the shape of ``input`` and lies between 0 and 1. ``weight`` weighs the entries
    and ``pos_weight`` the positive ones; ``reduction`` is "mean", "sum" or "none".

    Raises ShapeError where the shapes differ.

    >>> import backlit.nn.functional as F
    >>> from backlit.engine import tensor
    >>> F.binary_cross_entropy_with_logits(tensor([1000.0]), tensor([0.0])).item()
    1000.0
    """
    return engine.binary_cross_entropy_with_logits(
        input, target, weight=weight, pos_weight=pos_weight, reduction=reduction
    )
