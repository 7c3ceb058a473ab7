"""The values that backlit adopts where mathematics leaves a choice or rounding bites: one row each,
value and gradient. Others' answers differ; the reasons stand in the documentation.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit.engine as engine
from backlit.engine import (
    Tensor,
    absolute,
    cross_entropy,
    div,
    exp,
    gradients,
    log,
    log_softmax,
    maximum,
    mean,
    minimum,
    power,
    relu,
    sign,
    softmax,
    softplus,
    sqrt,
    tensor,
    where,
)

from .common import DTYPES, F32, F64, grads, leaf

NAN, INF = np.nan, np.inf


def gradient_of(fn: Callable[..., Tensor], *arrays: Any, upstream: Any = None, dtype: Any = F64):
    """The value, and the gradient for each operand (zeros where nothing flows)."""
    xs = [leaf(a, dtype) for a in arrays]
    out = fn(*xs)
    seed = np.ones(out.shape) if upstream is None else np.broadcast_to(upstream, out.shape)
    found = gradients(out, xs, seed, allow_unused=True) if out.requires_grad else [None] * len(xs)
    return out.numpy(), [
        np.zeros(x.shape) if g is None else g.numpy() for x, g in zip(xs, found, strict=True)
    ]


ROWS: list[tuple[str, Callable[..., Tensor], tuple[Any, ...], Any, tuple[Any, ...]]] = [
    # name, function, operands, value, gradients
    ("max ties", lambda x: x.max(), ([1.0, 2, 2],), 2, ([0, 0.5, 0.5],)),
    ("min ties", lambda x: x.min(), ([1.0, 1, 2],), 1, ([0.5, 0.5, 0],)),
    ("max ties by axis", lambda x: x.max(1), ([[1.0, 1], [0, 2]],), [1, 2],
     ([[0.5, 0.5], [0, 1]],)),
    ("maximum ties", maximum, (2.0, 2.0), 2, (0.5, 0.5)),
    ("minimum ties", minimum, (2.0, 2.0), 2, (0.5, 0.5)),
    ("relu at 0", relu, ([-1.0, 0, 1],), [0, 0, 1], ([0, 0, 1],)),
    ("relu of -0", relu, (-0.0,), 0, (0,)),
    ("abs at 0", absolute, ([-2.0, 0, 3],), [2, 0, 3], ([-1, 0, 1],)),
    ("sign", sign, ([-2.0, 0, 3],), [-1, 0, 1], ([0, 0, 0],)),
    ("sqrt at 0", sqrt, (0.0,), 0, (INF,)),
    ("reciprocal at 0", lambda x: 1 / x, (0.0,), INF, (-INF,)),
    ("where hides a NaN", lambda x: where(x > 0, sqrt(x), 0), ([-1.0, 0, 4],), [0, 0, 2],
     ([0, 0, 0.25],)),
    ("where hides log 0", lambda x: where(x > 0, log(x), -1), ([-1.0, 0, 4],), [-1, -1, np.log(4)],
     ([0, 0, 0.25],)),
    ("where hides 1/0", lambda x: where(x != 0, 1 / x, 0), ([0.0, 2],), [0, 0.5], ([0, -0.25],)),
    ("where hides an overflow", lambda x: where(x < 100, exp(x), 0), ([0.0, 1000],), [1, 0],
     ([1, 0],)),
    ("x ** 0 at 0", lambda x: x**0, (0.0,), 1, (0,)),
    ("pow(0, 0)", power, (0.0, 0.0), 1, (0, 0)),
    ("pow(0, 2)", power, (0.0, 2.0), 0, (0, 0)),
    ("(-2) ** 3", power, (-2.0, 3.0), -8, (12, NAN)),
    ("(-2) ** 3, constant exponent", lambda x: x**3, (-2.0,), -8, (12,)),
    ("(-2) ** 0.5", lambda x: x**0.5, (-2.0,), NAN, (NAN,)),
    ("0 ** -1", lambda x: x**-1, (0.0,), INF, (-INF,)),
    ("x log x at 0", lambda x: x * log(x), (0.0,), NAN, (-INF,)),  # log(0) + 0
    ("maximum(NaN, 1)", maximum, (NAN, 1.0), NAN, (1, 0)),
    ("maximum(1, NaN)", maximum, (1.0, NAN), NAN, (0, 1)),
    ("minimum(NaN, 1)", minimum, (NAN, 1.0), NAN, (1, 0)),
    ("minimum(1, NaN)", minimum, (1.0, NAN), NAN, (0, 1)),
    ("maximum(NaN, NaN)", maximum, (NAN, NAN), NAN, (0.5, 0.5)),
    ("minimum(NaN, NaN)", minimum, (NAN, NAN), NAN, (0.5, 0.5)),
    ("max with NaN", lambda x: x.max(), ([1.0, NAN, 3],), NAN, ([0, 1, 0],)),
    ("min with NaN", lambda x: x.min(), ([1.0, NAN, 3],), NAN, ([0, 1, 0],)),
    ("relu(NaN)", relu, (NAN,), NAN, (0,)),
    ("log_softmax far apart", lambda x: log_softmax(x)[1], ([1000.0, 0],), -1000, ([-1, 1],)),
    ("log_softmax with -inf", lambda x: log_softmax(x)[1], ([-INF, 0.0],), 0, ([0, 0],)),
    ("softmax of all -inf", lambda x: softmax(x).sum(), ([-INF, -INF],), NAN, ([NAN, NAN],)),
    ("cross-entropy of the impossible other", lambda x: cross_entropy(x, [1]), ([[-INF, 0.0]],), 0,
     ([[0, 0]],)),
    ("0 · -inf in cross-entropy", lambda x: cross_entropy(x, np.array([[0.0, 1.0]])),
     ([[-INF, 0.0]],), 0, ([[0, 0]],)),
    ("duplicate index", lambda x: x[[0, 0, 1]].sum(), ([1.0, 2, 3],), 4, ([2, 1, 0],)),
    ("index -1 wraps", lambda x: x[-1], ([1.0, 2],), 2, ([0, 1],)),
    ("empty sum", lambda x: x.sum(), (np.zeros((0, 3)),), 0, (np.zeros((0, 3)),)),
    ("empty mean", lambda x: x.mean(), (np.zeros((0, 3)),), NAN, (np.zeros((0, 3)),)),
    ("empty mean by axis", lambda x: x.mean(0), (np.zeros((0, 3)),), [NAN] * 3,
     (np.zeros((0, 3)),)),
    ("mean over nothing left", lambda x: x.mean(1), (np.zeros((0, 3)),), [], (np.zeros((0, 3)),)),
    ("astype", lambda x: x.astype("float32") * 2, ([1.5],), [3], ([2],)),
    ("mean of NaN", mean, ([1.0, NAN],), NAN, ([0.5, 0.5],)),
    ("sum of infinities", lambda x: x.sum(), ([INF, -INF],), NAN, ([1, 1],)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "fn", "operands", "value", "slopes"), ROWS, ids=[r[0] for r in ROWS]
)
def test_value_and_gradient(name: str, fn: Any, operands: Any, value: Any, slopes: Any):
    found, gs = gradient_of(fn, *operands)
    np.testing.assert_allclose(found, value, atol=1e-15)
    for g, slope in zip(gs, slopes, strict=True):
        np.testing.assert_allclose(g, slope, atol=1e-15)


ZERO_WINS: list[tuple[str, Callable[..., Tensor], tuple[Any, ...]]] = [
    ("sqrt", sqrt, (0.0,)), ("sqrt(-1)", sqrt, (-1.0,)), ("log", log, (0.0,)),
    ("log(-1)", log, (-1.0,)), ("1/x", lambda x: 1 / x, (0.0,)), ("x/y", div, (1.0, 0.0)),
    ("0/0", div, (0.0, 0.0)), ("inf/y", div, (INF, 0.0)), ("x ** -1", lambda x: x**-1, (0.0,)),
    ("x ** .5", lambda x: x**0.5, (0.0,)), ("pow", power, (0.0, -2.0)),
    ("pow of a negative", power, (-2.0, 0.5)),
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize(("name", "fn", "operands"), ZERO_WINS, ids=[z[0] for z in ZERO_WINS])
def test_an_upstream_gradient_of_zero_stays_zero(name: str, fn: Any, operands: Any, dtype: Any):
    """0 · inf is NaN in every other framework, and one masked row poisons all weights."""
    _, gs = gradient_of(fn, *operands, upstream=0.0, dtype=dtype)
    for g in gs:
        np.testing.assert_array_equal(g, np.zeros_like(g))


def test_zero_wins_in_second_derivatives_too():
    x = leaf([-1.0, 0.0, 4.0])
    (dx,) = gradients(where(x > 0, sqrt(x), 0).sum(), x, create_graph=True)
    assert dx is not None
    (ddx,) = grads(dx.sum(), x)
    np.testing.assert_allclose(ddx, [0, 0, -1 / 32])


def test_ignored_rows_of_nan_logits_do_not_reach_the_weights():
    w = leaf([1.0, 2.0])
    x = w * np.array([[NAN, NAN], [1.0, 1.0]])
    (g,) = grads(cross_entropy(x, [-100, 0])[None].sum(), x)
    np.testing.assert_array_equal(g[0], [0, 0])


def test_softplus_bends_also_where_float32_rounds_its_slope_to_1():
    """PyTorch's threshold at 20 makes this second derivative 0; 1 - sigmoid(x) would too."""
    x = leaf([20.5, -20.5], F32)
    (dx,) = gradients(softplus(x).sum(), x, create_graph=True)
    assert dx is not None
    np.testing.assert_allclose(grads(dx.sum(), x)[0], [1.250153e-9] * 2, rtol=1e-5)


