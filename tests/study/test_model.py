"""The view model against the engine: contributions sum to gradients, steps end in `.grad`.
And what it calls things, which states gradients have, what is an error.
"""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit import nn
from backlit.engine import GraphError, Tensor, backward_steps, no_grad, tensor
from backlit.study import draw, walk
from backlit.study.values import summarise

from .programs import PROGRAMS, chain, leaf, random_programs

FEW = settings(max_examples=60, deadline=None)


def array(values: Any) -> np.ndarray:
    return np.array(values.data, np.float64).reshape(values.shape)


def leaves_of(loss: Tensor) -> list[Tensor]:
    found: dict[int, Tensor] = {}
    for step in backward_steps(loss):
        for x in step.out.inputs:
            if x.primitive is None and x.requires_grad:
                found[id(x)] = x
    return list(found.values())


def check_sums(graph: Any) -> None:
    """What flows into a node along its edges is its gradient."""
    for node in graph.nodes:
        flows = [edge.contribution for edge in graph.uses_of[node.id] if edge.contribution]
        if node.grad is None or node.grad.data is None or not flows:
            continue
        total = sum(array(flow) for flow in flows)
        close = 1e-12 if node.grad.dtype == "float64" else 1e-5
        np.testing.assert_allclose(total, array(node.grad), rtol=close, atol=close)


def check_steps(graph: Any) -> None:
    """Adding up what the steps say, in their order, gives the gradients."""
    sums = {graph.root: graph.nodes[graph.root].grad.scalar}
    for step in graph.steps:
        if step.kind == "backward" and "contribution" in step.numbers:
            src = step.nodes[1]
            assert step.numbers["before"] == pytest.approx(sums.get(src, 0.0), nan_ok=True)
            sums[src] = sums.get(src, 0.0) + step.numbers["contribution"]
            assert step.numbers["after"] == pytest.approx(sums[src], nan_ok=True)
    for i, total in sums.items():
        assert total == pytest.approx(graph.nodes[i].grad.scalar, nan_ok=True)


def check_factors(graph: Any) -> None:
    """local x upstream = contribution, wherever all are single numbers."""
    for edge in graph.edges:
        if edge.factor is not None and edge.contribution is not None:
            assert edge.factor * edge.upstream.scalar == pytest.approx(
                edge.contribution.scalar, rel=1e-9, abs=1e-12, nan_ok=True
            )


def check_gradients(graph: Any, loss: Tensor) -> None:
    """The gradients of leaves are what backward leaves there, bit for bit."""
    leaves = leaves_of(loss)
    assert all(x.grad is None for x in leaves), "drawing touches no gradient"
    loss.backward()
    grads = [x.grad.data for x in leaves if x.grad is not None]
    expected = sorted(tuple(grad.ravel().tolist()) for grad in grads)
    drawn: list[Any] = [node.grad for node in graph.nodes if node.is_leaf and node.grad is not None]
    if all(grad.data is not None for grad in drawn):
        assert repr(sorted(grad.data for grad in drawn)) == repr(expected)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_chain_rule_holds_in_every_graph(name):
    loss = PROGRAMS[name]()
    graph = draw(loss).graph
    check_sums(graph)
    check_steps(graph)
    check_factors(graph)
    if name != "oddities":  # NaN has no order to sort by
        check_gradients(graph, loss)


@FEW
@given(random_programs())
def test_the_chain_rule_holds_in_random_graphs(loss):
    graph = draw(loss).graph
    check_sums(graph)
    check_steps(graph)
    check_factors(graph)
    check_gradients(graph, loss)


@FEW
@given(random_programs())
def test_numbering_follows_creation(loss):
    graph = draw(loss).graph
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert [edge.id for edge in graph.edges] == list(range(len(graph.edges)))
    assert all(edge.src < edge.dst for edge in graph.edges)
    slots = [(edge.dst, edge.slot) for edge in graph.edges]
    assert slots == sorted(slots)
    assert graph.root == max(node.id for node in graph.nodes if not node.is_leaf)


def test_a_square_has_two_edges_that_sum():
    graph: Any = draw(PROGRAMS["square"]()).graph
    assert [(edge.src, edge.dst, edge.slot) for edge in graph.edges] == [(0, 1, 0), (0, 1, 1)]
    assert [edge.contribution.scalar for edge in graph.edges] == [3.0, 3.0]
    assert graph.nodes[0].grad.scalar == 6.0


