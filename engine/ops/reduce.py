"""Reductions: sums, means, extremes along axes. Sums keep float64 partial sums inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError, where
from ..kernels.build import F32
from ..kernels.convert import to_floats
from ..kernels.door import on_host
from ..kernels.reduce import total as total_of
from ..kernels.rows import first_maxima
from ..primitives import Primitive, apply, primitive
from ..tensors import FLOATS, Tensor, as_tensor
from .elementwise import maximum

Axis = int | Sequence[int] | None


def normal_axes(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes, ascending and counted from the front; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ShapeError(f"{name}: axis {a} is not there in {ndim} dimensions{where()}")
    found = tuple(sorted(int(a) % ndim for a in axes))
    if len(set(found)) != len(found):
        raise ShapeError(f"{name}: an axis is named twice in {axis}{where()}")
    return found


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def _sum(x: Tensor, *, axes: tuple[int, ...]) -> np.ndarray:
    data = x.data
    if data.dtype not in FLOATS:
        return np.asarray(data.sum(axes))
    return total_of(data, axes, 1)


def _mean(x: Tensor, *, axes: tuple[int, ...]) -> np.ndarray:
    data = x.data
    if data.dtype not in FLOATS:
        floats = to_floats(data, F32)
        if floats is None:
            on_host()
            floats = data.astype(F32)
        data = floats
    return total_of(data, axes, math.prod(data.shape[k] for k in axes))


def spread(g: Tensor, shape: tuple[int, ...], axes: tuple[int, ...]) -> Tensor:
    """A gradient of a reduction, repeated over what was reduced."""
    if g.data.ndim != len(shape):
        g = g.reshape(kept_shape(shape, axes))
    return g.broadcast_to(shape)


def _samples(rng: np.random.Generator) -> list[Any]:
    return [rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.0, {"axes": (0, 2)}]


_sum_record = primitive(
    "sum", _sum,
    broadcasts=False,
    rules=(lambda g, ans, x, axes: spread(g, x.shape, axes),),
    symbol="Σ", formula="Σ x", local=("1: g repeated",), samples=_samples,
    numpy=lambda x, axes: x.sum(axes),
    doc="The sum along axes, of float64 partial sums.",
)  # fmt: skip

_mean_record = primitive(
    "mean", _mean,
    broadcasts=False,
    rules=(lambda g, ans, x, axes: spread(g * (ans.size / (x.size or 1)), x.shape, axes),),
    symbol="mean", formula="Σ x / n", local=("1/n: g / n repeated",), samples=_samples,
    numpy=lambda x, axes: x.mean(axes),
    doc="The mean along axes.",
)  # fmt: skip


def _extreme(numpy: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def forward(x: Tensor, *, axes: tuple[int, ...]) -> np.ndarray:
        if not x.size:
            raise ShapeError(f"{numpy.__name__}: a tensor of shape {x.shape} has none{where()}")
        return np.asarray(numpy(x.data, axis=axes))

    return forward


def _extreme_rule(g: Tensor, ans: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The gradient goes to the extreme, split evenly among ties; to the NaN where it is NaN."""
    found = ((x == ans.reshape(kept_shape(x.shape, axes))) | (x != x)).astype(g.dtype)
    ties = maximum(sum(found, axes, keepdims=True), 1)
    return spread(g, x.shape, axes) * (found / ties)


_max_record = primitive(
    "max", _extreme(np.max), rules=(_extreme_rule,),
    formula="max x", local=("1 at the maximum, else 0",),
    kinks="ties: the gradient is split evenly", samples=_samples,
    numpy=lambda x, axes: x.max(axes), doc="The largest value along axes; NaN if one is NaN.",
)  # fmt: skip

_min_record = primitive(
    "min", _extreme(np.min), rules=(_extreme_rule,),
    formula="min x", local=("1 at the minimum, else 0",),
    kinks="ties: the gradient is split evenly", samples=_samples,
    numpy=lambda x, axes: x.min(axes), doc="The smallest value along axes; NaN if one is NaN.",
)  # fmt: skip


def _argmax(x: Tensor, *, axis: int | None) -> np.ndarray:
    data = x.data
    if data.dtype in FLOATS and axis == data.ndim - 1 and data.flags.c_contiguous:
        return first_maxima(data)
    return np.asarray(np.argmax(data, axis))


_argmax_record = primitive(
    "argmax", _argmax,
    formula="argmax x", numpy=lambda x, axis: x.argmax(axis),
    samples=lambda rng: [rng.standard_normal((3, 4)), {"axis": 1}],
    doc="The index of the first maximum.",
)  # fmt: skip


def _reducer(record: Primitive) -> Callable[..., Tensor]:
    name = record.name

    def function(
        x: Tensor, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None,
        keepdim: bool = False,
    ) -> Tensor:  # fmt: skip
        if dim is not None:
            axis = dim
        x = as_tensor(x)
        axes = normal_axes(name, axis, x.ndim)
        out = apply(record, x, axes=axes)
        return out.reshape(kept_shape(x.shape, axes)) if keepdims or keepdim else out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{record.doc}\n\n`axis` is one axis, several, or None for all; `keepdims` leaves them as "
        "axes of size 1. `dim` and `keepdim` are other names for them."
    )
    return function


sum = _reducer(_sum_record)
mean = _reducer(_mean_record)
max = _reducer(_max_record)
min = _reducer(_min_record)


def total(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The sum over axes that are known to be ascending and there."""
    return apply(_sum_record, x, axes=axes)


def argmax(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """The index of the first maximum along an axis (of all elements, flat, for None); int64."""
    x = as_tensor(x)
    axis = dim if axis is None else axis
    if not x.size:
        raise ShapeError(f"argmax: a tensor of shape {x.shape} has no maximum{where()}")
    if axis is not None:
        (axis,) = normal_axes("argmax", axis, x.ndim)
    return apply(_argmax_record, x, axis=axis)
