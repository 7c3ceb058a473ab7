"""The graph of the stepping page: cards with room for what the steps will reveal, drawn once.
Everything that a step shows or hides has an id or a class; colours are left to the page's style.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .blocks import Block
from .canvas import RECTANGLES, escape, px
from .cards import PROBLEM_COLUMNS, PROBLEM_LINES, Card
from .layered import FRAME_COLUMNS, FRAME_TEXT
from .layout import layout
from .marks import Bars, Heat, Text
from .model import FULL, Edge, Graph, Node
from .page_ops import can_compute
from .placement import Placement, Spline
from .png import data_uri, grey_png
from .text import MINUS, clip, number, shape_text, shorten, width, wrap_columns
from .themes import THEMES, level
from .wording import edge_lines, grad_label, in_names, terms_text

TITLE, BODY, SMALL = 13.0, 12.0, 11.0  # sizes of text, as in page.css
PAD, LINE, LABEL_LINE, BESIDE = 10.0, 17.0, 13.0, 6.0
NAME_COLUMNS, FORMULA_COLUMNS, RULE_COLUMNS = 22, 32, 38
SIGNED = "▼ −0.0001234"  # as long as a number with its glyph gets
LONGEST = "−0.0001234"
MOST_TERMS = 4


def paint_stage(graph: Graph) -> str:
    """The graph as an SVG element for the page's script: nodes have the ids n0, n1, …, edges e0,
    e1, …, their labels l0, l1, …, and the lines that several edges of a node share k0, k1, …

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> svg = paint_stage(bl.draw(x * x).graph)
    >>> 'id="n1"' in svg, 'id="e1"' in svg
    (True, True)
    """
    compact, changes = len(graph.nodes) > FULL, can_compute(graph)
    sketches = [_Sketch(graph, node, compact, changes) for node in graph.nodes]
    cards = tuple(sketch.card for sketch in sketches)
    placed = layout(graph, "layered", cards)
    near = whole if compact else px
    parts = [
        f'<svg id="graph" class="{"big" if compact else ""}" '
        f'xmlns="http://www.w3.org/2000/svg" width="{px(placed.width)}" '
        f'height="{px(placed.height)}" viewBox="0 0 {px(placed.width)} {px(placed.height)}" '
        'role="img" aria-label="the graph: values flow down, gradients flow up">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        '<path d="M0 0l8 4-8 4z"/></marker></defs>',
        _frames(placed),
        "<g>",
        _trunks(placed, near),
    ]
    for edge in graph.edges:
        route = placed.routes[edge.id]
        kind = "w long" if _is_long(route) else "w"
        parts.append(f'<path id="e{edge.id}" class="{kind}" d="{_way(route, near)}"/>')
    parts.append("</g><g>")
    for sketch, (x, y) in zip(sketches, placed.places, strict=True):
        parts.append(sketch.svg(x, y))
    parts.append("</g>")
    if any("<image" in part for part in parts):
        parts.append(heat_filters())
    parts.append("</svg>")
    return "\n".join(part for part in parts if part)


def _frames(placed: Placement) -> str:
    parts = []
    for frame in placed.frames:
        name = escape(shorten(frame.path, FRAME_COLUMNS))
        parts.append(
            f'<rect class="f" x="{px(frame.x)}" y="{px(frame.y)}" width="{px(frame.width)}" '
            f'height="{px(frame.height)}"/><text class="ft" x="{px(frame.x + 10)}" '
            f'y="{px(frame.y + 15)}" font-size="{px(FRAME_TEXT)}">{name}</text>'
        )
    return "\n".join(parts)


def whole(v: float) -> str:
    """A coordinate of a large graph, to a pixel."""
    return f"{v:.0f}"


def _trunks(placed: Placement, near: Callable[[float], str]) -> str:
    """The shared lines, those of one node in one group."""
    ways: dict[int, list[str]] = {}
    for src, spline in placed.trunks:
        ways.setdefault(src, []).append(_way(spline, near))
    return "\n".join(
        f'<path id="k{src}" class="k" d="{"".join(paths)}"/>' for src, paths in ways.items()
    )


def _is_long(spline: Spline) -> bool:
    """Whether a line is too long for dashes, which take browsers seconds to draw by thousands."""
    (x, y), (u, v) = spline[0], spline[-1]
    return abs(x - u) + abs(y - v) > 1200.0


def _way(spline: Spline, near: Callable[[float], str]) -> str:
    """A cubic spline as the text of a path, straight pieces in short."""
    (x, y), *rest = spline
    path = [f"M{near(x)} {near(y)}"]
    for (ax, ay), (bx, by), (cx, cy) in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if x == ax == bx == cx:
            path.append(f"V{near(cy)}")
        else:
            path.append("C" + " ".join([near(v) for v in (ax, ay, bx, by, cx, cy)]))
        x = cx
    return "".join(path)


class _Sketch:
    """The card of one node: measured when made, written when it is known where it stands. Where
    numbers may become others, which `changes` says, there is room for the longest."""

    def __init__(self, graph: Graph, node: Node, compact: bool, changes: bool) -> None:
        self.graph, self.node, self.changes = graph, node, changes
        self.body: list[str] = []  # elements, at offsets from the card's corner
        self.right: list[tuple[float, str, str]] = []  # (y, class, text) at the right edge
        self.width, self.y = 64.0, PAD - 3.0
        if compact:
            self._compact()
        else:
            self._header()
            if node.value.dtype:
                self._scalar() if node.value.size == 1 else self._tensor()
            self._sum()
        for said in node.problem.split("\n"):
            for line in wrap_columns(said, PROBLEM_COLUMNS, PROBLEM_LINES):
                self._row(line, "p", "", "")
        slots = graph.inputs_of[node.id]
        self.labels = [() if compact else self._label(edge) for edge in slots]
        self.card = self._card()
        self.near = whole if compact else px

    def svg(self, x: float, y: float) -> str:
        """The card and the labels of the edges that arrive at it."""
        node, card = self.node, self.card
        near = self.near
        w, h = near(card.width), near(card.height)
        parts = [
            f'<g id="n{node.id}" class="n {node.kind}" transform="translate({near(x)} {near(y)})">',
            f'<rect width="{w}" height="{h}"/>',
            *self.body,
        ]
        right = near(card.width - PAD)
        parts += [
            f'<text class="{kind}" x="{right}" y="{near(at)}">{escape(text)}</text>'
            for at, kind, text in self.right
        ]
        parts.append("</g>")
        slots = self.graph.inputs_of[node.id]
        for edge, port, lines in zip(slots, card.ports, card.labels, strict=True):
            if not lines:
                continue
            end = " e" if lines[0].anchor == "end" else ""
            at = f"translate({px(x + port + lines[0].x)} {px(y - card.zone)})"
            parts.append(f'<g id="l{edge.id}" class="l{end}" transform="{at}">')
            parts += [
                f'<text class="{line.tone}" y="{px(line.y)}">{escape(line.text)}</text>'
                for line in lines
            ]
            parts.append("</g>")
        return "".join(parts)

    # ---- what a card says ----------------------------------------------------------------------

    def _text(self, x: float, y: float, kind: str, text: str) -> None:
        self.body.append(f'<text class="{kind}" x="{px(x)}" y="{px(y)}">{escape(text)}</text>')

    def _row(self, left: str, kind: str, right: str, tone: str, room: str = "") -> None:
        """A line with text at both ends; `room` is the longest that the right one may become."""
        self.y += LINE
        size = TITLE if kind == "t" else SMALL
        self._text(PAD, self.y - 4.0, kind, left)
        if right or room:
            self.right.append((self.y - 4.0, tone, right))
        gap = 12.0 if right or room else 0.0
        need = width(left, size) + gap + max(width(right, BODY), width(room, BODY))
        self.width = max(self.width, 2 * PAD + need)

    def _title(self) -> tuple[str, str]:
        node = self.node
        symbol = node.symbol.replace("-", MINUS)
        if node.is_leaf:
            return node.name, node.kind
        return (node.name, symbol) if node.named else (symbol, node.name)

    def _header(self) -> None:
        node = self.node
        title, aside = self._title()
        if node.value.size != 1:
            aside = shape_text(node.value.shape)
        self._row(shorten(title, NAME_COLUMNS), "t", shorten(aside, NAME_COLUMNS), "s e")
        if not node.is_leaf:
            formula = clip(in_names(self.graph, node, node.formula), FORMULA_COLUMNS)
            self._row(formula, "s", "", "")

    def _compact(self) -> None:
        """One line for name and value, one for the gradient."""
        node = self.node
        title, _ = self._title()
        value = node.value.scalar
        shown = shape_text(node.value.shape) if value is None else number(value)
        self._row(shorten(title, 14), "t", shown if node.kind != "const" else "", "e v")
        if node.grad_state != "none":
            self._row(f"∂{self.graph.letter}", "s", "", "e g", SIGNED)

    def _scalar(self) -> None:
        node = self.node
        value = node.value.scalar
        if node.kind != "const":  # whose name is its value
            shown = "not kept" if value is None else number(value)
            self._row("value", "s", shown, "e v", LONGEST if self.changes else "")
        if node.grad_state != "none":
            self._row(grad_label(self.graph, node), "s", "", "e g", SIGNED)

    def _tensor(self) -> None:
        """Value and gradient as heat maps; the gradient's is hidden until it is complete."""
        node = self.node
        self.y += 2.0
        value = Block("value", node.value, False)
        self._block("v", value, PAD, self.y)
        bottom = self.y + value.height
        self.width = max(self.width, 2 * PAD + value.width)
        if node.grad_state != "none":
            caption = grad_label(self.graph, node)
            gradient = Block(caption, node.grad, True)
            beside = value.heat_w <= 150.0 and gradient.heat_w <= 150.0
            x = PAD + value.width + 16.0 if beside else PAD
            y = self.y if beside else bottom + 4.0
            self._text(x, y + 9.0, "z", caption)
            self._text(x, y + 24.0, "z g", "")
            if node.grad is not None:
                self._block("q", gradient, x, y)
            room = max(gradient.width, width("not computed yet", 10.0))
            self.width = max(self.width, x + room + PAD)
            bottom = max(bottom, y + max(gradient.height, 28.0))
        self.y = bottom

    def _block(self, kind: str, block: Block, x: float, y: float) -> None:
        self.body.append(f'<g class="{kind}" transform="translate({px(x)} {px(y)})">')
        for mark in block.marks:
            if isinstance(mark, Bars):
                self.body.append(_bars(mark))
            else:
                self.body.append(_heat(mark) if isinstance(mark, Heat) else _written(mark))
        self.body.append("</g>")

    def _sum(self) -> None:
        """Room for the sum of what several uses contribute."""
        flows = [use.contribution for use in self.graph.uses_of[self.node.id] if use.contribution]
        if len(flows) < 2:
            return
        scalars = [flow.scalar for flow in flows if flow.scalar is not None]
        room = f"{len(flows)} of {len(flows)} contributions"
        if len(scalars) == len(flows) <= MOST_TERMS:
            told = "= " + " + ".join([LONGEST] * len(flows)) if self.changes else ""
            room = max(room, terms_text(scalars), told, key=len)
        self.y += LINE
        self._text(PAD, self.y - 4.0, "s u", "")
        self.width = max(self.width, 2 * PAD + width(room, SMALL))

    def _label(self, edge: Edge) -> tuple[Text, ...]:
        lines = []
        for text, tone, bold in edge_lines(self.graph, edge):
            for part in wrap_columns(text, RULE_COLUMNS, 2):
                y = 10.0 + LABEL_LINE * len(lines)
                kind = "r" if tone == "rule" else f"c {tone}" if bold else "x"
                lines.append(Text(BESIDE, y, part, SMALL, kind))
        return tuple(lines)

    # ---- its measures --------------------------------------------------------------------------

    def _card(self) -> Card:
        """Where edges arrive: the first of several has its label on the left, the rest on the
        right."""
        labels, count = list(self.labels), len(self.labels)
        least = width(f"{LONGEST} × {LONGEST}", SMALL) if self.changes else 0.0
        rooms = [
            max((BESIDE + max(width(line.text, SMALL), least) for line in label), default=0.0)
            for label in labels
        ]
        near = 16.0 if count <= 12 else 6.0
        steps = [max(near, room + 12.0 if room else near) for room in rooms[1:-1]]
        if count > 1:
            steps.insert(0, max(near, 0.4 * self.width) if rooms[0] else near)
        body = max(self.width, sum(steps) + 2 * near)
        ports = [(body - sum(steps)) / 2] if count else []
        for step in steps:
            ports.append(ports[-1] + step)
        left = right = 0.0
        if count > 1:
            left = max(rooms[0] - ports[0], 0.0)
            labels[0] = tuple(
                Text(-BESIDE, line.y, line.text, SMALL, line.tone, anchor="end")
                for line in labels[0]
            )
        if count:
            right = max(ports[-1] + rooms[-1] - body, 0.0)
        return Card(
            width=body,
            height=self.y + PAD - 4.0,
            zone=max((8.0 + LABEL_LINE * len(label) for label in labels if label), default=0.0),
            reach=(left, right),
            outlet=self._outlet(ports, body),
            ports=tuple(ports),
            marks=(),
            labels=tuple(labels),
        )

    def _outlet(self, ports: list[float], body: float) -> float:
        """Below the operand that comes from elsewhere, where there is just one."""
        main = [
            edge.slot
            for edge in self.graph.inputs_of[self.node.id]
            if self.graph.nodes[edge.src].kind in ("op", "input")
        ]
        return ports[main[0]] if len(main) == 1 else body / 2


