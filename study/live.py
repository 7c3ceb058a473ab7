"""A living graph beside its view model: the tensors, by the numbers and names that pictures give
them. What explains, checks or rewrites a graph starts here.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..engine import GraphError, Tensor
from ..engine.backward import reachable
from .model import Graph
from .record import record
from .text import clean, number, shape_text, shorten

AGAIN = (
    "ask before loss.backward(), or say loss.backward(retain_graph=True), or compute the loss again"
)


@dataclass(frozen=True, eq=False)
class Live:
    """A graph, and its tensors: `tensors[i]` is what `graph.nodes[i]` describes."""

    graph: Graph
    tensors: tuple[Tensor, ...]
    ids: dict[Tensor, int]


def live(caller: str, loss: Tensor, names: Mapping[str, object] | None = None) -> Live:
    """The view model of `loss` and its tensors; GraphError where there is no living graph.

    >>> from backlit.engine import tensor
    >>> x = tensor(3.0, requires_grad=True, name="x")
    >>> found = live("explain", x * x)
    >>> found.tensors[0] is x, found.graph.nodes[0].name
    (True, 'x')
    """
    check_loss(caller, loss)
    tensors: dict[Tensor, None] = {}
    for out in reversed(reachable([loss])):  # the order of the nodes: as made, leaves before use
        for x in out.inputs:
            if x.primitive is None:
                tensors[x] = None
        tensors[out] = None
    with np.errstate(all="ignore"):  # numbers that overflow are told, as the engine computes them
        graph = record(loss, names)
    if graph.freed:
        raise GraphError(f"{caller}: backward freed a part of this graph that it shares; {AGAIN}")
    return Live(graph, tuple(tensors), {x: i for i, x in enumerate(tensors)})


def check_loss(caller: str, loss: object) -> None:
    """Raise unless `loss` is one number with a graph that backward has not freed."""
    if not isinstance(loss, Tensor):
        raise TypeError(f"{caller}: the loss is a Tensor, not {type(loss).__name__}")
    if loss.primitive is None:
        why = (
            "is a leaf: nothing was computed from it"
            if loss.requires_grad
            else "has no graph: nothing it was made from requires a gradient, or it was made under "
            "no_grad or detached"
        )
        raise GraphError(f"{caller}: this tensor of shape {loss.shape} {why}; give a loss that was "
                         "computed from leaves with requires_grad=True")  # fmt: skip
    if loss.size != 1:
        raise GraphError(
            f"{caller}: the loss is one number, this tensor has shape {loss.shape} (from "
            f"{loss.primitive.name}); take its .sum() or .mean()"
        )
    if loss.freed:
        raise GraphError(f"{caller}: backward went through this graph and freed it; {AGAIN}")


def called(x: Tensor) -> str:
    """How messages call a tensor: its name, or its shape."""
    name = shorten(clean(x.name or "").strip(), 40)
    return name or f"this tensor of shape {x.shape}"


def check_asked(caller: str, x: object) -> None:
    """Raise unless `x` is a tensor that may have a gradient."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{caller}: gradients are of Tensors, not of {type(x).__name__}")
    if not x.requires_grad:
        raise GraphError(
            f"{caller}: {called(x)} is a constant: no gradient is computed for it. Make it with "
            "requires_grad=True and compute the loss again"
        )


def loss_of(caller: str, x: Tensor) -> Tensor:
    """The one loss alive that was computed from `x`; an error that says what to do otherwise.

    The tape knows what a tensor was made from, not what was made from it, so the living tensors are
    looked through: those made from `x` of which nothing else was made.
    """
    users: set[Tensor] = {x}
    results = [t for t in gc.get_objects() if type(t) is Tensor and _is_result(t)]
    results.sort(key=lambda t: t.order)
    inner: set[Tensor] = set()
    for t in results:
        above = users.intersection(t.inputs)
        if above:
            users.add(t)
            if not t.freed:
                inner |= above
    ends = [t for t in results if t in users and t not in inner and not t.freed]
    losses = [t for t in ends if t.size == 1]
    if len(losses) == 1:
        return losses[0]
    if losses:
        each = ", ".join(f"{_made(t)} = {number(float(t.data.item()))}" for t in losses[:4])
        more = f" and {len(losses) - 4} more" if len(losses) > 4 else ""
        raise GraphError(
            f"{caller}: {len(losses)} results that are one number were computed from {called(x)} "
            f"and are alive ({each}{more}); say which: {caller}(x, loss)"
        )
    if ends:
        t = ends[-1]
        raise GraphError(
            f"{caller}: what was computed from {called(x)} is of shape {shape_text(t.shape)} (from "
            f"{_made(t)}); a gradient is of one number: "
            f"{caller}(x, y.sum())"
        )
    if len(users) > 1 or getattr(x, "freed", False):
        raise GraphError(f"{caller}: backward freed what was computed from {called(x)}; {AGAIN}")
    raise GraphError(
        f"{caller}: no result that is alive was computed from {called(x)}; keep the loss in a "
        f"variable, or name it: {caller}(x, loss)"
    )


def _made(t: Tensor) -> str:
    return t.primitive.name if t.primitive else ""


def _is_result(t: Tensor) -> bool:
    """Whether an op made it; another thread may be in the middle of making one."""
    return getattr(t, "primitive", None) is not None and hasattr(t, "freed")
