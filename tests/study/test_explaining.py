"""`explain` and `grad_terms`: the terms sum to the gradient, the words say this run's numbers, and
where there is no answer the error says what to do.
"""

import gc
import re

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit.engine import GraphError, Tensor, backward_steps, gradients, no_grad, tensor
from backlit.engine.backward import reachable
from backlit.study import explain, grad_terms

from .programs import HOSTILE, PROGRAMS, chain, leaf, random_programs
from .samples import DIFFERENTIABLE, leaves_of, sample_loss

FEW = settings(max_examples=60, deadline=None)


def check_terms(loss: Tensor) -> None:
    """In the order of the terms their sum is what backward leaves, bit for bit."""
    leaves = leaves_of(loss)
    terms = [grad_terms(x, loss) for x in leaves]
    texts = [str(explain(x, loss)) for x in leaves]
    loss.backward()
    for x, each, text in zip(leaves, terms, texts, strict=True):
        assert "∂" in text.splitlines()[0]
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text)
        if x.grad is None:
            assert not each
            assert "= 0: no gradient comes through" in text
            continue
        total = each[0].contribution.data
        for term in each[1:]:
            total = total + term.contribution.data
        np.testing.assert_array_equal(total, x.grad.data)
        assert all(term.contribution.shape == x.shape for term in each)


@pytest.mark.parametrize("name", PROGRAMS)
def test_terms_sum_to_the_gradient(name: str):
    check_terms(PROGRAMS[name]())


@FEW
@given(random_programs())
def test_terms_sum_to_the_gradient_in_random_graphs(loss: Tensor):
    check_terms(loss)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_op_of_the_registry_can_be_explained(name: str):
    check_terms(sample_loss(name))


def test_a_tensor_on_the_way_has_terms_too():
    loss = PROGRAMS["shared"]()
    middle = next(t for t in reachable([loss]) if t.primitive.name == "add")  # type: ignore[union-attr]
    terms = grad_terms(middle, loss)
    assert [term.contribution.item() for term in terms] == [6.0, 6.0]
    (expected,) = gradients(loss, middle)
    assert expected is not None
    assert expected.item() == 12.0


def test_the_whole_of_a_small_explanation():
    x, w, b = leaf(0.5, "x"), leaf(-1.25, "w"), leaf(0.3, "b")
    loss = (x * w + b).tanh()
    assert str(explain(w, loss)) == (
        "∂L/∂w, where w = −1.25 and L = tanh(n4) = −0.314\n"
        "\n"
        "1 use of w\n"
        "  n2 = x · w: ∂n2/∂w = x = 0.5, upstream ∂L/∂n2 = 0.9014\n"
        "    0.5 × 0.9014 = 0.4507\n"
        "\n"
        "1 path from L to w\n"
        "  ∂L/∂n4 · ∂n4/∂n2 · ∂n2/∂w = 0.9014 × 1 × 0.5 = 0.4507\n"
        "\n"
        "∂L/∂w = 0.4507"
    )


def test_of_tensors_one_element_is_a_sum_of_numbers():
    w = leaf([1.0, -2.0], "w")
    x = tensor([[1.0, 2.0], [3.0, 4.0]], dtype=np.float64, name="x")
    loss = (x * w).sum()
    text = str(explain(w, loss))
    assert "sends g · x, summed over axis 0: (2,), norm 7.211" in text
    assert "w[1] gets Σ g × ∂n2[…]/∂w[1] = 1 × 2 + 1 × 4 = 6" in text
    assert text.endswith("∂L/∂w[1] = 6\n∂L/∂w: (2,), norm 7.211")


def test_the_element_of_a_product_of_matrices_is_exact():
    rng = np.random.default_rng(0)
    w, x = leaf(rng.normal(size=(3, 2)), "w"), leaf(rng.normal(size=(2, 2)), "x")
    text = str(explain(x, (w @ x).tanh().sum()))
    found = re.search(r"x\[(\d), (\d)\] gets Σ g × .*? = (.*) = (\S+)$", text, re.MULTILINE)
    assert found is not None
    total = 0.0
    for product in found[3].replace("−", "-").split(" + "):
        g, local = (float(number.strip("()")) for number in product.split(" × "))
        total += g * local
    assert total == pytest.approx(float(found[4].replace("−", "-")), rel=5e-3)