def _written(mark: Text) -> str:
    kind = "z on" if mark.tone == "on strong" else f"z {mark.tone}"
    kind += " m" if mark.anchor == "middle" else ""
    return f'<text class="{kind}" x="{px(mark.x)}" y="{px(mark.y)}">{escape(mark.text)}</text>'


def _bars(mark: Bars) -> str:
    """A histogram: bars as one shape, on a line."""
    foot, step = mark.y + mark.h, mark.w / len(mark.heights)
    top = max(mark.heights) or 1.0
    path = [f"M{px(mark.x)} {px(foot)}"]
    for i, height in enumerate(mark.heights):
        path.append(f"V{px(foot - mark.h * height / top)}H{px(mark.x + (i + 1) * step)}")
    return f'<path class="bars" d="{"".join(path)}V{px(foot)}z"/>'


def _heat(mark: Heat) -> str:
    """A heat map: a path per shade while it is small, else an image in greys for a filter."""
    rows, cols = mark.cells.shape
    box = f'x="{px(mark.x)}" y="{px(mark.y)}" width="{px(mark.w)}" height="{px(mark.h)}"'
    frame = f'<rect class="hf" {box}/>'
    if rows * cols > RECTANGLES:
        grey = data_uri(grey_png(mark.cells))
        return f'<image {box} preserveAspectRatio="none" href="{grey}"/>{frame}'
    shades: dict[str, list[str]] = {}
    w, h = mark.w / max(cols, 1), mark.h / max(rows, 1)
    for r, row in enumerate(mark.cells.tolist()):
        for c, cell in enumerate(row):
            shade = "hn" if cell == -128 else f"h{level(cell)}"
            corner = f"M{px(mark.x + c * w)} {px(mark.y + r * h)}"
            shades.setdefault(shade, []).append(f"{corner}h{px(w)}v{px(h)}h-{px(w)}z")
    paths = "".join(f'<path class="{s}" d="{"".join(d)}"/>' for s, d in shades.items())
    return f'<g class="hm">{paths}</g>{frame}'


def heat_filters() -> str:
    """The colours of heat maps as SVG filters, one for each theme: they turn a grey into a shade.

    >>> heat_filters().count("<filter")
    2
    """
    parts = []
    for name in ("light", "dark"):
        colours = [*THEMES[name].ramp, THEMES[name].nan]
        parts.append(f'<filter id="heat-{name}" color-interpolation-filters="sRGB">')
        parts.append("<feComponentTransfer>")
        for k, channel in enumerate("RGB"):
            levels = (int(colour[1 + 2 * k : 3 + 2 * k], 16) / 255 for colour in colours)
            table = " ".join(f"{level:.3f}".lstrip("0") for level in levels)
            parts.append(f'<feFunc{channel} type="discrete" tableValues="{table}"/>')
        parts.append("</feComponentTransfer></filter>")
    return "".join(parts)


def strongest(graph: Graph) -> float:
    """The largest norm of a contribution: what the widths of lines are measured by.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> strongest(bl.draw(x * x).graph)
    3.0
    """
    norms = [edge.contribution.norm for edge in graph.edges if edge.contribution]
    return max((norm for norm in norms if norm and math.isfinite(norm)), default=0.0)
