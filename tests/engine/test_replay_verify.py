"""A program that is verified again, every so many calls: one that is broken, or whose function has
changed, is found and named; one that is good goes on as if nobody had looked.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    Generator,
    NonFiniteLossError,
    Replay,
    ReplayError,
    Tensor,
    manual_seed,
    replay,
    tensor,
)

from .test_replay import same


class Training:
    """A model with dropout, its step, and how often the body ran."""

    def __init__(self, every: int | None = None):
        drop = nn.Dropout(0.2, generator=Generator(1))
        self.model = nn.Sequential(nn.MLP([4, 8, 3], generator=Generator(7)), drop)
        self.opt = optim.Adam(self.model.parameters(), lr=1e-2)
        self.bodies = 0
        self.scale = 1.0
        self.step: Any = replay(self.body, verify_every=every) if every else self.body

    def body(self, x: Tensor, y: Tensor) -> Tensor:
        self.bodies += 1
        loss = F.cross_entropy(self.model(x) * self.scale, y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss


def batch(k: int, rows: int = 6) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(k)
    return tensor(rng.standard_normal((rows, 4))), tensor(rng.integers(0, 3, rows))


def break_run(step: Any, after: Callable[[], Any]) -> None:
    """Have the program do something else as well."""
    program = step.last.program
    run = program.run
    program.run = lambda: (run(), after())


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_every_nth_call_runs_eagerly_too_and_changes_nothing(every: int):
    plain, played = Training(), Training(every)
    ran = []
    for k in range(20):
        bodies = played.bodies
        assert plain.step(*batch(k)).item() == played.step(*batch(k)).item()
        ran.append(played.bodies > bodies)
        same(plain.model, played.model)
    assert ran == [k < 2 or (k - 1) % every == 0 for k in range(20)]


@pytest.mark.parametrize("every", [1, 3, 5, 1000])
@pytest.mark.parametrize("rows", [24, 26])
def test_every_nth_step_of_a_run(every: int, rows: int):
    x, y = (t.numpy() for t in batch(0, rows))
    found = []
    for n in (None, every):
        manual_seed(1)
        training = Training(n or 10**9)
        history = training.step.run(x, y, batch_size=8, epochs=9, shuffle=True)
        found.append((history, training))
    assert found[0][0] == found[1][0]
    same(found[0][1].model, found[1][1].model)
    calls = [27] if rows == 24 else [27, 9]
    assert found[1][1].bodies == sum(2 + (n - 2) // every for n in calls)


def test_calls_and_runs_count_together():
    training = Training(10)
    x, y = batch(0, 24)
    training.step.run(x, y, batch_size=6, epochs=2)  # 8 calls, the second verified
    training.step(*batch(1))
    assert training.bodies == 2
    training.step.run(x, y, batch_size=6, epochs=1)  # 3 more until the tenth after that
    assert training.bodies == 3


def test_one_program_in_turn_with_another():
    training = Training(4)
    for k in range(30):
        training.step(*batch(k, 3 + k % 2))
    assert training.bodies == 2 * (2 + (15 - 2) // 4)


BROKEN: dict[str, Any] = {
    "0.0.weight": lambda t: t.model[0][0].weight.data.__iadd__(1),
    "result 0": lambda t: t.step.last.outputs[0].data.__iadd__(1),
    "the gradient of 0.0.bias": lambda t: t.step.last.grads[1][1].data.__iadd__(1),
}


@pytest.mark.parametrize("way", ["call", "run"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_program_is_found_and_the_buffer_is_named(what: str, way: str):
    plain, played = Training(), Training(5)
    for k in range(4):
        plain.step(*batch(k))
        played.step(*batch(k))
    break_run(played.step, lambda: BROKEN[what](played))
    calls = 0

    def go_on() -> None:
        nonlocal calls
        while calls < 20:
            plain.step(*batch(calls))
            calls += 1
            if way == "call":
                played.step(*batch(calls - 1))
            else:
                played.step.run(*batch(calls - 1), batch_size=6, epochs=1)

    with pytest.raises(ReplayError, match=rf"verify_every=5 found .*differ in .*{what}"):
        go_on()
    assert calls == 3  # the fifth call after the second
    same(plain.model, played.model)  # what eager left stands
    for k in range(10):  # and the function is recorded anew
        assert plain.step(*batch(k)).item() == played.step(*batch(k)).item()
    same(plain.model, played.model)
    assert isinstance(played.step, Replay)
    assert played.step.program is not None


def test_python_state_that_has_changed_is_found():
    plain, played = Training(), Training(3)
    for k in range(5):
        assert plain.step(*batch(k)).item() == played.step(*batch(k)).item()
    played.scale = 2.0
    words = r"verify_every=3 found .* made by Python .* Python state that has changed"
    with pytest.raises(ReplayError, match=words):
        [played.step(*batch(k)) for k in range(5)]


def test_another_path_through_the_function_is_found():
    flag = [False]
    step = replay(lambda x: x * x if flag[0] else x + x, verify_every=2)
    for k in range(6):
        step(tensor([1.0 * k]))
    flag[0] = True
    with pytest.raises(ReplayError, match="op 0 was add"):
        [step(tensor([3.0])) for _ in range(2)]
    assert [step(tensor([3.0])).item() for _ in range(5)] == [9] * 5


def test_floats_and_gradients_of_arguments_are_verified():
    def function(x: Tensor, t: float) -> Any:
        (x * x * t).sum().backward()
        return x.detach() * (1 - t), t / 2

    step = replay(function, verify_every=1)
    for k in range(6):
        x = tensor([1.0 * k], requires_grad=True)
        found, half = step(x, 0.5 * k)
        assert (found.item(), half) == (k * (1 - 0.5 * k), 0.25 * k)
        assert x.grad is not None
        assert x.grad.item() == 2 * k * 0.5 * k
    program: Any = step.last
    break_run(step, lambda: program.stand_ins.tensors[0].grad.data.__iadd__(1))
    x = tensor([5.0], requires_grad=True)
    with pytest.raises(ReplayError, match="an argument or its gradient"):
        step(x, 1.0)
    assert x.grad is not None
    assert x.grad.item() == 2 * 5  # eager's


def test_a_loss_that_is_not_finite_in_a_step_that_is_verified():
    training = Training(4)
    x, y = batch(0, 24)
    training.step.run(x, y, batch_size=6, epochs=1)
    before = [p.tolist() for p in training.model.parameters()]
    bad = x.numpy().copy()
    bad[:] = np.nan
    for _ in range(5):
        with pytest.raises(NonFiniteLossError, match="step 1"):
            training.step.run(bad, y, batch_size=6, epochs=1)
    assert [p.tolist() for p in training.model.parameters()] == before


def test_ctrl_c_while_a_program_is_verified_waits_for_its_end():
    plain, played = Training(), Training(1)
    for k in range(3):
        plain.step(*batch(k))
        played.step(*batch(k))
    break_run(played.step, lambda: os.kill(os.getpid(), signal.SIGINT))
    plain.step(*batch(3))
    with pytest.raises(KeyboardInterrupt):
        played.step(*batch(3))
    same(plain.model, played.model)


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "2"])
def test_what_is_no_count_is_refused(every: Any):
    with pytest.raises((TypeError, ValueError), match="verify_every"):
        replay(lambda x: x, verify_every=every)