SECOND: list[tuple[str, Callable[..., Tensor], Any, Any]] = [
    ("relu", relu, [-1.0, 0, 2], [0, 0, 0]),
    ("x|x|", lambda x: x * absolute(x), [-1.0, 0, 2], [-2, 0, 2]),
    ("square", lambda x: x.square(), [3.0], [2]),
    ("sqrt", sqrt, [4.0], [-1 / 32]),
    ("1/x", lambda x: 1 / x, [2.0], [0.25]),
    ("x³", lambda x: x**3, [-2.0, 0], [-12, 0]),
    ("log", log, [0.5], [-4]),
]


@pytest.mark.parametrize(("name", "fn", "x", "expected"), SECOND, ids=[s[0] for s in SECOND])
def test_second_derivatives(name: str, fn: Any, x: Any, expected: Any):
    t = leaf(x)
    (dx,) = gradients(fn(t).sum(), t, create_graph=True)
    assert dx is not None
    found = gradients(dx.sum(), t, allow_unused=True)[0]
    value = np.zeros(t.shape) if found is None else found.numpy()
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-50)


ENDS = [0.0, -0.0, 1e-30, 20.5, 80.0, -80.0, 100.0, -100.0, 1000.0, -1000.0, INF, -INF]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "relu", "log_softmax"])
def test_float32_is_finite_and_accurate_at_both_ends(name: str):
    """Values and gradients where exp(x) overflows, and where 1 + exp(x) rounds to 1."""
    for x in ENDS:
        if name == "log_softmax":
            value, (g,) = gradient_of(lambda t: log_softmax(t)[0], [x, 0.0], dtype=F32)
            exact = -np.logaddexp(0, -np.float64(x))
            if x == INF:
                continue
        else:
            value, (g,) = gradient_of(getattr(engine, name), x, dtype=F32)
            wide = np.float64(x)
            exact = {"sigmoid": np.exp(-np.logaddexp(0, -wide)), "tanh": np.tanh(wide),
                     "softplus": np.logaddexp(0, wide), "relu": max(wide, 0.0)}[name]  # fmt: skip
        exact = 0.0 if abs(exact) < 1.2e-38 else exact  # flushed
        np.testing.assert_allclose(value, exact, rtol=3e-6, atol=1e-7)
        assert not np.any(np.isnan(g))


