"""Contractions: matrix products and the layers' `linear`. Their rules are written with each other,
so that no transposed copy is ever made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError, shapes, where
from ..kernels.door import on_host
from ..kernels.products import product
from ..primitives import apply, primitive
from ..tensors import FLOATS, Tensor, constant, match_floats
from .reduce import total

empty = np.empty


def _floats(name: str, *arrays: np.ndarray) -> list[np.ndarray]:
    """The operands in one float type."""
    matched = match_floats(name, list(arrays))
    if any(a is not b for a, b in zip(arrays, matched, strict=True)):
        on_host()
    if matched[0].dtype not in FLOATS:
        raise DtypeError(
            f"{name}: {shapes(*arrays)}{where()}: matrix products are for floats; "
            "write x.astype('float32')"
        )
    return matched


def _matmul(x: Tensor, y: Tensor) -> np.ndarray:
    a, b = x.data, y.data
    if a.ndim == 2 and b.ndim == 2 and a.dtype in FLOATS:
        out = empty((len(a), b.shape[1]), a.dtype)
        if product(out, a, b):
            return out
    return _matmul_any(x, y, *_floats("matmul", a, b))


def _matmul_any(x: Tensor, y: Tensor, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Vectors, stacks of matrices, and the error where shapes do not fit."""
    if not a.ndim or not b.ndim:
        raise ShapeError(f"matmul: {shapes(a, b)}{where()}: a scalar has no rows; use *")
    left, right = a.ndim == 1, b.ndim == 1
    if left:
        a = a[None, :]
    if right:
        b = b[:, None]
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"matmul: {shapes(x, y)}{where()}: the last size of the first, {a.shape[-1]}, must be "
            f"the {'only' if right else 'second last'} size of the second, {b.shape[-2]}. "
            "Transpose one of them (x.T), or check which axis holds the features"
        )
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul: {shapes(x, y)}{where()}: the axes before the last two do not broadcast"
        ) from None
    out = empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    if not batch:
        product(out, a, b)
    elif out.size:
        stack = (math.prod(batch), *out.shape[-2:])
        product(out.reshape(stack), _stack(a, batch), _stack(b, batch))
    if left:
        out = out[..., 0, :]
    if right:
        out = out[..., 0]
    return out


def _rows(x: np.ndarray) -> np.ndarray:
    """All axes but the last as one."""
    if not x.flags.c_contiguous:
        on_host()
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _stack(x: np.ndarray, batch: tuple[int, ...]) -> np.ndarray:
    """Matrices as one stack over `batch`; one that all share is not copied."""
    if math.prod(x.shape[:-2]) == 1:
        matrix = x[(0,) * (x.ndim - 2)]
        return np.broadcast_to(matrix, (math.prod(batch), *matrix.shape))
    full = (math.prod(batch), *x.shape[-2:])
    on_host()
    return np.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(full)


def _matmul_left(g: Tensor, ans: Tensor, x: Tensor, y: Tensor) -> Tensor:
    if x.data.ndim == 2 and y.data.ndim == 2:
        return apply(_linear_record, g, y)
    if y.ndim == 1:
        return g.expand_dims(-1) * y if x.ndim > 1 else g * y
    if x.ndim == 1:
        return (y @ g.expand_dims(-1)).squeeze(-1)
    return g @ y.swapaxes(-1, -2)


def _matmul_right(g: Tensor, ans: Tensor, x: Tensor, y: Tensor) -> Tensor:
    if x.data.ndim == 2 and y.data.ndim == 2:
        return apply(_pair_sum_record, x, g)
    if x.ndim == 1:
        return x.expand_dims(-1) * g.expand_dims(-2) if y.ndim > 1 else g * x
    if y.ndim == 1:
        return x * g.expand_dims(-1)
    return x.swapaxes(-1, -2) @ g


_matmul_record = primitive(
    "matmul", _matmul, rules=(_matmul_left, _matmul_right),
    symbol="@", formula="x @ y", local=("g @ yᵀ", "xᵀ @ g"),
    samples=lambda rng: [rng.standard_normal((3, 4)), rng.standard_normal((4, 2))],
    numpy=np.matmul,
    doc="The matrix product, by NumPy's rules for stacks and vectors.",
)  # fmt: skip


