"""Backward: a walk over the tape, newest node first, as a sequence of steps. Training drains the
steps, `study` looks at them; gradients of gradients come from remembering the walk itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter, is_
from typing import Any, NamedTuple

import numpy as np

from .errors import GraphError, ShapeError, where
from .kernels.pool import start_if_wanted
from .ops.elementwise import add, clone
from .ops.shape import sum_to
from .ops.update import accumulate_, add_to
from .primitives import Primitive, passes
from .tape import changed_at, enable_grad, last_change, no_grad, recorder, recorders, state
from .tensors import Tensor, constant, wrap


class BackwardStep(NamedTuple):
    """One op of the walk: what came from above to its result, and what goes to each input."""

    out: Tensor
    upstream: Tensor
    contributions: tuple[Tensor | None, ...]
    unbroadcast: tuple[tuple[int, ...], ...]
    """For each input, the axes of the contribution that were summed: broadcasting undone."""

    def __str__(self) -> str:
        made = self.out.primitive.name if self.out.primitive else ""
        sent = [
            f"{_called(x)} {_told(c)}" + (f" (summed over axes {axes})" if axes else "")
            for x, c, axes in zip(self.out.inputs, *self[2:], strict=True)
            if c is not None
        ]
        return f"{made}{_at(self.out)}: {_told(self.upstream)} → {', '.join(sent) or 'nothing'}"


def _called(x: Tensor) -> str:
    """A name that fits on a line, or the op that made it."""
    name = x.name if x.name and x.name.isprintable() else None
    return name or (x.primitive.name if x.primitive else "leaf")


def _told(x: Tensor) -> str:
    """One number, or shape and norm."""
    if x.size == 1:
        return f"{x.data.item():.4g}"
    with np.errstate(all="ignore"):
        return f"{x.shape} norm {np.linalg.norm(x.data.astype(np.float64)):.4g}"


def reachable(outputs: Iterable[Tensor]) -> list[Tensor]:
    """The results of ops that `outputs` were made from, themselves among them, newest first."""
    found = [t for t in dict.fromkeys(outputs) if t.primitive is not None]
    seen = set(found)
    for t in found:  # which grows meanwhile
        for x in t.inputs:
            if x.primitive is not None and x not in seen:
                seen.add(x)
                found.append(x)
    found.sort(key=attrgetter("order"), reverse=True)
    return found


def walk(
    flight: dict[Tensor, Tensor],
    path: list[Tensor],
    wanted: set[Tensor] | None = None,
    kept: dict[Tensor, Tensor | None] | None = None,
) -> Iterator[tuple[Tensor, Tensor, list[Tensor | None]]]:
    """The steps of backward along `path`: (out, upstream, what its rules gave for each input).

    `flight` maps a tensor to its gradient so far; a result's is taken out at its step, the leaves'
    remain. `wanted` limits the walk to the tensors in it; the gradients of the results in `kept`
    are left there. Broadcasting is undone here, once for all rules.
    """
    sums: set[Tensor] = set()  # whose gradient so far is a sum that nobody else has seen
    for out in path:
        g = flight.pop(out, None)
        if g is None:
            continue
        if kept is not None and out in kept:
            kept[out] = g
        primitive: Primitive = out.primitive  # type: ignore[assignment]
        if out.freed:
            raise freed(primitive)
        if last_change[0] > out.order:
            _check_uses(out)
        inputs = out.inputs
        rules: Any = primitive.rules
        each = rules.__class__ is tuple
        broadcasts = primitive.broadcasts
        params = out.params
        together: Any = None if each else rules(g, out, *inputs, **params)
        given: list[Tensor | None] = []
        for slot, x in enumerate(inputs):
            if not x.needs:
                given.append(None)
                continue
            c = None
            if wanted is not None and x not in wanted:
                pass
            elif not each:
                c = together[slot]
            elif (rule := rules[slot]) is passes:
                c = g
            elif rule is not None:
                c = rule(g, out, *inputs, **params) if params else rule(g, out, *inputs)
            given.append(c)
            if c is None:
                continue
            if broadcasts and c.data.shape != x.data.shape:
                c = sum_to(c, x.data.shape)
            so_far = flight.get(x)
            if so_far is None:
                flight[x] = own(c, g, out, inputs) if x.primitive is None else c
            elif x in sums:
                add_to(so_far, c)
            else:
                flight[x] = add(so_far, c)
                if not state.grad:
                    sums.add(x)
        yield out, g, given


def own(c: Tensor, g: Tensor, out: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """A contribution that becomes a leaf's gradient: its memory must be nobody else's."""
    if c.needs:  # part of a graph of its own, which must not lose it
        return c
    if c is g or c is out or c.data.base is not None or True in map(is_, inputs, repeat(c)):
        return clone(c)
    return c


def summed_axes(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `shape` over which broadcasting from `target` went."""
    lead = len(shape) - len(target)
    return tuple(k for k, n in enumerate(shape) if k < lead or (target[k - lead] == 1 and n != 1))


