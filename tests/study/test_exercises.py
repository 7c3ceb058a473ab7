"""Exercises: the blanks, the answers against the engine's gradients, and the marking of the usual
mistakes.
"""

import math

import numpy as np
import pytest

import backlit as bl
from backlit.engine import GraphError, gradients, tensor
from backlit.study import Exercise, exercise
from backlit.study.language import LanguageError

from .programs import HOSTILE, PROGRAMS, leaf
from .samples import leaves_of

AT = {"w": 0.5, "x": 2.0, "b": -0.5, "a": 3.0}
TEXT = "tanh(w*x + b)*a + x*a"


@pytest.fixture
def made() -> Exercise:
    return exercise(TEXT, AT)


def test_the_text_has_a_blank_for_each_answer(made: Exercise):
    text = str(made)
    assert text.startswith(f"Backpropagation by hand: L = {TEXT}\n\ngiven\n  w = 0.5\n  x = 2\n")
    assert text.count("____") == len(made.answers) == 15
    assert "  n5 = tanh(n4) = ____" in text
    assert "  dL/dn9 = 1, where backward starts" in text
    assert repr(made) == text


def test_the_answers_are_the_engines(made: Exercise):
    inner = math.tanh(0.5)
    assert made.answers["n5"] == pytest.approx(inner)
    assert made.answers["dL/da"] == pytest.approx(inner + 2)
    assert made.answers["dL/dx"] == pytest.approx(3 * (1 - inner**2) * 0.5 + 3)
    assert made.check(made.answers).ok


def test_answers_of_live_graphs_are_the_gradients():
    loss = PROGRAMS["neurons"]()
    leaves = leaves_of(loss)
    made = exercise(loss)
    for x, g in zip(leaves, gradients(loss, leaves, retain_graph=True), strict=True):
        assert g is not None
        assert made.answers[f"dL/d{x.name}"] == pytest.approx(g.item(), rel=1e-12)
    assert made.check(made.answers).ok
    assert not made.check({}).ok
    assert len(made.check({}).missing) == len(made.answers)


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"n2": 2}, "n2", "It is w · x with w = 0.5, x = 2"),
        ({"n2": -1}, "n2", "The sign is wrong: n2 = w · x"),
        ({"n2": 2, "n4": 1.5}, "n4", "It follows from your n2, which is wrong"),
        ({"dL/dn5": 1}, "dL/dn5", "The local derivative is missing: this is dL/dn7 = 1 alone"),
        ({"dL/dn4": 0.7864}, "dL/dn4", "The upstream factor is missing"),
        ({"dL/dn4": 3}, "dL/dn4", "The local derivative is missing: this is dL/dn5 = 3 alone"),
        ({"dL/dn4": -2.3593}, "dL/dn4", "The sign of the product is wrong"),
        ({"dL/dn4": 3.7864}, "dL/dn4", "multiplied, not added"),
        ({"dL/dn4": 1.5}, "dL/dn4", "local derivative is wrong: over dL/dn5 = 3 yours is 0.5, but"),
        ({"dL/dw": 1.17967}, "dL/dw", "that of the other operand: ∂n2/∂w = x = 2"),
        ({"dL/dn4": 3, "dL/dn2": 3}, "dL/dn2", "It follows from your dL/dn4, which is wrong"),
        ({"dL/dx": 3}, "dL/dx", "This is one use of 2; what they send is added up: ∂n2/∂x"),
        ({"dL/dx": -4.17967}, "dL/dx", "The sign is wrong: it is ∂n2/∂x × dL/dn2"),
        ({"dL/dx": 1.82033}, "dL/dx", "The sign of one use is wrong: ∂n2/∂x = w = 0.5"),
        ({"dL/dx": 3.5}, "dL/dx", "The upstream factors are missing"),
        ({"dL/dx": 77}, "dL/dx", "It is the sum of 2 uses"),
        ({"dL/dx": math.nan}, "dL/dx", "It is a finite number"),
    ],
)  # fmt: skip
def test_the_wrong_factor_is_named(made: Exercise, given, key, why):
    marked = made.check(given)
    assert why in marked.wrong[key]
    assert f"wrong. {marked.wrong[key]}" in str(marked)
    assert not marked.ok


def test_a_missing_use_of_three_is_named():
    made = exercise("x*x + x", {"x": 3})
    assert made.answers["dL/dx"] == 7
    assert made.check({"dL/dx": 7}).right == ("dL/dx",)
    assert "This is one use of 3" in made.check({"dL/dx": 3}).wrong["dL/dx"]
    assert "A use is missing: ∂n1/∂x = x = 3" in made.check({"dL/dx": 4}).wrong["dL/dx"]


