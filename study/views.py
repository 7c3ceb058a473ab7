"""What of a graph a figure shows: which tensors, which modules open, what cards tell; and the
sentences that say what it hides. The view model itself stays whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .focusing import focus_on
from .folding import boxes, fold, shown_at
from .model import FULL, SUM, Graph, Node
from .repeats import gather_repeats, gather_sums
from .text import count_text, shorten

TOLD = ("value", "grad", "local")
"""What `show` may name: numbers of the forward, gradients, and the chain rule beside edges."""


FREED = (
    "backward() freed this graph, so the gradients between were not kept: draw before backward(), "
    "or say backward(retain_graph=True)."
)
COMPACT = (
    f"Above {FULL} nodes a card shows op and shape only: values, gradients and the chain rule are "
    "hidden here; show= or focus= bring them, .graph and .to_json() have them."
)


@dataclass(frozen=True, slots=True)
class View:
    """A graph to draw, cut from the `whole`; what its cards tell; what there is to remark; and the
    node that it is all about, if there is one (its number in the whole, else -1)."""

    whole: Graph
    graph: Graph
    show: frozenset[str]
    remarks: tuple[str, ...] = ()
    center: int = -1

    def drawn(self) -> set[int]:
        """The numbers of the nodes of the whole whose values are drawn, if anything but shapes."""
        if not self.show:
            return set()
        values = {id(node.value) for node in self.graph.nodes}
        return {node.id for node in self.whole.nodes if id(node.value) in values}

    def is_center(self, node: Node) -> bool:
        """Whether a drawn node is the one that the figure is about."""
        return self.center >= 0 and node.value is self.whole.nodes[self.center].value


def remarks(graph: Graph) -> list[str]:
    """What a drawing of the whole graph, neither folded nor cut, does not show."""
    return [FREED] * graph.freed + [COMPACT] * (len(graph.nodes) > FULL)


def make_view(
    graph: Graph,
    show: Collection[str] | None = None,
    depth: int | None = None,
    center: int | None = None,
    hops: int = 2,
) -> View:
    """What is drawn of `graph`.

    Parameters
    ----------
    show : of "value", "grad", "local"; None for all, above 400 drawn nodes for none.
    depth : how many levels of modules are open, the others being boxes; long sums and repeats are
        gathered then too. None for all, and as few as it takes above 400 nodes.
    center, hops : with a node, only what is so many edges away at most.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> make_view(bl.draw(x * x).graph).remarks
    ()
    """
    drawn, found = graph, [FREED] if graph.freed else []
    if center is not None:
        drawn = focus_on(graph, center, hops)
        rest = len(graph.nodes) - len(drawn.nodes)
        if rest:
            found.append(
                f"Only what is at most {count_text(hops, 'step')} away from "
                f"{shorten(graph.nodes[center].name, 24)}: {count_text(rest, 'node')} of "
                f"{len(graph.nodes):,} hidden."
            )
    if depth is not None or len(drawn.nodes) > FULL:
        before = drawn
        drawn = folded(drawn, depth)
        boxed = sum(node.kind == "module" for node in drawn.nodes)
        summed = sum(node.op == SUM for node in drawn.nodes)
        gone = len(before.nodes) - len(drawn.nodes)
        if boxed:
            sums = " or long sums" if summed else ""
            how = "" if depth is not None else f" (above {FULL} nodes; depth= opens modules)"
            found.append(
                f"{count_text(gone + boxed + summed, 'node')} of {len(before.nodes):,} are inside "
                f"boxes{sums}{how}."
            )
        elif summed:
            sums = count_text(summed, "long sum")
            found.append(f"{count_text(gone + summed, 'addition')} are drawn as {sums}.")
    told = frozenset(TOLD if show is None else show)
    if not graph.nodes[graph.root].value.dtype:
        told -= {"grad"}  # the forward stopped, so nothing came back
    if show is None and len(drawn.nodes) > FULL:
        told = frozenset()
        found.append(COMPACT)
    return View(graph, drawn, told, tuple(found), -1 if center is None else center)


def folded(graph: Graph, depth: int | None) -> Graph:
    """The graph with long sums gathered, modules folded below `depth`, repeats gathered.

    Without a depth: with as many levels open as leave 400 nodes to draw, if need be none.
    """
    summed = gather_sums(graph)
    if depth is None and len(summed.nodes) <= FULL:
        return summed
    if depth is not None:
        return _at(summed, depth)
    counts = shown_at(summed)
    levels = [level for level, count in enumerate(counts) if level == 0 or count <= 4 * FULL]
    for level in reversed(levels):  # repeats may yet gather what is too much
        found = _at(summed, level)
        if len(found.nodes) <= FULL:
            return found
    return _at(summed, 0)


def _at(graph: Graph, depth: int) -> Graph:
    held = [members for _, members in boxes(graph, depth)]
    return gather_repeats(fold(graph, depth), graph, held)
