"""Initialisers: bounds and spreads from the papers' formulas, in place, repeatable."""

import math

import numpy as np
import pytest

from backlit import nn
from backlit.engine import Generator, zeros

FAN_IN, FAN_OUT = 300, 200


def weight():
    return nn.Parameter(zeros((FAN_OUT, FAN_IN)))


UNIFORM = {
    "uniform": (lambda w: nn.init.uniform_(w, -2, 2), 2),
    "xavier": (nn.init.xavier_uniform_, math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "xavier gain": (lambda w: nn.init.xavier_uniform_(w, 2.0), 2 * math.sqrt(6 / 500)),
    "kaiming": (
        lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
        math.sqrt(6 / FAN_IN),
    ),
    "kaiming fan_out": (lambda w: nn.init.kaiming_uniform_(w, mode="fan_out"), math.sqrt(6 / 200)),
    "kaiming of Linear": (lambda w: nn.init.kaiming_uniform_(w, math.sqrt(5)), 1 / math.sqrt(300)),
}


@pytest.mark.parametrize("case", UNIFORM)
def test_uniform_bounds(case):
    fill, bound = UNIFORM[case]
    w = weight()
    assert fill(w) is w
    values = w.numpy()
    assert 0.99 * bound < abs(values).max() <= bound * (1 + 1e-6)
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert abs(values.mean()) < 0.02 * bound


NORMAL = {
    "normal": (lambda w: nn.init.normal_(w, 3.0, 0.5), 3.0, 0.5),
    "xavier": (nn.init.xavier_normal_, 0.0, math.sqrt(2 / 500)),
    "kaiming": (lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"), 0, math.sqrt(2 / 300)),
    "tanh": (
        lambda w: nn.init.kaiming_normal_(w, nonlinearity="tanh"), 0, 5 / 3 / math.sqrt(300),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NORMAL)
def test_normal_spreads(case):
    fill, mean, std = NORMAL[case]
    w = weight()
    assert fill(w) is w
    assert w.numpy().std() == pytest.approx(std, rel=0.02)
    assert w.numpy().mean() == pytest.approx(mean, abs=0.02 * std)


def test_constants():
    assert (nn.init.constant_(weight(), 0.5).numpy() == 0.5).all()
    assert (nn.init.ones_(weight()).numpy() == 1).all()
    assert (nn.init.zeros_(nn.init.ones_(weight())).numpy() == 0).all()


def test_filling_keeps_the_address_the_dtype_and_the_wish_for_a_gradient():
    w = nn.Parameter(zeros((4, 4)), dtype=np.float64)
    address = w.numpy().ctypes.data
    nn.init.xavier_normal_(w)
    assert w.numpy().ctypes.data == address
    assert w.dtype == np.float64
    assert w.requires_grad
    assert w.is_leaf


def test_a_generator_fixes_the_draws():
    one = nn.init.normal_(weight(), generator=Generator(1)).numpy().tobytes()
    assert one == nn.init.normal_(weight(), generator=Generator(1)).numpy().tobytes()
    assert one != nn.init.normal_(weight(), generator=Generator(2)).numpy().tobytes()


def test_the_window_of_a_convolution_counts():
    w = nn.init.xavier_uniform_(zeros((8, 4, 3, 3)))
    bound = math.sqrt(6 / (9 * 12))
    assert 0.9 * bound < abs(w.numpy()).max() <= bound * (1 + 1e-6)


def test_gains():
    assert nn.init.calculate_gain("relu") == math.sqrt(2)
    assert nn.init.calculate_gain("leaky_relu", 1.0) == 1.0
    assert nn.init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert nn.init.calculate_gain("selu") == 0.75


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.init.xavier_uniform_(zeros(3)), "2 axes"),
        (lambda: nn.init.kaiming_normal_(weight(), mode="fan"), "fan_in"),
        (lambda: nn.init.calculate_gain("swish"), "swish"),
        (lambda: nn.init.normal_(weight(), std=-1), "std"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
