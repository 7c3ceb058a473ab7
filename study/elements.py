"""One element of a gradient, worked out: of the many that a rule computes at once, the largest one
in the numbers that stand in the figure.
"""

from __future__ import annotations

import math
import re

import numpy as np

from .model import Edge, Graph, Values
from .text import number

FEW = 16  # elements of arrays whose numbers are printed, so that they can be looked up
MOST_TERMS = 2


def element_text(graph: Graph, edge: Edge) -> str:
    """The largest element of what an edge contributes, as a sum of products; "" where the numbers
    are not all printed in the figure, or the op is not one whose elements are such a sum.

    >>> import backlit as bl
    >>> x = bl.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> graph = bl.draw((x * x).sum()).graph
    >>> element_text(graph, graph.edges[0])
    '[1]: 2 × 1 = 2'
    """
    flow, upstream = _array(edge.contribution), _array(edge.upstream)
    if flow is None or upstream is None or edge.summed or flow.size < 2 or edge.count > 1:
        return ""
    if not np.isfinite(flow).all():
        return ""
    at = tuple(map(int, np.unravel_index(int(np.abs(flow).argmax()), flow.shape)))
    made = graph.nodes[edge.dst]
    if made.op in ("matmul", "linear"):
        terms = _product(graph, edge, upstream, at[0], at[1]) if len(at) == 2 else []
    elif flow.shape == upstream.shape and not re.search(r"\bg\b", edge.local) and upstream[at]:
        terms = [(float(flow[at] / upstream[at]), float(upstream[at]))]
    else:
        terms = []
    if not terms or not math.isclose(sum(a * b for a, b in terms), flow[at], rel_tol=1e-3):
        return ""
    if len(terms) == 1:
        shown = " × ".join(_factor(part) for part in terms[0])
    else:  # so short that lines break between terms
        shown = " + ".join(f"{_factor(a)}·{_bracketed(b)}" for a, b in terms[:MOST_TERMS])
    more = f" + {len(terms) - MOST_TERMS} more" if len(terms) > MOST_TERMS else ""
    place = ", ".join(map(str, at))
    return f"[{place}]: {shown}{more} = {number(float(flow[at]))}"


def _factor(value: float) -> str:
    return number(value, 3)


def _bracketed(value: float) -> str:
    return f"({_factor(value)})" if value < 0 else _factor(value)


def _product(
    graph: Graph, edge: Edge, g: np.ndarray, row: int, column: int
) -> list[tuple[float, float]]:
    """The terms of one element of a product of matrices: (of g, of the other operand)."""
    slots = {one.slot: graph.nodes[one.src].value for one in graph.inputs_of[edge.dst]}
    other = _array(slots.get(1 - edge.slot))
    if edge.slot > 1 or other is None or other.ndim != 2 or g.ndim != 2:
        return []
    linear = graph.nodes[edge.dst].op == "linear"
    if edge.slot == 0:  # g @ yᵀ, and g @ W
        pairs = zip(g[row], other[:, column] if linear else other[column], strict=False)
    elif linear:  # gᵀ @ x
        pairs = zip(g[:, row], other[:, column], strict=False)
    else:  # xᵀ @ g
        pairs = zip(g[:, column], other[:, row], strict=False)
    return [(float(a), float(b)) for a, b in pairs]


def _array(values: Values | None) -> np.ndarray | None:
    """The numbers of a small array, if it is one whose numbers are printed."""
    if values is None or values.data is None or values.size > FEW:
        return None
    return np.array(values.data, np.float64).reshape(values.shape)
