"""Shape primitives: the same numbers under another shape. All but `concatenate` and `astype` are
views that share memory and version with their operand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError, where
from ..kernels.build import F32, F64
from ..kernels.convert import to_floats
from ..primitives import apply, primitive
from ..tensors import Tensor, as_tensor, constant, match_floats, to_array
from .reduce import total

# -- reshape


def _reshape(x: Tensor, *, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return x.data.reshape(shape)
    except ValueError:
        raise ShapeError(
            f"reshape: {x.size} elements of shape {x.shape} do not fit shape {shape}{where()}"
        ) from None


_reshape_record = primitive(
    "reshape", _reshape,
    broadcasts=False,
    rules=(lambda g, ans, x, shape: reshape(g, x.shape),),
    view=True, formula="x.reshape(shape)", local=("g.reshape(x.shape)",),
    samples=lambda rng: [rng.standard_normal((3, 4)), {"shape": (2, 6)}],
    numpy=lambda x, shape: x.reshape(shape),
    doc="The same elements, in order, under another shape; one size may be -1.",
)  # fmt: skip


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The same elements under another shape: reshape(x, 2, -1) or reshape(x, (2, -1)).

    A view where the memory allows it, as in NumPy.
    """
    x = as_tensor(x)
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)):
        shape = tuple(shape[0])
    return apply(_reshape_record, x, shape=tuple(int(n) for n in shape))


def flatten(x: Tensor, start: int = 0) -> Tensor:
    """Axes from `start` on as one: (8, 2, 3) becomes (8, 6) for start=1."""
    x = as_tensor(x)
    shape = x.shape
    if shape:
        (start,) = check_axes("flatten", [start], len(shape))
    return reshape(x, (*shape[:start], math.prod(shape[start:])))


def expand_dims(x: Tensor, axis: int) -> Tensor:
    """A new axis of size 1 at `axis` of the result."""
    x = as_tensor(x)
    ndim = x.ndim + 1
    if not -ndim <= axis < ndim:
        raise ShapeError(f"expand_dims: axis {axis} is not there in a result of {ndim} axes")
    axis %= ndim
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Without axes of size 1: all of them, or those named."""
    x = as_tensor(x)
    if axis is None:
        gone = {k for k, n in enumerate(x.shape) if n == 1}
    else:
        axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
        gone = set(check_axes("squeeze", axes, x.ndim))
        for k in gone:
            if x.shape[k] != 1:
                raise ShapeError(f"squeeze: axis {k} of shape {x.shape} has not the size 1")
    return reshape(x, tuple(n for k, n in enumerate(x.shape) if k not in gone))


# -- transpose


def check_axes(name: str, axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, each once."""
    out = []
    for axis in axes:
        if not -ndim <= axis < ndim:
            raise ShapeError(f"{name}: axis {axis} is not there in {ndim} dimensions{where()}")
        out.append(axis % ndim)
    if len(set(out)) != len(out):
        raise ShapeError(f"{name}: an axis is named twice in {tuple(axes)}{where()}")
    return tuple(out)


_transpose_record = primitive(
    "transpose", lambda x, axes: x.data.transpose(axes),
    broadcasts=False,
    rules=(lambda g, ans, x, axes: transpose(g, tuple(np.argsort(axes).tolist())),),
    view=True, symbol="ᵀ", formula="xᵀ", local=("gᵀ",),
    samples=lambda rng: [rng.standard_normal((2, 3, 4)), {"axes": (2, 0, 1)}],
    numpy=lambda x, axes: x.transpose(axes),
    doc="The axes in another order.",
)  # fmt: skip


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """The axes in another order: reversed, or as given, transpose(x, 1, 0)."""
    x = as_tensor(x)
    if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)):
        axes = tuple(axes[0])
    if not axes:
        order = tuple(range(x.ndim))[::-1]
    else:
        order = check_axes("transpose", axes, x.ndim)
        if len(order) != x.ndim:
            raise ShapeError(
                f"transpose: {len(order)} axes given for a tensor of shape {x.shape}; "
                "name them all, or use swapaxes(x, a, b)"
            )
    return apply(_transpose_record, x, axes=order)


