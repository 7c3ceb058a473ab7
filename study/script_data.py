"""The numbers of a walk as JSON for the page's script: columns of short rows, words said once.
The script composes the steps from them again; a test holds both to the same sentences.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from .grains import coarse_steps
from .model import FULL, SMALL, Edge, Graph, Node, Place, Values
from .sentences import problem_text
from .stage import strongest
from .text import number, shape_text, shorten, summed_text
from .wording import derivative_text, in_names

FEW = 16  # of larger arrays in large graphs the page has statistics instead of numbers

LOCAL = "The local derivative is wrong: it is {rule} = {local}."
UPSTREAM = "The upstream gradient is wrong: what arrives at {dst} is {upstream}."
SAYS = {  # the page's sentences: {…} are filled in by the script, by the names of its facts
    "start": "Nothing is computed yet: only the leaves have values. → or “next” begins.",
    "tell forward": "{name} = {op}({operands}) = {result}",
    "tell failure": "{name} failed: {problem}",
    "tell seed": "seed: {dL} = {result}",
    "tell accumulate": "{name}.grad receives {result}",
    "tell update": "{name}: {value} − lr {lr} · grad {term} = {result}",
    "chain": "{from} → {name}: local {local} · upstream {upstream} = {result}",
    "product": "{from} → {name}: {vjp} = {result}",
    "sum_tail": "; {dL} = {before} + {term}",
    "turn_tail": "; contribution {turn} is added to the ones before",
    # what predict mode says of a wrong answer
    "type": "Type a number, such as −0.026.",
    "uphill": "The sign is wrong: a step goes against the gradient, so lr · grad is subtracted.",
    "no rate": "The learning rate is missing: the gradient is multiplied by {lr} first.",
    "step": "That is lr · grad alone: subtract it from the value {value}.",
    "not update": "Not yet: it is {value} − {lr} × {grad}.",
    "one use": "That is one contribution of {count}: .grad receives their sum.",
    "not accumulate": "Not yet: it is the sum of everything that arrives here.",
    "not backward": "Not yet: what flows back is {vjp}, with g the gradient at {dst}.",
    "not seed": "Not yet: how much does the loss change when the loss itself changes by 1?",
    "not forward": "Not yet: {op} computes {formula}.",
    "sign": "The size is right, the sign is not: look at the sign of each factor.",
    "bad local": LOCAL,
    "bad upstream": UPSTREAM,
    "factors right": "Both factors are right, their product is not.",
    "passed on": f"{LOCAL} You passed the upstream gradient on as it is.",
    "other": f"{LOCAL} You took the one for {{other}}.",
    "divided": f"{LOCAL} It multiplies, you divided.",
    "alone": f"{UPSTREAM} You gave the local derivative alone.",
    "value": f"{UPSTREAM} You took the value of {{dst}}.",
    "part": f"{UPSTREAM} It is the sum of {{count}} contributions, you took one.",
    "as it is": "You passed the upstream gradient on as it is; what flows back is {vjp}.",
    "added": "The factors are multiplied, not added.",
    "so far": "That is the sum so far; asked is this contribution alone.",
    "factors": "Not yet. Type both factors as well, to see which one is wrong.",
    "element": "That is element {place}: count rows first, from 0.",
    "value of": "That is the value of {name} there, not what flows back to it.",
    "reversed": "That is its transpose: a gradient has the shape of {name} itself.",
    "arrives": "That is the shape of what arrives at {dst}; what {name} receives has its own.",
    "not shape": "Not yet: a gradient has the shape of what it is the gradient of, here {name}.",
}


def script_data(graph: Graph) -> str:
    """The data of the page, as JSON that may stand inside of a script element.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="</script>")
    >>> "</" in script_data(bl.draw(x * x).graph)
    False
    """
    words, arrays = _Words(), _Arrays(FEW if len(graph.nodes) > FULL else SMALL)
    told = coarse_steps(graph)
    sources = {place: i for i, place in enumerate(places(graph))}
    updates = [
        [
            step.nodes[0],
            None if "plain" in step.numbers else words(step.sentence),
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
        "nodes": [_node(node, words, arrays, sources) for node in graph.nodes],
        "edges": [_edge(graph, edge, words, arrays) for edge in graph.edges],
        "back": [step.edges[0] for step in graph.steps if step.kind == "backward"],
        "leaves": [
            [step.nodes[0], words(step.sentence)] if "prior" in step.numbers else [step.nodes[0]]
            for step in graph.steps
            if step.kind == "accumulate"
        ],
        "updates": updates,
        "stops": [[k for k, _ in stops] for stops in told],
        "told": [{k: words(text) for k, text in stops} for stops in told[1:]],
        "says": SAYS,
        "words": words.said,
    }
    data["arrays"] = arrays.rows
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def places(graph: Graph) -> list[Place]:
    """The lines of the program that made the nodes, each once."""
    return list(dict.fromkeys(node.source for node in graph.nodes if node.source is not None))


def statistics_text(values: Values) -> str:
    """What is told of an array whose numbers are not.

    >>> import numpy as np
    >>> from backlit.study.values import summarise
    >>> statistics_text(summarise(np.eye(20)))
    '0 … 1 · (20, 20), norm 4.472 · 95% zero'
    """
    if values.low is None or values.high is None:
        parts = ["not kept" if values.size else "empty", shape_text(values.shape)]
    else:
        norm = "" if values.norm is None else f", norm {number(values.norm)}"
        parts = [f"{number(values.low, 3)} … {number(values.high, 3)}"]
        parts.append(shape_text(values.shape) + norm)
    if values.zeros:
        parts.append(f"{number(100 * values.zeros, 3)}% zero")
    odd = ((values.nans, "NaN"), (values.infs, "inf"))
    return " · ".join([*parts, *(f"{count:,} {word}" for count, word in odd if count)])


class _Words:
    """Texts, each kept once; calling gives a text's number, which is 0 for no text alone: so the
    script can ask `if (text)`.
    """

    def __init__(self) -> None:
        self.said = [""]
        self.numbers = {"": 0}

    def __call__(self, text: str) -> int:
        if text not in self.numbers:
            self.numbers[text] = len(self.said)
            self.said.append(text)
        return self.numbers[text]


class _Arrays:
    """Arrays, each kept once, as what flows is often what a gradient is; calling gives one number
    as itself, and of more [k], the number of a row [shape, data, norm, zeros]. Of arrays of more
    than `most` numbers the row has what is to be said of them instead.

    float32 is written in the fewest digits that tell it apart; the script rounds it back.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: list[list[Any]] = []
        self.numbers: dict[str, int] = {}

    def __call__(self, values: Values) -> Any:
        narrow = values.dtype == "float32"
        scalar = values.scalar
        if scalar is not None and values.shape == ():
            return _short(scalar, narrow)
        data = values.data if values.size <= self.most else None
        row: list[Any] = [
            list(values.shape),
            0 if data is None else [_short(value, narrow) for value in data],
            _single(values.norm),
            round(values.zeros, 6),
        ]
        if not data:
            row.append(statistics_text(values))
        k = self.numbers.setdefault(repr(row), len(self.rows))
        if k == len(self.rows):
            self.rows.append(row)
        return [k]


def _node(node: Node, words: _Words, arrays: _Arrays, sources: dict[Place, int]) -> list[Any]:
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
        words(node.grad_state),
        words(problem_text(node)),
        None if node.source is None else sources[node.source],
        arrays(node.value),
    ]
    if node.grad is not None:
        row.append(arrays(node.grad))
    return row


def _edge(graph: Graph, edge: Edge, words: _Words, arrays: _Arrays) -> list[Any]:
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
        row[-1] = arrays(flow)
        if edge.summed:
            row.append(words(summed_text(edge.summed)))
    return row


def _single(value: float | None) -> float | str | None:
    """A number that JSON can hold."""
    return value if value is None or math.isfinite(value) else str(value)


def _short(value: Any, narrow: bool) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15 and (value or math.copysign(1.0, value) > 0):
        return int(value)
    return float(str(np.float32(value))) if narrow else value
