"""`grad_terms(w)`: what each use of a tensor adds to its gradient, in the order of backward.
Their sum, in that order, is the gradient to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..engine import GraphError, Tensor, backward_steps, enable_grad, gradients, no_grad
from ..engine.backward import reachable
from ..engine.ops.shape import sum_to
from ..engine.tensors import wrap
from .live import called, check_asked, check_loss, loss_of
from .text import number, shape_text, summed_text


@dataclass(frozen=True, eq=False)
class GradTerm:
    """One use of a tensor: operand `slot` of the op that made `out`.

    `upstream` is the gradient of `out`, `contribution` what this use adds, of the tensor's shape,
    after the axes in `summed` were summed away to undo broadcasting. Of the loss itself `out` is
    None: the only term is the 1 that backward starts from.
    """

    out: Tensor | None
    slot: int
    upstream: Tensor
    contribution: Tensor
    summed: tuple[int, ...]

    def __repr__(self) -> str:
        if self.out is None:
            return f"GradTerm(the seed = {_told(self.contribution)})"
        assert self.out.primitive is not None
        summed = f", {summed_text(self.summed)}" if self.summed else ""
        return (
            f"GradTerm({self.out.primitive.name}, operand {self.slot}: upstream "
            f"{_told(self.upstream)} gives {_told(self.contribution)}{summed})"
        )


def grad_terms(x: Tensor, loss: Tensor | None = None) -> list[GradTerm]:
    """What each use of `x` adds to the gradient of `loss`; summed in this order it is the gradient.

    No `.grad` is touched and nothing is freed. Without `loss` it is the one loss alive that was
    computed from `x`. `x` may be a leaf or a result on the way; `x * x` are two uses.

    Raises GraphError where `x` is a constant, where the loss does not depend on it, where several
    losses do and none is named, and where backward has freed the graph.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True)
    >>> loss = x * x + x
    >>> for term in bl.grad_terms(x): print(term)
    GradTerm(add, operand 1: upstream 1 gives 1)
    GradTerm(mul, operand 0: upstream 1 gives 3)
    GradTerm(mul, operand 1: upstream 1 gives 3)
    """
    check_asked("grad_terms", x)
    if loss is None:
        loss = loss_of("grad_terms", x)
    return terms_of("grad_terms", x, loss)


def terms_of(caller: str, x: Tensor, loss: Tensor) -> list[GradTerm]:
    """The terms of a tensor that asks for a gradient, of a loss that is named."""
    check_loss(caller, loss)
    if x is not loss and not any(y is x for out in reachable([loss]) for y in out.inputs):
        freed = x.primitive is not None and x.freed
        raise GraphError(
            f"{caller}: the loss does not depend on {called(x)}: no op on the way to it used this "
            "tensor, so its gradient is not 0 but none"
            + ("; it belongs to a graph that backward freed" if freed else "")
        )
    terms = []
    for step in backward_steps(loss):
        if step.out is x and x is loss:
            return [GradTerm(None, 0, step.upstream, step.upstream, ())]
        for slot, (y, flow) in enumerate(zip(step.out.inputs, step.contributions, strict=True)):
            if y is x and flow is not None:
                summed = step.unbroadcast[slot]
                terms.append(GradTerm(step.out, slot, step.upstream, flow, summed))
    return terms


def local_row(each: GradTerm, x: Tensor, at: tuple[int, ...]) -> np.ndarray | None:
    """∂out/∂x[at], of the shape of `out`: the rule is linear in g, so its derivative has it."""
    out = each.out
    assert out is not None
    assert out.primitive is not None
    rule = out.primitive.rule(each.slot)
    if rule is None:
        return None
    with no_grad():
        inputs = tuple(y.detach() for y in out.inputs)
    g = wrap(np.ones(out.shape, out.dtype)).requires_grad_()
    with enable_grad():
        flow = rule(g, out.detach(), *inputs, **out.params)
        if flow is None or not flow.requires_grad:
            return None
        if flow.shape != x.shape:
            flow = sum_to(flow, x.shape)
        element = flow[at] if at else flow
        (row,) = gradients(element, g, allow_unused=True)
    return None if row is None else row.data


def _told(x: Tensor) -> str:
    return number(float(x.data.item())) if x.size == 1 else shape_text(x.shape)