def _check_uses(out: Tensor) -> None:
    """Raise if a rule of `out` reads the result or an operand that was changed in place since."""
    primitive: Primitive = out.primitive  # type: ignore[assignment]
    uses = primitive.uses
    for k, x in enumerate((out, *out.inputs), -1):
        if x.cell is None or changed_at(x.cell) <= out.order:
            continue
        if uses and not any(
            k in read for read, y in zip(uses, out.inputs, strict=False) if y.needs
        ):
            continue
        what = f"tensor {x.name!r}" if x.name else f"tensor of shape {x.shape}"
        raise GraphError(
            f"{primitive.name}{_at(out)} needs for backward a {what} that was changed in place "
            "after the forward pass; run the forward pass again, or change a copy"
        )


def _at(out: Tensor) -> str:
    return f" in module {out.scope}" if out.scope else ""


def freed(primitive: Primitive) -> GraphError:
    return GraphError(
        f"backward went through this graph before and freed it (at {primitive.name}); compute the "
        "loss again, or say backward(retain_graph=True) the first time"
    )


KEPT = 1 << 16
"""Bytes of a value that a freed graph still shows to `study`; bigger ones are let go."""


def free(path: list[Tensor]) -> None:
    """Mark the graph as used up, and let go of what was only kept for backward.

    The structure stays, and small values with it, so that a graph can be drawn after backward.
    """
    big = False
    for t in path:
        t.freed = True
        if t.data.nbytes > KEPT:
            big = True
    if big:
        ghosts = {t: _ghost(t) for t in path if t.data.nbytes > KEPT}
        for t in path:
            if any(x in ghosts for x in t.inputs):
                t.inputs = tuple(ghosts.get(x, x) for x in t.inputs)
        for t, ghost in ghosts.items():
            ghost.inputs = t.inputs


def _ghost(x: Tensor) -> Tensor:
    """In a freed graph: shape, type and history of a big result, without its memory."""
    ghost = wrap(np.broadcast_to(np.zeros((), x.data.dtype), x.data.shape))
    ghost.needs, ghost.name = x.needs, GONE
    ghost.primitive, ghost.params, ghost.order = x.primitive, x.params, x.order
    ghost.scope, ghost.freed = x.scope, True
    return ghost


GONE = "not kept"
"""The name of a ghost: what a freed graph has in the place of a big result."""


def seed(outputs: Sequence[Tensor], grad_outputs: Sequence[Any] | None) -> dict[Any, Tensor]:
    """The gradients that start the walk, checked."""
    flight: dict[Tensor, Tensor] = {}
    for k, out in enumerate(outputs):
        if not out.needs:
            raise GraphError(
                f"no gradient flows to this tensor{where()}: nothing it was made from requires "
                "one. Did the forward pass run under no_grad, or on detached tensors? Leaves ask "
                "by tensor(x, requires_grad=True)"
            )
        if grad_outputs is None or grad_outputs[k] is None:
            if out.data.size != 1:
                made = out.primitive.name if out.primitive is not None else "a leaf"
                raise GraphError(
                    f"backward starts from one number, this tensor has shape {out.shape} (from "
                    f"{made}); take its .sum() or .mean(), or give the upstream gradient"
                )
            g = wrap(np.full(out.data.shape, 1, out.data.dtype) if out.data.ndim else _one(out))
        else:
            g = constant(grad_outputs[k], out)
            if g.shape != out.shape:
                raise ShapeError(
                    f"the upstream gradient has shape {g.shape}, the tensor {out.shape}"
                )
            if g.dtype != out.dtype:
                g = g.astype(out.dtype)
        flight[out] = add(flight[out], g) if out in flight else g
    return flight


def _one(out: Tensor) -> np.ndarray:
    """The number 1 in the type of `out`."""
    one = np.empty((), out.data.dtype)
    one[()] = 1
    return one


