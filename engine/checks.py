"""gradcheck: the gradients of a function against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .backward import gradients
from .errors import BacklitError
from .tape import enable_grad, no_grad
from .tensors import F64, Tensor, wrap


class GradientError(BacklitError, AssertionError):
    """A gradient that differs from the finite difference."""


def gradcheck(
    fn: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor],
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
) -> bool:
    """Compare the gradients of `fn` with central differences; True, or an error that shows where.

    Every input that requires a gradient is checked, element by element, under a random upstream
    gradient. Inputs should be float64: differences in float32 are mostly rounding.

    >>> from backlit.engine import gradcheck, tensor
    >>> gradcheck(lambda x: x.tanh() * x, tensor([0.3, -2.0], dtype="float64", requires_grad=True))
    True
    """
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    asked = [k for k, x in enumerate(given) if x.requires_grad]
    if not asked:
        raise ValueError("gradcheck: none of the inputs requires a gradient")
    for k in asked:
        if given[k].dtype != F64:
            raise ValueError(
                f"gradcheck: input {k} is {given[k].dtype}; differences need float64 "
                "(tensor(x, dtype='float64', requires_grad=True))"
            )
    with enable_grad():
        out = fn(*given)
    rng = np.random.default_rng(0)
    upstream = rng.uniform(0.5, 1.5, out.shape)
    found = gradients(out, [given[k] for k in asked], wrap(upstream), allow_unused=True)
    for k, g in zip(asked, found, strict=True):
        x = given[k]
        analytic = np.zeros(x.shape) if g is None else g.data
        numeric = _differences(fn, given, k, upstream, eps)
        if analytic.shape != numeric.shape:
            raise GradientError(f"input {k}: gradient {analytic.shape} for shape {x.shape}")
        wrong = ~np.isclose(analytic, numeric, rtol, atol, equal_nan=True)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise GradientError(
                f"input {k}, element {list(at)}: the gradient is {analytic[at]:.8g}, but the "
                f"finite difference {numeric[at]:.8g} ({wrong.sum()} of {wrong.size} elements "
                "differ)"
            )
    return True


def _differences(
    fn: Callable[..., Any], given: list[Tensor], k: int, upstream: np.ndarray, eps: float
) -> np.ndarray:
    """Central differences of the sum of upstream * fn for each element of input k."""
    x = given[k].data
    out = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        values = []
        for step in (eps, -eps):
            moved = x.copy()
            moved[at] += step
            twin = wrap(moved)
            with no_grad():
                values.append(fn(*given[:k], twin, *given[k + 1 :]).data)
        out[at] = np.sum(upstream * (values[0] - values[1])) / (2 * eps)
    return out
