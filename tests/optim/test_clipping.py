"""Clipping: norms as NumPy computes them, one factor for all, and no silent poisoning."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit import nn, optim
from backlit.engine import tensor

SHAPES = [(3, 2), (5,), ()]


def parameters(dtype: Any = np.float32, scale=1.0) -> Any:
    rng = np.random.default_rng(0)
    params = [nn.Parameter(np.zeros(shape), dtype=dtype) for shape in SHAPES]
    for p in params:
        p.grad = tensor(scale * rng.normal(size=p.shape), dtype=dtype)
    return params


def flat(params):
    return np.concatenate([p.grad.numpy().astype(float).reshape(-1) for p in params])


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_the_norm_is_numpys_and_the_direction_stays(norm_type, dtype, rtol):
    params = parameters(dtype)
    before = flat(params)
    total = optim.clip_grad_norm_(params, 0.5, norm_type)
    wanted = np.linalg.norm(before, norm_type)
    assert total.shape == ()
    assert total.item() == pytest.approx(wanted, rel=rtol)
    np.testing.assert_allclose(flat(params), before * 0.5 / (wanted + 1e-6), rtol=10 * rtol)


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_afterwards_the_norm_is_at_most_the_bound(scale, bound):
    params = parameters(np.float64, scale)
    before = flat(params)
    total = optim.clip_grad_norm_(params, bound).item()
    after = np.linalg.norm(flat(params))
    assert after <= bound * (1 + 1e-12)
    if total + 1e-6 <= bound:
        assert (flat(params) == before).all()


def test_gradients_change_in_place_and_missing_ones_are_passed_over():
    params = parameters()
    params[1].grad = None
    address = params[0].grad.numpy().ctypes.data
    optim.clip_grad_norm_((p for p in params), 0.1)
    assert params[0].grad.numpy().ctypes.data == address
    assert params[1].grad is None
    single = parameters()[0]
    assert optim.clip_grad_norm_(single, 1.0).item() > 0
    assert optim.clip_grad_norm_([nn.Parameter([1.0])], 1.0).item() == 0
    assert optim.clip_grad_norm_([], 1.0, math.inf).item() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, math.inf])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_is_changed(bad, norm_type):
    model = nn.MLP([2, 3, 1])
    for p in model.parameters():
        p.grad = tensor(np.ones(p.shape))
    model[2].weight.grad = tensor([[1.0, bad, 1.0]])
    with pytest.raises(
        optim.NonFiniteGradientError, match=r"2\.weight holds -?(nan|inf) at \(0, 1\)"
    ):
        optim.clip_grad_norm_(model.parameters(), 0.1, norm_type)
    assert (model[0].weight.grad.numpy() == 1).all()


def test_without_a_name_the_position_is_told():
    x = nn.Parameter([1.0])
    x.grad = tensor([math.nan])
    with pytest.raises(RuntimeError, match="parameter 0"):
        optim.clip_grad_norm_([x], 1.0)


def test_asked_for_it_spoils_everything_as_pytorch_does():
    params = parameters()
    params[1].grad = tensor([math.nan] * 5)
    assert math.isnan(optim.clip_grad_norm_(params, 1.0, error_if_nonfinite=False).item())
    assert np.isnan(flat(params)).all()


def test_large_gradients_whose_squares_overflow_are_finite():
    x = nn.Parameter([0.0, 0.0])
    x.grad = tensor([3e30, 4e30])
    assert optim.clip_grad_norm_([x], 5.0).item() == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [3, 4], rtol=1e-6)


def test_mixed_dtypes():
    params = [*parameters(np.float32), *parameters(np.float64)]
    wanted = np.linalg.norm(flat(params))
    assert optim.clip_grad_norm_(params, 1.0).item() == pytest.approx(wanted, rel=1e-6)


def test_clipping_by_value():
    x = nn.Parameter([0.0] * 4)
    x.grad = tensor([-3.0, 0.5, 3.0, math.nan])
    address = x.grad.numpy().ctypes.data
    optim.clip_grad_value_([x], 1.0)
    assert x.grad.numpy().ctypes.data == address
    assert x.grad.tolist()[:3] == [-1, 0.5, 1]
    assert math.isnan(x.grad.tolist()[3])


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_bounds_that_cannot_be_meant(bad):
    params = parameters()
    with pytest.raises(ValueError, match="max_norm"):
        optim.clip_grad_norm_(params, bad)
    with pytest.raises(ValueError, match="clip_value"):
        optim.clip_grad_value_(params, bad)
    with pytest.raises(ValueError, match="norm_type"):
        optim.clip_grad_norm_(params, 1.0, bad)
