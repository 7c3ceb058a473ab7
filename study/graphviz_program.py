"""The other layout: Graphviz's `dot` program, run as a process of its own with a time limit.
It is told sizes and numbers only, never a name, and gives back positions; the painter stays ours.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from typing import Any

from graphviz.backend import dot_command

from .cards import Card
from .groups import Group, outside_in
from .model import Graph
from .placement import Frame, Placement, Point, Spline

SECONDS = 30.0  # what a layout may take: beyond some thousand nodes `dot` takes minutes
MARGIN = 16.0
TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'


class LayoutError(RuntimeError):
    """Graphviz's program is missing, failed, or took too long."""


def place_with_dot(
    graph: Graph, cards: tuple[Card, ...], whole: Group, group_of: tuple[Group, ...]
) -> Placement:
    """Positions from `dot`: each node a table with its ports on top, each module a cluster."""
    groups = outside_in(whole)
    answer = json.loads(run_dot(_source(graph, cards, groups)))
    left, bottom, right, top = _numbers(answer["bb"])

    def pixels(x: float, y: float) -> Point:
        return round(x - left + MARGIN, 1), round(top - y + MARGIN, 1)

    places: list[Point] = [(0.0, 0.0)] * len(graph.nodes)
    frames = []
    for thing in answer.get("objects", ()):
        number = int(thing["name"].lstrip("cluster_n"))
        if thing["name"].startswith("cluster"):
            x0, y0, x1, y1 = _numbers(thing["bb"])
            group = groups[number]
            frames.append(
                Frame(
                    group.path, *pixels(x0, y1), round(x1 - x0, 1), round(y1 - y0, 1), group.depth
                )
            )
        else:
            card = cards[number]
            x, y = pixels(*_numbers(thing["pos"]))
            height = _head(card) + math.ceil(card.height)
            places[number] = (
                round(x - _width(card) / 2 + card.reach[0], 1),
                round(y - height / 2 + _head(card), 1),
            )
    routes: list[Spline] = [()] * len(graph.edges)
    for line in answer.get("edges", ()):
        edge = graph.edges[int(line["id"])]
        spline = [pixels(*_numbers(part)) for part in line["pos"].split()]
        x, y = places[edge.dst]
        arrival = (round(x + cards[edge.dst].ports[edge.slot], 1), y)
        routes[edge.id] = (*spline, (arrival[0], spline[-1][1]), arrival, arrival)
    return Placement(
        round(right - left + 2 * MARGIN, 1),
        round(top - bottom + 2 * MARGIN, 1),
        tuple(places),
        tuple(routes),
        (),
        tuple(sorted(frames, key=lambda frame: frame.depth)),
    )


def run_dot(source: str) -> str:
    """What `dot` answers, as JSON; LayoutError says what to do where it does not."""
    name = str(dot_command.DOT_BINARY)
    program = shutil.which(name)
    if program is None:
        raise LayoutError(
            f"draw: layout='dot' asks Graphviz's program, and there is no {name!r} on the PATH. "
            "Install it (apt install graphviz, brew install graphviz, or from graphviz.org), or "
            "leave layout='layered', which is built in"
        )
    try:
        done = subprocess.run(
            [program, "-Tjson0"],
            input=source.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"draw: Graphviz took more than {SECONDS:.0f} s for this graph and was stopped; "
            "layout='layered', which is built in, is fast on large graphs"
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LayoutError(
            f"draw: {name} failed with code {done.returncode}"
            + (f": {said[0]}" if said else "")
            + "; layout='layered' is built in"
        )
    return done.stdout.decode()


def _numbers(text: str) -> Any:
    return (float(part) for part in text.split(","))


def _head(card: Card) -> int:
    """The height above a card that its edges' labels take."""
    return max(math.ceil(card.zone), 2) if card.ports else 0


def _width(card: Card) -> int:
    """The width of a card with what its edges' labels stick out."""
    return math.ceil(card.reach[0] + card.width + card.reach[1])


def _source(graph: Graph, cards: tuple[Card, ...], groups: list[Group]) -> str:
    """The graph in DOT with sizes in points, clusters inside clusters."""
    texts: dict[Group, str] = {}
    for i, group in reversed(list(enumerate(groups))):
        inner = [texts[one] for one in group.groups]
        nodes = [f"n{k} [label=<{_table(cards[k])}>];" for k in group.nodes]
        body = "\n".join([*nodes, *inner])
        if group.parent is None:
            texts[group] = body
        else:
            texts[group] = f'subgraph cluster_{i} {{ margin=12; label="M";\n{body}\n}}'
    edges = "\n".join(
        f'n{edge.src}:o:s -> n{edge.dst}:p{edge.slot}:n [id="{edge.id}"];' for edge in graph.edges
    )
    return (
        "digraph { rankdir=TB; ranksep=0.35; nodesep=0.2; fontsize=11;\n"
        "node [shape=plain]; edge [arrowhead=none];\n"
        f"{texts[groups[0]]}\n{edges}\n}}\n"
    )


def _table(card: Card) -> str:
    """A card as an HTML-like table: a row with a narrow cell at each port, and the card below."""
    wide, cells, x = _width(card), [], 0
    for slot, port in enumerate(card.ports):
        start = max(round(card.reach[0] + port) - 1, x)
        if start > x:
            cells.append(_cell(start - x, _head(card)))
        cells.append(_cell(2, _head(card), f' PORT="p{slot}"'))
        x = start + 2
    if card.ports and wide > x:
        cells.append(_cell(wide - x, _head(card)))
    span = f' COLSPAN="{len(cells)}"' if cells else ""
    row = f"<TR>{''.join(cells)}</TR>" if cells else ""
    body = _cell(wide, math.ceil(card.height), f' PORT="o"{span}')
    return f"{TABLE}{row}<TR>{body}</TR></TABLE>"


def _cell(width: int, height: int, extra: str = "") -> str:
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"{extra}></TD>'
