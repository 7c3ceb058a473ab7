"""Cards: what one node shows, composed and measured before anything is placed or painted.
A card is a list of marks (text, heat maps) at offsets of its own, so nothing in it can overlap.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from .model import FULL, Edge, Graph, Node, Values
from .text import MINUS, clip, columns, count_text, number, shape_text, shorten, summed_text, width, wrap_columns
from .values import cells_of

NUMBERS = 16  # to this many elements the numbers themselves are printed

PAD = 10.0
LINE = 15.0
TITLE, BODY, SMALL_TEXT = 13.0, 11.0, 10.0
LABEL_LINE, BESIDE = 12.5, 6.0
NAME_COLUMNS, FORMULA_COLUMNS, RULE_COLUMNS = 26, 34, 32
MOST_TERMS = 4


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text; `tone` names its role and the theme its colour. `full` is the tooltip."""

    x: float
    y: float
    text: str
    size: float = BODY
    tone: str = "ink"
    bold: bool = False
    anchor: str = "start"
    full: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """A heat map of signed bytes on a symmetric scale; -128 is NaN."""

    x: float
    y: float
    w: float
    h: float
    cells: np.ndarray


@dataclass(frozen=True, slots=True)
class Card:
    """One node, measured. `ports[slot]` is where the operand's edge arrives at the top; beside it,
    in a `zone` of that height above the card, stand the lines of `labels[slot]`, offset from the
    port and the zone's top; `reach` is how far they stick out to the left and the right. At
    `outlet` the edges to consumers leave."""

    width: float
    height: float
    zone: float
    reach: tuple[float, float]
    outlet: float
    ports: tuple[float, ...]
    marks: tuple[Text | Heat, ...]
    labels: tuple[tuple[Text, ...], ...]


def make_cards(graph: Graph) -> tuple[Card, ...]:
    """One card per node; above 400 nodes only op and shape, without labels on edges.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> [mark.text for mark in make_cards(bl.draw(x * x).graph)[0].marks][:4]
    ['x', 'param', 'value', '3']
    """
    compact = len(graph.nodes) > FULL
    return tuple(_Composer(graph, node).card(compact) for node in graph.nodes)


def grad_label(graph: Graph, node: Node) -> str:
    """How the gradient of a node is written: ∂L/∂w."""
    return f"∂{graph.letter}/∂{shorten(node.name, 16)}"


def signed(value: float, digits: int = 4) -> str:
    """A number with a glyph for its sign, so that colour is never the only bearer.

    >>> signed(0.5), signed(-0.5), signed(0.0)
    ('▲ 0.5', '▼ −0.5', '0')
    """
    glyph = "▲ " if value > 0 else "▼ " if value < 0 else ""
    return glyph + number(value, digits)


def sign_tone(value: float) -> str:
    """The tone of a signed number: plus, minus, muted for 0, warn for NaN."""
    return "plus" if value > 0 else "minus" if value < 0 else "muted" if value == 0 else "warn"


def terms_text(contributions: list[float], digits: int = 4) -> str:
    """The sum at a shared node, term by term.

    >>> terms_text([0.3, -0.12])
    '= 0.3 + (−0.12)'
    """
    terms = [number(c, digits) if c >= 0 else f"({number(c, digits)})" for c in contributions]
    return "= " + " + ".join(terms)


def in_names(graph: Graph, node: Node, text: str) -> str:
    """A formula of a node's op with the operands' own names in the places of x and y.

    Only where the formula names every operand, and all names are short words or numbers; otherwise
    the text as it is.

    >>> import backlit as bl
    >>> a, b = (bl.tensor(3.0, requires_grad=True, name=name) for name in "ab")
    >>> graph = bl.draw(a / b).graph
    >>> in_names(graph, graph.nodes[2], "-x/y²")
    '−a/b²'
    """
    text = text.replace("-", MINUS)
    names: dict[str, str] = {}
    for edge in graph.inputs_of[node.id]:
        operand = graph.nodes[edge.src]
        name = f"({operand.name})" if operand.name.startswith(MINUS) else operand.name
        if columns(name) > 12 or not re.fullmatch(r"\(?−?[\w.]+\)?", name):
            return text
        if not edge.operand or not re.search(rf"\b{edge.operand}\b", node.formula):
            return text
        names[edge.operand] = name
    return re.sub(r"[^\W\d_]+", lambda word: names.get(word[0], word[0]), text)


def derivative_text(graph: Graph, edge: Edge) -> str:
    """The local derivative of an op of single numbers, as in ∂/∂x = w."""
    node = graph.nodes[edge.dst]
    local = in_names(graph, node, edge.local.partition(": ")[0])
    if not local or not edge.operand or re.search(r"\bg", edge.local):
        return local
    return f"∂/∂{in_names(graph, node, edge.operand)} = {local}"


