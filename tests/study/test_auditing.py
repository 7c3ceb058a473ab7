"""`audit`: right rules pass, for every op of the registry; a wrong rule or value is found and
named, the first in the order of forward.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit.engine import GraphError, Tensor, gradients, scope, tensor
from backlit.engine.primitives import Primitive, apply
from backlit.study import audit

from .programs import PROGRAMS, leaf, random_programs
from .samples import DIFFERENTIABLE, leaves_of, sample_loss

FEW = settings(max_examples=40, deadline=None)


def made_up(rule: Callable[..., Any], name: str = "odd") -> Primitive:
    """tanh under another name, with a rule of ours."""
    return Primitive(
        name, lambda x: np.asarray(np.tanh(x.data)), rules=(rule,),
        uses=(frozenset(range(-1, 64)),), symbol=name, formula=f"{name}(x)", local=("?",),
    )  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_pass(name: str):
    loss = PROGRAMS[name]()
    report = audit(loss)
    assert report.ok, report
    assert report.first is None
    assert all(x.grad is None for x in leaves_of(loss))
    loss.backward()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_op_of_the_registry_passes(name: str, dtype: Any):
    report = audit(sample_loss(name, dtype=dtype))
    assert report.ok, report
    checked = [check for check in report.checks if check.op == name and check.operand]
    assert {check.verdict for check in checked} == {"right"}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_the_gradient_of_every_op_passes(name: str):
    loss = sample_loss(name)
    found = gradients(loss, leaves_of(loss), create_graph=True, allow_unused=True)
    parts = [(g * g).sum() for g in found if g is not None and g.requires_grad]
    for part in parts:
        report = audit(part)
        assert report.ok, report


@FEW
@given(random_programs())
def test_random_graphs_pass(loss: Tensor):
    report = audit(loss)
    assert report.ok, report


def test_a_wrong_rule_is_named():
    wrong = made_up(lambda g, ans, x: g * (1 - ans), "badtanh")
    x = leaf([0.3, -0.8], "x")
    with scope("head"):
        loss = (apply(wrong, x * 2) * 3).sum()
    report = audit(loss)
    assert not report.ok
    assert report.first is not None
    assert (report.first.op, report.first.result, report.first.operand) == ("badtanh", "n3", "n2")
    assert report.first.module_path == "head"
    text = str(report)
    assert "1 check wrong, the first is" in text
    assert "n3 = badtanh(n2) in module head: the rule for n2 (operand 0) gives" in text


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, ans, x: g * (1 - ans * ans) * 1.001,
        lambda g, ans, x: -g * (1 - ans * ans),
        lambda g, ans, x: 1 - ans * ans,
        lambda g, ans, x: g,
        lambda g, ans, x: None,
        lambda g, ans, x: g * float("nan"),
        lambda g, ans, x: g * float("inf"),
        lambda g, ans, x: (g * (1 - ans * ans)).astype("float64") + 1e-3,
    ],
)
@pytest.mark.parametrize("shape", [(), (2, 3), (40, 5)])
def test_wrong_in_many_ways(rule: Callable[..., Any], shape: tuple[int, ...]):
    x = leaf(np.random.default_rng(0).uniform(0.2, 1.0, shape), "x")
    report = audit(apply(made_up(rule), x).sum())
    assert report.first is not None
    assert report.first.op == "odd"


def test_one_wrong_element_among_many_is_found():
    def rule(g: Tensor, ans: Tensor, x: Tensor) -> Tensor:
        mask = np.ones(x.shape)
        mask[17, 3] = 1.5
        return g * (1 - ans * ans) * mask

    x = leaf(np.random.default_rng(0).uniform(-1, 1, (40, 5)), "x")
    assert not audit(apply(made_up(rule), x).sum()).ok


def test_a_wrong_shape_is_told():
    wrong = made_up(lambda g, ans, x: (g * (1 - ans * ans)).sum(), "summed")
    x = leaf([0.3, -0.8], "x")
    loss = apply(wrong, x).sum()
    with pytest.raises((GraphError, ValueError, IndexError)):
        audit(loss)  # backward itself cannot go on


def test_the_first_of_two_is_the_first_in_forward():
    first = made_up(lambda g, ans, x: g, "first")
    second = made_up(lambda g, ans, x: g, "second")
    report = audit(apply(second, apply(first, leaf(0.5, "x"))) * 2)
    assert [check.op for check in report.wrong] == ["first", "second"]
    assert report.first is report.wrong[0]


def test_a_value_that_was_changed_since_is_found():
    x = leaf([1.0, 2.0], "x")
    loss = (x + 1).sum()
    with bl.no_grad():
        x += 1.0  # a sum's rule reads nothing, so backward goes on
    report = audit(loss)
    assert report.first is not None
    assert report.first.op == "add"
    assert "its value [0] is 2, but its operands now give 3" in report.first.message
    y = (x * x).sum()
    with bl.no_grad():
        x += 1.0
    with pytest.raises(GraphError, match="changed in place"):
        audit(y)


def test_kinks_and_jumps_are_told_apart_from_mistakes():
    x = leaf(0.0, "x")
    report = audit(x.relu() + x.abs() + x.maximum(0.0) + bl.sign(x))
    assert report.ok, report
    odd = {check.op: check.verdict for check in report.checks if check.verdict != "right"}
    assert odd == {"relu": "kink", "sign": "kink"}  # the others choose the middle themselves
    assert "lie at a kink or a jump" in str(report)
    outside = made_up(lambda g, ans, x: g * 2.0)
    relu = Primitive("bent", lambda x: np.asarray(np.maximum(x.data, 0)), rules=outside.rules,
                     uses=outside.uses, symbol="b", formula="b(x)", local=("2",))  # fmt: skip
    assert not audit(apply(relu, leaf(0.0)) * 1.0).ok


def test_nan_and_infinity_are_left_out_and_counted():
    x = leaf([np.nan, 1.0, np.inf], "x")
    report = audit((x * x).sum() + leaf([4.0, 9.0]).sqrt().sum())
    assert report.ok, report
    assert "meet NaN or infinity" in str(report)
    assert audit(leaf([0.0, 1.0]).sqrt().sum()).ok
    assert audit(leaf(np.zeros((0, 3))).sum() + leaf(1.0)).ok


def test_large_and_small_numbers():
    for scale in (1e-12, 1e-6, 1e6, 1e12):
        x = leaf(np.array([1.0, 2.0, 3.0]) * scale, "x")
        for loss in (x.log().sum(), (x * x).sum(), x.sqrt().sum(), (1 / x).sum(), (x * 3).sum()):
            report = audit(loss)
            assert report.ok, (scale, report)


def test_big_operands_are_probed():
    rng = np.random.default_rng(0)
    w = tensor(rng.normal(size=(64, 50)), requires_grad=True, name="w")
    x = tensor(rng.normal(size=(128, 50)), name="x")
    report = audit(bl.linear(x, w).tanh().mean())
    assert report.ok, report
    assert str(report).startswith("3 ops, 3 rules checked: all agree")


def test_where_there_is_no_graph_it_says_so():
    loss = PROGRAMS["square"]()
    loss.backward()
    with pytest.raises(GraphError, match="freed it; ask before"):
        audit(loss)
    with pytest.raises(TypeError, match="the loss is a Tensor"):
        audit(None)  # type: ignore[arg-type]