def test_the_steps_tell_the_story_in_the_engines_order():
    graph = draw(PROGRAMS["shared"]()).graph
    assert [step.sentence for step in graph.steps] == [
        "n1 = add(a, a) = 6",
        "n2 = mul(n1, n1) = 36",
        "n3 = sub(n2, a) = 33",
        "seed: ∂L/∂n3 = 1",
        "n3 (-) → n2: local 1 · upstream 1 = 1; ∂L/∂n2 = 0 + 1",
        "n3 (-) → a: local −1 · upstream 1 = −1; ∂L/∂a = 0 + (−1)",
        "n2 (*) → n1: local 6 · upstream 1 = 6; ∂L/∂n1 = 0 + 6",
        "n2 (*) → n1: local 6 · upstream 1 = 6; ∂L/∂n1 = 6 + 6",
        "n1 (+) → a: local 1 · upstream 12 = 12; ∂L/∂a = −1 + 12",
        "n1 (+) → a: local 1 · upstream 12 = 12; ∂L/∂a = 11 + 12",
        "a.grad receives 23",
    ]
    kinds = [step.kind for step in graph.steps]
    assert kinds == ["forward"] * 3 + ["seed"] + ["backward"] * 6 + ["accumulate"]


def test_where_broadcasting_is_undone_the_axes_are_named():
    graph = draw(PROGRAMS["broadcast"]()).graph
    summed = {graph.nodes[edge.src].name: edge.summed for edge in graph.edges if edge.summed}
    assert summed == {"w": (0,), "b": (1,), "s": (0, 1)}


def test_gradients_of_big_tensors_are_the_sums_of_their_contributions():
    loss = PROGRAMS["mlp"]()
    graph = draw(loss).graph
    sums: dict[int, Any] = {}
    for step in backward_steps(loss):
        for x, flow in zip(step.out.inputs, step.contributions, strict=True):
            if flow is not None:
                key = id(x)
                sums[key] = sums.get(key, 0) + flow.data
    ends = {repr(summarise(total)) for total in sums.values()}
    drawn = [n.grad for n in graph.nodes if n.grad is not None and n.id != graph.root]
    assert {repr(grad) for grad in drawn} == ends
    assert any(grad.tile is not None for grad in drawn)


def test_drawing_leaves_the_graph_alive_and_changes_nothing():
    loss = PROGRAMS["expression"]()
    first, again = draw(loss), draw(loss)
    assert first.to_json() == again.to_json()
    loss.backward()


def test_names_come_from_tensors_from_the_caller_and_from_creation_order():
    x, w, unnamed = leaf(2.0), leaf(3.0, "w"), leaf(4.0)
    k = tensor([1.0, 2.0], dtype=np.float64)
    y = ((x * w + unnamed) * 2.0 * k).sum()
    assert [n.name for n in draw(y).graph.nodes if n.is_leaf] == ["p0", "w", "p1", "2", "x0"]
    named = draw(y, names={"x": x, "y": y, "_": w, "pi": math.pi}).graph
    assert [n.name for n in named.nodes if n.is_leaf] == ["x", "w", "p0", "2", "x0"]
    assert named.nodes[named.root].name == "y"
    assert draw(y, names=locals()).graph.nodes[0].name == "x"


def test_a_module_names_its_parameters_and_shows_the_unused():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Linear(2, 2)
            self.idle = nn.Linear(2, 1, bias=False)

        def forward(self, x):
            return self.used(x)

    model = Model()
    x = tensor([[1.0, 2.0]], requires_grad=True, name="x")
    graph = draw(model(x).sum(), module=model).graph
    by_name = {node.name: node for node in graph.nodes}
    assert by_name["x"].kind == "input"
    assert by_name["used.weight"].module_path == "used"
    assert by_name["used.weight"].grad_state == "set"
    assert by_name["idle.weight"].grad_state == "no path"
    assert not graph.uses_of[by_name["idle.weight"].id]


def test_where_leaves_live():
    x, w = tensor([1.0, 2.0], name="x"), leaf([1.0, 2.0], "w", np.float32)
    with bl.engine.scope("outer"):
        with bl.engine.scope("a"):
            y = x * w + 1.0
            masked = y * tensor([0.0, 1.0])
        with bl.engine.scope("b"):
            z = masked * w
    places = {n.name: n.module_path for n in draw(z.sum()).graph.nodes if n.is_leaf}
    assert places == {"x": "", "w": "outer", "1": "outer.a", "x0": "outer.a"}