def test_subnormal_inputs_count_as_zero():
    assert (tensor([1e-40]) * 1e30).tolist() == [0]
    assert (leaf([1e-310]) * 1e300).tolist() == [0]
    assert (tensor([1e-40]) + 0).tolist() == [0]


def test_types_stay():
    """float32 with np.float64 or np.sqrt(2) stays float32; see test_tensors for the rest."""
    x = tensor([1.0])
    assert (x * np.float64(2)).dtype == (x * np.sqrt(2)).dtype == (x + np.array(2.0)).dtype == F32
    assert tensor([1, 2]).mean().item() == 1.5


def test_an_index_out_of_range():
    with pytest.raises(IndexError):
        tensor([1.0])[1]


def test_a_long_sum_in_float32():
    """NumPy is 9.6e-3 off on this one: one running sum a column."""
    x = np.full((1_000_000, 10), 0.1, F32)
    exact = float(F32.type(0.1)) * 1e6
    t = tensor(x)
    np.testing.assert_allclose(t.sum(0).numpy(), exact, rtol=1e-6)
    b = leaf(np.zeros(10), F32)
    np.testing.assert_allclose(grads((t + b).sum(), b)[0], 1e6, rtol=1e-6)


def test_differences_of_large_numbers():
    """x - mean(x) in two passes keeps what E[x²] - E[x]² loses."""
    x = tensor(1e4 + np.random.default_rng(0).standard_normal(10_000) * 0.01)
    spread = ((x - x.mean()) ** 2).mean().sqrt().item()
    assert spread == pytest.approx(x.numpy().astype(F64).std(), rel=1e-2)
