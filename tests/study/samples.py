"""A loss for each differentiable primitive of the registry, made from the samples in its record."""

from typing import Any

import numpy as np

from backlit.engine import Tensor, apply, registry, tensor
from backlit.engine.primitives import Primitive

F64 = np.dtype(np.float64)

DIFFERENTIABLE = sorted(
    name
    for name, record in registry.items()
    if record.rules is not None
    and record.samples is not None
    and (not isinstance(record.rules, tuple) or any(rule is not None for rule in record.rules))
)
"""The ops with a rule; all of them must come out right in words, in NumPy, and taken apart."""


def sample_loss(name: str, seed: int = 0, dtype: Any = F64) -> Tensor:
    """A weighted sum of what the op makes of its samples; leaves are called a, b, c, …"""
    record = registry[name]
    assert record.samples is not None
    given = record.samples(np.random.default_rng(seed))
    params = given.pop() if isinstance(given[-1], dict) else {}
    inputs = [_operand(record, k, np.asarray(x), dtype) for k, x in enumerate(given)]
    out = apply(record, *inputs, **params)
    weights = np.random.default_rng(seed + 1).uniform(0.5, 1.5, out.shape)
    return (out * tensor(weights, dtype=out.dtype, name="weights")).sum()


def _operand(record: Primitive, k: int, x: np.ndarray, dtype: Any) -> Tensor:
    if x.dtype.kind != "f":
        return tensor(x, name="abcdefgh"[k])
    asks = not isinstance(record.rules, tuple) or record.rules[k] is not None
    return tensor(x, dtype=dtype, requires_grad=asks, name="abcdefgh"[k])


def leaves_of(loss: Tensor) -> list[Tensor]:
    """The leaves that ask for a gradient, in the order in which pictures number them."""
    from backlit.engine.backward import reachable

    found: dict[int, Tensor] = {}
    for out in reversed(reachable([loss])):
        for x in out.inputs:
            if x.primitive is None and x.requires_grad:
                found[id(x)] = x
    return list(found.values())


def gradients_of(loss: Tensor) -> list[np.ndarray | None]:
    """What backward leaves in the leaves, which are emptied again; the graph stays."""
    leaves = leaves_of(loss)
    loss.backward(retain_graph=True)
    found = [None if x.grad is None else x.grad.data.copy() for x in leaves]
    for x in leaves:
        x.grad = None
    return found
