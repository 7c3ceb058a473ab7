"""Layers and containers: shapes, starting values, training against use, what may stand in a row.
The numbers of the functions themselves are tested with the engine's primitives.
"""

import math

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn
from backlit.engine import Generator, ShapeError, manual_seed, ones, tensor, zeros


def test_linear_is_x_times_weight_transposed_plus_bias():
    layer = nn.Linear(3, 2)
    assert layer.bias is not None
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    expected = x.astype(float) @ layer.weight.numpy().T.astype(float) + layer.bias.numpy()
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=np.float64)(zeros((1, 3), dtype=np.float64)).dtype == np.float64


def test_linear_starts_uniform_within_one_over_root_fan_in():
    layer = nn.Linear(100, 400, generator=Generator(0))
    assert layer.bias is not None
    bound = 1 / math.sqrt(100)
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert abs(values).max() <= bound
        assert abs(values).max() > 0.95 * bound
        assert abs(values.mean()) < 0.1 * bound
    assert layer.weight.numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_starting_values_follow_the_generator():
    def start(**keywords):
        return nn.MLP([4, 5, 3], **keywords).state_dict()

    def same(a, b):
        return all(a[name].numpy().tobytes() == b[name].numpy().tobytes() for name in a)

    manual_seed(3)
    one = start()
    manual_seed(3)
    assert same(one, start())
    assert not same(one, start())
    assert same(start(generator=Generator(5)), start(generator=Generator(5)))
    assert not same(start(generator=Generator(5)), start(generator=Generator(6)))


@pytest.mark.parametrize(
    ("sizes", "error"),
    [((0, 3), ValueError), ((3, -1), ValueError), ((3, 2.5), TypeError), ((True, 3), TypeError)],
)
def test_linear_refuses_sizes_that_are_none(sizes, error):
    with pytest.raises(error, match="features"):
        nn.Linear(*sizes)


def test_linear_names_the_module_when_shapes_do_not_fit():
    with pytest.raises(ShapeError, match=r"2"):
        nn.MLP([4, 5, 3])[1:](zeros((1, 4)))


@pytest.mark.parametrize(
    ("layer", "function"), [(nn.ReLU, F.relu), (nn.Tanh, F.tanh), (nn.Sigmoid, F.sigmoid)]
)
def test_activations_are_their_functions(layer, function):
    x = tensor(np.linspace(-3, 3, 13))
    assert layer()(x).tolist() == function(x).tolist()


def test_dropout_in_training_and_in_use():
    layer = nn.Dropout(0.25)
    x = ones(20_000)
    values = layer(x).numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert values.mean() == pytest.approx(1, abs=0.03)
    assert layer(x).tolist() != layer(x).tolist()
    assert (layer.eval()(x).numpy() == 1).all()
    assert (nn.Dropout(0.0)(x).numpy() == 1).all()
    assert (nn.Dropout(1.0)(x).numpy() == 0).all()
    seeded = [nn.Dropout(0.5, Generator(1))(x).tolist() for _ in range(2)]
    assert seeded[0] == seeded[1]


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(p)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [((), (2, 60)), ((0,), (120,)), ((1, 2), (2, 12, 5)), ((-2, -1), (2, 3, 20)), ((2, 2), None)],
)
def test_flatten(arguments, shape):
    x = zeros((2, 3, 4, 5))
    assert nn.Flatten(*arguments)(x).shape == (shape or x.shape)


@pytest.mark.parametrize("arguments", [(4,), (2, 1), (0, 4), (-5,)])
def test_flatten_refuses_axes_that_are_not_there(arguments):
    with pytest.raises(ShapeError, match="Flatten"):
        nn.Flatten(*arguments)(zeros((2, 3, 4, 5)))


def test_flatten_keeps_empty_batches():
    assert nn.Flatten()(zeros((0, 8, 8))).shape == (0, 64)


def test_identity():
    x = zeros(3)
    assert nn.Identity()(x) is x


def test_sequential_takes_any_callable():
    class Double:
        def __call__(self, x):
            return x * 2

    model = nn.Sequential(nn.Linear(2, 3), F.relu, lambda x: x + 1, Double())
    assert model(zeros((1, 2))).shape == (1, 3)
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    assert "(1): relu" in repr(model)
    assert nn.Sequential()(5) == 5


@pytest.mark.parametrize("layers", [([nn.ReLU()],), (nn.ReLU(), 3), (zeros(2),)])
def test_sequential_refuses_what_cannot_be_called(layers):
    with pytest.raises(TypeError, match="cannot be called"):
        nn.Sequential(*layers)


def test_sequential_is_a_row():
    layers = [nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[0] is layers[0]
    assert model[-1] is layers[2]
    part = model[:2]
    assert type(part) is nn.Sequential
    assert list(part) == layers[:2]
    with pytest.raises(IndexError):
        model[3]
    model.append(nn.Sigmoid())
    assert len(model) == 4
    assert model(zeros((1, 2))).shape == (1, 1)


def test_a_sequential_may_have_parameters_of_its_own():
    class Scaled(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.scale = nn.Parameter([1.0])

        def forward(self, x):
            return super().forward(x) * self.scale

    model = Scaled(nn.Linear(2, 3))
    assert [name for name, _ in model.named_parameters()] == ["scale", "0.weight", "0.bias"]


def test_module_list():
    blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    blocks.append(nn.Linear(2, 1))
    assert len(blocks) == 3
    assert [name for name, _ in blocks.named_parameters()][-1] == "2.bias"
    assert type(blocks[1:]) is nn.ModuleList
    with pytest.raises(TypeError, match="holds modules"):
        blocks.append(F.relu)


def test_mlp_is_linear_layers_with_activations_between():
    assert [type(layer).__name__ for layer in nn.MLP([2, 3, 4, 1])] == [
        "Linear", "ReLU", "Linear", "ReLU", "Linear",
    ]  # fmt: skip
    assert [type(layer).__name__ for layer in nn.MLP([2, 3, 1], nn.Tanh, dropout=0.5)] == [
        "Linear", "Tanh", "Dropout", "Linear",
    ]  # fmt: skip
    assert nn.MLP([2, 3, 1], activation=F.sigmoid)[1] is F.sigmoid
    assert nn.MLP([2, 3], bias=False)[0].bias is None
    assert len(nn.MLP([2, 3])) == 1
    assert nn.MLP([2, 3, 1], dtype="float64")[2].weight.dtype == np.float64
    for sizes in ([], [3]):
        with pytest.raises(ValueError, match="input and output"):
            nn.MLP(sizes)
