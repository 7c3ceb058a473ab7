"""Parameter, the tensor that training changes, and what modules and optimizers both need of it.
Here a state that comes from outside is compared with the tensors that it is to be written into.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..engine import BacklitError, Tensor


class Parameter(Tensor):
    """A tensor that belongs to a model: modules find it, optimizers change it.

    ``data`` is copied: a Tensor, whose dtype stays, or anything that ``tensor`` takes. A plain
    Tensor in a module is not a parameter, even where it requires a gradient: it may be an input
    that the module remembers.

    Raises DtypeError where ``data`` is not of a float dtype.

    >>> from backlit import nn
    >>> from backlit.engine import tensor
    >>> weight = nn.Parameter(tensor([1.0, 2.0]))
    >>> weight.requires_grad, weight.is_leaf
    (True, True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None) -> None:
        kept = data.dtype if dtype is None and isinstance(data, Tensor) else dtype
        super().__init__(data, kept, requires_grad)


class StateError(BacklitError, ValueError):
    """A state dictionary or a file that does not fit; the message lists what differs."""


def named(parameter: Parameter, name: str) -> Parameter:
    """Give a parameter its dotted name; the longest is kept, as it is the one from the root."""
    if parameter.name is None or len(parameter.name) < len(name):
        parameter.name = name
    return parameter


def as_array(name: str, value: object) -> np.ndarray:
    """The array of one entry of a state, which may be a Tensor, an array or a NumPy number."""
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    raise TypeError(f"{name!r} must be a Tensor or an array, got {type(value).__name__}")


def differences(name: str, given: np.ndarray, own: Tensor) -> list[str]:
    """What keeps ``given`` from being written into ``own``."""
    faults = []
    if given.shape != own.shape:
        faults.append(f"shape of {name}: {given.shape} given, {own.shape} needed")
    if given.dtype != own.dtype:
        faults.append(f"dtype of {name}: {given.dtype} given, {own.dtype} needed")
    return faults


def clear_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Set each ``.grad`` to None, or fill those that are there with 0."""
    if set_to_none:
        for parameter in parameters:
            parameter.grad = None
        return
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad = parameter.grad.detach().zero_()
