"""Floats among the arguments: one program for all values where they go into ops, a program for each
value where Python reads them, the bits of eager in both cases.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit.engine as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import Generator, ReplayError, Tensor, no_grad, replay, tensor
from backlit.engine.programs.floats import Floats, is_number

VALUES = [0.5, 0.25, -1.5, 3.0, 0.1, -0.0, 1e-40, 1e300, math.inf, math.nan, 0.5]


def programs(step: Any) -> int:
    return sum(c.ready for each in step.candidates.values() for c in each)


def bits(result: Any) -> list[Any]:
    row = result if isinstance(result, (tuple, list)) else [result]
    return [x.detach().numpy().tobytes() if isinstance(x, Tensor) else repr(x) for x in row]


IN_OPS: dict[str, Any] = {
    "operators": lambda x, t: (x * t + t - x / t, t - x, t**x, x**t, -t * x),
    "comparisons": lambda x, t: ((x > t).astype("float32"), (t >= x).astype("float32")),
    "functions": lambda x, t: (bl.maximum(x, t), bl.minimum(t, x), bl.where(x > 0, t, x)),
    "integers": lambda x, t: x.argmax(1) * t,
    "float64": lambda x, t: x.astype("float64") * t,
    "python": lambda x, t: (x * (1 - t) + t * 2 * x, x * -t, x * abs(t), x + (+t)),
    "returned": lambda x, t: (x * t, t, 3 * t),
    "NumPy": lambda x, t: np.multiply(x, t) + np.add(t, x),
    "backward": lambda x, t: bl.gradients((w_of(x) * t).sum() * t, LEAF[0])[0],
}
LEAF = [tensor(np.ones((3, 4)), requires_grad=True)]


def w_of(x: Tensor) -> Tensor:
    return LEAF[0] * x


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", IN_OPS)
@pytest.mark.filterwarnings("ignore:overflow")  # eager has it too
@pytest.mark.filterwarnings("ignore:invalid value")
def test_one_program_serves_all_values(name: str, kind: Any):
    function = IN_OPS[name]
    step = replay(function)
    x = tensor(np.random.default_rng(0).standard_normal((3, 4)))
    for value in VALUES:
        given = kind(value)
        assert bits(step(x, given)) == bits(function(x, given)), value
    assert programs(step) == 1
    assert step.program is not None


def test_a_value_that_divides_by_zero_raises_what_python_raises():
    step = replay(lambda x, t: x * (1 / t))
    x = tensor([1.0, 2.0])
    for t in (1.0, 2.0, 4.0):
        assert step(x, t).tolist() == [1 / t, 2 / t]
    with pytest.raises(ZeroDivisionError):
        step(x, 0.0)
    assert step(x, 8.0).tolist() == [0.125, 0.25]
    assert programs(step) == 1


READ_BY_PYTHON: dict[str, Any] = {
    "if": lambda x, t: x * 2 if t > 0.3 else x,
    "bool": lambda x, t: x * 2 if t else x,
    "max": lambda x, t: x * max(t, 0.3),
    "math": lambda x, t: x * math.exp(t),
    "NumPy": lambda x, t: x * np.tanh(t),
    "an array": lambda x, t: x * np.full(3, t),
    "an array of it": lambda x, t: x + np.array([t, 1, t]),
    "array arithmetic": lambda x, t: x * (np.ones(3, np.float32) * t),
    "round": lambda x, t: x * round(t, 1),
    "int": lambda x, t: x[: 1 + int(t)],
    "text": lambda x, t: x * len(f"{t:.3f}{t}"),
    "a key": lambda x, t: x * {0.5: 2.0}.get(t, 1.0),
    "a method": lambda x, t: x * (2 if t.is_integer() else 3),
    "a list": lambda x, t: x * bl.tensor([t, t, t]),
    "a copy": lambda x, t: x * copy.deepcopy(t),
    "a complex root": lambda x, t: x * ((-t) ** 0.5).real,
    "through arithmetic": lambda x, t: x * math.sin(1 - 2 * t),
    "smoothing": lambda x, t: F.cross_entropy(x.reshape(1, 3), tensor([1]), label_smoothing=t),
    "tensor()": lambda x, t: tensor(t) * x,
}


@pytest.mark.parametrize("name", READ_BY_PYTHON)
def test_where_python_reads_it_each_value_has_a_program(name: str):
    function = READ_BY_PYTHON[name]
    step = replay(function)
    x = tensor([1.0, -2.0, 3.0])
    for _ in range(3):
        for value in (0.5, 0.25, 0.75, 0.2):
            assert bits(step(x, value)) == bits(function(x, value)), value
    assert programs(step) == 4


def test_one_float_is_a_cell_and_the_other_decides():
    def function(x: Tensor, t: float, mode: float) -> Tensor:
        return x * t if mode > 1 else x + t

    step = replay(function)
    x = tensor([1.0, 2.0])
    for t in (0.1, 0.2, 0.3, 0.4):
        for mode in (0.0, 2.0):
            assert bits(step(x, t, mode)) == bits(function(x, t, mode))
    assert programs(step) == 2
    assert "0.0)" in step.report()
    assert "float" in step.report()


def test_how_it_is_given_does_not_matter():
    def function(x: Any, options: Any = None, *, t: float = 1.0, n: int = 1) -> Any:
        return x["a"] * options[1] * t * n

    step = replay(function)
    for k in range(5):
        t = 0.5 + k
        found = step({"a": tensor([1.0])}, (None, 2.0 + k), t=t, n=2)
        assert found.item() == (2.0 + k) * t * 2
    assert programs(step) == 1
    assert step({"a": tensor([1.0])}, (None, 2.0), t=1, n=2).item() == 4  # ints join the key
    assert step({"a": tensor([1.0])}, (None, 2.0), t=np.float32(1), n=2).item() == 4


def test_a_learning_rate_as_an_argument_of_a_step_by_hand():
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    found = []
    for use in (lambda f: f, replay):
        model = nn.Linear(4, 1, generator=Generator(0))

        def step(x: Tensor, lr: float, model: Any = model) -> Tensor:
            model.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            with no_grad():
                for p in model.parameters():
                    p -= lr * p.grad
            return loss

        step = use(step)
        losses = [step(tensor(x), 0.1 / (1 + k)).item() for k in range(20)]
        found.append((losses, [p.tolist() for p in model.parameters()]))
    assert found[0] == found[1]
    assert programs(step) == 1


def test_setting_an_optimizer_within_is_found_where_it_changes():
    model = nn.Linear(4, 1)
    opt = optim.SGD(model.parameters(), lr=0.1)

    @replay
    def step(x: Tensor, lr: float) -> Tensor:
        opt.param_groups[0]["lr"] = lr
        loss = model(x).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    x = tensor(np.ones((2, 4)))
    with pytest.raises(ReplayError, match=r"sets lr of an optimizer while a step is recorded"):
        step(x, 0.1)
    assert opt.param_groups[0]["lr"] == 0.1


def test_what_python_computes_must_be_the_same_at_each_call():
    counter = iter(range(100))
    step = replay(lambda x, t: x * (t + next(counter)))
    with pytest.raises(ReplayError, match="computes from a float"):
        [step(tensor([1.0]), 0.5) for _ in range(10)]


def test_a_long_chain_of_python_arithmetic():
    def function(x: Tensor, t: float) -> Tensor:
        for _ in range(5000):
            t = t * 0.999 + 0.001
        return x * t

    step = replay(function)
    for t in (0.1, 0.2, 0.3, 5.0):
        assert bits(step(tensor([1.0]), t)) == bits(function(tensor([1.0]), t))
    assert programs(step) == 1


def test_a_number_that_escapes_is_a_number():
    kept: list[Any] = []
    step = replay(lambda x, t: (kept.append(t), x * t)[1])
    step(tensor([1.0]), 0.5)
    assert (tensor([2.0]) * kept[0]).item() == 1
    assert kept[0] + 1 == 1.5
    other = replay(lambda x: x * kept[0])  # in another recording it is a constant
    assert [other(tensor([2.0])).item() for _ in range(3)] == [1, 1, 1]


def test_many_values_that_python_reads_do_not_pile_up():
    step = replay(lambda x, t: x * math.exp(t))
    for k in range(100):
        t = k / 7
        for _ in range(2):
            assert bits(step(tensor([1.0]), t)) == bits(tensor([1.0]) * math.exp(t))
    assert sum(map(len, step.candidates.values())) <= 32
    assert len(step.read) == 1


def test_nested_replays_pass_them_on():
    inner = replay(lambda x, t: x * t)
    outer = replay(lambda x, t: inner(x, t) + inner(x, 1 - t) * 2)
    x = tensor([3.0])
    for t in (0.1, 0.7, 0.4, -2.0):
        assert outer(x, t).item() == (x * t + x * (1 - t) * 2).item()
    assert programs(outer) == 1
    assert not inner.candidates


OPERATORS: list[Any] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b if b else a,
    lambda a, b: a // b if b else b,
    lambda a, b: a % b if b else b,
    lambda a, b: 2 - a,
    lambda a, b: b**2,
    lambda a, b: abs(-a),
    lambda a, b: max(a, b),
    lambda a, b: float(a),
    lambda a, b: a * True,
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 9), st.integers(0, 9)), max_size=8),
    st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2),
    st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2),
)
def test_recorded_arithmetic_is_pythons(recipe: Any, first: list[float], second: list[float]):
    def function(a: Any, b: Any) -> list[Any]:
        found = [a, b]
        for op, i, j in recipe:
            found.append(OPERATORS[op](found[i % len(found)], found[j % len(found)]))
        return found

    floats = Floats(first)
    found = function(*floats.numbers)
    fixed = floats.fixed()
    others = [x if k in fixed else second[k] for k, x in enumerate(first)]
    for values in (first, others):
        floats.write(values)
        for x, wanted in zip(found, function(*values), strict=True):
            assert repr(floats.now(x) if is_number(x) else x) == repr(wanted)


def test_the_rate_of_dropout():
    def function(x: Tensor, p: float, generator: Any) -> Tensor:
        return bl.dropout(x, p, generator=generator)

    g, h = Generator(1), Generator(1)
    step = replay(lambda x, p: function(x, p, g))
    x = tensor(np.ones(20))
    for _ in range(4):
        for p in (0.5, 0.2):
            assert bits(step(x, p)) == bits(function(x, p, h))
    assert programs(step) == 2
