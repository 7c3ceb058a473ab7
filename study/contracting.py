"""A graph with several nodes drawn as one: what folding, long sums and repeats have in common.
Edges between the members go, those from one source into the same part become one edge.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .model import Edge, Graph, Node, Values
from .values import summarise


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes to be drawn as the one `node`, whose id is given anew."""

    members: tuple[int, ...]
    node: Node


def contract(graph: Graph, parts: Sequence[Part], hidden: Collection[int] = ()) -> Graph:
    """The graph with each part as one node, and without the nodes in `hidden`.

    Numbered as the last op of each was made, so that values still flow from low to high. What a
    node that stays has lost by `hidden` is counted in its `unseen`. There are no steps.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> graph = bl.draw((x * x + x).tanh()).graph
    >>> part = Part((1, 2), graph.nodes[2])
    >>> small = contract(graph, [part])
    >>> [(edge.src, edge.dst, edge.count) for edge in small.edges]
    [(0, 1, 3), (1, 2, 1)]
    """
    place = list(range(len(graph.nodes)))  # of each node, the old number of what stands for it
    stands: dict[int, Node] = {}
    for part in parts:
        last = max((i for i in part.members if not graph.nodes[i].is_leaf), default=part.members[0])
        stands[last] = part.node
        for i in part.members:
            place[i] = last
    for i in hidden:
        place[i] = -1
    kept = sorted({i for i in place if i >= 0})
    number = {old: new for new, old in enumerate(kept)}
    number[-1] = -1
    unseen = [0] * len(kept)
    merged: dict[tuple[int, int, int], list[Edge]] = {}
    for edge in graph.edges:
        src, dst = number[place[edge.src]], number[place[edge.dst]]
        if src == dst or (src < 0 and dst < 0):
            continue
        if src < 0 or dst < 0:
            unseen[max(src, dst)] += edge.count
            continue
        slot = -1 if place[edge.dst] in stands else edge.slot
        merged.setdefault((dst, slot, src if slot < 0 else -1), []).append(edge)
    nodes = []
    for new, old in enumerate(kept):
        node = stands.get(old, graph.nodes[old])
        nodes.append(
            node
            if node.id == new and not unseen[new]
            else replace(node, id=new, unseen=node.unseen + unseen[new])
        )
    edges: list[Edge] = []
    slots = [0] * len(kept)
    for (dst, _, _), uses in sorted(merged.items(), key=lambda item: item[0][0]):
        ends = (len(edges), number[place[uses[0].src]], dst, slots[dst])
        slots[dst] += 1
        edges.append(_joined(graph, uses, *ends, nodes[dst].kind == "module"))
    return Graph(
        tuple(nodes), tuple(edges), (), number[place[graph.root]], graph.freed, graph.modules
    )


def _joined(
    graph: Graph, uses: list[Edge], id: int, src: int, dst: int, slot: int, boxed: bool
) -> Edge:
    """The edge that stands for some; into a module no op says what its derivative is."""
    first = uses[0]
    if len(uses) == 1 and not boxed:
        return replace(first, id=id, src=src, dst=dst, slot=slot)
    return Edge(
        id,
        src,
        dst,
        slot,
        operand="",
        local="",
        factor=None,
        upstream=None,
        contribution=_flow(graph, uses),
        summed=first.summed if len(uses) == 1 else (),
        count=sum(use.count for use in uses),
    )


def _flow(graph: Graph, uses: list[Edge]) -> Values | None:
    """What several uses contribute: to one node their sum; of several nodes the norm alone."""
    by_source: dict[int, list[Values]] = {}
    for use in uses:
        if use.contribution is not None:
            by_source.setdefault(use.src, []).append(use.contribution)
    totals = [_total(graph, src, flows) for src, flows in by_source.items()]
    if len(totals) <= 1:
        return totals[0] if totals else None
    norms = [total.norm for total in totals if total.norm is not None]
    norm = math.hypot(*norms) if len(norms) == len(totals) else None
    return replace(unknown((), ""), norm=norm)


def _total(graph: Graph, src: int, flows: list[Values]) -> Values:
    """The sum of several contributions to one node, as far as it is known without their arrays."""
    if len(flows) == 1:
        return flows[0]
    node = graph.nodes[src]
    shape = flows[0].shape
    if all(flow.data is not None for flow in flows):
        arrays = [np.array(flow.data, np.float64).reshape(shape) for flow in flows]
        with np.errstate(all="ignore"):
            return replace(summarise(sum(arrays[1:], arrays[0])), dtype=flows[0].dtype)
    every = [use for use in graph.uses_of[src] if use.contribution is not None]
    if node.grad is not None and len(every) == len(flows) and not node.unseen:
        return replace(node.grad, tile=None, histogram=())
    return unknown(shape, flows[0].dtype)


def unknown(shape: tuple[int, ...], dtype: str) -> Values:
    """Numbers of which only shape and type are known."""
    return Values(shape, dtype, None, None, None, None, None, 0.0, 0, 0)