def swapaxes(x: Tensor, a: int, b: int) -> Tensor:
    """Two axes exchanged."""
    x = as_tensor(x)
    first, second = (check_axes("swapaxes", [axis], x.ndim)[0] for axis in (a, b))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return apply(_transpose_record, x, axes=tuple(order))


# -- broadcast, and its undoing


def _broadcast_to(x: Tensor, *, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.broadcast_to(x.data, shape)
    except ValueError:
        raise ShapeError(
            f"broadcast_to: shape {x.shape} does not broadcast to {shape}{where()}"
        ) from None


_broadcast_record = primitive(
    "broadcast_to", _broadcast_to,
    rules=(lambda g, ans, x, shape: g,),  # the engine sums the broadcast axes away
    view=True, formula="x.broadcast_to(shape)", local=("Σ g over the new axes",),
    samples=lambda rng: [rng.standard_normal((3, 1)), {"shape": (2, 3, 4)}],
    numpy=np.broadcast_to,
    doc="The same numbers repeated along new axes and axes of size 1; nothing is copied.",
)  # fmt: skip


def broadcast_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor as if repeated to `shape`, by NumPy's rules; nothing is copied."""
    x = as_tensor(x)
    return apply(_broadcast_record, x, shape=tuple(shape))


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Broadcasting from `shape` undone: what was repeated is summed."""
    lead = x.ndim - len(shape)
    axes = [k for k, n in enumerate(x.shape) if k < lead or (shape[k - lead] == 1 and n != 1)]
    if axes:
        x = total(x, tuple(axes))
    return x if x.shape == shape else reshape(x, shape)


# -- copies


def _concatenate(*tensors: Tensor, axis: int) -> np.ndarray:
    try:
        return np.concatenate(match_floats("concatenate", [t.data for t in tensors]), axis)
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ShapeError(
            f"concatenate: shapes {shapes} must agree but for axis {axis}{where()}"
        ) from None


def _concatenate_rule(g: Tensor, ans: Tensor, *tensors: Tensor, axis: int) -> list[Tensor]:
    parts, start = [], 0
    before = (slice(None),) * axis
    for t in tensors:
        end = start + t.shape[axis]
        parts.append(g[(*before, slice(start, end))])
        start = end
    return parts


_concatenate_record = primitive(
    "concatenate", _concatenate, rules=_concatenate_rule,
    formula="concatenate(x₁, x₂, …)", local=("the part of g that came from it",),
    samples=lambda rng: [rng.standard_normal((2, 3)), rng.standard_normal((2, 1)), {"axis": 1}],
    numpy=lambda *xs, axis: np.concatenate(xs, axis),
    doc="Tensors one behind the other along an axis.",
)  # fmt: skip


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors one behind the other along `axis`; their other sizes are equal."""
    if not tensors:
        raise ShapeError("concatenate: there is nothing to join")
    parts = [as_tensor(t) for t in tensors]
    (axis,) = check_axes("concatenate", [axis], parts[0].ndim)
    return apply(_concatenate_record, *parts, axis=axis)


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    return concatenate([expand_dims(constant(t, Tensor(0.0)), axis) for t in tensors], axis)


def _astype(x: Tensor, *, dtype: np.dtype) -> np.ndarray:
    found = to_floats(x.data, dtype)
    return to_array(x.data, dtype, copy=True) if found is None else found


_astype_record = primitive(
    "astype", _astype,
    rules=(lambda g, ans, x, dtype: astype(g, x.dtype) if ans.dtype in (F32, F64) else None,),
    formula="x.astype(dtype)", local=("g.astype(x.dtype)",),
    samples=lambda rng: [rng.standard_normal((3, 4)), {"dtype": F64}],
    numpy=lambda x, dtype: x.astype(dtype),
    doc="A copy in another type of number; the gradient comes back in the first.",
)  # fmt: skip


def astype(x: Tensor, dtype: Any) -> Tensor:
    """A copy in another dtype; differentiable between floats."""
    x = as_tensor(x)
    out = apply(_astype_record, x, dtype=np.dtype(dtype))
    if out.dtype not in (F32, F64):
        out.primitive, out.needs = None, False
    return out
