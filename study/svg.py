"""The painter: a placed graph as SVG, with headline, remarks and legend.
How things look is decided here, what a card says in cards.py, where it lies in layout.py.
"""

from __future__ import annotations

import math

from .canvas import Canvas
from .cards import Card, make_cards
from .layered import FRAME_COLUMNS, FRAME_TEXT
from .layout import check_size, layout
from .legend import draw_legend
from .marks import Text
from .model import Edge, Graph, Node
from .placement import Frame, Placement
from .text import ADVANCE, clip, count_text, number, shape_text, shorten, width, wrap_columns
from .themes import Theme, theme_named
from .views import View, make_view
from .views import remarks as remarks
from .wording import in_names, sign_tone

MARGIN = 16.0
LEAST_WIDTH = 460.0


def paint(graph: Graph, theme: str = "light", engine: str = "layered") -> str:
    """The graph as an SVG document.

    `theme` is "light", "dark", "paper" or "contrast"; `engine` is the layout, "layered" or "dot".
    ValueError for other names.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> paint(bl.draw(x * x).graph).startswith("<svg ")
    True
    """
    return paint_view(make_view(graph), theme, engine)


def paint_view(view: View, theme: str = "light", engine: str = "layered") -> str:
    """What a figure shows of a graph, as an SVG document."""
    check_size("draw", len(view.graph.nodes))
    colours = theme_named(theme)
    cards = make_cards(view.graph, view.show)
    return _Painter(view, cards, layout(view.graph, engine, cards), colours).document()


def headline(graph: Graph) -> tuple[str, str]:
    """What the figure is of, and what is in it.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> headline(bl.draw(x * x).graph)
    ('L = x · x = 9', '1 op · 1 parameter of 1 number')
    """
    root = graph.nodes[graph.root]
    if not root.value.dtype:
        return f"{root.op} failed{in_module(root)}", f"{sizes(graph)} before it"
    value = root.value.scalar
    shown = shape_text(root.value.shape) if value is None else number(value)
    names = [graph.letter]
    if root.named and root.name != graph.letter:
        names.append(shorten(root.name, 40))
    title = " = ".join([*names, clip(in_names(graph, root, root.formula), 48), ""])
    return title + shown, sizes(graph)


def in_module(node: Node) -> str:
    """' in module encoder' where a node was made in a module, else nothing."""
    return f" in module {shorten(node.module_path, 40)}" if node.module_path else ""


def sizes(graph: Graph) -> str:
    """How many ops, parameters and inputs a graph has, in words."""
    params = [node for node in graph.nodes if node.kind == "param"]
    inputs = sum(node.kind == "input" for node in graph.nodes)
    ops = sum(not node.is_leaf and bool(node.value.dtype) for node in graph.nodes)
    parts = [count_text(ops, "op")]
    if params:
        numbers = count_text(sum(node.value.size for node in params), "number")
        parts.append(f"{count_text(len(params), 'parameter')} of {numbers}")
    if inputs:
        parts.append(count_text(inputs, "input"))
    return " · ".join(parts)


def tooltip(node: Node) -> str:
    """Everything about a node in one line, numbers in full."""
    made = node.kind if node.is_leaf else node.op
    parts = [f"{node.name}: {made} {shape_text(node.value.shape)} {node.value.dtype}"]
    if node.module_path:
        parts.append(f"in {node.module_path}")
    if node.inside:
        parts.append(node.inside)
    if node.value.scalar is not None:
        parts.append(f"value {node.value.scalar!r}")
    if node.grad is not None and node.grad.scalar is not None:
        parts.append(f"gradient {node.grad.scalar!r}")
    elif node.grad_state not in ("none", "set"):
        parts.append(f"gradient: {node.grad_state}")
    if node.source is not None:
        parts.append(f"at {node.source}")
    return " · ".join(parts)


