"""Graphs that stopped: an error drawn with its op, operands, names and line; births of NaN."""

import copy
from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, replay
from backlit.engine import GraphError, ShapeError, gradients, no_grad, stack, tensor
from backlit.study import draw

from .programs import HOSTILE, leaf
from .test_layout import check as check_layout


def caught(function, *args) -> BaseException:
    with pytest.raises(Exception) as info:  # noqa: PT011
        function(*args)
    return info.value


def test_an_error_in_an_op_is_drawn_with_what_led_to_it():
    def forward():
        x = leaf(np.ones((2, 3)), "x")
        hidden = x * 2.0
        w = leaf(np.ones((4, 5)))
        return hidden @ w

    error = caught(forward)
    figure = draw(error)
    graph: Any = figure.graph
    failed = graph.nodes[-1]
    assert [node.name for node in graph.nodes] == ["x", "2", "hidden", "w", "matmul"]
    assert [graph.nodes[edge.src].name for edge in graph.inputs_of[failed.id]] == ["hidden", "w"]
    assert failed.problem.splitlines() == [
        str(error),
        "Operands: hidden (2, 3) and w (4, 5).",
        "At test_failing.py:29: return hidden @ w",
    ]
    assert {node.grad_state for node in graph.nodes} == {"none", "not run"}
    assert "matmul failed" in figure.svg()
    assert ">not run<" not in figure.svg()
    assert figure.text().endswith(
        f"  matmul:\n    {error}\n    Operands: hidden (2, 3) and w (4, 5).\n"
        "    At test_failing.py:29: return hidden @ w\n"
    )
    assert "backward" not in figure.text()
    assert figure.to_dot().source
    check_layout(graph)


def test_names_are_given_or_borne_or_those_of_the_failing_function():
    a, b = leaf(np.ones(2)), leaf(np.ones(3), "mine")
    error = caught(lambda: a + b)
    assert [n.name for n in draw(error, names={"left": a}).graph.nodes[:2]] == ["left", "mine"]


def test_the_module_is_named_and_framed():
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(4, 1))
    figure = draw(caught(model, tensor(np.ones((3, 2)))))
    failed = figure.graph.nodes[-1]
    assert (failed.op, failed.module_path) == ("linear", "2")
    weights = {n.name: n.module_path for n in figure.graph.nodes if n.kind == "param"}
    assert weights == {"0.weight": "0", "0.bias": "0", "2.weight": "2", "2.bias": "2"}
    assert "linear failed in module 2" in figure.svg()
    check_layout(figure.graph)


def test_an_error_before_any_op_ran_has_the_functions_name():
    logits, labels = leaf(np.ones((3, 2)), "logits"), tensor([0, 1], name="labels")
    graph = draw(caught(F.cross_entropy, logits, labels)).graph
    assert graph.nodes[-1].op == "cross_entropy"
    assert [node.name for node in graph.nodes[:-1]] == ["logits", "labels"]


def test_an_error_in_a_class_label_a_list_and_under_no_grad():
    assert draw(caught(F.cross_entropy, leaf(np.ones((2, 2)), "l"), tensor([0, 5]))).graph
    parts = [leaf(np.ones(2), "a"), leaf(np.ones(3), "b")]
    assert draw(caught(stack, parts)).graph.nodes[-1].op
    with no_grad():
        graph = draw(caught(lambda: parts[0] + parts[1])).graph
    assert [node.name for node in graph.nodes] == ["a", "b", "add"]


def test_an_error_in_backward():
    x = leaf(np.ones(3), "x")
    y = x.exp()
    error = caught(lambda: gradients(y, x, grad_outputs=tensor(np.ones(2))))
    assert isinstance(error, ShapeError)
    assert [node.name for node in draw(error).graph.nodes] == ["x", "y", "x0", "gradients"]


def test_an_error_that_a_layer_raises_itself():
    model = nn.Sequential(nn.Linear(2, 4), nn.Flatten(3))
    figure = draw(caught(model, tensor(np.ones((3, 2)), name="x")))
    failed = figure.graph.nodes[-1]
    assert (failed.op, failed.module_path) == ("Flatten", "1")
    assert [node.name for node in figure.graph.nodes][-2:] == ["n3", "Flatten"]
    assert figure.svg()


def test_the_same_tensor_twice_and_hostile_names():
    x = leaf(np.ones((2, 3)), HOSTILE[0])
    figure = draw(caught(lambda: x @ x))
    assert [edge.src for edge in figure.graph.edges] == [0, 0]
    assert "<script" not in figure.svg()
    check_layout(figure.graph)
    for name in HOSTILE:
        y = leaf(np.ones((2, 3)), name)
        draw(caught(lambda y=y: y @ y)).svg()


def test_a_drawn_error_keeps_its_graph_alive_and_changes_nothing():
    x, w = leaf(np.ones((2, 3)), "x"), leaf(np.ones((2, 3)), "w")
    h = x * w
    error = caught(lambda: h @ h)
    assert draw(error).svg() == draw(error).svg()
    h.sum().backward()
    assert x.grad is not None


def test_errors_that_no_op_raised_say_what_to_do():
    with pytest.raises(GraphError, match="no op of backlit raised this ZeroDivisionError"):
        draw(caught(lambda: 1 / 0))
    with pytest.raises(GraphError, match="this ShapeError has no traceback"):
        draw(ShapeError("made by hand"))
    error = copy.copy(caught(lambda: leaf([1.0]) @ leaf([1.0, 2.0]))).with_traceback(None)
    with pytest.raises(GraphError, match="no traceback"):
        draw(error)


def test_an_error_in_a_recording():
    @replay
    def step(x):
        return (x @ x).sum()

    graph = draw(caught(step, tensor(np.ones((2, 3))))).graph
    assert graph.nodes[-1].op == "matmul"


def test_focus_and_folding_of_what_is_there():
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(4, 1))
    error = caught(model, tensor(np.ones((3, 2)), name="x"))
    folded = draw(error, depth=0).view.graph
    assert [n.name for n in folded.nodes] == ["x", "0", "1", "2"]
    assert folded.nodes[-1].problem
    assert [n.name for n in draw(error, focus="2.weight", hops=1).view.graph.nodes] == [
        "2.weight", "linear",
    ]  # fmt: skip
    check_layout(folded)


def test_where_a_nan_is_born():
    x = leaf([1.0, 0.0, -1.0], "x")
    y = x.log()
    graph: Any = draw((y * 2.0).sum()).graph
    assert [bool(node.problem) for node in graph.nodes] == [False, True, False, False, False]
    assert graph.nodes[1].problem == "log made 1 NaN and 1 inf of operands in −1 … 1"
    svg = draw((y * 2.0).sum()).svg()
    assert "log made 1 NaN" in svg
    assert "what went wrong" in svg


def test_where_a_gradient_becomes_infinite():
    x = leaf(0.0, "x")
    graph = draw(x.abs() ** 0.5).graph
    problems = {node.op: node.problem for node in graph.nodes if node.problem}
    assert set(problems) <= {"pow", "sqrt"}
    assert all(text.endswith("of a finite gradient") for text in problems.values())


def test_nan_in_an_input_is_nobodys_fault():
    x = leaf([1.0, np.nan], "x")
    assert not any(node.problem for node in draw((x * 2.0).exp().sum()).graph.nodes)