def test_states_of_gradients():
    x, c, dead = leaf(2.0, "x"), tensor(3.0, dtype=np.float64, name="c"), leaf(-1.0, "dead")
    graph = draw(x * c + dead.relu()).graph
    states = {node.name: node.grad_state for node in graph.nodes if node.named}
    assert states == {"x": "set", "c": "none", "dead": "zero"}
    blocked = (x > 1.0).astype(np.float64) * x  # the comparison passes no gradient
    assert {n.grad_state for n in draw(blocked).graph.nodes} == {"none", "set"}


def test_a_freed_graph_shows_structure_values_and_the_gradients_of_leaves():
    loss = PROGRAMS["expression"]()
    before = draw(loss).graph
    loss.backward()
    after = draw(loss).graph
    assert after.freed
    assert not before.freed
    assert [n.value for n in after.nodes] == [n.value for n in before.nodes]
    for old, new in zip(before.nodes, after.nodes, strict=True):
        assert new.grad == (old.grad if new.is_leaf else None)
        assert new.grad_state == ("set" if new.is_leaf else "not run")
    assert {step.kind for step in after.steps} == {"forward"}


def test_values_that_the_engine_let_go_are_not_shown_as_zeros():
    x = leaf(np.ones((300, 300)), "x")
    loss = (x * x).tanh().sum()
    loss.backward()
    figure = draw(loss)
    product = figure.graph.nodes[1]
    assert product.value.shape == (300, 300)
    assert product.value.tile is None
    assert product.value.low is None
    assert "not kept" in figure.svg()
    assert "not kept" in figure.text()


def test_a_tensor_called_not_kept_keeps_its_name():
    graph = draw(leaf(2.0, "not kept") * 3.0).graph
    assert graph.nodes[0].name == "not kept"
    assert graph.nodes[0].value.scalar == 2.0


def test_gradients_of_gradients_are_drawn_too():
    x = leaf(0.7, "x")
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    graph: Any = draw(x.grad).graph
    assert graph.nodes[0].grad.scalar == pytest.approx(6 * 0.7)


def test_a_deep_chain_is_recorded_without_recursion():
    graph = draw(chain(5000)).graph
    assert len(graph.nodes) == 5001
    check_steps(graph)


def test_what_cannot_be_drawn_is_a_clear_error():
    with pytest.raises(GraphError, match=r"it is a leaf.*Draw a result computed from it"):
        draw(leaf(1.0))
    with pytest.raises(GraphError, match="requires_grad=True"):
        draw(tensor(1.0) * 2.0)
    with no_grad(), pytest.raises(GraphError, match="no_grad"):
        draw(leaf(1.0) * 2.0)
    with pytest.raises(GraphError, match=r"shape \(3,\) \(from mul\); draw its \.sum\(\)"):
        draw(leaf([1.0, 2.0, 3.0]) * 2.0)
    with pytest.raises(TypeError, match="not float"):
        draw(1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("see", [draw, walk])
def test_a_model_in_the_place_of_names_is_told(see):
    model = nn.MLP([2, 2])
    loss = model(tensor([[1.0, 2.0]])).sum()
    with pytest.raises(TypeError, match=r"names=MLP given.* module=model"):
        see(loss, names=model)
    with pytest.raises(TypeError, match=r"module= is the nn.Module that ran, not list"):
        see(loss, module=[model])


def test_too_many_nodes_are_refused_with_what_to_do(monkeypatch):
    """At once by a walk; by a figure when it is painted: a part of it can be, and text and data."""
    monkeypatch.setattr("backlit.study.layout.MOST", 1000)
    w = leaf(1.0)
    y = w
    for i in range(1001):
        y = y * w if i % 2 else y + w
    with pytest.raises(GraphError, match=r"^walk: 1,001 nodes are too many .*explain\(w\)"):
        walk(y)
    figure = draw(y)
    with pytest.raises(GraphError, match=r"^draw: 1,002 nodes are too many .* focus=w"):
        figure.svg()
    assert "too many" in figure._repr_mimebundle_()["text/plain"]
    assert draw(y, focus=y, hops=1).svg()
    assert len(figure.graph.nodes) == 1002


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_is_strict_and_whole(name):
    graph = draw(PROGRAMS[name]()).graph
    text = graph.to_json()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    data = json.loads(text, parse_constant=refuse)
    assert len(data["nodes"]) == len(graph.nodes)
    assert text.isascii()
    if name == "oddities":
        assert "nan" in data["nodes"][0]["value"]["data"]
