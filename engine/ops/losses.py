"""Softmax and the losses built on it, from logits: the fused forms that stay accurate where the
written-out ones overflow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ClassIndexError, DtypeError, GraphError, ShapeError, shapes, where
from ..kernels import rows
from ..kernels.build import I64, Kernel
from ..kernels.door import on_host
from ..kernels.reduce import total
from ..primitives import apply, primitive
from ..tensors import FLOATS, Tensor, as_tensor, constant, wrap
from .elementwise import clone, exp, maximum, safe_mul, softplus
from .elementwise import where as choose
from .reduce import mean
from .reduce import sum as sum_of
from .shape import check_axes

NONE = np.iinfo(np.int64).min
"""A class that no target has: nothing is ignored."""


def _float_rows(name: str, x: np.ndarray) -> np.ndarray:
    """Float data with its classes last, contiguous."""
    if x.dtype not in FLOATS:
        raise DtypeError(f"{name}: {shapes(x)}{where()}: logits are floats")
    if x.flags.c_contiguous:
        return x
    on_host()
    return np.ascontiguousarray(x)


def _by_rows(name: str, kernel: Kernel) -> Callable[..., np.ndarray]:
    def forward(x: Tensor, *, axis: int) -> np.ndarray:
        data = x.data
        if axis == data.ndim - 1:
            return rows.by_rows(kernel, _float_rows(name, data))
        on_host()
        moved = _float_rows(name, np.moveaxis(data, axis, -1))
        return np.ascontiguousarray(np.moveaxis(rows.by_rows(kernel, moved), -1, axis))

    return forward


def _np_log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _row_samples(rng: np.random.Generator) -> list[Any]:
    return [rng.standard_normal((3, 4)), {"axis": 1}]


_log_softmax_record = primitive(
    "log_softmax", _by_rows("log_softmax", rows.log_softmax_kernel),
    broadcasts=False,
    rules=(lambda g, ans, x, axis: g - exp(ans) * g.sum(axis, keepdims=True),),
    formula="x - log Σ exp(x)", local=("g - softmax(x) · Σ g",), samples=_row_samples,
    numpy=_np_log_softmax, doc="The logarithm of softmax along an axis, without overflow.",
)  # fmt: skip

_softmax_record = primitive(
    "softmax", _by_rows("softmax", rows.softmax_kernel),
    rules=(lambda g, ans, x, axis: ans * (g - (g * ans).sum(axis, keepdims=True)),),
    formula="exp(x) / Σ exp(x)", local=("s · (g - Σ g · s), s = softmax(x)",),
    samples=_row_samples, numpy=lambda x, axis: np.exp(_np_log_softmax(x, axis)),
    doc="Numbers of a row as probabilities, in proportion to exp(x).",
)  # fmt: skip


def log_softmax(x: Tensor, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """log(exp(x) / Σ exp(x)) along an axis, computed without overflow."""
    x = as_tensor(x)
    (axis,) = check_axes("log_softmax", [axis if dim is None else dim], x.ndim)
    return apply(_log_softmax_record, x, axis=axis)


def softmax(x: Tensor, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along an axis, computed without overflow; each row sums to 1."""
    x = as_tensor(x)
    (axis,) = check_axes("softmax", [axis if dim is None else dim], x.ndim)
    return apply(_softmax_record, x, axis=axis)


# -- cross-entropy


def _losses(logits: np.ndarray, target: np.ndarray, ignored: int) -> tuple[np.ndarray, int]:
    """The loss of each row, and how many rows count."""
    on_host()
    if not 0 <= ignored < logits.shape[1]:
        losses, status = rows.losses(logits, target, NONE)
        if not status:
            return losses, len(losses)
    losses, status = rows.losses(logits, target, ignored)
    if status:
        row = status - 1
        raise ClassIndexError(
            f"cross_entropy{where()}: row {row} has class {target[row]}, but the logits have "
            f"{logits.shape[1]} classes, 0 to {logits.shape[1] - 1}. Are the classes counted from "
            "1, or has the last layer too few outputs?"
        )
    return losses, _counted(target, ignored)


def _counted(target: np.ndarray, ignored: int) -> int:
    return target.size - int(np.count_nonzero(target == ignored))


def _cross_entropy(
    logits: Tensor, target: Tensor, *, ignore_index: int, reduction: str
) -> np.ndarray:
    x = _float_rows("cross_entropy", logits.data)
    if reduction == "mean" and not 0 <= ignore_index < x.shape[1]:
        mean, status = rows.mean_loss(x, target.data, NONE)
        if not status:
            return mean
    losses, count = _losses(x, target.data, ignore_index)
    if reduction == "none":
        return losses
    if reduction == "mean" and not count:
        _warn_all_ignored()
        return np.full((), np.nan, x.dtype)
    return total(losses, (0,), count if reduction == "mean" else 1)


