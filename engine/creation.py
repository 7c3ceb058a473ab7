"""Making tensors out of data and out of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .kernels.memory import aligned, beside
from .tensors import Tensor, to_array, wrap


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested lists, an array, another tensor.

    Float data becomes float32 unless `dtype` says "float64"; integers and bools are constants.

    >>> from backlit.engine import tensor
    >>> tensor([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    >>> tensor([1, 2]).dtype
    dtype('int64')
    """
    out = Tensor(data, dtype, requires_grad)
    out.name = name
    return out


def full(shape: int | Sequence[int], value: float, dtype: Any = None) -> Tensor:
    """A float32 tensor of one number, or of `dtype`."""
    wanted = to_array(np.zeros((), np.float32 if dtype is None else dtype), dtype).dtype
    with np.errstate(over="ignore", invalid="ignore"):
        return wrap(_filled(shape, value, wanted))


def zeros(shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """A tensor of zeros."""
    return full(shape, 0, dtype)


def ones(shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """A tensor of ones."""
    return full(shape, 1, dtype)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of the shape and type of `x`."""
    return wrap(_filled(x.shape, 0, x.dtype))


def zeros_beside(x: Tensor, third: int) -> Tensor:
    """Zeros of the shape and type of `x`, for what a kernel goes through together with it; `third`
    is 1 or 2 for the first and the second such tensor.
    """
    out = beside(x.data, third)
    out.fill(0)
    return wrap(out)


def ones_like(x: Tensor) -> Tensor:
    """Ones of the shape and type of `x`."""
    return wrap(np.ones(x.shape, x.dtype))


def arange(*bounds: float, dtype: Any = None) -> Tensor:
    """Evenly spaced numbers, as np.arange; floats become float32."""
    return wrap(to_array(np.arange(*bounds), dtype))


def _filled(shape: int | Sequence[int], value: float, dtype: np.dtype) -> np.ndarray:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    out = aligned(sizes, dtype)
    out.fill(value)
    return out
