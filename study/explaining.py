"""`explain(w)`: the chain rule of one tensor in words, with symbols and this run's numbers: each
use, its local derivative, what arrives there, and the sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from ..engine import Tensor
from .live import Live, check_asked, live, loss_of
from .model import Edge, Node
from .paths import Path, paths_to
from .terms import GradTerm, local_row, terms_of
from .text import MINUS, count_text, number, shape_text, shorten, summed_text
from .wording import derivative_text, in_names, term

SHOWN = 6  # terms of one element's sum, and uses told in full before the rest is counted
USES = 12
LEAVES = 24


class Explanation:
    """What `explain` says: `print` it; `terms` are the contributions as tensors."""

    def __init__(self, text: str, terms: list[GradTerm]) -> None:
        self.text = text
        self.terms = terms

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def explain(
    x: Tensor, loss: Tensor | None = None, names: Mapping[str, object] | None = None
) -> Explanation:
    """The chain rule for the gradient of `x`, with symbols and this run's numbers.

    Parameters
    ----------
    x : a leaf that requires a gradient, or a result on the way to the loss.
    loss : one number that was computed from `x`. Without it, the one such loss that is alive.
    names : what to call tensors, as {"x": x, …} or `locals()`.

    Of single numbers it shows local derivative × upstream for each use, and each path from the
    loss; of tensors the vector-Jacobian product, shapes, norms, and one element as a sum of
    numbers. Call it while the graph is alive: before backward, or after
    backward(retain_graph=True). Raises GraphError as `grad_terms` does.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> loss = x * x + x
    >>> print(bl.explain(x))
    ∂L/∂x, where x = 3 and L = n1 + x = 12
    <BLANKLINE>
    3 uses of x, newest first
      n2 = n1 + x: ∂n2/∂x = 1, upstream ∂L/∂n2 = 1
        1 × 1 = 1
      n1 = x · x: ∂n1/∂x = x = 3, upstream ∂L/∂n1 = 1
        3 × 1 = 3
      n1 = x · x: ∂n1/∂x = x = 3, upstream ∂L/∂n1 = 1
        3 × 1 = 3
    <BLANKLINE>
    3 paths from L to x
      ∂L/∂x = 1
      ∂L/∂n1 · ∂n1/∂x = 1 × 3 = 3
      ∂L/∂n1 · ∂n1/∂x = 1 × 3 = 3
    <BLANKLINE>
    ∂L/∂x = 1 + 3 + 3 = 7
    """
    check_asked("explain", x)
    if loss is None:
        loss = loss_of("explain", x)
    terms = terms_of("explain", x, loss)
    return Explanation(_Teller(live("explain", loss, names), x, terms).text(), terms)


class _Teller:
    """One explanation in the making."""

    def __init__(self, found: Live, x: Tensor, terms: list[GradTerm]) -> None:
        self.graph = found.graph
        self.tensors = found.tensors
        self.ids = found.ids
        self.x = x
        self.node = self.graph.nodes[found.ids[x]]
        self.terms = terms
        self.total = _sum([t.contribution.data for t in terms], x)
        self.at = _largest(self.total)

    def text(self) -> str:
        lines = [self._head(), ""]
        if self.terms and self.terms[0].out is None:
            return "\n".join([*lines, *self._seed()])
        if not self.terms:
            return "\n".join([*lines, *self._nothing()])
        lines.append(f"{count_text(len(self.terms), 'use')} of {self.name}"
                     + (", newest first" if len(self.terms) > 1 else ""))  # fmt: skip
        for each in self.terms[:USES]:
            lines += [f"  {line}" for line in self._use(each)]
        if len(self.terms) > USES:
            lines.append(f"  … and {count_text(len(self.terms) - USES, 'more use')}")
        lines += self._paths()
        return "\n".join([*lines, "", *self._sums()])

    @property
    def name(self) -> str:
        return _short(self.node)

    def _label(self, node: Node, at: str = "") -> str:
        return f"∂{self.graph.letter}/∂{_short(node)}{at}"

    def _head(self) -> str:
        root = self.graph.nodes[self.graph.root]
        loss = f"{self.graph.letter} = {in_names(self.graph, root, root.formula)}"
        head = f"{self._label(self.node)}, where "
        if self.node is not root:
            head += f"{self.name} {_of(self.x.data)} and "
        return f"{head}{loss} = {number(float(self.tensors[root.id].data.item()))}"

    def _seed(self) -> list[str]:
        """Of the loss itself: where backward starts, and where it ends."""
        graph = self.graph
        lines = [f"{self._label(self.node)} = 1: this is where backward starts. It ends at"]
        leaves = [node for node in graph.nodes if node.is_leaf and node.grad is not None]
        for node in leaves[:LEAVES]:
            grad = node.grad and node.grad.scalar
            told = shape_text(node.value.shape) if grad is None else number(grad)
            lines.append(f"  {self._label(node)} = {told}")
        if len(leaves) > LEAVES:
            lines.append(f"  … and {len(leaves) - LEAVES:,} more")
        return lines

    def _nothing(self) -> list[str]:
        """Used on the way to the loss, but no gradient comes through."""
        lines = [f"{self._label(self.node)} = 0: no gradient comes through"]
        for edge in self.graph.uses_of[self.node.id]:
            out = self.graph.nodes[edge.dst]
            if out.grad_state == "no path":
                why = f"nothing reaches {_short(out)}, which {self.name} was used for"
            else:
                why = "its derivative is 0 everywhere"
            lines.append(f"  {self._made(out)}: {why}")
        return lines

    def _made(self, out: Node) -> str:
        formula = in_names(self.graph, out, out.formula)
        where = f" in module {shorten(out.module_path, 40)}" if out.module_path else ""
        return f"{_short(out)} = {formula}{where}"

    def _edge(self, each: GradTerm) -> tuple[Edge, Node]:
        assert each.out is not None
        dst = self.ids[each.out]
        return self.graph.inputs_of[dst][each.slot], self.graph.nodes[dst]

    def _use(self, each: GradTerm) -> list[str]:
        edge, out = self._edge(each)
        upstream = self._label(out)
        flow = each.contribution.data
        if edge.factor is not None:
            got = float(each.upstream.data.item())
            factor = number(edge.factor)
            local = derivative_text(self.graph, edge).partition(" = ")[2]
            local = f"{local} = {factor}" if local and local != factor else factor
            return [
                f"{self._made(out)}: ∂{_short(out)}/∂{self.name} = {local}, "
                f"upstream {upstream} = {number(got)}",
                f"  {factor} × {term(got)} = {number(float(flow.item()))}",
            ]
        rule = in_names(self.graph, out, edge.vjp).replace("-", MINUS)
        summed = f", {summed_text(each.summed)}" if each.summed else ""
        lines = [
            f"{self._made(out)}, {_of(each.out.data)}",  # type: ignore[union-attr]
            f"  g = {upstream}, {_of(each.upstream.data)}",
            f"  sends {rule or 'its part'}{summed}: {_of(flow)}",
        ]
        return lines + [f"  {line}" for line in self._element(each, out)]

    def _element(self, each: GradTerm, out: Node) -> list[str]:
        """One element of a contribution as a sum of numbers: g times the local derivative."""
        if self.at is None:
            return []
        local = local_row(each, self.x, self.at)
        if local is None:
            return []
        g = each.upstream.data
        with np.errstate(all="ignore"):
            size = np.abs(g * local)
        if np.isfinite(each.contribution.data[self.at]):  # 0 · NaN stands for no part of the sum
            size = np.where(np.isnan(size), 0, size)
        where = [tuple(map(int, place)) for place in np.argwhere(size != 0)]
        if len(where) > SHOWN:
            where.sort(key=lambda place: -float(size[place]))
        at = _index(self.at) if self.x.ndim else ""
        row = f"∂{_short(out)}[…]/∂{self.name}{at}" if out.value.shape else "the local derivative"
        if not where:
            return [f"{self.name}{at} gets g × {row} = 0"]
        total = number(float(each.contribution.data[self.at]))
        products = [
            f"{(term if k else number)(float(g[place]))} × {term(float(local[place]))}"
            for k, place in enumerate(where[:SHOWN])
        ]
        if len(where) > SHOWN:
            products.append(f"… {len(where) - SHOWN} smaller")
        sign = "Σ " if len(where) > 1 else ""
        return [f"{self.name}{at} gets {sign}g × {row} = {' + '.join(products)} = {total}"]

    def _paths(self) -> list[str]:
        found = paths_to(self.graph, self.node.id)
        if not found or max(map(len, found)) < 2:
            return []
        lines = ["", f"{count_text(len(found), 'path')} from {self.graph.letter} to {self.name}"]
        return [*lines, *(f"  {self._path(path)}" for path in found)]

    def _path(self, path: Path) -> str:
        """The product along one path, from the loss down; a factor of 0 is named."""
        names = [self.graph.letter, *(_short(self.graph.nodes[edge.src]) for edge in path)]
        symbols = " · ".join(f"∂{above}/∂{below}" for above, below in pairwise(names))
        factors = [edge.factor or 0.0 for edge in path]
        product = math.prod(factors)
        numbers = " × ".join([number(factors[0]), *map(term, factors[1:])])
        end = f" = {number(product)}" if len(path) > 1 else ""
        text = f"{symbols} = {numbers}{end}"
        blocked = next((edge for edge in path if edge.factor == 0), None)
        if blocked is not None:
            out = self.graph.nodes[blocked.dst]
            text += f": {out.op} at {_short(out)} lets nothing through"
        return text

    def _sums(self) -> list[str]:
        flows = [each.contribution.data for each in self.terms]
        if self.x.size == 1:
            return [
                self._line("", [float(flow.item()) for flow in flows], float(self.total.item()))
            ]
        lines = []
        if self.at is not None:
            parts = [float(flow[self.at]) for flow in flows]
            lines.append(self._line(_index(self.at), parts, float(self.total[self.at])))
        uses = "" if len(flows) == 1 else f", the sum of {len(flows)} uses"
        return [*lines, f"{self._label(self.node)}: {_of(self.total)}{uses}"]

    def _line(self, at: str, parts: list[float], total: float) -> str:
        terms = [number(parts[0]), *map(term, parts[1:USES])]
        if len(parts) > USES:
            terms.append(f"… {len(parts) - USES} more")
        summed = f" = {' + '.join(terms)}" if len(parts) > 1 else ""
        return f"{self._label(self.node, at)}{summed} = {number(total)}"


def _sum(flows: list[np.ndarray], x: Tensor) -> np.ndarray:
    """In the order of backward, as the engine adds."""
    total = flows[0] if flows else np.zeros(x.shape, x.dtype)
    with np.errstate(all="ignore"):
        for flow in flows[1:]:
            total = total + flow
    return np.asarray(total)


def _largest(total: np.ndarray) -> tuple[int, ...] | None:
    """Where the largest finite element lies; None where there is none."""
    size = np.where(np.isfinite(total), np.abs(total), -1.0)
    if not size.size or size.max() < 0:
        return None
    return tuple(int(k) for k in np.unravel_index(int(size.argmax()), total.shape))


def _of(array: np.ndarray) -> str:
    """`= 3` of a number; `(3, 4), norm 2` of more; NaN and infinities are counted."""
    if array.size == 1:
        return f"= {number(float(array.item()))}"
    text = shape_text(array.shape)
    if array.dtype.kind != "f" or not array.size:
        return text
    finite = array[np.isfinite(array)].astype(np.float64)
    with np.errstate(over="ignore"):
        text += f", norm {number(float(np.linalg.norm(finite)))}"
    odd = array.size - finite.size
    return f"{text} without {odd} that are NaN or infinite" if odd else text


def _index(at: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, at))}]"


def _short(node: Node) -> str:
    return shorten(node.name, 28)