def _warn_all_ignored() -> None:
    warnings.warn(
        "cross_entropy: all targets are ignored, so their mean is NaN", RuntimeWarning, stacklevel=5
    )


def _slope(
    g: Tensor, logits: Tensor, target: Tensor, *, ignore_index: int, reduction: str
) -> np.ndarray:
    x = _float_rows("cross_entropy", logits.data)
    upstream = g.data
    if upstream.ndim and not upstream.flags.c_contiguous:
        on_host()
        upstream = np.ascontiguousarray(upstream)
    out, status = rows.slope(x, target.data, upstream, ignore_index, reduction == "mean")
    if status:
        raise GraphError(f"cross_entropy: row {status - 1} of the target changed after the loss")
    return out


def _slope_of_upstream(
    h: Tensor, ans: Tensor, g: Tensor, logits: Tensor, target: Tensor, **how: Any
) -> Tensor:
    local = apply(_slope_record, wrap(np.ones(g.shape, g.dtype)), logits, target, **how)
    return (h * local).sum(1 if g.ndim else None)


def _slope_of_logits(
    h: Tensor, ans: Tensor, g: Tensor, logits: Tensor, target: Tensor, *, ignore_index: int,
    reduction: str,
) -> Tensor:  # fmt: skip
    p = softmax(logits)
    kept = (target != ignore_index).reshape(-1, 1)
    scale = g.expand_dims(-1) if g.ndim else g
    if reduction == "mean":
        scale = scale / maximum(sum_of(kept.astype(g.dtype)), 1)
    curved = p * (h - (h * p).sum(1, keepdims=True)) * scale
    return choose(kept, curved, 0)


def _ce_samples(rng: np.random.Generator) -> list[Any]:
    how = {"ignore_index": -100, "reduction": "mean"}
    return [rng.standard_normal((3, 4)), rng.integers(0, 4, 3), how]


_slope_record = primitive(
    "cross_entropy_slope", _slope, rules=(_slope_of_upstream, _slope_of_logits, None),
    symbol="softmax - 1", formula="g · (softmax(x) - onehot(t)) / n",
    local=("(softmax(x) - onehot(t)) / n", "g · (diag(p) - p pᵀ) / n"),
    samples=lambda rng: [np.float64(0.7), *_ce_samples(rng)],
    numpy=lambda g, x, t, ignore_index, reduction: (
        g * (np.exp(_np_log_softmax(x, 1)) - np.eye(x.shape[1])[t]) / len(t)
    ),
    doc="What cross-entropy sends to its logits: the probabilities less the right answer.",
)  # fmt: skip

_cross_entropy_record = primitive(
    "cross_entropy", _cross_entropy,
    broadcasts=False,
    rules=(
        lambda g, ans, logits, target, ignore_index, reduction: apply(
            _slope_record, g, logits, target, ignore_index=ignore_index, reduction=reduction
        ),
        None,
    ),
    formula="mean of -log softmax(x)[t]", local=("(softmax(x) - onehot(t)) · g / n",),
    samples=_ce_samples,
    numpy=lambda x, t, ignore_index, reduction: (
        -_np_log_softmax(x, 1)[np.arange(len(t)), t].mean()
    ),
    doc="The mean negative log-probability of the right classes, from logits.",
)  # fmt: skip

