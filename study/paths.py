"""The paths from the loss to a tensor: along each the chain rule is one product, and the gradient
is their sum.
"""

from __future__ import annotations

from .model import Edge, Graph

MOST = 6  # paths that are still read
LONGEST = 12

Path = tuple[Edge, ...]


def paths_to(graph: Graph, node: int) -> list[Path]:
    """All paths of single numbers from the root down to a node, edge by edge, newest first.

    Empty where there are more than a few, where one is long, or where a tensor lies on the way.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True)
    >>> graph = bl.draw((x * x).tanh()).graph
    >>> [[edge.dst for edge in path] for path in paths_to(graph, 0)]
    [[2, 1], [2, 1]]
    """
    found: list[Path] = []
    open_: list[Path] = [(edge,) for edge in graph.uses_of[node] if edge.contribution]
    while open_:
        path = open_.pop()
        top = path[0]
        if top.factor is None or len(path) > LONGEST or len(found) + len(open_) >= MOST * 4:
            return []
        if top.dst == graph.root:
            found.append(path)
            continue
        open_ += [(edge, *path) for edge in graph.uses_of[top.dst] if edge.contribution]
    found.sort(key=lambda path: ([-edge.dst for edge in path], [edge.slot for edge in path]))
    return found if len(found) <= MOST else []