def edge_lines(graph: Graph, edge: Edge) -> list[tuple[str, str, bool]]:
    """What stands beside an edge: lines of (text, tone, bold), the chain rule of this operand."""
    value = graph.nodes[edge.src].value
    if edge.contribution is None:
        return [] if value.shape == () else [(shape_text(value.shape), "muted", False)]
    upstream, flow = edge.upstream and edge.upstream.scalar, edge.contribution.scalar
    if flow is not None and upstream is not None and edge.factor is not None:
        product = f"{number(edge.factor)} × {number(upstream)}"
        return [(derivative_text(graph, edge), "rule", False), (product, "ink", False), (f"= {number(flow)}", sign_tone(flow), True)]
    lines = [(shape_text(value.shape), "ink", False), (in_names(graph, graph.nodes[edge.dst], edge.vjp), "rule", False)]
    if edge.summed:
        lines.append((summed_text(edge.summed), "ink", False))
    if flow is not None:
        lines.append((signed(flow), sign_tone(flow), True))
    elif edge.contribution.norm is not None:
        lines.append((f"norm {number(edge.contribution.norm)}", "muted", False))
    return lines


def _arrivals(
    body: float, labels: tuple[tuple[Text, ...], ...], count: int
) -> tuple[float, tuple[float, ...], tuple[tuple[Text, ...], ...], tuple[float, float]]:
    """Where edges arrive: the first of several has its label on the left, the rest on the right.

    Returns the card's width (wider where many arrive), the ports, the labels, and how far these
    stick out.
    """
    if count == 0:
        return body, (), labels, (0.0, 0.0)
    rooms = [max((BESIDE + width(line.text, line.size) for line in label), default=0.0)
             for label in labels]
    near = 16.0 if count <= 12 else 6.0
    steps = [max(near, room + 12.0 if room else near) for room in rooms[1:-1]]
    if count > 1:
        steps.insert(0, max(near, 0.4 * body) if rooms[0] else near)
    body = max(body, sum(steps) + 2 * near)
    ports = [(body - sum(steps)) / 2]
    for step in steps:
        ports.append(ports[-1] + step)
    if count > 1:
        labels = (tuple(replace(line, x=-BESIDE, anchor="end") for line in labels[0]), *labels[1:])
    left = max(rooms[0] - ports[0], 0.0) if count > 1 else 0.0
    return body, tuple(ports), labels, (left, max(ports[-1] + rooms[-1] - body, 0.0))


