"""Births of numbers that are not finite: each in a step that really makes one, named by the op, the
place, the module and the line of this file, and nothing updated.
"""

import threading

import numpy as np
import pytest

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    NonFiniteLossError,
    ReplayError,
    Tensor,
    default_generator,
    find_nan,
    tensor,
)
from backlit.engine.births import birth_on_tape
from backlit.engine.tape import recorders

RNG = np.random.default_rng(0)
X = RNG.standard_normal((32, 4)).astype(np.float32)
Y = RNG.integers(0, 2, 32)


class LogOfProbability(nn.Module):
    """What people write: log of softmax, with logits that are far apart."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 2, generator=bl.Generator(0))

    def forward(self, x):
        return (self.body(x) * 200.0).softmax(1).log()


def a_step(model, optimizer):
    def step(x, y):
        loss = -model(x)[np.arange(len(y.data)), y.data].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("replayed", [False, True])
def test_the_log_of_zero_in_a_step(replayed):
    model = LogOfProbability()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = a_step(model, optimizer)
    before = [p.data.copy() for p in model.parameters()]
    given = (X, Y) if replayed else (tensor(X), tensor(Y))
    birth = find_nan(bl.replay(step) if replayed else step, *given)
    assert birth is not None
    assert (birth.stage, birth.op, birth.module, birth.value) == ("forward", "log", "", -np.inf)
    assert birth.source is not None
    assert birth.source.file == __file__
    assert birth.source.code == "return (self.body(x) * 200.0).softmax(1).log()"
    row, column = birth.place
    with bl.no_grad():
        logits = model.body(tensor(X)).numpy() * 200
    assert logits[row, column] < logits[row].max() - 80
    assert "0 there" in birth.operands[0]
    assert "log_softmax" in str(birth)
    for p, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.data, old)
    assert not recorders
    assert Tensor.backward is bl.engine.backward.backward


def test_the_module_is_named():
    model = nn.Sequential(nn.Linear(4, 4), LogOfProbability())
    birth = find_nan(model, tensor(X * 1e3))
    assert birth is not None
    assert (birth.op, birth.module) == ("log", "1")


def test_a_gradient_that_is_born_infinite_in_backward():
    """sqrt is finite at 0, its slope is not: the loss looks well."""
    x = tensor([0.0, 4.0], requires_grad=True)

    def distance(x):
        loss = x.sqrt().sum()
        loss.backward()
        return loss

    birth = find_nan(distance, x)
    assert birth is not None
    assert (birth.stage, birth.op, birth.place, birth.value) == ("backward", "sqrt", (0,), np.inf)
    assert birth.source is not None
    assert birth.source.code == "loss = x.sqrt().sum()"
    assert birth.operands[0].startswith("upstream gradient")
    assert x.grad is None
    assert birth_on_tape(x.sqrt().sum()) is None


def test_an_infinity_that_nobody_uses_is_passed_over():
    def masked(x):
        loss = bl.where(x > 0, x.log(), 0.0).sum()
        return loss

    x = tensor([0.0, 1.0], requires_grad=True)
    assert find_nan(masked, x) is None
    attention = tensor([[0.5, -np.inf]], requires_grad=True)
    assert find_nan(lambda a: a.softmax(1).sum(), attention) is None


def test_numbers_that_were_bad_from_the_start():
    model = nn.MLP([4, 8, 2])
    birth = find_nan(
        lambda x: F.cross_entropy(model(x), tensor(Y)), tensor(np.where(X > 2, np.nan, X))
    )
    assert birth is not None
    assert (birth.stage, birth.op, birth.module) == ("given", "linear", "0")
    assert "look at the data" in birth.fix
    model[2].weight.data[0, 0] = np.inf
    birth = find_nan(lambda x: F.cross_entropy(model(x), tensor(Y)), tensor(X))
    assert birth is not None
    assert (birth.stage, birth.module) == ("given", "2")
    assert any("2.weight" in operand and "1 not finite" in operand for operand in birth.operands)
    assert "an update spoiled it" in birth.fix


def test_ops_before_the_tape_are_seen_too():
    """Standardising a constant column divides by 0, long before anything is remembered."""
    data = tensor(np.column_stack([X[:, 0], np.ones(32, np.float32)]))
    model = nn.Linear(2, 1)

    def step():
        centred = data - data.mean(0)
        scaled = centred / (centred * centred).mean(0).sqrt()
        loss = model(scaled).mean()
        loss.backward()
        return loss

    birth = find_nan(step)
    assert birth is not None
    assert (birth.stage, birth.op) == ("forward", "div")
    assert birth.place == (0, 1)
    assert birth.source is not None
    assert birth.source.code.startswith("scaled = centred / ")


def test_overflow_by_a_learning_rate():
    model = nn.MLP([4, 16, 2], generator=bl.Generator(0))
    optimizer = optim.SGD(model.parameters(), lr=1e25)
    x, y = tensor(X), tensor(Y)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(x, y)
    birth = find_nan(step, x, y)
    assert birth is not None
    assert birth.stage == "forward"
    assert birth.op == "linear"
    assert "learning rate" in birth.fix


def test_after_the_error_of_a_native_run():
    """run() stops before the update, and the step can be asked again."""
    model = LogOfProbability()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @bl.replay
    def step(x, t):
        loss = -(model(x) * t).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    t = np.eye(2, dtype=np.float32)[Y]
    with pytest.raises(NonFiniteLossError):
        step.run(X, t, batch_size=8, epochs=3)
    birth = find_nan(step, X, t)
    assert birth is not None
    assert birth.op == "log"


def test_a_healthy_step_gives_none_and_updates_nothing():
    model = nn.MLP([4, 8, 2])
    optimizer = optim.Adam(model.parameters())
    before = [p.data.copy() for p in model.parameters()]

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        raise AssertionError("the run ends before the update")

    assert find_nan(step, tensor(X), tensor(Y)) is None
    for p, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.data, old)
    assert not optimizer.state[model[0].weight].get("step", tensor(0.0)).item()


def test_gradients_that_are_not_cleared_may_add_up():
    w = tensor([1.0], requires_grad=True)

    def twice():
        (w * w).sum().backward()
        (w * w).sum().backward()
        return w.log().sum()

    assert find_nan(twice) is None
    assert w.grad is not None
    assert w.grad.tolist() == [4.0]


@pytest.mark.parametrize("bad", [False, True])
def test_draws_and_changes_in_place_are_taken_back(bad: bool):
    """Also where a graph outside has saved what is changed."""
    mine, mean = bl.Generator(1), tensor([1.0, 2.0])
    w = tensor([3.0, 0.0 if bad else 1.0], requires_grad=True)
    outside = (w * mean).sum()

    def step():
        with bl.no_grad():
            mean.copy_(mean * 0.5)
            mean.copy_(mean + bl.uniform((2,), generator=mine))
        bl.uniform((3,))
        loss = (w.log() * mean).sum()
        loss.backward()
        return loss

    before = mine.state(), default_generator().state()
    assert (find_nan(step) is not None) == bad
    assert (mine.state(), default_generator().state()) == before
    assert mean.tolist() == [1.0, 2.0]
    outside.backward()  # nothing that it saved counts as changed


def test_errors_of_the_function_come_through_and_all_is_put_back():
    def fails():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        find_nan(fails)
    assert not recorders
    assert not bl.engine.tracing.is_tracing()


def test_a_function_cannot_hold_it_up():
    def swallows(x):
        try:
            x.log().sum().backward()
        except Exception:
            return None

    birth = find_nan(swallows, tensor([0.0], requires_grad=True))
    assert birth is not None
    assert birth.op == "log"


def test_within_a_recording_it_refuses():
    @bl.replay
    def step(x):
        find_nan(lambda: x.log())
        return x

    with pytest.raises(ReplayError, match="outside of the step"):
        step(tensor([1.0]))


def test_two_threads_at_once():
    found: dict[int, object] = {}

    def work(k):
        x = tensor([float(k % 2)], requires_grad=True)
        for _ in range(30):
            found[k] = find_nan(lambda x: x.log().sum(), x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[k] is None for k in range(4)] == [False, True, False, True]
    assert not recorders
    assert not bl.engine.tracing.is_tracing()


def test_big_operands_and_hostile_names():
    x = tensor(np.zeros((300, 300), np.float32), requires_grad=True)
    x.name = "<script>\n{|}"
    birth = find_nan(lambda x: x.log().sum(), x)
    assert birth is not None
    assert birth.count == 90_000
    assert "90,000 of 90,000" in str(birth)
    assert "\n{|}" not in str(birth)
    empty = tensor(np.zeros((0, 3), np.float32))
    assert find_nan(lambda x: x.log(), empty) is None


def test_what_cannot_be_run_again_is_told():
    loss = tensor([1.0], requires_grad=True).sum()
    with pytest.raises(TypeError, match=r"find_nan: Tensor cannot be run again; .* find_nan\(step"):
        find_nan(loss)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="source_of: lines are of Tensors, not of int"):
        bl.source_of(3)  # type: ignore[arg-type]
