"""From a live loss to the view model: walk the tape, drain backward's steps, keep summaries.
No `.grad` is touched and nothing is freed, so drawing never changes what training does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..engine import GraphError, Tensor, backward_steps, no_grad
from ..engine.backward import GONE, BackwardStep, reachable
from ..engine.tensors import wrap
from ..nn import Module
from .births import mark_births
from .model import FULL, SMALL, Edge, GradState, Graph, Node, NodeKind, Values
from .places import place_of
from .sentences import narrate
from .text import clean, number
from .values import dtype_name, summarise

LETTERS = {"param": "p", "input": "x"}  # names for what has none: p0, p1, x0, …


def record(loss: Tensor, names: Mapping[str, object] | None = None, module: Any = None) -> Graph:
    """The view model of everything that `loss` was computed from.

    Parameters
    ----------
    loss : a tensor of one element, computed from leaves that require a gradient.
    names : what to call tensors, as {"x": x, …}. What is not a tensor is passed over, and so are
        names that begin with _: `locals()` will do.
    module : gives its parameters' dotted names; parameters that the loss does not depend on are
        shown too, as "no path".

    Raises GraphError where there is no graph to draw, or where backward could not start from it.

    >>> from backlit.engine import tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> graph = record(x * x, names={"x": x})
    >>> graph.nodes[0].name, graph.nodes[0].grad.scalar
    ('x', 6.0)
    """
    return recorded(loss, names, module)[0]


def record_tensors(
    loss: Tensor, names: Mapping[str, object] | None = None, module: Any = None,
    caller: str = "draw",
) -> tuple[Graph, list[Tensor]]:  # fmt: skip
    """The view model as `record` makes it, and the tensors that its nodes stand for, by id.

    >>> from backlit.engine import tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> record_tensors(x * x)[1]
    [tensor(3., requires_grad=True), tensor(9., ...)]
    """
    graph, recorder = recorded(loss, names, module, caller=caller)
    return graph, recorder.tensors


def recorded(
    loss: Tensor,
    names: Mapping[str, object] | None = None,
    module: Any = None,
    shown: Callable[[Recorder], Collection[int] | None] | None = None,
    caller: str = "draw",
) -> tuple[Graph, Recorder]:
    """The view model, and what recorded it, which knows the tensors: `.tensors[i]` is node i's.

    A graph of more than 400 nodes has tiles only where `shown` says, which is asked before
    anything is summarised.
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"{caller}: the loss is a Tensor, not {type(loss).__name__}")
    if loss.primitive is None:
        why = (
            f"it is a leaf: nothing was computed yet. {caller.title()} a result computed from it"
            if loss.requires_grad
            else "nothing it was made from requires a gradient, or it was made under no_grad or "
            f"detached. Make leaves with requires_grad=True, compute again and {caller} that"
        )
        raise GraphError(f"{caller}: no graph leads to this tensor of shape {loss.shape}: {why}")
    if loss.size != 1:
        raise GraphError(
            f"{caller}: backward starts from one number, this tensor has shape {loss.shape} (from "
            f"{loss.primitive.name}); {caller} its .sum() or .mean()"
        )
    recorder = Recorder([loss], names or {}, module)
    if len(recorder.tensors) > FULL and any(x.size > SMALL for x in recorder.tensors):
        recorder.tiled = (shown(recorder) if shown else None) or ()
    return recorder.graph(), recorder


class Use(NamedTuple):
    """An op that has no result, as it failed: where it ran, and on what."""

    scope: str
    inputs: tuple[Tensor, ...]


