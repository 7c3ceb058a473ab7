"""One element worked out: what the line says, computed anew from the numbers it names."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import backlit.nn.functional as F
from backlit.engine import tensor
from backlit.study import draw
from backlit.study.elements import element_text

from .programs import PROGRAMS, leaf, random_programs


def read(text: str) -> tuple[tuple[int, ...], list[float], int, float]:
    """(place, the terms shown, how many more, result) of a line."""
    place, _, rest = text.replace("−", "-").partition("]: ")
    left, _, result = rest.partition(" = ")
    left = left.partition(" more")[0]
    parts = left.split(" + ")
    hidden = int(parts.pop()) if " more" in rest else 0
    terms = [math.prod(float(x.strip("()")) for x in re.split(" × |·", part)) for part in parts]
    return tuple(int(k) for k in place.strip("[").split(", ")), terms, hidden, float(result)


def check(graph: Any) -> int:
    """The line's result is the largest element of the contribution; its terms add up to it."""
    found = 0
    for edge in graph.edges:
        text = element_text(graph, edge)
        if not text:
            continue
        found += 1
        place, terms, hidden, result = read(text)
        flow = np.array(edge.contribution.data).reshape(edge.contribution.shape)
        assert abs(flow[place]) == np.abs(flow).max()
        assert result == pytest.approx(flow[place], rel=1e-3)
        if not hidden:
            assert sum(terms) == pytest.approx(result, rel=0.02, abs=0.02 * max(map(abs, terms)))
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_classics(name):
    check(draw(PROGRAMS[name]()).graph)


@settings(max_examples=60, deadline=None)
@given(random_programs())
def test_random_graphs(loss):
    check(draw(loss).graph)


def small(*shape: int, name: str) -> Any:
    return leaf(np.random.default_rng(len(name)).normal(size=shape), name)


def test_products_of_matrices():
    """Every slot of both products, two terms each, so that nothing is hidden."""
    x, y = small(2, 2, name="x"), small(2, 2, name="yy")
    assert check(draw((x @ y).tanh().sum()).graph) == 3
    w, b = small(2, 2, name="www"), small(2, name="bbbb")
    graph: Any = draw(F.linear(x, w, b).tanh().sum()).graph
    slots = [edge.slot for edge in graph.edges
             if graph.nodes[edge.dst].op == "linear" and element_text(graph, edge)]  # fmt: skip
    assert slots == [0, 1]
    check(graph)


def test_longer_sums_say_how_many_terms_are_left_out():
    x, y = small(2, 5, name="x"), small(5, 3, name="yy")
    graph = draw((x @ y).sum()).graph
    texts = [element_text(graph, edge) for edge in graph.edges]
    assert " + 1 more = " in texts[0]
    assert "more" not in texts[1]
    assert "1 more = " in draw((x @ y).sum()).svg()


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: (x * tensor(np.ones((3, 1)), dtype=np.float64)).sum(),  # broadcast: summed
        lambda x: x.log_softmax(-1).sum(),  # not one product
        lambda x: (x * np.nan).sum(),
        lambda x: x.reshape(3, 1).sum(),
        lambda x: x.sum(),
    ],
)
def test_what_is_no_sum_of_products_has_no_line(loss):
    graph = draw(loss(leaf([1.0, 2.0, 3.0], "x"))).graph
    assert element_text(graph, graph.edges[0]) == ""


def test_vectors_in_products_have_no_line():
    a, b = leaf([1.0, 2.0], "a"), leaf([[1.0, 2.0], [3.0, 4.0]], "b")
    graph = draw((a @ b).sum()).graph
    assert not any(element_text(graph, e) for e in graph.edges if graph.nodes[e.src].name == "a")
