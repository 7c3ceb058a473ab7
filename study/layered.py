"""The built-in layout: rows from top to bottom, one drawing per module, put together like cards.
Rows by longest path, order by barycentres, positions by least squares; no recursion, no chance.
"""

from __future__ import annotations

from .cards import Card
from .groups import Group, outside_in
from .model import Graph
from .placement import Frame, Placement, Point, Spline
from .rows import ENTRY, EXIT, Box, Key, Level
from .text import width

MARGIN = 16.0
FRAME_TEXT = 11.0
FRAME_COLUMNS = 40


def place_layered(
    graph: Graph, cards: tuple[Card, ...], whole: Group, group_of: tuple[Group, ...]
) -> Placement:
    """Solve every module on its own, innermost first, then place them outermost first."""
    groups = outside_in(whole)
    levels = {group: _level(group, graph, cards) for group in groups}
    ways = [_connect(edge.id, edge.src, edge.dst, levels, group_of) for edge in graph.edges]
    for group in reversed(groups):
        level = levels[group]
        level.solve()
        if group.parent is not None:
            box = levels[group.parent].boxes[group]
            box.width, box.height = level.width, level.height
            box.inlets, box.outlets = level.inlets, level.outlets

    origins: dict[Group, Point] = {whole: (MARGIN, MARGIN)}
    places: list[Point] = [(0.0, 0.0)] * len(graph.nodes)
    frames, trunks = [], []
    for group in groups:
        level, (left, top) = levels[group], origins[group]
        if group is not whole:
            frames.append(Frame(group.path, left, top, level.width, level.height, group.depth))
        for key, box in level.boxes.items():
            x, y = left + box.x, top + box.y
            if isinstance(key, Group):
                origins[key] = (x, y)
            elif isinstance(key, int):
                places[key] = (x + cards[key].reach[0], y)
        trunks += [(src, _moved(spline, left, top)) for src, spline in level.trunks]
    routes = []
    for edge, way in zip(graph.edges, ways, strict=True):
        route: list[Point] = []
        for group, sink in way:
            piece = levels[group].pieces.get((edge.src, *sink))
            if piece:
                route += _moved(piece, *origins[group])[1 if route else 0 :]
        routes.append(tuple(route))
    level = levels[whole]
    return Placement(
        level.width + 2 * MARGIN,
        level.height + 2 * MARGIN,
        tuple(places),
        tuple(routes),
        tuple(trunks),
        tuple(frames),
    )


def _level(group: Group, graph: Graph, cards: tuple[Card, ...]) -> Level:
    """The boxes of one group: cards of its own nodes, and one box per inner group."""
    boxes: dict[Key, Box] = {}
    for i in group.nodes:
        card = cards[i]
        left, right = card.reach
        ports = {edge.id: left + card.ports[edge.slot] for edge in graph.inputs_of[i]}
        order = -1 if graph.nodes[i].is_leaf else i
        boxes[i] = Box(
            order, left + card.width + right, card.height, card.zone, ports, {i: left + card.outlet}
        )
    for inner in group.groups:
        boxes[inner] = Box(_first_op(inner, graph))
    label = width(group.path, FRAME_TEXT) if group.parent is not None else 0.0
    return Level(boxes, min(label, width("m" * FRAME_COLUMNS, FRAME_TEXT)))


def _first_op(group: Group, graph: Graph) -> int:
    """The first op made in a group: its place in the order of creation."""
    return min(i for inner in outside_in(group) for i in inner.nodes if not graph.nodes[i].is_leaf)


def _connect(
    edge: int, src: int, dst: int, levels: dict[Group, Level], group_of: tuple[Group, ...]
) -> list[tuple[Group, tuple[Key, int]]]:
    """Lead an edge out of the groups around its source and into those around its end.

    Returns the levels that it crosses, each with the sink that it has there.
    """
    out, into = group_of[src], group_of[dst]
    leaving, entering = [], []
    while out is not into:
        if out.depth >= into.depth and out.parent is not None:
            leaving.append(out)
            out = out.parent
        elif into.parent is not None:
            entering.append(into)
            into = into.parent
    way = []
    source: Key = src
    for group in leaving:
        way.append((group, (EXIT, src)))
        levels[group].join(src, source, EXIT, src)
        source = group
    targets: list[tuple[Key, int]] = [(group, src) for group in reversed(entering)]
    targets.append((dst, edge))
    for group, (sink, key) in zip([out, *reversed(entering)], targets, strict=True):
        way.append((group, (sink, key)))
        levels[group].join(src, source, sink, key)
        source = ENTRY
    return way


def _moved(spline: list[Point], dx: float, dy: float) -> Spline:
    return tuple([(x + dx, y + dy) for x, y in spline])
