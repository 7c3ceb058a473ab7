"""Primitives that users write: what their forward gives back is checked, so that no kernel reads
what is no array; backlit's own ops are not checked and cost what they did.
"""

import numpy as np
import pytest

import backlit as bl
from backlit.engine import DtypeError, Primitive, apply, registry


def own(forward) -> Primitive:
    return Primitive("mine", forward, rules=(lambda g, ans, x: g * 2.0,))


@pytest.mark.parametrize(
    "forward",
    [lambda x: x.data * 2, lambda x: np.multiply(x.data, 2), lambda x: 2 * np.sum(x.data)],
)
def test_a_numpy_scalar_becomes_an_array(forward):
    x = bl.tensor(1.5, requires_grad=True)
    y = apply(own(forward), x)
    assert type(y.data) is np.ndarray
    assert y.dtype == np.float32
    z = y.exp() + y * x  # kernels read it
    z.backward()
    assert z.item() == pytest.approx(np.exp(3.0) + 4.5, rel=1e-6)
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(2 * (np.exp(3.0) + 1.5) + 3.0, rel=1e-6)


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (lambda x: 3.0, "returned float"),
        (lambda x: [1.0], "returned list"),
        (lambda x: None, "returned NoneType"),
        (lambda x: x, "returned Tensor"),
        (lambda x: np.array([None]), "returned an array of object"),
        (lambda x: x.data.astype(np.float16), "returned an array of float16"),
        (lambda x: x.data.astype(np.complex64), "returned an array of complex64"),
    ],
)
def test_anything_else_is_an_error_that_names_the_op(forward, why):
    with pytest.raises(TypeError, match=f"mine: its forward {why}"):
        apply(own(forward), bl.tensor([1.0, 2.0], requires_grad=True))
    assert issubclass(DtypeError, TypeError)


def test_the_result_of_a_checked_op_is_the_array_itself():
    kept = np.zeros(3, np.float32)
    assert apply(own(lambda x: kept), bl.tensor([1.0])).data is kept


def test_backlits_own_ops_are_not_checked():
    assert all(not hasattr(record.forward, "__wrapped__") for record in registry.values())
