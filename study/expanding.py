"""`expand(y)`: a small graph of tensors as an equivalent graph of single numbers, where each
element is a node: matrix products become products and sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..engine import GraphError, Tensor, apply, enable_grad, registry, scope
from ..engine.kernels.elementwise import Elementwise
from ..engine.ops.index import Place
from ..engine.tensors import wrap
from .live import live
from .text import shape_text

LIMIT = 2000

Numbers = np.ndarray
"""An array of objects: a Tensor of one number in each place."""


def expand(y: Tensor, limit: int = LIMIT, names: Mapping[str, object] | None = None) -> Tensor:
    """A graph of single numbers with the same value and the same gradients, to draw and to walk.

    Leaves are new: the element of `w` in row 0, column 1 is a leaf named `w[0, 1]`; no `.grad` of
    the old ones is touched. Numbers agree to rounding, as sums are taken one by one.

    Parameters
    ----------
    y : one number, whose graph is alive.
    limit : most numbers that the new graph may hold.
    names : what to call tensors, as {"x": x, …} or `locals()`.

    Raises GraphError where there is no living graph, where the new one would be too large, and for
    an op that is not known in single numbers.

    >>> import backlit as bl
    >>> w = bl.tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> x = bl.tensor([[3.0], [4.0]], name="x")
    >>> print(bl.draw(bl.expand((w @ x).sum())).text())
    L = n2 + n5 = 11
    3 ops · 2 parameters of 2 numbers · 2 inputs
    ...
    """
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"expand: the limit is a whole number of 1 or more, not {limit!r}")
    found = live("expand", y, names)
    expander = _Expander(limit)
    parts: dict[Tensor, Numbers] = {}
    with enable_grad():
        for node, tensor in zip(found.graph.nodes, found.tensors, strict=True):
            if node.is_leaf:
                parts[tensor] = expander.leaf(tensor, node.name if node.kind != "const" else "")
                continue
            inputs = [parts[x] for x in tensor.inputs]
            expander.at = f"{tensor.primitive.name} {shape_text(tensor.shape)}"  # type: ignore[union-attr]
            with scope(node.module_path):
                parts[tensor] = expander.op(tensor, inputs)
    (root,) = parts[y].reshape(-1)
    if root.primitive is None:  # a path of views only: the same number, so that there is a graph
        root = apply(registry["clone"], root)
    return root


class _Expander:
    """Makes the numbers of a graph and counts them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0
        self.at = ""

    def leaf(self, tensor: Tensor, name: str) -> Numbers:
        """Each element as a leaf; integers and truths stay together, as constants."""
        out = np.empty(tensor.shape, object)
        for place in np.ndindex(*tensor.shape):
            self.counted()
            number = wrap(np.array(tensor.data[place], tensor.dtype))
            if tensor.requires_grad:
                number.requires_grad_()
            if name:
                number.name = f"{name}[{', '.join(map(str, place))}]" if place else name
            out[place] = number
        return out

    def counted(self) -> None:
        self.count += 1
        if self.count > self.limit:
            at = f" (in {self.at})" if self.at else ""
            raise GraphError(
                f"expand: the graph has more than {self.limit:,} single numbers{at}, too many to "
                "follow one by one; take fewer rows or smaller layers, or say limit=…"
            )

    def do(self, op: str, *operands: Tensor) -> Tensor:
        """One op on single numbers."""
        self.counted()
        return apply(registry[op], *operands)

    def op(self, out: Tensor, inputs: list[Numbers]) -> Numbers:
        """What an op makes of arrays of numbers."""
        primitive = out.primitive
        assert primitive is not None
        if isinstance(getattr(primitive.forward, "__self__", None), Elementwise):
            return self.elementwise(lambda *xs: self._apply(primitive, xs), *inputs)
        rule = RULES.get(primitive.name)
        if rule is None:
            raise GraphError(
                f"expand: {primitive.name} is not known in single numbers; draw the tensors "
                "themselves, or write the loss with other ops"
            )
        return filled(rule(self, inputs, out))

    def _apply(self, primitive: Any, operands: tuple[Tensor, ...]) -> Tensor:
        self.counted()
        return apply(primitive, *operands)

    def elementwise(self, function: Callable[..., Tensor], *inputs: Numbers) -> Numbers:
        shape = np.broadcast_shapes(*(x.shape for x in inputs))
        spread = [np.broadcast_to(x, shape) for x in inputs]
        out = np.empty(shape, object)
        for place in np.ndindex(*shape):
            out[place] = function(*(x[place] for x in spread))
        return out

    def total(self, terms: list[Tensor], like: Tensor) -> Tensor:
        """A sum, one by one; of nothing it is 0."""
        if not terms:
            self.counted()
            return wrap(np.zeros((), like.dtype))
        out = terms[0]
        for each in terms[1:]:
            out = self.do("add", out, each)
        return out

    def rows(self, x: Numbers, axes: tuple[int, ...]) -> tuple[Numbers, tuple[int, ...]]:
        """The numbers that a reduction takes together, as rows, and the shape of the result."""
        kept = [k for k in range(x.ndim) if k not in axes]
        shape = tuple(x.shape[k] for k in kept)
        size = int(np.prod([x.shape[k] for k in axes], dtype=int))
        return x.transpose(*kept, *axes).reshape(int(np.prod(shape, dtype=int)), size), shape

    def reduce(
        self, x: Numbers, axes: tuple[int, ...], function: Callable[[list[Tensor]], Tensor]
    ) -> Numbers:
        rows, shape = self.rows(x, axes)
        out = np.empty(len(rows), object)
        for k, row in enumerate(rows):
            out[k] = function(list(row))
        return out.reshape(shape)

    def dot(self, xs: Numbers, ys: Numbers, like: Tensor) -> Tensor:
        return self.total([self.do("mul", x, y) for x, y in zip(xs, ys, strict=True)], like)

    def scaled(self, x: Tensor, factor: float) -> Tensor:
        return self.do("mul", x, wrap(np.array(factor, x.dtype)))

    def extreme(self, terms: list[Tensor], largest: bool) -> Tensor:
        """The largest or smallest; where several tie, their mean, which splits the gradient."""
        data = np.array([t.data for t in terms])
        best = data.max() if largest else data.min()
        ties = [t for t in terms if t.data == best or t.data != t.data]
        if len(ties) > 1:
            return self.scaled(self.total(ties, ties[0]), 1 / len(ties))
        out = terms[0]
        for each in terms[1:]:
            out = self.do("maximum" if largest else "minimum", out, each)
        return out

    def products(self, x: Numbers, y: Numbers, like: Tensor) -> Numbers:
        """x @ y by NumPy's rules, element by element."""
        left, right = x.ndim == 1, y.ndim == 1
        x = x[None, :] if left else x
        y = y[:, None] if right else y
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
        y = np.broadcast_to(y, (*batch, *y.shape[-2:]))
        out = np.empty((*batch, x.shape[-2], y.shape[-1]), object)
        for *stack, i, j in np.ndindex(*out.shape):
            at = tuple(stack)
            out[(*at, i, j)] = self.dot(x[(*at, i)], y[at][:, j], like)
        out = out[..., 0, :] if left else out
        return out[..., 0] if right else out

    def softmax(self, row: list[Tensor], log: bool) -> list[Tensor]:
        """exp(x - m) / Σ exp(x - m) with the largest m as a constant, or its logarithm."""
        largest = wrap(np.asarray(np.max([t.data for t in row])))
        shifted = [self.do("sub", t, largest) for t in row]
        exps = [self.do("exp", t) for t in shifted]
        total = self.total(exps, row[0])
        if log:
            norm = self.do("log", total)
            return [self.do("sub", t, norm) for t in shifted]
        return [self.do("div", e, total) for e in exps]

    def softmaxes(self, x: Numbers, axis: int, log: bool) -> Numbers:
        moved = np.moveaxis(x, axis, -1)
        out = np.empty(moved.shape, object)
        for place in np.ndindex(*moved.shape[:-1]):
            for k, t in enumerate(self.softmax(list(moved[place]), log) if moved.shape[-1] else []):
                out[(*place, k)] = t
        return np.moveaxis(out, -1, axis)

    def cross_entropy(self, x: Numbers, target: np.ndarray, out: Tensor) -> Numbers:
        ignored, reduction = out.params["ignore_index"], out.params["reduction"]
        losses = np.empty(len(x), object)
        for k, (row, right) in enumerate(zip(x, target, strict=True)):
            if right == ignored:
                losses[k] = self.total([], out)
            else:
                losses[k] = self.do("neg", self.softmax(list(row), log=True)[int(right)])
        if reduction == "none":
            return losses
        total = self.total([t for t, c in zip(losses, target, strict=True) if c != ignored], out)
        counted = int(np.count_nonzero(target != ignored))
        scaled = self.scaled(total, 1 / counted if counted else np.nan)
        return filled(scaled if reduction == "mean" else total)


