"""The neighbourhood of one tensor: what lies at most so many ops away from it, up or down.
What is left out is counted at the nodes where it was cut off.
"""

from __future__ import annotations

from ..engine import Tensor
from .contracting import contract
from .model import Graph, Node
from .text import shorten


def focus_on(graph: Graph, center: int, hops: int) -> Graph:
    """The nodes at most `hops` edges away from `center`, in either direction.

    >>> import backlit as bl
    >>> w = bl.tensor(3.0, requires_grad=True, name="w")
    >>> graph = bl.draw(((w * 2).tanh() + 1).exp()).graph
    >>> [node.name for node in focus_on(graph, 0, 1).nodes]
    ['w', 'n2']
    """
    near = ring = {center}
    for _ in range(hops):
        around = {edge.src for i in ring for edge in graph.inputs_of[i]}
        around |= {edge.dst for i in ring for edge in graph.uses_of[i]}
        ring = around - near
        near = near | ring
        if not ring:
            break
    hidden = [node.id for node in graph.nodes if node.id not in near]
    return contract(graph, (), hidden) if hidden else graph


def node_of(graph: Graph, focus: object, number: int | None) -> Node:
    """The node that `focus` means: a tensor, whose `number` is known, or a name in the figure.

    ValueError says what there is, where it is not in the graph.
    """
    if isinstance(focus, Tensor):
        if number is not None:
            return graph.nodes[number]
        name = f" {focus.name!r}" if focus.name else ""
        raise ValueError(
            f"draw: focus is a tensor{name} of shape {focus.shape} that this result was not "
            "computed from (or it was computed anew since: draw with the tensors of one forward)"
        )
    if not isinstance(focus, str):
        raise TypeError(
            "draw: focus is a tensor of the graph, or a name in its figure, "
            f"not {type(focus).__name__}"
        )
    for node in graph.nodes:
        if node.name == focus:
            return node
    names = [shorten(node.name, 24) for node in graph.nodes if node.named][:8]
    raise ValueError(f"draw: nothing is called {focus!r}; names are {', '.join(names) or 'none'}")
