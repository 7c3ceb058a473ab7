"""Modules as groups: which nodes were made inside which call of which module.
Ops are numbered in creation order and a module's call is one stretch of it, so groups nest and
the graph of groups has no cycle; a module called twice gives two groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Graph

DEEPEST = 6  # frames inside frames; what is nested deeper shares the innermost


@dataclass(eq=False, slots=True)
class Group:
    """One call of a module (or the whole graph: path ""), with its own nodes and inner groups."""

    path: str
    parent: Group | None
    depth: int
    nodes: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def chain(self) -> list[Group]:
        """The groups from the outermost to this one."""
        found, group = [], self
        while group is not None:
            found.append(group)
            group = group.parent
        return found[::-1]


def outside_in(whole: Group) -> list[Group]:
    """All groups, each before the groups inside it."""
    groups = [whole]
    for group in groups:
        groups.extend(group.groups)
    return groups


def parts(path: str) -> list[str]:
    """A dotted path, cut: at most six parts.

    >>> parts("layers.0"), parts("")
    (['layers', '0'], [])
    """
    return path.split(".")[:DEEPEST] if path else []


def group_by_module(graph: Graph) -> tuple[Group, tuple[Group, ...]]:
    """The outermost group, and the group of each node by its id.

    >>> import backlit as bl
    >>> from backlit.engine import scope
    >>> x = bl.tensor(3.0, requires_grad=True)
    >>> with scope("layer"):
    ...     y = x * x
    >>> whole, of = group_by_module(bl.draw(y + 1).graph)
    >>> [group.path for group in whole.groups]
    ['layer']
    """
    whole = Group("", None, 0)
    of: list[Group] = [whole] * len(graph.nodes)
    here = whole
    for node in graph.nodes:
        if node.is_leaf:
            continue
        path = parts(node.module_path)
        while here.parent is not None and parts(here.path) != path[: here.depth]:
            here = here.parent
        while here.depth < len(path):
            inner = Group(".".join(path[: here.depth + 1]), here, here.depth + 1)
            here.groups.append(inner)
            here = inner
        of[node.id] = here
    for node in graph.nodes:
        uses = graph.uses_of[node.id]
        if node.is_leaf and uses:
            chain = of[uses[0].dst].chain()
            of[node.id] = chain[min(len(parts(node.module_path)), len(chain) - 1)]
    for node in graph.nodes:
        of[node.id].nodes.append(node.id)
    return _without_hulls(whole, of)


def _without_hulls(whole: Group, of: list[Group]) -> tuple[Group, tuple[Group, ...]]:
    """Drop groups that hold nothing but one other group: two frames would say the same."""
    queue = [whole]
    for group in queue:
        for i, inner in enumerate(group.groups):
            while not inner.nodes and len(inner.groups) == 1:
                inner = inner.groups[0]
            group.groups[i] = inner
            inner.parent, inner.depth = group, group.depth + 1
            queue.append(inner)
    return whole, tuple(of)
