"""Marks the numbers of an exercise: what is wrong is told with the factor that was wrong, found by
trying the usual mistakes on the reader's own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..engine import BacklitError, Tensor, apply, no_grad
from ..engine.tensors import wrap
from .live import Live
from .model import Edge, Graph
from .text import count_text, number
from .wording import derivative_text, in_names


@dataclass(frozen=True)
class Marking:
    """A marked exercise: `right` and `missing` name blanks, `wrong` says of each what is wrong."""

    right: tuple[str, ...]
    wrong: dict[str, str]
    missing: tuple[str, ...]
    given: dict[str, float]

    @property
    def ok(self) -> bool:
        """Whether all is answered, and right."""
        return not self.wrong and not self.missing

    def __str__(self) -> str:
        lines = []
        for key, value in self.given.items():
            verdict = f"wrong. {self.wrong[key]}" if key in self.wrong else "right"
            lines.append(f"{key} = {number(value)}: {verdict}")
        blanks = len(self.right) + len(self.wrong) + len(self.missing)
        open_ = f", still open: {', '.join(self.missing)}" if self.missing else ""
        return "\n".join([*lines, f"{len(self.right)} of {blanks} right{open_}"])

    __repr__ = __str__


def gradient_key(graph: Graph, node: int) -> str:
    """How the blank of a gradient is called, in letters that every keyboard has: dL/dw."""
    return f"d{graph.letter}/d{graph.nodes[node].name}"


def close(found: float, wanted: float) -> bool:
    """Whether a reader's number is right: to half a percent.

    >>> close(0.462, 0.46212), close(0.46, 0.47)
    (True, False)
    """
    return abs(found - wanted) <= 5e-3 * abs(wanted) + 1e-9


def mark(
    found: Live,
    places: Mapping[str, tuple[str, int]],
    answers: Mapping[str, float],
    given: Mapping[str, float],
) -> Marking:
    """Compare what is given with the answers; `places` says what each blank is of."""
    marker = _Marker(found, places, answers, given)
    right = tuple(key for key in answers if key in given and close(given[key], answers[key]))
    wrong = {
        key: marker.why(key)
        for key in answers
        if key in given and not close(given[key], answers[key])
    }
    missing = tuple(key for key in answers if key not in given)
    return Marking(right, wrong, missing, {key: given[key] for key in answers if key in given})


class _Marker:
    """Looks for the mistake behind a number."""

    def __init__(
        self,
        found: Live,
        places: Mapping[str, tuple[str, int]],
        answers: Mapping[str, float],
        given: Mapping[str, float],
    ) -> None:
        self.graph = found.graph
        self.tensors = found.tensors
        self.places = places
        self.given = given
        self.answers = answers
        self.keys = {place: key for key, place in places.items()}
        self.values = {i: float(x.data.item()) for i, x in enumerate(found.tensors)}
        self.grads = {
            node.id: float(node.grad.scalar or 0.0) for node in self.graph.nodes if node.grad
        }
        self.own_values = {**self.values, **self._own("value")}
        self.own_grads = {**self.grads, **self._own("gradient")}

    def _own(self, kind: str) -> dict[int, float]:
        """The reader's numbers, right or wrong."""
        return {
            i: self.given[key] for key, (what, i) in self.places.items()
            if what == kind and key in self.given
        }  # fmt: skip

    def why(self, key: str) -> str:
        kind, i = self.places[key]
        found = self.given[key]
        if not math.isfinite(found):
            return "It is a finite number"
        return self._value(i, found) if kind == "value" else self._gradient(i, found)

    # -- values

    def _value(self, i: int, found: float) -> str:
        graph, node = self.graph, self.graph.nodes[i]
        inputs = [edge.src for edge in graph.inputs_of[i]]
        wrong = self._wrong("value", inputs)
        if wrong and close(found, self._compute(i, self.own_values)):
            return f"It follows from {_blamed([wrong])}"
        formula = in_names(graph, node, node.formula)
        operands = ", ".join(
            f"{graph.nodes[j].name} = {number(self.values[j])}"
            for j in dict.fromkeys(inputs)
            if graph.nodes[j].kind != "const" and ("value", j) not in self.keys
        )
        if close(found, -self.values[i]):
            return f"The sign is wrong: {node.name} = {formula}"
        return f"It is {formula}" + (f" with {operands}" if operands else "")

    def _compute(self, i: int, values: Mapping[int, float]) -> float:
        out = self.tensors[i]
        assert out.primitive is not None
        with no_grad(), np.errstate(all="ignore"):
            try:
                return float(apply(out.primitive, *self._inputs(i, values), **out.params).data)
            except BacklitError:
                return math.nan

    def _inputs(self, i: int, values: Mapping[int, float]) -> list[Tensor]:
        edges = self.graph.inputs_of[i]
        return [_like(values[edge.src], self.tensors[edge.src]) for edge in edges]

    def _wrong(self, kind: str, ids: list[int]) -> str:
        """Which of the reader's numbers at these nodes are wrong, by their names."""
        keys = [self.keys.get((kind, i), "") for i in dict.fromkeys(ids)]
        wrong = [
            f"your {key}" for key in keys
            if key in self.given and not close(self.given[key], self.answers[key])
        ]  # fmt: skip
        return " and ".join(wrong)

    # -- gradients

    def _gradient(self, i: int, found: float) -> str:
        uses = [edge for edge in self.graph.uses_of[i] if edge.contribution is not None]
        above = [edge.dst for edge in uses]
        near = [j for edge in uses for j in (*self._sources(edge), edge.dst)]
        wrong = [self._wrong("gradient", above), self._wrong("value", near)]
        if any(wrong) and close(found, sum(self._own_part(edge) for edge in uses)):
            return f"It follows from {_blamed(wrong)}"
        if len(uses) == 1:
            return self._one_use(uses[0], found)
        return self._several(uses, found)

    def _sources(self, edge: Edge) -> list[int]:
        return [each.src for each in self.graph.inputs_of[edge.dst]]

    def _own_part(self, edge: Edge) -> float:
        """local × upstream with the reader's own numbers."""
        return self._local(edge, self.own_values) * self.own_grads[edge.dst]

    def _local(self, edge: Edge, values: Mapping[int, float]) -> float:
        """The local derivative where the values are these."""
        out = self.tensors[edge.dst]
        rule = out.primitive.rule(edge.slot) if out.primitive else None
        assert rule is not None
        ans = _like(values[edge.dst], out)
        with no_grad(), np.errstate(all="ignore"):
            flow = rule(_like(1.0, out), ans, *self._inputs(edge.dst, values), **out.params)
        return float(flow.data.sum())

    def _one_use(self, edge: Edge, found: float) -> str:
        upstream, local = self.own_grads[edge.dst], edge.factor or 0.0
        above = self._above(edge)
        said = self._said(edge)
        if close(found, -local * upstream):
            sign = "local derivative" if local < 0 else "product"
            return f"The sign of the {sign} is wrong: {said}, upstream {above}"
        if close(found, local) and not close(upstream, 1.0):
            return f"The upstream factor is missing: this is {said} alone, times {above}"
        if close(found, upstream) and not close(local, 1.0):
            return f"The local derivative is missing: this is {above} alone, times {said}"
        for other in self.graph.inputs_of[edge.dst]:
            factor = other.factor
            if other.slot != edge.slot and factor is not None and close(found, factor * upstream):
                return f"The local derivative is that of the other operand: {said}"
        if close(found, local + upstream):
            return f"The two factors are multiplied, not added: {said}, times {above}"
        if upstream and math.isfinite(found / upstream):
            implied = number(found / upstream)
            return f"The local derivative is wrong: over {above} yours is {implied}, but {said}"
        return f"It is {said}, times {above}"

    def _several(self, uses: list[Edge], found: float) -> str:
        parts = [(edge.factor or 0.0) * self.own_grads[edge.dst] for edge in uses]
        total = sum(parts)
        if close(found, -total):
            return f"The sign is wrong: it is {self._list(uses)}"
        for part in dict.fromkeys(parts):
            if close(found, part):
                return (
                    f"This is one use of {len(uses)}; what they send is added up: "
                    f"{self._list(uses)}"
                )
        for edge, part in zip(uses, parts, strict=True):
            if close(found, total - part):
                return f"A use is missing: {self._said(edge)}, times {self._above(edge)}"
            if close(found, total - 2 * part):
                return f"The sign of one use is wrong: {self._said(edge)}, {self._above(edge)}"
        if close(found, sum(edge.factor or 0.0 for edge in uses)):
            return f"The upstream factors are missing: {self._list(uses)}"
        return f"It is the sum of {count_text(len(uses), 'use')}: {self._list(uses)}"

    def _list(self, uses: list[Edge]) -> str:
        shown = [f"{self._symbol(edge)} × {self._key(edge)}" for edge in uses[:6]]
        return " + ".join(shown) + (" + …" if len(uses) > 6 else "")

    def _symbol(self, edge: Edge) -> str:
        nodes = self.graph.nodes
        return f"∂{nodes[edge.dst].name}/∂{nodes[edge.src].name}"

    def _said(self, edge: Edge) -> str:
        """The local derivative with symbol and number: ∂n2/∂w = x = 2."""
        local = derivative_text(self.graph, edge).partition(" = ")[2]
        value = number(edge.factor or 0.0)
        return f"{self._symbol(edge)} = " + (f"{local} = {value}" if local != value else value)

    def _key(self, edge: Edge) -> str:
        return gradient_key(self.graph, edge.dst)

    def _above(self, edge: Edge) -> str:
        """The upstream gradient, with the reader's own number where one was given."""
        return f"{self._key(edge)} = {number(self.own_grads[edge.dst])}"


def _blamed(wrong: list[str]) -> str:
    text = " and ".join(each for each in wrong if each)
    return f"{text}, which {'are' if ' and ' in text else 'is'} wrong"


def _like(value: float, x: Tensor) -> Tensor:
    with np.errstate(over="ignore"):
        return wrap(np.full(x.shape, value, x.dtype))
