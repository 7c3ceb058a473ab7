"""How the chain rule is put into words: signs, sums, derivatives in the operands' own names.
Cards, listings and DOT labels all say it in these words.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from .elements import element_text
from .model import SMALL, SUM, Edge, Graph, Node, Values
from .text import MINUS, bytes_text, columns, count_text, number, shape_text, shorten, summed_text


def grad_label(graph: Graph, node: Node) -> str:
    """How the gradient of a node is written: ∂L/∂w."""
    return f"∂{graph.letter}/∂{shorten(result_name(node), 16)}"


def result_name(node: Node) -> str:
    """The name of what a node's value is the value of: of many modules in a row, of the last."""
    return node.name.rpartition(" … ")[2] if node.count > 1 else node.name


def signed(value: float) -> str:
    """A number with a glyph for its sign, so that colour is never the only bearer.

    >>> signed(0.5), signed(-0.5), signed(0.0)
    ('▲ 0.5', '▼ −0.5', '0')
    """
    glyph = "▲ " if value > 0 else "▼ " if value < 0 else ""
    return glyph + number(value)


def sign_tone(value: float) -> str:
    """The tone of a signed number: plus, minus, muted for 0, warn for NaN."""
    return "plus" if value > 0 else "minus" if value < 0 else "muted" if value == 0 else "warn"


def term(value: float) -> str:
    """A number as a term of a sum, in brackets if it has a sign.

    >>> term(0.3), term(-0.12)
    ('0.3', '(−0.12)')
    """
    return f"({number(value)})" if value < 0 else number(value)


def terms_text(contributions: list[float]) -> str:
    """The sum at a shared node, term by term.

    >>> terms_text([0.3, -0.12])
    '= 0.3 + (−0.12)'
    """
    return "= " + " + ".join(map(term, contributions))


def in_names(graph: Graph, node: Node, text: str) -> str:
    """A formula of a node's op with the operands' own names in the places of x and y.

    Only where the formula names every operand, and all names are short words, elements (w[0, 1]) or
    numbers; otherwise the text as it is.

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
        if columns(name) > 12 or not re.fullmatch(r"\(?−?[\w.]+(\[[\d, ]+\])?\)?", name):
            return text
        if not edge.operand or not re.search(rf"\b{edge.operand}\b", node.formula):
            return text
        names[edge.operand] = name

    def renamed(found: re.Match[str]) -> str:
        factor, word = found.groups()
        if word not in names:
            return found[0]
        return f"{factor} · {names[word]}" if factor else names[word]

    return re.sub(r"(\d?)([A-Za-z]+)", renamed, text)


def derivative_text(graph: Graph, edge: Edge) -> str:
    """The local derivative of an op of single numbers, as in ∂/∂x = w."""
    node = graph.nodes[edge.dst]
    if node.op == SUM:
        return f"∂/∂{shorten(graph.nodes[edge.src].name, 12)} = {edge.local}"
    local = in_names(graph, node, edge.local.partition(": ")[0])
    if not local or not edge.operand or re.search(r"\bg", edge.local):
        return local
    return f"∂/∂{in_names(graph, node, edge.operand)} = {local}"


def cost_text(graph: Graph, edge: Edge, flow: Values) -> str:
    """How many bytes flow back, and how many operations a product of matrices takes to make them.

    >>> import backlit as bl
    >>> w = bl.tensor([[1.0] * 20] * 20, requires_grad=True)
    >>> graph = bl.draw((w @ w).sum()).graph
    >>> cost_text(graph, graph.edges[0], graph.edges[0].contribution)
    '1.56 kB · 16 kFLOP'
    """
    text = bytes_text(flow.size * (8 if flow.dtype == "float64" else 4))
    made = graph.nodes[edge.dst]
    if made.op in ("matmul", "linear") and edge.slot < 2 and edge.local:
        inner = graph.nodes[graph.inputs_of[made.id][0].src].value.shape[-1:]
        work, units = 2.0 * made.value.size * math.prod(inner), ["", "k", "M", "G", "T"]
        while work >= 1000 and len(units) > 1:
            work /= 1000
            units.pop(0)
        text += f" · {number(work, 3)} {units[0]}FLOP"
    return text


class Line(NamedTuple):
    """One line beside an edge; `tone` names its colour in the theme."""

    text: str
    tone: str
    bold: bool = False


def edge_lines(graph: Graph, edge: Edge) -> list[Line]:
    """What stands beside an edge: the chain rule of this operand, with its numbers.

    >>> import backlit as bl
    >>> a, b = (bl.tensor(3.0, requires_grad=True, name=name) for name in "ab")
    >>> graph = bl.draw(a * b).graph
    >>> [line.text for line in edge_lines(graph, graph.edges[0])]
    ['∂/∂a = b', '3 × 1', '= 3']
    """
    value = graph.nodes[edge.src].value
    flow, upstream = edge.contribution, edge.upstream
    if not value.dtype:  # a module of several results
        norm = [] if flow is None or flow.norm is None else [f"norm {number(flow.norm)}"]
        return [Line(text, "muted") for text in [count_text(edge.count, "use"), *norm]]
    if flow is None:
        return [Line(shape_text(value.shape), "muted")] if value.shape else []
    if flow.scalar is not None and upstream is not None and edge.factor is not None:
        return [
            Line(derivative_text(graph, edge), "rule"),
            Line(f"{number(edge.factor)} × {number(upstream.scalar or 0.0)}", "ink"),
            Line(f"= {number(flow.scalar)}", sign_tone(flow.scalar), bold=True),
        ]
    rule = in_names(graph, graph.nodes[edge.dst], edge.vjp)
    lines = [Line(shape_text(value.shape), "ink"), Line(rule, "rule")]
    if example := element_text(graph, edge):
        lines.append(Line(example, "ink"))
    if flow.size > SMALL:
        lines.append(Line(cost_text(graph, edge, flow), "muted"))
    if edge.count > 1:
        lines.append(Line(f"{edge.count} uses", "muted"))
    if edge.summed:
        lines.append(Line(summed_text(edge.summed), "ink"))
    if flow.scalar is not None:
        lines.append(Line(signed(flow.scalar), sign_tone(flow.scalar), bold=True))
    elif flow.norm is not None:
        lines.append(Line(f"norm {number(flow.norm)}", "muted"))
    return lines
