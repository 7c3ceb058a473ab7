"""The layers that networks of this size are made of, each a thin Module around one function.
Linear owns numbers; the others keep settings, or nothing at all.
"""

from __future__ import annotations

import math
from typing import Any

from ..engine import (
    Generator,
    ShapeError,
    Tensor,
    dropout,
    embedding,
    linear,
    no_grad,
    relu,
    sigmoid,
    tanh,
    zeros,
)
from . import initialisers
from .modules import Module, Parameter


class Linear(Module):
    """``x @ weight.T + bias``: (..., in_features) to (..., out_features).

    The weight is (out_features, in_features). Weight and bias start uniform in
    ±1/sqrt(in_features), as in PyTorch, drawn from ``generator`` or the default one.

    Raises ShapeError where the last axis of x is not ``in_features``.

    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> nn.Linear(2, 16)(zeros((5, 2))).shape
    (5, 16)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features = width("in_features", in_features)
        self.out_features = width("out_features", out_features)
        self.weight = Parameter(zeros((out_features, in_features), dtype=dtype))
        self.bias = Parameter(zeros((out_features,), dtype=dtype)) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw weight and bias afresh."""
        bound = 1 / math.sqrt(self.in_features)  # kaiming_uniform_ with a = sqrt(5) gives the same
        initialisers.uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            initialisers.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def width(name: str, value: int) -> int:
    """A number of features: an int of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


class Embedding(Module):
    """A row of numbers for each thing that is counted: (...) integers to (..., embedding_dim).

    The weight is (num_embeddings, embedding_dim), normal with mean 0 and deviation 1 at first, as
    in PyTorch, drawn from ``generator`` or the default one. Row ``padding_idx`` starts at 0 and
    gets no gradient; -1 is the last.

    Raises IndexError for an index below 0 or from ``num_embeddings`` on, TypeError for indices
    that are no integers. Bengio, Ducharme, Vincent, Jauvin 2003.

    >>> from backlit import nn
    >>> from backlit.engine import tensor
    >>> nn.Embedding(27, 10)(tensor([[0, 5, 26]])).shape
    (1, 3, 10)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = width("num_embeddings", num_embeddings)
        self.embedding_dim = width("embedding_dim", embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"padding_idx is {padding_idx}, but there are {num_embeddings} rows: "
                    f"it lies between {-num_embeddings} and {num_embeddings - 1}"
                )
            padding_idx = int(padding_idx) % self.num_embeddings
        self.padding_idx = padding_idx
        self.weight = Parameter(zeros((num_embeddings, embedding_dim), dtype=dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the rows afresh; that of the padding is 0."""
        initialisers.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].zero_()

    def forward(self, input: Tensor) -> Tensor:
        return embedding(self.weight, input, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Identity(Module):
    """Hands its input on; a place to put a layer later."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class ReLU(Module):
    """max(x, 0), entry by entry; see ``nn.functional.relu``."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class Tanh(Module):
    """tanh(x), entry by entry; see ``nn.functional.tanh``."""

    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), entry by entry; see ``nn.functional.sigmoid``."""

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)


class Dropout(Module):
    """In training, 0 with probability ``p`` and x / (1 - p) otherwise; in use, x.

    The draws come from ``generator`` or the default one. Srivastava et al. 2014.

    >>> from backlit import nn
    >>> from backlit.engine import ones
    >>> nn.Dropout(0.5).eval()(ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability between 0 and 1, got {p}")
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """Join the axes from ``start_dim`` to ``end_dim`` into one.

    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> nn.Flatten()(zeros((5, 8, 8))).shape
    (5, 64)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        first, last = (axis + x.ndim * (axis < 0) for axis in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < x.ndim:
            raise ShapeError(
                f"Flatten({self.extra_repr()}) cannot join axes of shape {x.shape}: "
                "the first must be there and not come after the last"
            )
        joined = math.prod(x.shape[first : last + 1])
        return x.reshape(*x.shape[:first], joined, *x.shape[last + 1 :])

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