class _Painter:
    """One figure on its canvas."""

    def __init__(
        self, view: View, cards: tuple[Card, ...], placement: Placement, theme: Theme
    ) -> None:
        self.view = view
        self.graph = graph = view.graph
        self.cards = cards
        self.placement = placement
        self.theme = theme
        self.canvas = Canvas(theme)
        norms = [edge.contribution.norm for edge in graph.edges if edge.contribution]
        self.strongest = max((norm for norm in norms if norm and norm < math.inf), default=0.0)

    def document(self) -> str:
        """The whole SVG."""
        canvas, placement = self.canvas, self.placement
        title, subtitle = headline(self.view.whole)
        needed = max(width(title, 15.0), width(subtitle, 11.0)) + 2 * MARGIN
        total = max(placement.width, needed, LEAST_WIDTH)
        canvas.text(Text(MARGIN, 30.0, title, 15.0, bold=True))
        canvas.text(Text(MARGIN, 49.0, subtitle, 11.0, "muted"))
        y = 54.0
        canvas.open((total - placement.width) / 2, y)
        for frame in placement.frames:
            self._frame(frame)
        for _, spline in placement.trunks:
            canvas.line(spline, self.theme.line, 1.6)
        for edge in self.graph.edges:
            self._edge(edge)
        for node in self.graph.nodes:
            self._card(node)
        canvas.close()
        y += placement.height
        for remark in self.view.remarks:
            for line in wrap_columns(remark, int((total - 2 * MARGIN) / (11.0 * ADVANCE))):
                canvas.text(Text(MARGIN, y + 8.0, line, 11.0, "ink"))
                y += 15.0
        height = draw_legend(canvas, self.graph, self.cards, y + 4.0, total)
        return canvas.document(total, height, f"Backpropagation graph: {title}. {subtitle}.")

    def _frame(self, frame: Frame) -> None:
        fill, stroke = self.theme.frame
        self.canvas.rect(
            frame.x, frame.y, frame.width, frame.height, fill, stroke, corner=8.0, opacity="0.05"
        )
        shown = shorten(frame.path, FRAME_COLUMNS)
        self.canvas.text(
            Text(
                frame.x + 10.0,
                frame.y + 15.0,
                shown,
                FRAME_TEXT,
                "muted",
                True,
                full=frame.path if shown != frame.path else "",
            )
        )

    def _edge(self, edge: Edge) -> None:
        """A line whose width tells the size of the contribution; sign by colour and dash."""
        colour, thickness, dash = self.theme.line, 1.2, ""
        flow = edge.contribution
        if flow is not None and flow.norm and self.strongest:
            part = min(flow.norm / self.strongest, 1.0)
            thickness += 1.3 * max(0.0, 1.0 + math.log10(part) / 4.0) if part else 0.0
            if flow.scalar:
                colour = self.theme.tones[sign_tone(flow.scalar)]
                dash = "5 3" if flow.scalar < 0 else ""
        spline = self.placement.routes[edge.id]
        x, y = spline[-1]
        self.canvas.line((*spline[:-1], (x, y - 5.0)), colour, thickness, dash)
        self.canvas.arrowhead(x, y, colour)

    def _card(self, node: Node) -> None:
        """A node's card with what it shows, and the labels of the edges that arrive."""
        canvas, card = self.canvas, self.cards[node.id]
        x, y = self.placement.places[node.id]
        fill, stroke = self.theme.cards["problem" if node.problem else node.kind]
        canvas.open(tooltip=tooltip(node))
        for behind in (4.0, 2.0) if node.count > 1 else ():
            canvas.rect(
                x + behind, y + behind, card.width, card.height, fill, stroke, self._corner(node)
            )
        thickness = 2.0 if node.kind == "output" or node.problem else 1.0
        if self.view.is_center(node):
            stroke, thickness = self.theme.tones["ink"], 3.0
        canvas.rect(
            x,
            y,
            card.width,
            card.height,
            fill,
            stroke,
            corner=self._corner(node),
            thickness=thickness,
            dash="4 3" if node.kind == "const" else "",
        )
        for mark in card.marks:
            canvas.mark(mark, x, y)
        canvas.close()
        for port, lines in zip(card.ports, card.labels, strict=True):
            for line in lines:
                canvas.text(line, x + port, y - card.zone)

    def _corner(self, node: Node) -> float:
        return 3.0 if node.is_leaf or node.kind == "module" else 8.0
