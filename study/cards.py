"""Cards: what one node shows, composed and measured before anything is placed or painted.
A card is a list of marks (text, heat maps) at offsets of its own, so nothing in it can overlap.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from .arrivals import BESIDE, arrivals
from .blocks import Block
from .marks import BODY, SMALL, TITLE, Bars, Mark, Text
from .model import FULL, Edge, Graph, Node
from .text import MINUS, clip, count_text, number, shape_text, shorten, width, wrap_columns
from .wording import edge_lines, grad_label, in_names, result_name, sign_tone, signed, terms_text

PAD = 10.0
LINE = 15.0
LABEL_LINE = 12.5
NAME_COLUMNS, FORMULA_COLUMNS, RULE_COLUMNS = 26, 34, 32
PROBLEM_COLUMNS, PROBLEM_LINES = 44, 9
MOST_LABELS = 8  # edges that arrive at one card with labels; these take room beside each other
BOX_COLUMNS, MOST_BARS, DECADES = 48, 60, 9
MOST_TERMS = 4


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
    marks: tuple[Mark, ...]
    labels: tuple[tuple[Text, ...], ...]


def make_cards(graph: Graph, show: Collection[str] | None = None) -> tuple[Card, ...]:
    """One card per node, which tells what `show` names of "value", "grad" and "local".

    Without `show` all of it, above 400 nodes nothing but op and shape.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> [mark.text for mark in make_cards(bl.draw(x * x).graph)[0].marks]
    ['= 3 + 3', 'x', 'param', 'value', '3', '∂L/∂x', '▲ 6']
    """
    if show is None:
        show = () if len(graph.nodes) > FULL else ("value", "grad", "local")
    return tuple(_Composer(graph, node, show).card() for node in graph.nodes)


class _Composer:
    """Writes the card of one node from top to bottom."""

    def __init__(self, graph: Graph, node: Node, show: Collection[str]) -> None:
        self.graph = graph
        self.node = node
        self.show = show
        self.marks: list[Mark] = []
        self.rows: list[tuple[Text, Text]] = []  # left and right texts, justified at the end
        self.width = 0.0
        self.y = PAD

    def card(self) -> Card:
        node = self.node
        slots = self.graph.inputs_of[node.id]
        if self.show or node.problem:
            self._header()
            if not node.value.dtype:
                pass  # a box with several results, or an op that failed
            elif node.value.size == 1:
                self._scalar()
            elif "value" in self.show or "grad" in self.show:
                self._tensor()
            if "grad" in self.show and node.value.dtype:
                self._paths()
        else:
            self._compact()
        for said in node.problem.split("\n"):
            for line in wrap_columns(said, PROBLEM_COLUMNS, PROBLEM_LINES):
                self._line(line, "warn", PROBLEM_COLUMNS, SMALL)
        if node.unseen:
            self._line(f"+ {count_text(node.unseen, 'edge')} not shown", "faint", size=SMALL)
        told = "local" in self.show
        if told and len(slots) > MOST_LABELS:
            told = False
            self._line(f"chain rule of {len(slots)} edges not shown", "faint", size=SMALL)
        labels = tuple(self._label(edge) if told else () for edge in slots)
        body = max(self.width, 64.0)
        body, ports, labels, reach = arrivals(body, labels, len(slots))
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
        main = [
            edge.slot
            for edge in self.graph.inputs_of[self.node.id]
            if self.graph.nodes[edge.src].kind in ("op", "module", "input")
        ]
        return ports[main[0]] if len(main) == 1 else body / 2

    def _row(self, left: Text, right: Text) -> None:
        """A line with text at both ends; the right one is moved to the edge when that is known."""
        self.rows.append((left, right))
        gap = 12.0 if left.text and right.text else 0.0
        need = width(left.text, left.size) + gap + width(right.text, right.size)
        self.width = max(self.width, 2 * PAD + need)

    def _line(
        self, text: str, tone: str = "ink", limit: int = FORMULA_COLUMNS, size: float = BODY
    ) -> None:
        shown = clip(text, limit)
        self.y += LINE
        mark = Text(PAD, self.y - 4.0, shown, size, tone, full=text if shown != text else "")
        self.marks.append(mark)
        self.width = max(self.width, 2 * PAD + width(shown, size))

    def _header(self) -> None:
        node = self.node
        title, aside = _titles(node)
        shown = shorten(title, NAME_COLUMNS)
        self.y += LINE
        y = self.y - 4.0
        self._row(
            Text(PAD, y, shown, TITLE, bold=True, full=title if shown != title else ""),
            Text(-PAD, y, shorten(aside, NAME_COLUMNS), SMALL, "muted"),
        )
        if node.kind == "module":
            self._box()
        elif not node.is_leaf:
            self._line(in_names(self.graph, node, node.formula), "muted", size=SMALL)
        elif node.value.size != 1:
            dtype = "" if node.value.dtype == "float32" else f" {node.value.dtype}"
            self._line(
                f"{node.kind} · {count_text(node.value.size, 'number')}{dtype}", "muted", size=SMALL
            )

    def _box(self) -> None:
        """What a module holds; and of many in a row, how their gradients grow or fade."""
        node = self.node
        what = node.symbol or ("" if node.count == 1 or node.op == "module" else f"({node.op})")
        times = f"× {node.count} " if node.count > 1 else ""
        if times or what:
            self._line(f"{times}{what}".rstrip(), limit=BOX_COLUMNS)
        for line in node.inside.split(" · "):
            self._line(line, "muted", BOX_COLUMNS, SMALL)
        if node.trend and "grad" in self.show:
            self.y += 2.0
            heights, logarithmic = _heights(node.trend)
            caption = "norm of ∂, first to last" + ", log scale" * logarithmic
            self._line(caption, "muted", BOX_COLUMNS, SMALL)
            wide = min(max(8.0 * len(heights), 60.0), 180.0)
            self.marks.append(Bars(PAD, self.y, wide, 18.0, heights, gap=1.0))
            self.y += 20.0
            self._line(f"{number(node.trend[0], 3)} … {number(node.trend[-1], 3)}", size=SMALL)
            self.width = max(self.width, wide + 2 * PAD)

    def _compact(self) -> None:
        node = self.node
        title, _ = _titles(node)
        aside = shape_text(node.value.shape) if node.value.dtype else ""
        if node.count > 1:
            aside = f"× {node.count} {aside}"
        self.y += LINE - 6.0
        self._row(
            Text(PAD, self.y, shorten(title, 18), BODY, bold=True),
            Text(-PAD, self.y, aside, SMALL, "muted"),
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
        if "value" in self.show:
            self.y += LINE + 1.0
            tone = "warn" if node.value.nans or node.value.infs else "ink"
            self._row(
                Text(PAD, self.y - 4.0, "value", SMALL, "muted"),
                Text(-PAD, self.y - 4.0, "" if value is None else number(value), BODY, tone),
            )
        if node.grad_state == "none" or "grad" not in self.show:
            return
        grad = node.grad.scalar if node.grad else None
        text, tone = self._gradient_word() if grad is None else (signed(grad), sign_tone(grad))
        self.y += LINE
        self._row(
            Text(PAD, self.y - 4.0, grad_label(self.graph, node), SMALL, "muted"),
            Text(-PAD, self.y - 4.0, text, BODY, tone, bold=grad is not None),
        )

    def _tensor(self) -> None:
        """Value and gradient: side by side, or one above the other where rows are long."""
        node = self.node
        caption = "value" if node.count == 1 else f"value of {shorten(result_name(node), 16)}"
        blocks = []
        if "value" in self.show:
            blocks.append(Block(caption, node.value, False, histogram=True))
        if node.grad_state != "none" and "grad" in self.show:
            label = grad_label(self.graph, node)
            if node.grad is not None and node.grad_state == "set":
                blocks.append(Block(label, node.grad, True, of=node.value, histogram=True))
            else:
                blocks.append(Block(label, None, True, *self._gradient_word()))
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
        edges = [edge for edge in self.graph.uses_of[self.node.id] if edge.contribution]
        count = sum(edge.count for edge in edges)
        if count < 2 or self.node.unseen:
            return
        uses = [edge.contribution for edge in edges if edge.contribution]
        scalars = [use.scalar for use in uses if use.scalar is not None]
        if len(scalars) == count <= MOST_TERMS:
            for line in wrap_columns(terms_text(scalars), FORMULA_COLUMNS):
                self._line(line)
        else:
            self._line(f"sum of {count} paths")

    def _label(self, edge: Edge) -> tuple[Text, ...]:
        lines = []
        for text, tone, bold in edge_lines(self.graph, edge):
            shown = wrap_columns(text, RULE_COLUMNS, 2)
            for part in shown:
                y = 10.0 + LABEL_LINE * len(lines)
                lines.append(
                    Text(BESIDE, y, part, SMALL, tone, bold, full=text if len(shown) > 1 else "")
                )
        return tuple(lines)


def _titles(node: Node) -> tuple[str, str]:
    """What stands at the head of a card, on the left and on the right."""
    symbol = node.symbol.replace("-", MINUS)
    title = node.name if node.is_leaf or node.named else symbol
    aside = node.kind if node.is_leaf else node.name if not node.named else symbol
    if node.kind == "module" and not node.value.dtype:
        aside = node.op
    elif node.problem and not node.value.dtype:
        aside = "failed"
    elif node.value.size != 1:
        aside = shape_text(node.value.shape)
    return title, aside


def _heights(sizes: tuple[float, ...]) -> tuple[tuple[float, ...], bool]:
    """Sizes as heights of at most 60 bars, the largest 1; and whether by their logarithm, which
    sizes that differ by more than a hundred times are: what is 9 decades smaller has no height."""
    step = -(-len(sizes) // MOST_BARS)
    kept = [max(sizes[i : i + step]) for i in range(0, len(sizes), step)]
    top = max(kept)
    if not top:
        return (0.0,) * len(kept), False
    if min(kept) * 100.0 > top:
        return tuple(size / top for size in kept), False
    logs = [math.log10(size / top) / DECADES if size / top else -1.0 for size in kept]
    return tuple(max(1.0 + log, 0.0) for log in logs), True
