"""Where everything goes: one function, two ways of answering.
The built-in layout is always there and the same to the byte; Graphviz's is asked for by name.
"""

from __future__ import annotations

from ..engine import GraphError
from .cards import Card, make_cards
from .graphviz_program import place_with_dot
from .groups import group_by_module
from .layered import place_layered
from .model import Graph
from .placement import Placement

MOST = 20_000
"""Nodes of a picture or a page: more take a browser minutes, and nobody sees anything."""

ENGINES = {"layered": place_layered, "dot": place_with_dot}


def layout(
    graph: Graph, engine: str = "layered", cards: tuple[Card, ...] | None = None
) -> Placement:
    """Place the cards of `graph`; values flow from top to bottom.

    `engine` is "layered" (built in) or "dot" (Graphviz's program, where it is installed).
    ValueError for another name; `LayoutError` where Graphviz is missing, too slow or fails.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True)
    >>> placed = layout(bl.draw(x * x).graph)
    >>> placed.places[0][1] < placed.places[1][1]
    True
    """
    check_engine(engine)
    cards = make_cards(graph) if cards is None else cards
    return ENGINES[engine](graph, cards, *group_by_module(graph))


def check_size(caller: str, count: int) -> None:
    """GraphError, saying what to do, for a graph with more nodes than can be drawn."""
    if count > MOST:
        raise GraphError(
            f"{caller}: {count:,} nodes are too many to draw (at most {MOST:,}): take fewer steps "
            "or layers; bl.draw(loss, focus=w) draws what is near one tensor, depth=0 folds "
            "modules, bl.explain(w) tells its chain rule in words"
        )


def check_engine(engine: str) -> None:
    """ValueError, listing what there is, for a layout that there is not."""
    if engine not in ENGINES:
        raise ValueError(f"draw: unknown layout {engine!r}; there are {', '.join(ENGINES)}")
