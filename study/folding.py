"""Modules as boxes: what is nested deeper than asked becomes one node, with what went into it,
what came out, and the size of its parameters' gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .contracting import Part, contract, unknown
from .groups import DEEPEST, Group, group_by_module, outside_in
from .model import Graph, Node
from .text import count_text, number


def fold(graph: Graph, depth: int) -> Graph:
    """The graph with `depth` levels of modules open and each module below as one box.

    >>> import backlit as bl
    >>> from backlit.engine import scope
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> with scope("layer"):
    ...     y = (x * x).tanh()
    >>> [node.name for node in fold(bl.draw(y + 1).graph, 0).nodes]
    ['layer', '1', 'n4']
    """
    parts = [Part(members, _box(graph, members, group)) for group, members in boxes(graph, depth)]
    return contract(graph, parts) if parts else graph


def boxes(graph: Graph, depth: int) -> list[tuple[Group, tuple[int, ...]]]:
    """The modules that are boxes with `depth` levels open, with their nodes, in creation order."""
    whole, _ = group_by_module(graph)
    found = []
    for group in outside_in(whole):
        if group.depth == depth + 1:
            members = sorted(i for inner in outside_in(group) for i in inner.nodes)
            found.append((group, tuple(members)))
    return sorted(found, key=lambda box: _last_op(graph, box[1]))


def _last_op(graph: Graph, members: tuple[int, ...]) -> int:
    return max(i for i in members if not graph.nodes[i].is_leaf)


def shown_at(graph: Graph) -> list[int]:
    """How many nodes a figure has with 0, 1, 2, … levels of modules open."""
    whole, _ = group_by_module(graph)
    counts = [0] * (DEEPEST + 1)
    for group in outside_in(whole):
        for depth in range(DEEPEST + 1):
            counts[depth] += len(group.nodes) if group.depth <= depth else group.depth == depth + 1
    return counts


def _box(graph: Graph, members: tuple[int, ...], group: Group) -> Node:
    """The node that stands for a module: the value and the gradient are those of its result."""
    inside = set(members)
    results = [
        i
        for i in members
        if i == graph.root or any(use.dst not in inside for use in graph.uses_of[i])
    ]
    only = graph.nodes[results[0]] if len(results) == 1 else None
    assert group.parent is not None
    return Node(
        id=-1,
        kind="module",
        op="module" if only else f"{len(results)} results",
        symbol=graph.modules.get(group.path, ""),
        formula="",
        name=group.path,
        named=True,
        module_path=group.parent.path,
        value=only.value if only else unknown((), ""),
        grad=only.grad if only else None,
        grad_state=only.grad_state if only else "none",
        inside=contents(graph.nodes[i] for i in members),
        unseen=sum(graph.nodes[i].unseen for i in members),
        problem=next((graph.nodes[i].problem for i in members if graph.nodes[i].problem), ""),
    )


def contents(nodes: Iterable[Node]) -> str:
    """What a box holds, in words."""
    ops = params = numbers = 0
    norm, known = 0.0, False
    for node in nodes:
        ops += not node.is_leaf
        if node.kind == "param":
            params += 1
            numbers += node.value.size
            if node.grad is not None and node.grad.norm is not None:
                norm, known = math.hypot(norm, node.grad.norm), True
    words = count_text(ops, "op")
    if params:
        words += f" · {count_text(params, 'parameter')} of {count_text(numbers, 'number')}"
    if known:
        words += f" · norm of their gradient {number(norm, 3)}"
    return words
