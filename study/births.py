"""Where NaN and infinity are born: the first op that made them of finite numbers is what went
wrong, and what comes after it only passes them on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .model import Graph, Node, Values
from .text import number


def mark_births(graph: Graph) -> Graph:
    """The graph with a `problem` at each op that made NaN or infinity of finite numbers, on the way
    forward or in its backward rule.

    >>> import backlit as bl
    >>> x = bl.tensor([1.0, -1.0], requires_grad=True, name="x")
    >>> [node.problem for node in bl.draw(x.log().sum()).graph.nodes]
    ['', 'log made 1 NaN of operands in −1 … 1', '']
    """
    found: dict[int, Node] = {}
    for node in graph.nodes:
        inputs = graph.inputs_of[node.id]
        operands = [graph.nodes[edge.src].value for edge in inputs]
        if node.problem or not inputs or not all(map(_finite, operands)):
            continue
        if not _finite(node.value):
            problem = f"{node.op} made {_odd(node.value)}{_ranges(operands)}"
            found[node.id] = replace(node, problem=problem)
            continue
        for edge in inputs:
            flow, upstream = edge.contribution, edge.upstream
            if flow and upstream and _finite(upstream) and not _finite(flow):
                problem = f"the rule of {node.op} made {_odd(flow)} of a finite gradient"
                found[node.id] = replace(node, problem=problem)
                break
    if not found:
        return graph
    return replace(graph, nodes=tuple(found.get(node.id, node) for node in graph.nodes))


def _finite(values: Values) -> bool:
    return not values.nans and not values.infs


def _odd(values: Values) -> str:
    """How many elements are not finite, in words."""
    odd = ((values.nans, "NaN"), (values.infs, "inf"))
    return " and ".join(f"{count:,} {word}" for count, word in odd if count)


def _ranges(operands: Sequence[Values]) -> str:
    ranges = [
        f"{number(value.low)} … {number(value.high)}"
        for value in operands
        if value.low is not None and value.high is not None
    ]
    return f" of operands in {' and '.join(ranges[:3])}" if ranges else ""
