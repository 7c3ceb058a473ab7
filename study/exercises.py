"""`exercise("tanh(w*x + b)")`: backpropagation by hand. The text has blanks for values and
gradients; `check` marks the reader's numbers (marking.py).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import SupportsFloat

from ..engine import GraphError, Tensor
from .expressions import build
from .language import parse, variables
from .live import Live, live
from .marking import Marking, gradient_key, mark
from .model import Graph
from .svg import headline
from .text import clean, columns, number, shape_text, shorten
from .wording import in_names

LONGEST = 40  # ops that somebody still computes by hand
NUMBERS = (2.0, -1.0, 0.5, 3.0, -2.0, 1.5, -0.5, 4.0)  # for names that are given none
BLANK = "____"


class Exercise:
    """An exercise: `print` it, fill it in, `check` it; `answers` are the right numbers."""

    def __init__(self, title: str, found: Live) -> None:
        self._title = title
        self._live = found
        graph = found.graph
        self.answers: dict[str, float] = {}
        """What belongs into each blank, in the order of the text."""
        self._places: dict[str, tuple[str, int]] = {}
        for node in graph.nodes:
            if not node.is_leaf:
                self._blank(node.name, node.value.scalar, ("value", node.id))
        nodes = [node for node in reversed(graph.nodes) if not node.is_leaf]
        for node in nodes + [node for node in graph.nodes if node.is_leaf]:
            if node.grad is not None and node.id != graph.root:
                label = gradient_key(graph, node.id)
                self._blank(label, node.grad.scalar, ("gradient", node.id))

    def _blank(self, key: str, answer: float | None, place: tuple[str, int]) -> None:
        assert answer is not None
        self.answers[key] = float(answer)
        self._places[key] = place

    def check(self, answers: Mapping[str, SupportsFloat]) -> Marking:
        """Mark numbers, given by the names of their blanks; half a percent off is still right.

        What is wrong is told with the factor that was wrong, as far as the number betrays it. A key
        that is no blank is a KeyError, what is no number a TypeError.

        >>> import backlit as bl
        >>> e = bl.exercise("w * x", at={"w": 3, "x": 2})
        >>> print(e.check({"n2": 6, "dL/dw": 3, "dL/dx": 3}))
        n2 = 6: right
        dL/dw = 3: wrong. The local derivative is that of the other operand: ∂n2/∂w = x = 2
        dL/dx = 3: right
        2 of 3 right
        """
        if not isinstance(answers, Mapping):
            kind = type(answers).__name__
            raise TypeError(f"check: answers are numbers by name, {{'n2': 0.5}}, not {kind}")
        given: dict[str, float] = {}
        for key, value in answers.items():
            name = str(key).replace("∂", "d")
            if name not in self.answers:
                near = difflib.get_close_matches(name, self.answers, 1)
                mean = f"; did you mean {near[0]!r}?" if near else ""
                raise KeyError(f"check: {key!r} is no blank{mean}; they are {list(self.answers)}")
            if isinstance(value, Tensor) and value.size == 1:
                value = value.item()
            if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
                raise TypeError(f"check: {name} is answered by {value!r}, which is no number")
            given[name] = float(value)
        return mark(self._live, self._places, self.answers, given)

    def __str__(self) -> str:
        graph = self._live.graph
        lines = [f"Backpropagation by hand: {self._title}", "", "given"]
        leaves = [node for node in graph.nodes if node.is_leaf and node.kind != "const"]
        lines += [f"  {node.name} = {number(node.value.scalar or 0.0, 7)}" for node in leaves]
        ops = [node for node in graph.nodes if not node.is_leaf]
        made = [f"  {node.name} = {in_names(graph, node, node.formula)}" for node in ops]
        room = max(map(columns, made))
        lines += ["", "forward: the value of each op"]
        lines += [text + " " * (room - columns(text)) + f" = {BLANK}" for text in made]
        root = gradient_key(graph, graph.root)
        lines += ["", "backward: sum over its uses of local derivative × upstream"]
        lines.append(f"  {root} = 1, where backward starts")
        keys = [key for key, (kind, _) in self._places.items() if kind == "gradient"]
        lines += [f"  {key} = {BLANK}" for key in keys]
        first = next(iter(self.answers))
        example = f"{first!r}: 0.5" + (f", {keys[0]!r}: 1.5" if keys else "")
        lines += ["", f"Fill in, and mark it: .check({{{example}, …}})"]
        return "\n".join(lines)

    __repr__ = __str__


def exercise(what: str | Tensor, at: Mapping[str, float] | None = None) -> Exercise:
    """An exercise in backpropagation, from an expression or from a loss of single numbers.

    Parameters
    ----------
    what : an expression: numbers, names, + - * / **, brackets, tanh exp log relu …; or a loss
        whose graph is alive and holds single numbers only (`bl.expand` takes tensors apart).
    at : the numbers of the expression's names; what is not given gets a small number.

    Raises LanguageError for what is not in the language, GraphError for a graph that is not of
    single numbers, or too long, or that holds NaN or infinity.

    >>> import backlit as bl
    >>> print(bl.exercise("w * x", at={"w": 3, "x": 2}))
    Backpropagation by hand: L = w * x
    <BLANKLINE>
    given
      w = 3
      x = 2
    <BLANKLINE>
    forward: the value of each op
      n2 = w · x = ____
    <BLANKLINE>
    backward: sum over its uses of local derivative × upstream
      dL/dn2 = 1, where backward starts
      dL/dw = ____
      dL/dx = ____
    <BLANKLINE>
    Fill in, and mark it: .check({'n2': 0.5, 'dL/dw': 1.5, …})
    """
    if at is not None and not isinstance(at, Mapping):
        kind = type(at).__name__
        raise TypeError(f"exercise: at has numbers by name, {{'x': 0.5}}, and is not {kind}")
    if isinstance(what, str):
        tree = parse(what)
        names = variables(tree)
        numbers = {name: NUMBERS[k % len(NUMBERS)] for k, name in enumerate(names)}
        loss, title = build(tree, {**numbers, **(at or {})}), f"L = {clean(what).strip()}"
    else:
        if at is not None:
            raise TypeError("exercise: only an expression takes numbers for its names (at=…)")
        loss, title = what, ""
    found = live("exercise", loss)
    _check(found.graph)
    found = replace(found, graph=_unambiguous(found.graph))
    return Exercise(title or headline(found.graph)[0].rpartition(" = ")[0], found)


def _check(graph: Graph) -> None:
    """Raise where a hand would not come through."""
    ops = [node for node in graph.nodes if not node.is_leaf]
    for node in graph.nodes:
        if node.value.scalar is None:
            raise GraphError(
                f"exercise: {shorten(node.name, 40)} has the shape "
                f"{shape_text(node.value.shape)}, and hands compute single numbers; "
                "bl.exercise(bl.expand(loss)) takes a small graph apart"
            )
        for values in (node.value, node.grad):
            if values is not None and not math.isfinite(values.scalar or 0.0):
                what = "" if values is node.value else "the gradient of "
                raise GraphError(
                    f"exercise: {what}{node.name} is {values.scalar} here; choose other numbers"
                    " (at={…})"
                )
    if len(ops) > LONGEST:
        raise GraphError(
            f"exercise: {len(ops)} ops are too many to do by hand (at most {LONGEST}); take a "
            "smaller expression"
        )


def _unambiguous(graph: Graph) -> Graph:
    """Names that several tensors bear get the node's number: each blank is one thing."""
    times: dict[str, int] = {}
    for node in graph.nodes:
        times[node.name] = times.get(node.name, 0) + (node.kind != "const")
    nodes = tuple(
        replace(node, name=f"{node.name}_{node.id}") if times[node.name] > 1 else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)