def matmul(x: Any, y: Any) -> Tensor:
    """The matrix product x @ y.

    (m, k) @ (k, n) gives (m, n); a vector counts as one row on the left, one column on the right,
    and loses that axis again; axes before the last two broadcast.
    """
    if not isinstance(x, Tensor):
        x = constant(x, y) if isinstance(y, Tensor) else Tensor(x)
    if not isinstance(y, Tensor):
        y = constant(y, x)
    return apply(_matmul_record, x, y)


matmul.record = _matmul_record  # type: ignore[attr-defined]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> np.ndarray:
    a, w = x.data, weight.data
    b = None if bias is None else bias.data
    if a.ndim == 2 and a.dtype in FLOATS:
        out = empty((len(a), len(w)), a.dtype)
        if product(out, a, w, b, 2):
            return out
    return _linear_any(a, w, b)


def _linear_any(a: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    """Any number of leading axes, mixed types, and the error where shapes do not fit."""
    if w.ndim != 2 or not a.ndim or a.shape[-1] != w.shape[1]:
        fan_in = w.shape[1] if w.ndim == 2 else "?"
        raise ShapeError(
            f"linear: x {shapes(a)} and weight {shapes(w)}{where()}: the weight is (out, in), so "
            f"the last size of x must be {fan_in}. Check the layer's in_features, or the axis that "
            "holds the features"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ShapeError(
            f"linear: bias {shapes(b)} for weight {shapes(w)}{where()}: it must be ({len(w)},)"
        )
    if b is None:
        a, w = _floats("linear", a, w)
    else:
        a, w, b = _floats("linear", a, w, b)
    rows = _rows(a)
    out = empty((len(rows), len(w)), a.dtype)
    product(out, rows, w, b, 2)
    return out.reshape(*a.shape[:-1], len(w))


_linear_record = primitive(
    "linear", _linear,
    broadcasts=False,
    rules=(
        lambda g, ans, x, weight, bias=None: apply(_matmul_record, g, weight),
        lambda g, ans, x, weight, bias=None: apply(_pair_sum_record, g, x),
        lambda g, ans, x, weight, bias=None: total(g, tuple(range(g.data.ndim - 1))),
    ),
    formula="x @ Wᵀ + b", local=("g @ W", "gᵀ @ x", "Σ g over the rows"),
    samples=lambda rng: [rng.standard_normal(s) for s in ((3, 4), (2, 4), (2,))],
    numpy=lambda x, weight, bias=0: x @ weight.T + bias,
    doc="A linear map of the last axis with the weight as (out, in).",
)  # fmt: skip


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weightᵀ + bias: (..., in), (out, in) and (out,) give (..., out)."""
    if not isinstance(x, Tensor):
        x = constant(x, weight)
    if bias is None:
        return apply(_linear_record, x, weight)
    return apply(_linear_record, x, weight, bias)


def _pair_sum(x: Tensor, y: Tensor) -> np.ndarray:
    a, b = x.data, y.data
    if a.dtype not in FLOATS:
        a, b = _floats("pair_sum", a, b)
    if a.ndim != 2 or b.ndim != 2:
        if not a.ndim or not b.ndim:
            raise ShapeError(f"pair_sum: {shapes(x, y)}{where()}: a scalar has no rows")
        a, b = _rows(a), _rows(b)
    out = empty((a.shape[1], b.shape[1]), a.dtype)
    if not product(out, a, b, None, 1):
        raise ShapeError(f"pair_sum: {shapes(x, y)}{where()} must have the same rows and type")
    return out


_pair_sum_record = primitive(
    "pair_sum", _pair_sum,
    broadcasts=False,
    rules=(
        lambda g, ans, x, y: apply(_linear_record, y, g),
        lambda g, ans, x, y: apply(_matmul_record, x, g),
    ),
    symbol="ᵀ@", formula="xᵀ @ y", local=("y @ gᵀ", "x @ g"),
    samples=lambda rng: [rng.standard_normal((5, 3)), rng.standard_normal((5, 2))],
    numpy=lambda x, y: x.T @ y,
    doc="The sum over rows of the outer products: what a weight's gradient is.",
)  # fmt: skip


def pair_sum(x: Tensor, y: Tensor) -> Tensor:
    """xᵀ @ y with all axes but the last taken as rows: (..., m) and (..., n) give (m, n)."""
    return apply(_pair_sum_record, x, y)
