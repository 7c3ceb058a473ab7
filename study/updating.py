"""What an optimizer would do next, found out on copies: value, gradient, step, new value.
The optimizer, its state, the parameters and their gradients stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import NamedTuple

import numpy as np

from ..engine import Tensor, gradients
from ..engine.backward import reachable
from ..optim import Optimizer
from ..optim.groups import Group
from ..optim.optimizers import copied


class Update(NamedTuple):
    """One parameter before and after a step; `plain` says that the step is just lr x gradient."""

    parameter: Tensor
    lr: float
    gradient: np.ndarray
    after: np.ndarray
    plain: bool
    prior: np.ndarray | None
    """What `.grad` held before: backward adds to it."""


def next_updates(loss: Tensor, optimizer: Optimizer) -> list[Update]:
    """What `loss.backward(); optimizer.step()` would do to each parameter, done to copies.

    Of a graph that is freed, backward has run: the gradients are the ones that are there.

    >>> import backlit as bl
    >>> w = bl.tensor(3.0, requires_grad=True)
    >>> sgd = bl.optim.SGD([w], lr=0.5)
    >>> [update.after.item() for update in next_updates(w * w, sgd)], w.item(), w.grad
    ([0.0], 3.0, None)
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"walk: optimizer is a {type(optimizer).__name__}; give one of backlit.optim, such as "
            "optim.SGD(model.parameters(), lr=0.1)"
        )
    own = [p for group in optimizer.param_groups for p in group.params]
    grads = _gradients(loss, own)
    twins = {p: copied(p) for p in own}
    for p, twin in twins.items():
        grad = grads[p]
        twin.grad = None if grad is None else copied(grad)
    twin_optimizer = copy(optimizer)
    counters: dict[int, Tensor] = {}
    twin_optimizer.state = defaultdict(dict)
    for p, state in optimizer.state.items():
        if p in twins:
            twin_optimizer.state[twins[p]] = {
                name: counters.setdefault(id(value), copied(value)) for name, value in state.items()
            }
    twin_optimizer.param_groups = [
        Group(
            [twins[p] for p in group.params],
            {name: value for name, value in group.data.items() if name != "params"},
            group.check,
            group.numbers,
        )
        for group in optimizer.param_groups
    ]
    twin_optimizer.step()
    found = []
    for group in optimizer.param_groups:
        for p in group.params:
            grad = grads[p]
            if grad is None:
                continue
            found.append(
                Update(
                    p,
                    float(group["lr"]),
                    grad.numpy(),
                    twins[p].numpy(),
                    _plain(group),
                    None if p.grad is None or _freed(loss) else p.grad.numpy().copy(),
                )
            )
    return found


def _freed(loss: Tensor) -> bool:
    return any(t.freed for t in reachable([loss]))


def _gradients(loss: Tensor, params: list[Tensor]) -> dict[Tensor, Tensor | None]:
    """What `.grad` of each would hold after `loss.backward()`."""
    if _freed(loss):
        return {p: p.grad for p in params}
    wanted = [p for p in params if p.requires_grad]
    fresh = gradients(loss, wanted, retain_graph=True, allow_unused=True) if wanted else ()
    found: dict[Tensor, Tensor | None] = dict.fromkeys(params)
    for p, new in zip(wanted, fresh, strict=True):
        old = p.grad
        if new is None or old is None:
            found[p] = new if old is None else old
        else:
            found[p] = copied(old.detach() + new.detach())
    return found


def _plain(group: Group) -> bool:
    """Whether a step is value - lr x gradient and nothing else."""
    extras = ("momentum", "weight_decay", "maximize", "betas")
    return not any(group.data.get(name) for name in extras)