def test_an_early_mistake_in_a_value_is_followed_into_gradients():
    """Who has the wrong n4 and goes on rightly is told so at each step, not blamed anew."""
    made = exercise("tanh(w*x)*b", {"w": 0.5, "x": 1.0, "b": 2.0})
    wrong = 0.25
    local = 1 - math.tanh(wrong) ** 2
    marked = made.check({"n2": wrong, "n3": math.tanh(wrong), "dL/dn2": 2 * local})
    assert "It follows from your n2" in marked.wrong["n3"]
    assert marked.wrong["dL/dn2"] == "It follows from your n2 and your n3, which are wrong"


def test_half_a_percent_is_right_and_zero_is_zero():
    made = exercise("relu(x)*2", {"x": -1})
    assert made.check({"n1": 0, "dL/dn1": 2.005, "dL/dx": 0}).ok is False
    assert made.check({"n1": 0, "dL/dn1": 2.005, "dL/dx": 0}).wrong == {}
    assert made.check({"dL/dx": 0.01}).wrong
    assert made.check({"dL/dn1": 2.02}).wrong


def test_answers_may_be_tensors_and_numpy_and_partial_signs(made: Exercise):
    marked = made.check({"n2": tensor(1.0), "n4": np.float32(0.5), "∂L/∂n7": 1})
    assert marked.right == ("n2", "n4", "dL/dn7")


def test_what_cannot_be_marked_says_why(made: Exercise):
    with pytest.raises(KeyError, match="'dL/dn' is no blank; did you mean"):
        made.check({"dL/dn": 1})
    for nonsense in ("1", None, [1], True, b"2"):
        with pytest.raises(TypeError, match="n2 is answered by"):
            made.check({"n2": nonsense})  # type: ignore[dict-item]


def test_numbers_that_are_not_given_are_chosen():
    text = str(bl.exercise("tanh(w*x + b)"))
    assert "  w = 2\n  x = −1\n  b = 0.5\n" in text
    assert "  w = 7\n  x = −1\n" in str(exercise("w*x", {"w": 7}))


def test_mappings_are_asked_for():
    with pytest.raises(TypeError, match=r"at has numbers by name, \{'x': 0.5\}, and is not list"):
        exercise("x * y", at=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"answers are numbers by name, .* not list"):
        exercise("x * y", at={"x": 1, "y": 2}).check([2])  # type: ignore[arg-type]


def test_what_is_no_exercise_says_what_to_do():
    with pytest.raises(LanguageError, match=r"column 2: '\^'"):
        exercise("x^2")
    with pytest.raises(LanguageError, match="'z' is not in the expression"):
        exercise("x*y", {"z": 1})
    with pytest.raises(GraphError, match=r"n1 is nan here; choose other numbers \(at="):
        exercise("log(x)", {"x": -1})
    with pytest.raises(GraphError, match=r"the gradient of x is inf"):
        exercise("sqrt(x)", {"x": 0})
    with pytest.raises(GraphError, match=r"x has the shape \(5, 3\).*bl\.expand\(loss\)"):
        exercise(PROGRAMS["broadcast"]())
    with pytest.raises(GraphError, match="41 ops are too many to do by hand"):
        exercise("+".join(["x"] * 42))
    with pytest.raises(TypeError, match="only an expression takes numbers"):
        exercise(PROGRAMS["square"](), {"x": 1})
    loss = PROGRAMS["square"]()
    loss.backward()
    with pytest.raises(GraphError, match="freed"):
        exercise(loss)


def test_a_small_layer_taken_apart_is_an_exercise():
    w = leaf([[1.0, -2.0]], "w")
    loss = bl.expand((w @ tensor([[3.0], [4.0]], dtype=np.float64, name="x")).tanh().sum())
    made = exercise(loss)
    assert "dL/dw[0, 1]" in made.answers
    assert made.check(made.answers).ok


def test_two_tensors_of_one_name_are_two_blanks():
    loss = leaf(2.0, "w") * leaf(3.0, "w")
    made = exercise(loss)
    assert {"dL/dw_0", "dL/dw_1"} < made.answers.keys()
    assert made.answers["dL/dw_0"] == 3


def test_hostile_names_are_text_on_one_line():
    for name in HOSTILE:
        made = exercise(leaf(2.0, name) * 3)
        assert len(str(made).splitlines()) == len(str(exercise(leaf(2.0, "w") * 3)).splitlines())
        assert made.check(made.answers).ok


def test_graphs_of_gradients():
    x = leaf(0.7, "x")
    (dx,) = gradients((x * x).tanh(), x, create_graph=True)
    assert dx is not None
    made = exercise(dx)
    assert made.check(made.answers).ok
