"""`run`: whole epochs have the bits of a loop; they stop where they should, and nothing is left
half done.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    Generator,
    NonFiniteLossError,
    ReplayError,
    ShapeError,
    Tensor,
    manual_seed,
    permutation,
    replay,
    tensor,
)
from backlit.engine.programs.program import PASSES

from .test_replay import same


def training(dropout: float = 0.0, lr: float = 1e-2, sizes: tuple[int, ...] = (4, 8, 3)):
    """A model, its optimizer and a step that returns loss and accuracy."""
    model = nn.Sequential(nn.MLP(list(sizes), generator=Generator(7)), nn.Dropout(dropout or 0.0))
    opt = optim.Adam(model.parameters(), lr=lr)

    def step(x: Tensor, y: Tensor) -> Any:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss, (logits.argmax(1) == y).mean()

    return model, opt, step


def table(rows: int = 25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 4)).astype(np.float32), rng.integers(0, 3, rows)


def loop(step: Any, X: Any, y: Any, epochs: int, **how: Any) -> list[tuple[float, ...]]:
    """What run() promises to do, written out."""
    history = []
    for _ in range(epochs):
        rows, sizes = [], []
        for x, t in nn.batches(X, y, **how):
            rows.append([value.item() for value in step(x, t)])
            sizes.append(len(x))
        weights = np.array(sizes, float)[:, None]
        history.append(tuple(((np.array(rows) * weights).sum(0) / weights.sum()).tolist()))
    return history


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("rows", "size", "drop"), [(24, 8, False), (25, 8, False), (25, 8, True), (5, 8, False)]
)
def test_epochs_have_the_bits_of_a_loop(rows: int, size: int, drop: bool, shuffle: bool):
    X, y = table(rows)
    found = []
    for use in (lambda f: f, replay):
        manual_seed(3)
        model, _, step = training(dropout=0.2)
        step = use(step)
        how: Any = {"batch_size": size, "shuffle": shuffle, "drop_last": drop}
        history = step.run(X, y, epochs=9, **how) if use is replay else loop(step, X, y, 9, **how)
        found.append((model, history))
    assert found[0][1] == found[1][1]
    same(found[0][0], found[1][0])


def test_looking_on_after_each_epoch_changes_nothing():
    X, y = table()
    found = []
    for look in (False, True):
        model, _, step = training()
        seen: list[Any] = []
        watch = (lambda k, means, seen=seen: seen.append((k, means))) if look else None
        history = replay(step).run(
            X, y, batch_size=8, epochs=6, shuffle=True, on_epoch=watch, generator=Generator(1)
        )
        assert seen == (list(enumerate(history, 1)) if look else [])
        found.append((model, history))
    assert found[0][1] == found[1][1]
    same(found[0][0], found[1][0])


def test_false_stops_and_a_changed_learning_rate_takes_effect():
    X, y = table()
    found = []
    for native in (False, True):
        model, opt, step = training()

        def show(epoch: int, means: Any, opt: Any = opt) -> Any:
            opt.param_groups[0]["lr"] *= 0.5
            return epoch < 5

        if native:
            assert len(replay(step).run(X, y, batch_size=10, epochs=50, on_epoch=show)) == 5
        else:
            for epoch in range(1, 6):
                loop(step, X, y, 1, batch_size=10)
                show(epoch, None)
        found.append(model)
    same(*found)


def test_freezing_a_layer_between_epochs_is_seen():
    X, y = table()
    found = []
    for native in (False, True):
        model, _, step = training()
        weight = next(iter(model.parameters()))

        def freeze(epoch: int, means: Any, weight: Any = weight) -> None:
            if epoch == 4:
                weight.requires_grad_(False)
                weight.grad = None

        if native:
            replay(step).run(X, y, batch_size=10, epochs=8, on_epoch=freeze)
        else:
            for epoch in range(1, 9):
                loop(step, X, y, 1, batch_size=10)
                freeze(epoch, None)
        found.append(model)
    same(*found)


def test_gradients_that_are_kept_add_up_as_in_a_loop():
    X, y = table(24)
    found = []
    for native in (False, True):
        model, opt, _ = training()

        def step(x: Tensor, t: Tensor, model: Any = model, opt: Any = opt) -> Tensor:
            loss = F.cross_entropy(model(x), t)
            loss.backward()
            opt.step()
            return loss

        if native:
            replay(step).run(X, y, batch_size=8, epochs=5)
        else:
            for _ in range(5):
                for x, t in nn.batches(X, y, batch_size=8):
                    step(x, t)
        found.append(model)
    same(*found)


def test_a_step_that_needs_python_runs_too():
    X, y = table()
    found = []
    for native in (False, True):
        model, opt, _ = training()

        def step(x: Tensor, t: Tensor, model: Any = model, opt: Any = opt) -> Any:
            logits = model(x)
            loss = F.cross_entropy(logits, t)
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss, logits.max(axis=0).sum()  # has no kernel of its own

        if native:
            played = replay(step)
            history = played.run(X, y, batch_size=8, epochs=4)
            assert "in Python" in played.report()
        else:
            history = loop(step, X, y, 4, batch_size=8)
        found.append((model, history))
    assert found[0][1] == found[1][1]
    same(found[0][0], found[1][0])


@pytest.mark.parametrize("bad_epoch", [1, 2, 6])
def test_a_loss_that_is_not_finite_stops_before_the_update(bad_epoch: int):
    X, y = table(24)
    model, _, step = training()
    step = replay(step)
    good = X.copy()
    if bad_epoch > 1:
        step.run(good, y, batch_size=8, epochs=bad_epoch - 1)
    before = [p.numpy().copy() for p in model.parameters()]
    good[9, 0] = np.nan
    with pytest.raises(NonFiniteLossError, match=r"step 2 \(epoch 1, batch 2\): the loss is nan"):
        step.run(good, y, batch_size=8, epochs=3)
    control, _, plain = training()
    plain_step = replay(plain)
    if bad_epoch > 1:
        plain_step.run(X, y, batch_size=8, epochs=bad_epoch - 1)
    plain(tensor(X[:8]), tensor(y[:8]))
    for p, q, old in zip(model.parameters(), control.parameters(), before, strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes() != old.tobytes()
    assert np.isnan(step(tensor(good[8:16]), tensor(y[8:16]))[0].item())  # a call goes on


def test_a_class_out_of_range_is_the_ops_own_error():
    X, y = table(24)
    _, _, step = training()
    step = replay(step)
    step.run(X, y, batch_size=8, epochs=2)
    y[17] = 3
    with pytest.raises(IndexError, match="3") as caught:
        step.run(X, y, batch_size=8, epochs=2)
    assert caught.value.__notes__ == ["in step 3 of run(): epoch 1, batch 3"]


def test_ctrl_c_stops_between_two_steps():
    X, y = table(64)
    _, opt, step = training()
    step = replay(step)
    step.run(X, y, batch_size=32, epochs=3)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        step.run(X, y, batch_size=32, epochs=100_000_000)
    assert time.perf_counter() - started < 30  # it ended at all; how soon is a benchmark's matter
    steps = int(opt.state_dict()["state"][0]["step"])
    assert steps > 6
    step.run(X, y, batch_size=32, epochs=1)  # and it goes on
    assert int(opt.state_dict()["state"][0]["step"]) == steps + 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_go_on_meanwhile():
    X, y = table(64)
    _, _, step = training()
    step = replay(step)
    step.run(X, y, batch_size=32, epochs=3)
    ticks = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not ended.is_set():
            ticks += 1
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    step.run(X, y, batch_size=32, epochs=20_000)
    ended.set()
    other.join()
    assert ticks > 10


def test_two_threads_train_two_models_with_the_bits_of_one():
    X, y = table(64)
    found: dict[int, Any] = {}

    def train(k: int) -> None:
        model, _, step = training(sizes=(4, 200, 200, 3))
        replay(step).run(X, y, batch_size=32, epochs=60)
        found[k] = model

    train(0)
    threads = [threading.Thread(target=train, args=(k,)) for k in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(found[0], found[1])
    same(found[0], found[2])


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        ((), {}, ShapeError, "one length"),
        ((np.zeros((3, 4)), np.zeros(4, int)), {}, ShapeError, "one length"),
        ((np.zeros((0, 4)), np.zeros(0, int)), {}, ShapeError, "above 0"),
        ((np.zeros(()),), {}, ShapeError, "single number"),
        ((np.zeros((3, 4)), np.zeros(3, int)), {"batch_size": 0}, ValueError, "batch_size"),
        ((np.zeros((3, 4)), np.zeros(3, int)), {"batch_size": 1.5}, TypeError, "batch_size"),
        ((np.zeros((3, 4)), np.zeros(3, int)), {"epochs": 0}, ValueError, "epochs"),
        ((np.zeros((3, 4)), np.zeros(3, int)), {"drop_last": True}, ValueError, "drop_last"),
    ],
)
def test_what_cannot_be_run_is_said(data: Any, options: Any, error: Any, words: str):
    _, _, step = training()
    with pytest.raises(error, match=words):
        replay(step).run(*data, **options)


def test_results_that_are_no_numbers_are_refused():
    with pytest.raises(ReplayError, match="no tensor"):
        replay(lambda x: None).run(np.zeros((4, 2)))
    with pytest.raises(ReplayError, match=r"shape \(2, 2\)"):
        replay(lambda x: x).run(np.zeros((4, 2)), batch_size=2)


def test_wide_and_odd_columns_are_gathered():
    rng = np.random.default_rng(0)
    columns = [
        rng.standard_normal((11, 3, 2)),
        rng.random(11) < 0.5,
        rng.integers(0, 100, (11, 5)).astype(np.int16),
        np.asfortranarray(rng.standard_normal((11, 4)).astype(np.float32)),
    ]

    def step(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return a.sum() + b.astype("float32").sum() + c.astype("float32").sum() + d.sum()

    g, h = Generator(2), Generator(2)
    found = replay(step).run(*columns, batch_size=4, epochs=5, shuffle=True, generator=g)
    wanted = []
    for _ in range(5):
        order = permutation(11, generator=h).numpy()
        parts = [order[k : k + 4] for k in range(0, 11, 4)]
        values = [step(*[tensor(c[part]) for c in columns]).item() * len(part) for part in parts]
        wanted.append(sum(values) / 11)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_seeding_anew_between_epochs_draws_from_the_new_seed():
    X, y = table(24)
    found = []
    for native in (False, True):
        manual_seed(0)
        model, _, step = training()

        def again(epoch: int, means: Any) -> None:
            manual_seed(epoch)

        if native:
            replay(step).run(X, y, batch_size=8, epochs=6, shuffle=True, on_epoch=again)
        else:
            for epoch in range(1, 7):
                loop(step, X, y, 1, batch_size=8, shuffle=True)
                again(epoch, None)
        found.append(model)
    same(*found)


@pytest.mark.parametrize("passes", [(), *[(name,) for name in sorted(PASSES)]])
def test_a_pass_changes_no_bit(passes: tuple[str, ...]):
    X, y = table()
    found = []
    for use in (frozenset(passes), PASSES):
        manual_seed(1)
        model, _, step = training(dropout=0.3)
        step = replay(step, passes=use)
        history = step.run(X, y, batch_size=8, epochs=6, shuffle=True)
        found.append((model, history))
    assert found[0][1] == found[1][1]
    same(found[0][0], found[1][0])


def test_a_pass_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="'magic'"):
        replay(lambda x: x, passes=["magic"])
