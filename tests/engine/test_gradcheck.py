"""The checker checked: it passes what is right, and finds each kind of wrong gradient."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backlit.engine import (
    BacklitError,
    GradientError,
    apply,
    exp,
    gradcheck,
    matmul,
    no_grad,
    primitive,
    registry,
    relu,
    tensor,
)

from .common import F32, leaf


@pytest.fixture
def wrong() -> Iterator[Any]:
    """Make primitives that compute 2x and have the given rule; they leave the registry again."""
    made: list[str] = []

    def make(rule: Any) -> Any:
        name = f"wrong_{len(made)}"
        record = primitive(name, lambda x: 2 * x.data, rules=(rule,), formula="2x", doc="Wrong.")
        made.append(name)
        return lambda x: apply(record, x)

    yield make
    for name in made:
        del registry[name]


def test_what_is_right_passes(wrong: Any):
    x = leaf(np.random.default_rng(0).standard_normal((2, 3)))
    assert gradcheck(lambda x: (x * x).exp().sum(0), x)
    assert gradcheck(matmul, [x, leaf(np.ones((3, 2)))])
    assert gradcheck(lambda x, y: x * y, [x, tensor(np.ones(3), "float64")])
    assert gradcheck(wrong(lambda g, ans, x: 2 * g), x)
    assert gradcheck(lambda x: x[:0].sum() + x.sum(), x)
    assert gradcheck(lambda x, y: x, [x, leaf(1.0)])  # a gradient of nothing is 0
    with no_grad():
        assert gradcheck(exp, x)


@pytest.mark.parametrize("rule", [
    lambda g, ans, x: 3 * g,
    lambda g, ans, x: g * ans,
    lambda g, ans, x: None,
    lambda g, ans, x: -2 * g,
    lambda g, ans, x: 2 * g.detach() + 1e-3,
    lambda g, ans, x: g * 2 * tensor([1.0, 1.0, 0.0], "float64"),
])  # fmt: skip
def test_what_is_wrong_is_found(wrong: Any, rule: Any):
    with pytest.raises(GradientError, match=r"input 0, element \[\d\]: .* difference"):
        gradcheck(wrong(rule), leaf([0.5, -1.0, 2.0]))


def test_the_error_is_one_of_backlits_and_an_assertion(wrong: Any):
    with pytest.raises(AssertionError) as caught:
        gradcheck(wrong(lambda g, ans, x: g), leaf([1.0]))
    assert isinstance(caught.value, BacklitError)


def test_a_gradient_of_the_wrong_shape(wrong: Any):
    """Rules that forget an axis fail loudly, here or in the engine's own summing."""
    with pytest.raises((GradientError, ValueError)):
        gradcheck(wrong(lambda g, ans, x: (2 * g)[:1]), leaf([1.0, 2.0]))


def test_a_missing_factor_of_the_upstream_gradient_is_found(wrong: Any):
    """An upstream of all ones would hide it: the checker draws its own."""
    with pytest.raises(GradientError):
        gradcheck(wrong(lambda g, ans, x: g * 0 + 2), leaf([1.0, 2.0]))


def test_a_kink_is_found():
    with pytest.raises(GradientError):
        gradcheck(relu, leaf([0.0]))


def test_inputs_that_cannot_be_checked():
    with pytest.raises(ValueError, match="requires a gradient"):
        gradcheck(exp, tensor([1.0], "float64"))
    with pytest.raises(ValueError, match="float64"):
        gradcheck(exp, leaf([1.0], F32))


def test_the_inputs_are_left_alone():
    x = leaf([0.5, 1.0])
    gradcheck(exp, x)
    assert x.grad is None
    assert x.tolist() == [0.5, 1.0]