class _Composer:
    """Writes the card of one node from top to bottom."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node
        self.marks: list[Text | Heat] = []
        self.rows: list[tuple[Text, Text]] = []  # left and right texts, justified at the end
        self.width = 0.0
        self.y = PAD

    def card(self, compact: bool) -> Card:
        node = self.node
        slots = self.graph.inputs_of[node.id]
        if compact:
            self._compact()
            labels = tuple(() for _ in slots)
        else:
            self._header()
            if node.value.size == 1:
                self._scalar()
            else:
                self._tensor()
            self._paths()
            labels = tuple(self._label(edge) for edge in slots)
        body = max(self.width, 64.0)
        body, ports, labels, reach = _arrivals(body, labels, len(slots))
        for left, right in self.rows:
            self.marks += [left, replace(right, x=body + right.x, anchor="end")]
        return Card(
            width=body,
            height=self.y + PAD - 4.0,
            zone=max([8.0 + LABEL_LINE * len(label) for label in labels if label], default=0.0),
            reach=reach,
            outlet=self._outlet(ports, body),
            ports=ports,
            marks=tuple(mark for mark in self.marks if not isinstance(mark, Text) or mark.text),
            labels=labels,
        )

    def _outlet(self, ports: tuple[float, ...], body: float) -> float:
        """Below the operand that comes from elsewhere, where there is just one: so the main line
        through a network is straight, parameters to its side."""
        main = [edge.slot for edge in self.graph.inputs_of[self.node.id]
                if self.graph.nodes[edge.src].kind in ("op", "input")]
        return ports[main[0]] if len(main) == 1 else body / 2

    def _row(self, left: Text, right: Text) -> None:
        """A line with text at both ends; the right one is moved to the edge when that is known."""
        self.rows.append((left, right))
        gap = 12.0 if left.text and right.text else 0.0
        need = width(left.text, left.size) + gap + width(right.text, right.size)
        self.width = max(self.width, 2 * PAD + need)

    def _line(self, text: str, tone: str = "ink", limit: int = FORMULA_COLUMNS,
              size: float = BODY) -> None:
        shown = clip(text, limit)
        self.y += LINE
        mark = Text(PAD, self.y - 4.0, shown, size, tone, full=text if shown != text else "")
        self.marks.append(mark)
        self.width = max(self.width, 2 * PAD + width(shown, size))

    def _header(self) -> None:
        node = self.node
        symbol = node.symbol.replace("-", MINUS)
        title = node.name if node.is_leaf or node.named else symbol
        aside = node.kind if node.is_leaf else node.name if not node.named else symbol
        if node.value.size != 1:
            aside = shape_text(node.value.shape)
        shown = shorten(title, NAME_COLUMNS)
        self.y += LINE
        y = self.y - 4.0
        self._row(
            Text(PAD, y, shown, TITLE, bold=True, full=title if shown != title else ""),
            Text(-PAD, y, shorten(aside, NAME_COLUMNS), SMALL_TEXT, "muted"),
        )
        if not node.is_leaf:
            self._line(in_names(self.graph, node, node.formula), "muted", size=SMALL_TEXT)
        elif node.value.size != 1:
            dtype = "" if node.value.dtype == "float32" else f" {node.value.dtype}"
            self._line(f"{node.kind} · {count_text(node.value.size, 'number')}{dtype}", "muted",
                       size=SMALL_TEXT)

    def _compact(self) -> None:
        node = self.node
        title = node.name if node.is_leaf or node.named else node.symbol
        self.y += LINE - 6.0
        self._row(
            Text(PAD, self.y, shorten(title, 18), BODY, bold=True),
            Text(-PAD, self.y, shape_text(node.value.shape), SMALL_TEXT, "muted"),
        )

    def _gradient_word(self) -> tuple[str, str]:
        """What stands in the place of a gradient that has no numbers to show."""
        state = self.node.grad_state
        if state == "not run":
            return ("not kept" if self.graph.freed else "not run"), "faint"
        return ("no path" if state == "no path" else "0"), "warn" if state == "no path" else "muted"

    def _scalar(self) -> None:
        node = self.node
        if node.kind == "const":
            return  # its name is its value
        value = node.value.scalar
        self.y += LINE + 1.0
        tone = "warn" if node.value.nans or node.value.infs else "ink"
        self._row(Text(PAD, self.y - 4.0, "value", SMALL_TEXT, "muted"),
                  Text(-PAD, self.y - 4.0, "" if value is None else number(value), BODY, tone))
        if node.grad_state == "none":
            return
        grad = node.grad.scalar if node.grad else None
        text, tone = self._gradient_word() if grad is None else (signed(grad), sign_tone(grad))
        self.y += LINE
        self._row(Text(PAD, self.y - 4.0, grad_label(self.graph, node), SMALL_TEXT, "muted"),
                  Text(-PAD, self.y - 4.0, text, BODY, tone, bold=grad is not None))

    def _tensor(self) -> None:
        """Value and gradient: side by side, or one above the other where rows are long."""
        node = self.node
        blocks = [_Block("value", node.value, False)]
        if node.grad_state != "none":
            if node.grad is not None and node.grad_state == "set":
                blocks.append(_Block(grad_label(self.graph, node), node.grad, True))
            else:
                word, tone = self._gradient_word()
                blocks.append(_Block(grad_label(self.graph, node), None, True, word, tone))
        beside = all(block.heat_w <= 150.0 for block in blocks)
        self.y += 3.0
        x, bottom = PAD, self.y
        for block in blocks:
            self.marks += block.at(x, self.y)
            bottom = max(bottom, self.y + block.height)
            self.width = max(self.width, x + block.width + PAD)
            if beside:
                x += block.width + 16.0
            else:
                self.y = bottom + 4.0
        self.y = bottom

    def _paths(self) -> None:
        """Where several uses meet: the sum of what each contributes."""
        uses = [e.contribution for e in self.graph.uses_of[self.node.id] if e.contribution]
        if len(uses) < 2:
            return
        scalars = [use.scalar for use in uses if use.scalar is not None]
        if len(scalars) == len(uses) <= MOST_TERMS:
            for line in wrap_columns(terms_text(scalars), FORMULA_COLUMNS):
                self._line(line)
        else:
            self._line(f"sum of {len(uses)} paths")

    def _label(self, edge: Edge) -> tuple[Text, ...]:
        lines = []
        for text, tone, bold in edge_lines(self.graph, edge):
            shown = wrap_columns(text, RULE_COLUMNS, 2)
            for part in shown:
                y = 10.0 + LABEL_LINE * len(lines)
                lines.append(Text(BESIDE, y, part, SMALL_TEXT, tone, bold,
                                  full=text if len(shown) > 1 else ""))
        return tuple(lines)


class _Block:
    """The numbers of one array with a caption: a grid of numbers, a heat map, and statistics."""

    def __init__(self, caption: str, values: Values | None, gradient: bool,
                 word: str = "", tone: str = "muted") -> None:
        self.marks: list[Text | Heat] = []
        self.width = self.height = self.heat_w = 0.0
        if values is None:
            self._text(caption, "muted")
            self._text(word, tone)
        elif values.size == 0:
            self._text(caption, "muted")
            self._text("empty", "muted")
        elif values.data is not None and values.size <= NUMBERS:
            grid, texts, power = _printed(values)
            self._text(caption + power, "muted")
            self._heat(_cells(grid), texts)
        elif values.data is not None:
            self._text(caption, "muted")
            self._heat(_cells(_grid(values)), None)
        elif values.tile is not None:
            self._text(caption, "muted")
            self._heat(cells_of(values.tile), None)
        else:
            self._text(caption, "muted")
            self._text("not kept", "faint")
        if values is not None and values.size > NUMBERS:
            self._statistics(values, gradient)

    def at(self, x: float, y: float) -> list[Text | Heat]:
        """The marks, moved."""
        return [replace(mark, x=x + mark.x, y=y + mark.y) for mark in self.marks]

    def _text(self, text: str, tone: str) -> None:
        self.marks.append(Text(0.0, self.height + 9.0, text, SMALL_TEXT, tone))
        self.width = max(self.width, width(text, SMALL_TEXT))
        self.height += 13.0

    def _heat(self, cells: np.ndarray, texts: list[list[str]] | None) -> None:
        rows, cols = cells.shape
        top = self.height + 1.0
        if texts is None:
            w = min(max(cols * 16.0, 32.0), 96.0)
            h = min(max(rows * 12.0, 12.0), 72.0)
        else:
            cell_w = 8.0 + max(width(t, SMALL_TEXT) for row in texts for t in row)
            w, h = cols * cell_w, rows * 16.0
        self.marks.append(Heat(0.0, top, w, h, cells))
        for r, row in enumerate(texts or ()):
            for c, text in enumerate(row):
                strong = abs(int(cells[r, c])) > 76
                self.marks.append(Text((c + 0.5) * w / cols, top + 16.0 * r + 11.5, text,
                                       SMALL_TEXT, "on strong" if strong else "ink",
                                       anchor="middle"))
        self.heat_w = w
        self.width = max(self.width, w)
        self.height = top + h + 3.0

    def _statistics(self, values: Values, gradient: bool) -> None:
        if values.low is not None and values.high is not None:
            self._text(f"{number(values.low, 3)} … {number(values.high, 3)}", "ink")
        if gradient and values.norm is not None:
            self._text(f"norm {number(values.norm, 3)}", "ink")
        if values.zeros > 0:
            self._text(f"{number(100 * values.zeros, 3)}% zero", "muted")
        if values.nans or values.infs:
            counts = [f"{n} {word}" for n, word in ((values.nans, "NaN"), (values.infs, "inf")) if n]
            self._text(" · ".join(counts), "warn")


def _grid(values: Values) -> np.ndarray:
    """A short array as a grid: matrices as they are, vectors in lines of eight, padded with 0."""
    data = np.array(values.data, np.float64)
    last = values.shape[-1] if values.shape else 1
    cols = last if len(values.shape) > 1 and last > 1 else min(data.size, 8)
    grid = np.zeros((-(-data.size // cols), cols))
    grid.ravel()[: data.size] = data
    return grid


def _cells(grid: np.ndarray) -> np.ndarray:
    """A grid of numbers as signed bytes on a symmetric scale; -128 is NaN."""
    nan = np.isnan(grid)
    scale = float(np.abs(grid[np.isfinite(grid)]).max(initial=0.0)) or 1.0
    shade = np.clip(np.where(nan, 0.0, grid), -scale, scale) / scale
    return np.where(nan, -128, np.rint(shade * 127)).astype(np.int8)


def _printed(values: Values) -> tuple[np.ndarray, list[list[str]], str]:
    """A short array as a grid of numbers and texts, and the power of ten taken out of them."""
    grid = _grid(values)
    most = float(np.abs(grid[np.isfinite(grid)]).max(initial=0.0))
    power = math.floor(math.log10(most)) if most and not 0.1 <= most < 1000 else 0
    digits = 3 if 0 < most < 1 and not power else 2
    texts = [number(round(value / 10.0**power, digits), 4) if math.isfinite(value)
             else number(value) for value in values.data or ()]
    texts += [""] * (grid.size - len(texts))
    cols = grid.shape[1]
    rows = [texts[i : i + cols] for i in range(0, grid.size, cols)]
    return grid, rows, f"  × 1e{number(power)}" if power else ""