REDUCTIONS = ("mean", "sum", "none")


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def cross_entropy(
    logits: Tensor, target: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Cross-entropy of logits (N, C) against classes (N,) of any integer type, or (N, C)
    probabilities: the mean of -log softmax(logits)[target].

    Parameters
    ----------
    weight : (C,) weights of the classes; the mean then divides by the weights' sum.
    ignore_index : a class whose rows do not count.
    reduction : "mean", "sum" or "none" (a loss for each row).
    label_smoothing : the share of the target that is spread evenly over all classes.

    A class out of range is an IndexError that names the row.

    >>> from backlit.engine import cross_entropy, tensor
    >>> cross_entropy(tensor([[0.0, 0.0], [9.0, 0.0]]), [1, 0])
    tensor(0.34663528)
    """
    logits = as_tensor(logits)
    if not isinstance(target, Tensor):
        target = constant(target, logits)
    x, t = logits.data, target.data
    if t.dtype is not I64 or x.ndim != 2 or t.ndim != 1 or len(t) != len(x):
        target = _checked_target(logits, target)
        if target.dtype.kind == "f":
            _check_reduction("cross_entropy", reduction)
            return _against_probabilities(logits, target, weight, reduction, label_smoothing)
    if not t.flags.c_contiguous:
        target = clone(target)
    if reduction not in REDUCTIONS or not 0 <= label_smoothing <= 1:
        _check_reduction("cross_entropy", reduction)
        raise ValueError(f"cross_entropy: label_smoothing lies in [0, 1], not {label_smoothing}")
    if weight is None and not label_smoothing:
        return apply(
            _cross_entropy_record, logits, target, ignore_index=ignore_index, reduction=reduction
        )
    return _weighted(logits, target, weight, ignore_index, reduction, label_smoothing)


def _checked_target(logits: Tensor, target: Tensor) -> Tensor:
    """Classes as int64, or probabilities; an error where they do not fit the logits."""
    if logits.ndim != 2:
        raise ShapeError(
            f"cross_entropy: logits {shapes(logits)}{where()} must be (rows, classes); for other "
            "shapes reshape them: x.reshape(-1, x.shape[-1])"
        )
    if target.dtype.kind == "f":
        return target
    if target.shape != logits.shape[:1]:
        raise ShapeError(
            f"cross_entropy: logits {shapes(logits)} and target {shapes(target)}{where()}: the "
            f"target must hold one class for each row, shape ({logits.shape[0]},)"
            + ("; y.reshape(-1) drops the extra axis" if target.size == logits.shape[0] else "")
        )
    return target if target.dtype == I64 else target.astype(I64)


def _weighted(
    logits: Tensor, target: Tensor, weight: Any, ignored: int, reduction: str, smoothing: float
) -> Tensor:
    """Cross-entropy with weights of classes or smoothed labels, composed of other primitives."""
    classes = logits.shape[1]
    how = {"ignore_index": ignored, "reduction": reduction}
    apply(_cross_entropy_record, logits.detach(), target, **how)  # checks the classes
    scores = log_softmax(logits)
    column = target.reshape(-1, 1)
    kept = (column != ignored).astype(logits.dtype)
    rates = kept * _class_weights(weight, logits, classes)
    shares = (column == wrap(np.arange(classes))).astype(logits.dtype) * rates
    losses = -safe_mul(shares, scores).sum(1)
    if smoothing:
        spread = -safe_mul(rates, scores).sum(1)
        losses = losses * (1 - smoothing) + spread * (smoothing / classes)
    if reduction == "none":
        return losses
    out = sum_of(losses)
    return out / sum_of(shares) if reduction == "mean" else out


def _class_weights(weight: Any, logits: Tensor, classes: int) -> Tensor:
    if weight is None:
        return wrap(np.ones(classes, logits.dtype))
    weight = constant(weight, logits)
    if weight.shape != (classes,):
        raise ShapeError(
            f"cross_entropy: weight {shapes(weight)}{where()} must hold one number for each of "
            f"the {classes} classes"
        )
    return weight


def _against_probabilities(
    logits: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float
) -> Tensor:
    if target.shape != logits.shape:
        raise ShapeError(
            f"cross_entropy: logits {shapes(logits)} and target {shapes(target)}{where()}: a float "
            "target holds probabilities and has the logits' shape; classes are integers"
        )
    classes = logits.shape[1]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    terms = target * _class_weights(weight, logits, classes)
    scores = log_softmax(logits)
    # 0 * -inf counts as 0: an impossible class that is not asked for costs nothing.
    losses = -safe_mul(terms, scores).sum(1)
    return _reduce(losses, reduction)


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum_of(losses)


# -- other losses


def _same_shape(name: str, x: Tensor, target: Tensor) -> None:
    if x.shape != target.shape:
        raise ShapeError(
            f"{name}: input {shapes(x)} and target {shapes(target)}{where()} must have one shape: "
            "broadcasting here would compare every row with every other. "
            f"target.reshape({', '.join(map(str, x.shape))}) if the sizes agree"
        )


def mse_loss(input: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """The mean squared error between tensors of one shape.

    >>> from backlit.engine import mse_loss, tensor
    >>> mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check_reduction("mse_loss", reduction)
    target = constant(target, input)
    _same_shape("mse_loss", input, target)
    return _reduce((input - target).square(), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Any, weight: Any = None, pos_weight: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross-entropy from logits against targets in [0, 1] of the same shape.

    `weight` scales each element's loss, `pos_weight` the positive part; both broadcast.

    >>> from backlit.engine import binary_cross_entropy_with_logits, tensor
    >>> binary_cross_entropy_with_logits(tensor([0.0, 100.0]), tensor([1.0, 1.0]))
    tensor(0.3465736)
    """
    name = "binary_cross_entropy_with_logits"
    _check_reduction(name, reduction)
    target = constant(target, input)
    _same_shape(name, input, target)
    positive = target if pos_weight is None else target * constant(pos_weight, input)
    losses = safe_mul(positive, softplus(-input)) + safe_mul(1 - target, softplus(input))
    if weight is not None:
        losses = losses * weight
    return _reduce(losses, reduction)
