"""What a replayed step was given and what it returned, as a watch needs to know it: the batch,
which argument feeds the model, the loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import Tensor
from ..engine.programs.epochs import Epochs
from ..engine.tensors import wrap


def number_of(x: Any) -> float | None:
    """A tensor of one float as a number."""
    if isinstance(x, Tensor) and x.data.size == 1 and x.data.dtype.kind == "f":
        return x.data.item()
    return None


def loss_in(result: Any) -> float | None:
    """The first thing that a step returns, if it is a number: the loss, by custom."""
    while not isinstance(result, Tensor) and isinstance(result, (tuple, list, dict)) and result:
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    return number_of(result)


def copied(x: Any) -> Any:
    return wrap(x.data.copy()) if isinstance(x, Tensor) else x


def place_of(x: Any, args: tuple[Any, ...]) -> int | None:
    """The number of the argument that has the same numbers."""
    if not isinstance(x, Tensor):
        return None
    for k, given in enumerate(args):
        if isinstance(given, (Tensor, np.ndarray)) and given.shape == x.shape:
            array = given.data if isinstance(given, Tensor) else given
            if np.array_equal(array.astype(x.dtype), x.data, equal_nan=x.dtype.kind == "f"):
                return k
    return None


def batch_of(epochs: Epochs, number: int) -> list[Tensor]:
    """The arguments of the step for a batch of a run."""
    begin = number % epochs.batches * epochs.size
    index: Any = slice(begin, min(begin + epochs.size, epochs.rows))
    if epochs.order is not None:
        index = epochs.order[index]
    return [wrap(x.data[index]) for x in epochs.columns]