def backward_steps(
    outputs: Tensor | Sequence[Tensor], grad_outputs: Any = None
) -> Iterator[BackwardStep]:
    """The steps that backward takes, newest node first; no `.grad` is touched, nothing is freed.

    >>> from backlit.engine import backward_steps, tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> for step in backward_steps(x * x + x):
    ...     print(step.out.primitive.name, step.upstream.item(),
    ...           [c.item() for c in step.contributions])
    add 1.0 [1.0, 1.0]
    mul 1.0 [3.0, 3.0]
    """
    outputs, grad_outputs = _lists(outputs, grad_outputs)
    with no_grad():
        flight = seed(outputs, grad_outputs)
    steps = walk(flight, reachable(outputs))
    while True:
        with no_grad():  # only while the walk runs: between steps the caller's mode holds
            step = next(steps, None)
        if step is None:
            return
        out, g, raw = step
        contributions, axes = [], []
        for c, x in zip(raw, out.inputs, strict=True):
            axes.append(() if c is None else summed_axes(c.shape, x.shape))
            if c is not None and c.shape != x.shape:
                with no_grad():
                    c = sum_to(c, x.shape)
            contributions.append(c)
        yield BackwardStep(out, g, tuple(contributions), tuple(axes))


def backward(
    output: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add d(output)/d(leaf) to the `.grad` of every leaf that asked for it: Tensor.backward.

    Parameters
    ----------
    gradient : the upstream gradient, of this tensor's shape; needed unless it is one number.
    retain_graph : keep what the graph saved, so that backward can run again.
    create_graph : remember backward itself, for gradients of gradients.
    """
    before = state.grad
    state.grad = create_graph
    try:
        outputs = [output]
        writer = recorder() if recorders else None
        if writer is not None:
            writer.root(output)
        flight = seed(outputs, None if gradient is None else [gradient])
        path = reachable(outputs)
        for _ in walk(flight, path):
            pass
        for leaf, g in flight.items():
            if leaf.primitive is not None:
                continue
            if writer is not None:
                writer.gradient(leaf)
            if leaf.grad is None:
                leaf.grad = clone(g) if g is gradient else g
            elif create_graph or leaf.grad.needs:
                leaf.grad = add(leaf.grad, g)
            else:
                accumulate_(leaf.grad, g)
    finally:
        state.grad = before
    if not (retain_graph or create_graph):
        free(path)
    start_if_wanted()


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `outputs` for `inputs`, without touching any `.grad`.

    Parameters
    ----------
    outputs, inputs : tensors, or sequences of them; inputs may be leaves or results on the way.
    grad_outputs : the upstream gradient of each output; not needed where it is one number.
    retain_graph : keep the graph for another walk; as `create_graph` unless said.
    create_graph : remember the walk, so that the gradients can be differentiated again.
    allow_unused : give None for an input that the outputs do not depend on; otherwise it is an
        error that names it.

    >>> from backlit.engine import gradients, tensor
    >>> x = tensor(2.0, requires_grad=True)
    >>> dx, = gradients(x**3, x, create_graph=True)
    >>> d2x, = gradients(dx, x)
    >>> dx.item(), d2x.item()
    (12.0, 12.0)
    """
    outputs, grad_outputs = _lists(outputs, grad_outputs)
    asked = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    with enable_grad() if create_graph else no_grad():
        flight = seed(outputs, grad_outputs)
        path = reachable(outputs)
        kept: dict[Tensor, Tensor | None] = {t: None for t in asked if t.primitive is not None}
        wanted = set(asked)
        met = set(outputs)
        for t in reversed(path):
            sources = [x for x in t.inputs if x.needs]
            met.update(sources)
            if any(x in wanted for x in sources):
                wanted.add(t)
        for _ in walk(flight, path, wanted, kept):
            pass
    found: list[Tensor | None] = []
    for k, t in enumerate(asked):
        g = flight.get(t) if t.primitive is None else kept[t]
        if g is None and t in met:
            g = wrap(np.zeros(t.shape, t.dtype))  # connected, but no rule lets anything through
        if g is None and not allow_unused:
            label = t.name or f"input {k} of shape {t.shape}"
            raise GraphError(
                f"the outputs do not depend on {label}; say allow_unused=True to get None for it"
            )
        found.append(g)
    if not (create_graph if retain_graph is None else retain_graph):
        free(path)
    return tuple(found)


def _lists(outputs: Any, grad_outputs: Any) -> tuple[list[Tensor], list[Any] | None]:
    """One tensor or several, as lists."""
    if isinstance(outputs, Tensor):
        return [outputs], None if grad_outputs is None else [grad_outputs]
    outputs = list(outputs) if isinstance(outputs, Iterable) else [outputs]
    for x in outputs:
        if not isinstance(x, Tensor):
            kind = type(x).__name__
            raise TypeError(f"backward starts from a Tensor or a list of them, not from {kind}")
    if grad_outputs is not None:
        grad_outputs = list(grad_outputs)
        if len(grad_outputs) != len(outputs):
            raise ShapeError(f"{len(outputs)} outputs, but {len(grad_outputs)} upstream gradients")
    return outputs, grad_outputs