def test_a_path_that_is_blocked_names_the_op():
    d = leaf(-1.0, "d")
    loss = (d * 3).relu() * 2
    assert "2 × 0 × 3 = 0: relu at n3 lets nothing through" in str(explain(d, loss))


def test_the_loss_itself_is_where_backward_starts():
    loss = PROGRAMS["square"]()
    assert grad_terms(loss)[0].contribution.item() == 1.0
    text = str(explain(loss))
    assert "∂L/∂n1 = 1: this is where backward starts" in text
    assert text.endswith("∂L/∂x = 6")


def test_many_uses_and_long_chains_stay_readable():
    w = leaf(0.999, "w")
    y = w
    for _ in range(3000):
        y = y + w
    text = str(explain(w, y))
    assert "3001 uses of w" in text.replace(",", "")
    assert len(text) < 4000
    deep = chain(3000)
    (w,) = leaves_of(deep)
    assert len(str(explain(w, deep))) < 4000


def test_nan_is_counted_and_does_not_hide_the_rest():
    x = leaf([np.nan, 1.0, np.inf], "x")
    text = str(explain(x, (x * x).sum()))
    assert "without 2 that are NaN or infinite" in text
    assert "x[1] gets g × ∂n1[…]/∂x[1] = 1 × 1 = 1" in text
    y = leaf(np.nan, "y")
    assert str(explain(y, y * y)).endswith("∂L/∂y = nan + nan = nan")


@pytest.mark.parametrize("function", [bl.to_source, bl.expand, bl.audit, repr])
def test_numbers_that_overflow_are_told_without_warnings(function):
    for dtype, big in ((np.float32, 1e38), (np.float64, 1e308)):
        x = leaf([big, -big, 1.0], "x", dtype)
        y = leaf(big, "y", dtype)
        loss = (x * x * x).sum() + y * y * y + (x * big + x * big).sum() + y * big + y * big
        assert str(explain(x, loss))
        assert str(explain(y, loss))
        assert grad_terms(x, loss)
        assert str([*map(str, backward_steps(loss))])
        assert str(function(loss))


def test_hostile_names_are_text_on_one_line():
    for name in HOSTILE:
        x = leaf(2.0, name)
        for text in (str(explain(x, x * x)), *map(str, backward_steps(x * x))):
            assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text)
            assert text.encode()
        assert len(str(explain(x, x * x))) < 1000


# -- whose loss?


def test_the_one_loss_alive_is_found_without_asking():
    w = leaf(2.0, "w")
    loss = (w * w).tanh()
    assert str(explain(w)) == str(explain(w, loss))
    assert [t.contribution.item() for t in grad_terms(w)] == [
        t.contribution.item() for t in grad_terms(w, loss)
    ]
    middle = loss.inputs[0]
    assert "∂L/∂n1" in str(explain(middle))
    loss.backward(retain_graph=True)
    assert str(explain(w)) == str(explain(w, loss))


def test_two_losses_alive_are_named():
    w = leaf(2.0, "w")
    first, second = w * w, w.tanh()
    with pytest.raises(GraphError, match=r"2 results .* from w and are alive .*mul = 4.*explain\("):
        explain(w)
    with pytest.raises(GraphError, match=r"grad_terms\(x, loss\)"):
        grad_terms(w)
    assert "3" not in str(explain(w, first).terms[0].slot)
    del first
    gc.collect()
    assert explain(w).terms[0].out is second