def filled(x: Any) -> Numbers:
    """An array of numbers, where NumPy may have given the one number itself."""
    if isinstance(x, np.ndarray):
        return x
    out = np.empty((), object)
    out[()] = x
    return out


def _index(out: Tensor) -> Any:
    """The index of an op with the numbers of tensors in their places."""
    return tuple(
        out.inputs[part.operand + 1].data if isinstance(part, Place) else part
        for part in out.params["index"]
    )


def _put(e: _Expander, xs: list[Numbers], out: Tensor) -> Numbers:
    """Zeros with numbers added where the index points."""
    places = np.arange(out.size).reshape(out.shape)[_index(out)]
    terms: list[list[Tensor]] = [[] for _ in range(out.size)]
    for place, t in zip(np.ravel(places), xs[0].reshape(-1), strict=True):
        terms[place].append(t)
    made = np.empty(out.size, object)
    for k, each in enumerate(terms):
        made[k] = e.total(each, out)
    return made.reshape(out.shape)


def _linear(e: _Expander, xs: list[Numbers], out: Tensor) -> Numbers:
    made = e.products(xs[0], xs[1].T, out)
    return made if len(xs) == 2 else e.elementwise(lambda a, b: e.do("add", a, b), made, xs[2])


def _pair_sum(e: _Expander, xs: list[Numbers], out: Tensor) -> Numbers:
    rows = int(np.prod(xs[0].shape[:-1], dtype=int))
    x, y = (each.reshape(rows, each.shape[-1]) for each in xs)
    return e.products(x.T, y, out)