class Recorder:
    """One walk over the tape from `roots`, of which the last is the loss. Ops are numbered as they
    were made, a leaf before its first use."""

    def __init__(
        self,
        roots: Sequence[Tensor],
        names: Mapping[str, object],
        module: Any,
        stopped_at: Use | None = None,
    ) -> None:
        if not isinstance(names, Mapping):
            raise TypeError(
                f'names={type(names).__name__} given; names are {{"x": x}} or locals(), and a '
                "model is given as module=model"
            )
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module= is the nn.Module that ran, not {type(module).__name__}")
        self.loss = roots[-1]
        self.stopped = stopped_at is not None  # the forward did not get as far as a loss
        self.params = {} if module is None else dict(module.named_parameters())
        self.modules = (
            {}
            if module is None
            else {clean(path): type(part).__name__ for path, part in module.named_modules()}
        )
        self.owned = None if module is None else set(self.params.values())
        self.names: dict[object, str] = {p: name for name, p in self.params.items()}
        for name, tensor in names.items():
            if isinstance(tensor, Tensor) and not str(name).startswith("_"):
                self.names[_key(tensor)] = str(name)
        self.tensors: list[Tensor] = []
        self.ids: dict[object, int] = {}  # a tensor by its key, to its number in the graph
        self.users: dict[int, list[Any]] = {}  # the results made from a leaf
        self.freed = False
        for out in reversed(reachable(roots)):
            for x in out.inputs:
                if x.primitive is None:
                    self.users.setdefault(self._number(x), []).append(out)
            self._number(out)
            self.freed |= out.freed
        for x in (*roots, *self.params.values()):
            self._number(x)
        for x in stopped_at.inputs if stopped_at else ():
            self.users.setdefault(self.ids[_key(x)], []).append(stopped_at)
        self.tiled: Collection[int] = range(len(self.tensors))
        self.walked: list[int] = []
        self.grads: dict[int, Values] = {}
        self.flows: dict[tuple[int, int], tuple[Values, tuple[int, ...], float | None]] = {}

    def number_of(self, tensor: object) -> int | None:
        """The number of a tensor in the graph, None for what is not in it."""
        return self.ids.get(_key(tensor)) if isinstance(tensor, Tensor) else None

    def _number(self, tensor: Tensor) -> int:
        key = _key(tensor)
        if key not in self.ids:
            self.ids[key] = len(self.tensors)
            self.tensors.append(tensor)
        return self.ids[key]

    def graph(self) -> Graph:
        """Drain backward, then describe every tensor and every use of one."""
        if not self.freed:
            self._drain()
        else:
            for i, x in enumerate(self.tensors):
                if x.primitive is None and x.grad is not None:
                    self.grads[i] = summarise(x.grad.data, i in self.tiled)
        graph = mark_births(self._graph(self.nodes()))
        return replace(graph, steps=narrate(graph, self.walked))

    def skeleton(self) -> Graph:
        """The graph without numbers: who is made from whom, in which module, of what shape.

        Each node has a `Values` of its own, by which it is found again in a folded graph.
        """
        return self._graph(self.nodes(known=False))

    def _graph(self, nodes: list[Node]) -> Graph:
        root = self.ids[_key(self.loss)]
        return Graph(tuple(nodes), tuple(self.edges()), (), root, self.freed, self.modules)

    def nodes(self, known: bool = True) -> list[Node]:
        """A node for every tensor; without numbers unless they are `known`."""
        free = {kind: count() for kind in LETTERS}
        return [self._node(i, x, free, known) for i, x in enumerate(self.tensors)]

    def _drain(self) -> None:
        """Walk backward once, keeping of each step what pictures need."""
        sums: dict[int, np.ndarray] = {}
        for step in backward_steps(self.loss):
            i = self.ids[_key(step.out)]
            self.walked.append(i)
            self.grads[i] = summarise(step.upstream.data, i in self.tiled)
            for slot, (x, flow) in enumerate(zip(step.out.inputs, step.contributions, strict=True)):
                if flow is None:
                    continue
                self.flows[i, slot] = (
                    summarise(flow.data, tile=False),
                    step.unbroadcast[slot],
                    _factor(step, slot),
                )
                if x.primitive is None:
                    leaf = self.ids[x]
                    sums[leaf] = sums[leaf] + flow.data if leaf in sums else flow.data
        for leaf, total in sums.items():
            self.grads[leaf] = summarise(total, leaf in self.tiled)

    def edges(self) -> list[Edge]:
        """An edge for every operand of every op."""
        edges: list[Edge] = []
        for dst, out in enumerate(self.tensors):
            if out.primitive is None:
                continue
            local = out.primitive.local
            operands = _operands(out)
            upstream = self.grads.get(dst)
            if upstream is not None and upstream.tile is not None:
                upstream = replace(upstream, tile=None)  # the node has it
            for slot, x in enumerate(out.inputs):
                flow, summed, factor = self.flows.get((dst, slot), (None, (), None))
                rule = local[min(slot, len(local) - 1)] if local and x.requires_grad else ""
                edges.append(
                    Edge(
                        len(edges),
                        self.ids[_key(x)],
                        dst,
                        slot,
                        operands[slot],
                        rule,
                        factor,
                        upstream if flow else None,
                        flow,
                        summed,
                    )
                )
        return edges

    def _node(self, i: int, tensor: Tensor, free: dict[str, count[int]], known: bool) -> Node:
        kind = self._kind(tensor)
        made = tensor.primitive
        given = self.names.get(_key(tensor)) or tensor.name or ""
        name = clean(given).strip()
        gone = given == GONE and self.freed
        named = bool(name) and not gone
        if not named and kind == "const":
            name = number(tensor.item())
        elif not named:
            name = f"{LETTERS[kind]}{next(free[kind])}" if kind in LETTERS else f"n{i}"
        grad = self.grads.get(i)
        return Node(
            id=i,
            kind=kind,
            op=made.name if made else "",
            symbol=made.symbol if made else "",
            formula=made.formula if made else "",
            name=name,
            named=named,
            module_path=clean(self._path(i, kind, named, tensor)),
            value=summarise(tensor.data, i in self.tiled) if known and not gone else _gone(tensor),
            grad=grad,
            grad_state=self._state(tensor, grad),
            source=place_of(tensor) if known and made else None,
        )

    def _kind(self, tensor: Tensor) -> NodeKind:
        if tensor.primitive is not None:
            return "output" if tensor is self.loss else "op"
        if tensor.requires_grad:
            return "param" if self.owned is None or tensor in self.owned else "input"
        named = tensor.name or tensor in self.names
        return "const" if tensor.size == 1 and not named else "input"

    def _path(self, i: int, kind: NodeKind, named: bool, tensor: Tensor) -> str:
        """The module that a node belongs to. A leaf lives in the innermost module around all its
        uses, except that inputs come from outside: those with a name, and those that some op works
        on alone (unlike a dropout's mask, which always meets a result)."""
        if tensor.primitive is not None:
            return tensor.scope
        users = self.users.get(i, [])
        if kind == "input" and (
            named or any(all(x.primitive is None for x in user.inputs) for user in users)
        ):
            return ""
        paths = [user.scope.split(".") for user in users]
        common = []
        for parts in zip(*paths, strict=False):
            if len(set(parts)) > 1:
                break
            common.append(parts[0])
        return ".".join(common)

    def _state(self, tensor: Tensor, grad: Values | None) -> GradState:
        if not tensor.requires_grad:
            return "none"
        if grad is not None:
            return "zero" if grad.zeros == 1.0 else "set"
        return "not run" if self.freed or self.stopped else "no path"