@pytest.mark.parametrize("function", [explain, grad_terms])
def test_what_has_no_gradient_says_what_to_do(function):
    w = leaf(2.0, "w")
    with pytest.raises(GraphError, match="no result that is alive was computed from w"):
        function(w)
    vector = leaf([1.0, 2.0], "v") * w
    with pytest.raises(GraphError, match=r"of shape \(2,\) \(from mul\).*y\.sum\(\)"):
        function(w)
    with pytest.raises(GraphError, match=r"one number, this tensor has shape \(2,\)"):
        function(w, vector)
    loss = w * w
    with pytest.raises(GraphError, match=r"does not depend on other.* not 0 but none"):
        function(leaf(1.0, "other"), loss)
    with pytest.raises(GraphError, match=r"c is a constant: .*requires_grad=True"):
        function(tensor(1.0, name="c"), loss)
    with pytest.raises(TypeError, match="gradients are of Tensors, not of float"):
        function(1.0, loss)
    with pytest.raises(TypeError, match="the loss is a Tensor, not int"):
        function(w, 3)
    with pytest.raises(GraphError, match="is a leaf: nothing was computed"):
        function(w, w)
    with no_grad():
        cut = w * 2
    with pytest.raises(GraphError, match="made under no_grad or detached"):
        function(w, cut)


@pytest.mark.parametrize("function", [explain, grad_terms])
def test_a_freed_graph_says_what_to_do(function):
    w = leaf(2.0, "w")
    loss = w * w
    loss.backward()
    for arguments in ((w,), (w, loss)):
        with pytest.raises(GraphError, match=r"freed .*ask before .*retain_graph=True"):
            function(*arguments)
    if function in (explain, bl.grad_terms):
        with pytest.raises(GraphError, match=r"freed .*ask before .*retain_graph=True"):
            function(loss)  # it is the end itself
    again = w * w
    middle = loss
    with pytest.raises(GraphError, match="a graph that backward freed"):
        function(middle, again)


@pytest.mark.parametrize("function", [explain, bl.to_source, bl.expand, bl.audit, bl.exercise])
def test_a_graph_that_shares_a_freed_part_is_refused(function):
    """Big values of the freed part are gone: what would be told of them would be made up."""
    w = leaf(2.0, "w")
    shared = w * w
    first, second = shared * 2, shared * 3
    first.backward()
    with pytest.raises(GraphError, match=r"freed.*retain_graph=True"):
        function(*((w, second) if function is explain else (second,)))


def test_no_gradient_comes_through_a_step():
    x = leaf([0.5, -1.0], "x")
    loss = (bl.sign(x) + 1.0).sum()
    assert grad_terms(x, loss) == []
    text = str(explain(x, loss))
    assert "∂L/∂x = 0: no gradient comes through" in text
    assert "sign(x): its derivative is 0 everywhere" in text
    y = leaf(0.5, "y")
    text = str(explain(y, bl.sign(y * 2) + 1))
    assert "nothing reaches n2, which y was used for" in text


def test_names_and_gradients_of_gradients():
    x = tensor(2.0, dtype=np.float64, requires_grad=True)
    (dx,) = gradients(x**3, x, create_graph=True)
    assert dx is not None
    text = str(explain(x, dx, names={"x": x}))
    assert text.startswith("∂L/∂x, where x = 2")
    assert text.splitlines()[-1].endswith("= 12")


def test_explaining_touches_nothing():
    loss = PROGRAMS["mlp"]()
    leaves = leaves_of(loss)
    for x in leaves:
        explain(x, loss)
        grad_terms(x, loss)
    assert all(x.grad is None for x in leaves)
    loss.backward()


# -- steps


def test_steps_print_themselves():
    assert [str(step) for step in bl.backward_steps(PROGRAMS["expression"]())] == [
        "tanh: 1 → add 0.9014",
        "add: 0.9014 → mul 0.9014, b 0.9014",
        "mul: 0.9014 → x -1.127, w 0.4507",
    ]
    texts = [str(step) for step in bl.backward_steps(PROGRAMS["broadcast"]())]
    assert texts[-1] == "mul: (5, 3) norm 0.2041 → w (3,) norm 0.1102 (summed over axes (0,))"
    sign = bl.sign(leaf(1.0)) * 1
    assert str([*bl.backward_steps(sign)][-1]) == "sign: 1 → nothing"
