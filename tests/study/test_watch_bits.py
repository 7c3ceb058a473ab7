"""A run that is watched ends in the bits of one that is not, whatever happens within the block:
callbacks, other modes, sizes and optimizers, errors, losses of NaN, other watches and threads.
"""

import copy
import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import NonFiniteLossError, Replay, Tensor, default_generator

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((640, 16)).astype(np.float32), RNG.integers(0, 4, 640)


def batch(k: int, rows: int = 32) -> tuple[Tensor, Tensor]:
    begin = k * rows % 580
    return bl.tensor(X[begin : begin + rows]), bl.tensor(Y[begin : begin + rows])


class Noisy(nn.Module):
    """Draws from a generator of its own in all modes, and keeps a mean that every call moves."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = bl.Generator(7)
        self.mean = bl.zeros((16,))
        self.body = nn.MLP([16, 24, 4], dropout=0.3)

    def forward(self, x: Tensor) -> Tensor:
        with bl.no_grad():
            self.mean.copy_(self.mean * 0.9 + x.mean(0) * 0.1)
        return self.body(x + bl.normal(x.shape, generator=self.noise) * 0.1 + self.mean)


class Run:
    """A model in training; its watch, if it has one; what its losses were and what it left."""

    def __init__(self, watching: bool) -> None:
        bl.manual_seed(3)
        self.watching = watching
        self.model = Noisy()
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-3)
        self.told: list[Any] = []

    def watch(self, model: Any = None, optimizer: Any = None) -> Any:
        if not self.watching:
            return nullcontext()
        return bl.watch(model or self.model, optimizer or self.optimizer)

    def plain_step(self, x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def step(self, verify_every: int | None = None) -> Replay:
        return bl.replay(lambda x, y: self.plain_step(x, y), verify_every=verify_every)

    def calls(self, step: Callable[..., Tensor], numbers: range, rows: int = 32) -> None:
        self.told += [step(*batch(k, rows)).item() for k in numbers]

    def left(self) -> list[Any]:
        arrays = [*[p.numpy() for p in self.model.parameters()], self.model.mean.numpy()]
        streams = [default_generator().state(), self.model.noise.state()]
        return [repr(self.told), *[a.tobytes() for a in arrays], *streams]


def eager(run: Run) -> None:
    with run.watch():
        run.calls(run.plain_step, range(150))


def replayed_with_other_modes(run: Run) -> None:
    step, first = run.step(), next(iter(run.model.parameters()))
    with run.watch():
        run.calls(step, range(100))
        run.model.eval()
        run.calls(step, range(60))
        run.model.train()
        first.requires_grad = False
        run.calls(step, range(60))
        first.requires_grad = True
        run.optimizer.param_groups[0]["lr"] = 0.01
        run.calls(step, range(60))
        run.model.load_state_dict(run.model.state_dict())
        run.optimizer = optim.Adam(run.model.parameters(), lr=0.002)
        run.calls(run.step(), range(60))


def every_batch_of_another_size(run: Run) -> None:
    step = run.step()
    with run.watch():
        for k in range(120):
            run.calls(step, range(k, k + 1), 1 + k % 37)


def verified(run: Run) -> None:
    step = run.step(verify_every=5)
    with run.watch():
        run.calls(step, range(60))
        run.told.append(step.run(X, Y, epochs=2))


def a_run_whose_callback_calls_the_step(run: Run) -> None:
    step = run.step()

    def on_epoch(number: int, loss: float) -> bool:
        run.told.append(loss)
        run.calls(step, range(3))
        (run.model.eval if number == 4 else run.model.train)()
        run.optimizer.param_groups[0]["lr"] /= 2
        return number < 8

    with run.watch():
        step.run(X, Y, batch_size=50, epochs=12, shuffle=True, on_epoch=on_epoch)
        run.told.append(step.run(X, Y, epochs=2, should_stop=lambda: True))


def errors_leave_the_block(run: Run) -> None:
    step = run.step()
    for _ in range(2):
        with pytest.raises(bl.ShapeError), run.watch():  # noqa: PT012
            run.calls(step, range(100))
            step(bl.zeros((32, 5)), batch(0)[1])
        run.calls(step, range(20))
    with pytest.raises(IndexError), run.watch():  # noqa: PT012
        run.calls(step, range(100))
        step(batch(0)[0], bl.tensor(np.full(32, 99)))
    run.calls(step, range(20))


def a_generator_that_is_left_early(run: Run) -> None:
    step = run.step()

    def losses() -> Iterator[float]:
        with run.watch():
            for k in range(200):
                yield step(*batch(k)).item()

    found = losses()
    for k, loss in enumerate(found):
        run.told.append(loss)
        run.calls(step, range(1))
        if k == 100:
            break
    found.close()  # type: ignore[attr-defined]
    run.calls(step, range(20))


def watches_within_watches(run: Run) -> None:
    other = Run(run.watching)
    steps = run.step(), other.step()
    with run.watch():
        for within in (False, True, False):
            with other.watch() if within else nullcontext():
                for k in range(80):
                    run.calls(steps[k % 2], range(k, k + 1))
    run.told.append(other.left())


def another_watch_in_another_thread(run: Run) -> None:
    step = run.step()

    def work() -> None:
        other = Run(run.watching)
        with other.watch():
            other.calls(other.step(), range(80))
        run.told.append(other.left())

    with run.watch():
        run.calls(step, range(80))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        run.calls(step, range(80))


def steps_made_and_let_go_within(run: Run) -> None:
    with run.watch():
        for _ in range(4):
            step = run.step()
            run.calls(step, range(40))
            gone = weakref.ref(step)
            del step
            gc.collect()
            run.told.append(gone() is None)
            copy.deepcopy(run.model.body)(batch(0)[0])
    assert run.told[40::41] == [True] * 4


def nan_in_a_run(run: Run) -> None:
    spoiled = X.copy()
    spoiled[500] = np.nan
    with run.watch(), pytest.raises(NonFiniteLossError) as caught:
        run.step().run(spoiled, Y, epochs=2)
    run.told.append(str(caught.value))


STORIES = [
    eager, replayed_with_other_modes, every_batch_of_another_size, verified,
    a_run_whose_callback_calls_the_step, errors_leave_the_block, a_generator_that_is_left_early,
    watches_within_watches, another_watch_in_another_thread, steps_made_and_let_go_within,
    nan_in_a_run,
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_not_a_bit_changes(story: Callable[[Run], None]):
    runs = Run(False), Run(True)
    for run in runs:
        bl.manual_seed(4)
        story(run)
        run.told.append(run.left())
    assert runs[0].told == runs[1].told


@pytest.mark.parametrize("calm", [0, 1, 2, 5, 200])
def test_after_a_loss_of_nan_a_step_goes_on_where_it_was_stopped(calm: int):
    """What the step drew and moved before its update is not drawn and moved again."""

    def ended(watching: bool) -> tuple[Any, Any]:
        run = Run(watching)

        @bl.replay
        def step(x: Tensor, y: Tensor, scale: float) -> Tensor:
            loss = F.cross_entropy(run.model(x), y) * scale
            loss.backward()  # adds to the gradients of the steps before
            run.optimizer.step()
            return loss

        with run.watch() as seen:
            for k in range(calm + 6):
                run.told.append(step(*batch(k), np.inf if k == calm else 1.0).item())
        gradients = [p.grad.numpy().tobytes() for p in run.model.parameters() if p.grad is not None]
        return [*run.left(), gradients], seen

    (plain, _), (told, seen) = ended(False), ended(True)
    assert plain == told
    assert seen.records.steps == calm + 6
    assert seen.records.births[0][0] == calm + 1
    birth = seen.records.births[0][2]
    assert (birth.op, birth.stage, birth.value) == ("mul", "given", np.inf)


def test_each_of_two_watches_tells_where_a_nan_came_from():
    run = Run(True)

    @bl.replay
    def step(x: Tensor, y: Tensor, scale: float) -> Tensor:
        loss = F.cross_entropy(run.model(x), y) * scale
        loss.backward()
        run.optimizer.step()
        return loss

    with run.watch() as outer, run.watch(nn.MLP([2, 2])) as inner:
        for k in range(60):
            step(*batch(k), np.inf if k == 50 else 1.0)
    for seen in (outer, inner):
        assert seen.records.steps == 60
        number, _, birth = seen.records.births[0]
        assert (number, birth.op, birth.value) == (51, "mul", np.inf)


def test_ctrl_c_at_any_time_leaves_nothing_behind():
    run = Run(True)
    step = run.step()
    run.calls(step, range(3))
    plain = Replay.full_call, Tensor.backward, Noisy.__call__
    for delay in (0.02, 0.05, 0.11):
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt), run.watch() as seen:  # noqa: PT012
            timer.start()
            for k in range(1 << 30):
                step(*batch(k))
        timer.join()
        assert (Replay.full_call, Tensor.backward, Noisy.__call__) == plain
        assert seen.records.steps > 0
        assert str(seen)
        assert step.last is not None
        assert step.last.program.guarded[0] == 0
        assert step.last.program.on_stop is None
        assert step.last.countdown == 0


def test_after_the_block_the_data_of_the_run_are_let_go():
    run = Run(True)
    x, y = batch(0)
    kept: list[Any] = [weakref.ref(x)]
    with run.watch() as seen:
        for _ in range(5):
            run.plain_step(x, y)
        step = run.step()
        kept.append(weakref.ref(step))
        step.run(X, Y, epochs=1)
    del x, y, step
    gc.collect()
    assert [each() for each in kept] == [None] * 2
    assert seen.records.units
