"""The numbers of a walk as JSON for the page's script: columns of short rows, words said once.
The script composes the steps from them again; a test holds both to the same sentences.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from .model import FULL, Edge, Graph, Node, Values
from .stage import strongest
from .text import shorten, summed_text
from .wording import derivative_text, in_names

SAYS = {  # what predict mode says of a wrong answer; {0}, {1} … are filled in by the script
    "uphill": "The sign is wrong: a step goes against the gradient, so lr · grad is subtracted.",
    "no rate": "The learning rate is missing: the gradient is multiplied by {0} first.",
    "step": "That is lr · grad alone: subtract it from the value {1}.",
    "update": "Not yet: it is {1} − {0} × {2}.",
    "one use": "That is one contribution of {0}: .grad receives their sum.",
    "sum": "Not yet: it is the sum of everything that arrives here.",
    "seed": "Not yet: how much does the loss change when the loss itself changes by 1?",
    "forward": "Not yet: {0} computes {1}.",
    "sign": "The size is right, the sign is not: look at the sign of each factor.",
    "local": "The local derivative is wrong: it is {0} = {1}. ",
    "upstream": "The upstream gradient is wrong: what arrives at {0} is {1}. ",
    "product": "Both factors are right, their product is not.",
    "passed on": "You passed the upstream gradient on as it is.",
    "other": "You took the one for {0}.",
    "divided": "It multiplies, you divided.",
    "alone": "You gave the local derivative alone.",
    "value": "You took the value of {0}.",
    "part": "It is the sum of {0} contributions, you took one.",
    "added": "The factors are multiplied, not added.",
    "so far": "That is the sum so far; asked is this contribution alone.",
    "factors": "Not yet. Type both factors as well, to see which one is wrong.",
}


def script_data(graph: Graph, palettes: dict[str, str] | None = None) -> str:
    """The data of the page, as JSON that may stand inside of a script element.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="</script>")
    >>> "</" in script_data(bl.draw(x * x).graph)
    False
    """
    words = _Words()
    updates = [
        [
            step.nodes[0],
            words(step.sentence),
            int("plain" in step.numbers),
            *(_single(step.numbers.get(name)) for name in ("lr", "value", "grad", "after")),
        ]
        for step in graph.steps
        if step.kind == "update"
    ]
    data = {
        "letter": graph.letter,
        "root": graph.root,
        "freed": graph.freed,
        "strongest": strongest(graph),
        "nodes": [_node(node, words) for node in graph.nodes],
        "edges": [_edge(graph, edge, words) for edge in graph.edges],
        "back": [step.edges[0] for step in graph.steps if step.kind == "backward"],
        "leaves": [
            [step.nodes[0], words(step.sentence)] if "prior" in step.numbers else [step.nodes[0]]
            for step in graph.steps
            if step.kind == "accumulate"
        ],
        "updates": updates,
        "palettes": palettes,
        "says": SAYS,
        "words": words.said,
    }
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Words:
    """Texts, each kept once; calling gives a text's number."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self.numbers:
            self.numbers[text] = len(self.said)
            self.said.append(text)
        return self.numbers[text]


def _node(node: Node, words: _Words) -> list[Any]:
    short = shorten(node.name, 16)
    row = [
        words(node.name),
        words(short),
        words(node.kind),
        words(node.op),
        words(node.symbol),
        words(node.formula),
        words(node.module_path),
        words(node.value.dtype),
        _values(node.value),
        words(node.grad_state),
    ]
    if node.grad is not None:
        row.append(_values(node.grad))
    return row


def _edge(graph: Graph, edge: Edge, words: _Words) -> list[Any]:
    """Derivatives are written in the operands' names where the graph is small."""
    row = [edge.src, edge.dst]
    flow = edge.contribution
    if flow is None and not edge.local:
        return row
    vjp = edge.vjp
    if len(graph.nodes) > FULL:
        rule = edge.local.partition(": ")[0] if edge.factor is not None else vjp
        named = vjp
    else:
        named = in_names(graph, graph.nodes[edge.dst], vjp)
        rule = derivative_text(graph, edge) if edge.factor is not None else named
    narrow = graph.nodes[edge.src].value.dtype == "float32"
    factor = None if edge.factor is None else _short(edge.factor, narrow)
    row += [words(vjp), words(rule), words(named), factor, None]
    if flow is not None:
        row[-1] = _values(flow)
        if edge.summed:
            row.append(words(summed_text(edge.summed)))
    return row


def _single(value: float | None) -> float | str | None:
    """A number that JSON can hold."""
    return value if value is None or math.isfinite(value) else str(value)


def _values(values: Values) -> Any:
    """One number as itself; more as [shape, data, low, high, norm, zeros, nans, infs].

    float32 is written in the fewest digits that tell it apart; the script rounds it back.
    """
    narrow = values.dtype == "float32"
    scalar = values.scalar
    if scalar is not None and values.shape == ():
        return _short(scalar, narrow)
    data = values.data
    return [
        list(values.shape),
        0 if data is None else [_short(value, narrow) for value in data],
        *(_single(v) for v in (values.low, values.high, values.norm)),
        values.zeros,
        values.nans,
        values.infs,
    ]


def _short(value: Any, narrow: bool) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15 and (value or math.copysign(1.0, value) > 0):
        return int(value)
    return float(str(np.float32(value))) if narrow else value