def _key(tensor: Tensor) -> object:
    """What tells tensors apart: a result's number on the tape, which its ghost has too."""
    return tensor if tensor.primitive is None else tensor.order


def _operands(out: Tensor) -> list[str]:
    """What the formula of an op calls its operands: the names that its rules use; "" for many."""
    assert out.primitive is not None
    rules = out.primitive.rules
    names: list[str] = []
    if isinstance(rules, tuple):
        code = next((rule.__code__ for rule in rules if rule is not None), None)
        if code is not None:
            names = list(code.co_varnames[2 : min(code.co_argcount, 2 + len(out.inputs))])
    return names + [""] * (len(out.inputs) - len(names))


def _factor(step: BackwardStep, slot: int) -> float | None:
    """The local derivative as a number, where operand and result are single numbers: what the
    rule makes of an upstream gradient of 1."""
    out = step.out
    x = out.inputs[slot]
    rule = out.primitive.rule(slot) if out.primitive else None
    if x.size != 1 or out.size != 1 or rule is None:
        return None
    one = wrap(np.ones(out.shape, out.dtype))
    with no_grad():
        local = rule(one, out, *out.inputs, **out.params)
    return None if local is None else float(local.data.sum())


def _gone(tensor: Tensor) -> Values:
    """What is known of a value that the engine did not keep."""
    return Values(tensor.shape, dtype_name(tensor.dtype), None, None, None, None, None, 0.0, 0, 0)
