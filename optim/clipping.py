"""Keeping gradients small before an optimizer's step: by their common norm, or entry by entry.
A gradient that is not finite is an error that names its parameter, not a silent poisoning of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..engine import (
    Tensor,
    maximum,
    minimum,
    no_grad,
    scale_,
    tensor,
)
from ..engine.ops.update import clip_to_, norm_of, refuse_nonfinite


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = True,
) -> Tensor:
    """Scale all gradients by one factor so that their common norm is at most ``max_norm``.

    Returns the norm before, a float64 number as a Tensor of shape (). ``norm_type`` is above 0 and
    may be ``math.inf``. Parameters without a gradient are passed over. Pascanu et al. 2013.

    Raises NonFiniteGradientError naming the parameter whose gradient holds NaN or infinity; with
    ``error_if_nonfinite=False`` it spoils all gradients, as in PyTorch.

    >>> from backlit import nn, optim
    >>> from backlit.engine import tensor
    >>> weight = nn.Parameter(tensor([3.0, 4.0]))
    >>> (weight * weight).sum().backward()  # the gradient is [6, 8]
    >>> optim.clip_grad_norm_([weight], max_norm=5.0).item()
    10.0
    >>> [round(g, 4) for g in weight.grad.tolist()]
    [3.0, 4.0]
    """
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0, got {max_norm}")
    if not norm_type > 0:
        raise ValueError(f"norm_type must be above 0, got {norm_type}")
    gradients = with_gradients(parameters)
    with no_grad():
        labels = tuple(label for label, _ in gradients)
        tensors = [gradient for _, gradient in gradients]
        if norm_type == 2 and gradients:
            total = norm_of(tensors, labels, error_if_nonfinite)
            clip_to_(tensors, total, max_norm)
            return total
        number = common(norm_type, [norm(norm_type, gradient) for gradient in tensors])
        if not math.isfinite(number):
            if error_if_nonfinite:
                refuse_nonfinite(tensors, labels)
            wide = [norm(norm_type, gradient.astype(np.float64)) for gradient in tensors]
            number = common(norm_type, wide)  # finite, where only the powers were too large
        factor = max_norm / (number + 1e-6)
        if not factor >= 1:
            for gradient in tensors:
                scale_(gradient, factor)
    return tensor(number, dtype=np.float64)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every entry of every gradient into ±``clip_value``; NaN stays NaN.

    >>> from backlit import nn, optim
    >>> from backlit.engine import tensor
    >>> weight = nn.Parameter(tensor([3.0, -4.0]))
    >>> (weight * weight).sum().backward()
    >>> optim.clip_grad_value_([weight], 7.0)
    >>> weight.grad.tolist()
    [6.0, -7.0]
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value must be at least 0, got {clip_value}")
    with no_grad():
        for _, gradient in with_gradients(parameters):
            gradient.copy_(minimum(maximum(gradient, -clip_value), clip_value))


def with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[tuple[str, Tensor]]:
    """(label, gradient) of the parameters that have a gradient."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [
        (parameter.name or f"parameter {position}", parameter.grad)
        for position, parameter in enumerate(given)
        if parameter.grad is not None
    ]


def norm(norm_type: float, gradient: Tensor) -> float:
    """The norm of all entries of one gradient."""
    sizes = gradient.abs()
    if norm_type == math.inf:
        return sizes.max().item() if sizes.size else 0.0
    return (sizes**norm_type).sum().item() ** (1 / norm_type)


def common(norm_type: float, norms: list[float]) -> float:
    """The norm of everything from the norms of its parts."""
    if norm_type == math.inf:
        return float(np.max(norms, initial=0.0))
    return math.fsum(part**norm_type for part in norms) ** (1 / norm_type)