def _mean(e: _Expander, xs: list[Numbers], out: Tensor) -> Numbers:
    def mean(row: list[Tensor]) -> Tensor:
        return e.scaled(e.total(row, out), 1 / len(row) if row else np.nan)

    return e.reduce(xs[0], out.params["axes"], mean)


def _astype(e: _Expander, xs: list[Numbers], out: Tensor) -> Numbers:
    def one(x: Tensor) -> Tensor:
        e.counted()
        return x.astype(out.dtype)

    return e.elementwise(one, xs[0])


RULES: dict[str, Callable[[_Expander, list[Numbers], Tensor], Any]] = {
    "sum": lambda e, xs, out: e.reduce(xs[0], out.params["axes"], lambda row: e.total(row, out)),
    "mean": _mean,
    "max": lambda e, xs, out: e.reduce(xs[0], out.params["axes"], lambda r: e.extreme(r, True)),
    "min": lambda e, xs, out: e.reduce(xs[0], out.params["axes"], lambda r: e.extreme(r, False)),
    "reshape": lambda e, xs, out: xs[0].reshape(out.shape),
    "transpose": lambda e, xs, out: xs[0].transpose(out.params["axes"]),
    "broadcast_to": lambda e, xs, out: np.broadcast_to(xs[0], out.shape),
    "concatenate": lambda e, xs, out: np.concatenate(xs, out.params["axis"]),
    "astype": _astype,
    "slice": lambda e, xs, out: xs[0][_index(out)],
    "take": lambda e, xs, out: xs[0][_index(out)],
    "put": _put,
    "embedding": lambda e, xs, out: xs[0][out.inputs[1].data],
    "matmul": lambda e, xs, out: e.products(xs[0], xs[1], out),
    "linear": _linear,
    "pair_sum": _pair_sum,
    "softmax": lambda e, xs, out: e.softmaxes(xs[0], out.params["axis"], log=False),
    "log_softmax": lambda e, xs, out: e.softmaxes(xs[0], out.params["axis"], log=True),
    "cross_entropy": lambda e, xs, out: e.cross_entropy(xs[0], out.inputs[1].data, out),
}
"""How ops that are not element by element are taken apart; views only move numbers."""
