"""Tasks, networks and the loop: against loops by hand, NumPy and closed forms; what is looked at
after each epoch; when it stops; what it refuses.
"""

import json
import math
import signal

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.learn.checks.context import Part
from backlit.learn.errors import DataError, UsageError
from backlit.learn.interrupt import Interruptible
from backlit.learn.models import networks
from backlit.learn.models.looks import ROWS, sample_first, spaced
from backlit.learn.models.loop import Fit, loss_of, outputs_of, train
from backlit.learn.models.networks import build
from backlit.learn.models.tasks import Classification, Regression, Task, task_of


def accuracy(truth: np.ndarray, probabilities: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == truth).mean())


def parts(rows: int = 120, inputs: int = 3, seed: int = 0) -> tuple[Part, Part]:
    """Two classes that a small network tells apart, and rows to validate."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, inputs)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    cut = np.split(np.arange(rows), [rows * 2 // 3])
    return Part(X[cut[0]], y[cut[0]], y[cut[0]], cut[0]), Part(
        X[cut[1]], y[cut[1]], y[cut[1]], cut[1]
    )


def go(model=None, data=None, **how) -> Fit:
    """A short run; `how` replaces its settings."""
    data = data or parts()
    model = model or (lambda: build(data[0].X.shape[1], (8,), 2, 0))
    task = Classification("ab", data[0].truth)
    how = {"epochs": 4, "lr": 0.02, "batch_size": 16, "seed": 1, "patience": None, **how}
    return train(model, task, *data, **how)


# ---- tasks -------------------------------------------------------------------------------


@given(
    arrays.arrays(np.float32, (5, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    st.lists(st.integers(0, 3), min_size=1, max_size=50),
)
def test_a_classification_against_scipy(logits, truth):
    task = Classification(["a", "b", "c", "d"], np.array(truth))
    probabilities = task.probabilities(logits)
    expected = scipy.special.softmax(logits.astype(float), axis=1)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(task.predict(logits), logits.argmax(axis=1))
    assert task.theory.value == pytest.approx(math.log(4))
    assert task.theory.entropy == pytest.approx(scipy.stats.entropy(np.bincount(truth)), abs=1e-12)
    again = task_of(json.loads(json.dumps(task.describe())))
    assert (again.theory, again.outputs) == (task.theory, 4)


@given(
    arrays.arrays(float, st.integers(2, 30), elements=st.floats(-1e100, 1e100)).filter(
        lambda y: np.ptp(y) > 1e-3 * np.abs(y).max() > 1e-100
    )
)
def test_a_regression_comes_back_to_its_own_unit(truth):
    task = Regression(truth)
    target = task.target(truth)
    assert (target.dtype, target.shape) == (np.float32, (len(truth), 1))
    assert target.mean(dtype=float) == pytest.approx(0, abs=1e-5)
    assert task.theory.value == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(task.predict(target), truth, atol=2e-6 * np.ptp(truth))
    again = task_of(json.loads(json.dumps(task.describe())))
    np.testing.assert_array_equal(again.predict(target), task.predict(target))


def test_a_large_offset_does_not_hide_what_varies():
    truth = 1e9 + np.arange(10.0)
    task = Regression(truth)
    np.testing.assert_allclose(task.predict(task.target(truth)), truth, atol=1e-6)


def test_losses_are_the_closed_forms():
    rng = np.random.default_rng(0)
    truth, logits = rng.integers(0, 3, 20), rng.normal(size=(20, 3)).astype(np.float32)
    task = Classification("abc", truth)
    expected = -scipy.special.log_softmax(logits, axis=1)[np.arange(20), truth].mean()
    assert loss_of(task, logits, task.target(truth)) == pytest.approx(expected, rel=1e-6)
    values = rng.normal(50, 9, 20)
    number = Regression(values)
    nothing = np.zeros((20, 1), np.float32)
    assert loss_of(number, nothing, number.target(values)) == pytest.approx(1, rel=1e-6)
    assert isinstance(task, Task)
    assert isinstance(number, Task)


def test_a_guess_that_follows_the_classes_loses_their_entropy():
    truth = np.repeat([0, 1], [90, 10])
    task = Classification("ab", truth)
    guess = np.log(np.tile([0.9, 0.1], (100, 1))).astype(np.float32)
    assert loss_of(task, guess, task.target(truth)) == pytest.approx(task.theory.entropy, rel=1e-6)
    assert task.shares == (0.9, 0.1)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Classification(["a"], np.zeros(3, int)), "two classes or more"),
        (lambda: Classification("ab", np.array([0, 2])), "class number 2 has no name"),
        (lambda: Classification("ab", np.array([0, -1])), "class number -1"),
        (lambda: Classification("ab", np.array([0.0, 1.0])), "class numbers"),
        (lambda: Classification("ab", np.zeros((2, 1), int)), r"shape \(2, 1\)"),
        (lambda: Classification("ab", np.array([], int)), "no rows"),
        (lambda: Regression(np.array([])), "no rows"),
        (lambda: Regression(np.full(5, 3.0)), "3 in every training row"),
        (lambda: Regression(np.array([1.0, np.nan])), "nan in row 1"),
        (lambda: Regression(np.array([1.0, np.inf])), "inf in row 1"),
        (lambda: Regression(np.array([-1e308, 1e308])), "another unit"),
        (lambda: Regression(np.array([5e-324, 0.0])), "another unit"),
        (lambda: Regression(np.array(["a", "b"])), "is numbers"),
        (lambda: Regression(np.zeros((3, 1))), r"shape \(rows,\)"),
        (lambda: task_of({}), "describes no task"),
        (lambda: task_of({"kind": "ranking"}), "describes no task: kind 'ranking'"),
        (lambda: task_of({"kind": "regression", "mean": 0, "deviation": 0}), "above 0"),
        (lambda: task_of({"kind": "classification", "classes": ["a"], "shares": [1]}), "two class"),
    ],
)
def test_what_is_no_task(make, why):
    with pytest.raises(DataError, match=why):
        make()


# ---- networks ----------------------------------------------------------------------------


def test_the_seed_decides_the_first_weights():
    first, again, other = build(3, (4,), 2, 0), build(3, (4,), 2, 0), build(3, (4,), 2, 1)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(outputs_of(first, x), outputs_of(again, x))
    assert (outputs_of(first, x) != outputs_of(other, x)).any()


@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)])
@pytest.mark.parametrize("activation", list(networks.ACTIVATIONS))
def test_a_saved_network_is_the_same_network(hidden, activation, tmp_path):
    model = build(3, hidden, 2, 0, activation, dropout=0.25)
    task = Classification(["<script>", "nein\x00"], np.array([0, 1]))
    networks.save_network(tmp_path / "m", model, task, {"columns": ["a", "ü"]})
    loaded, known, more = networks.load_network(tmp_path / "m")
    X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_array_equal(outputs_of(loaded, X), outputs_of(model, X))
    assert repr(loaded) == repr(model)
    assert not loaded.training
    assert known.describe() == task.describe()
    assert more == {"columns": ["a", "ü"]}


def test_what_cannot_be_built():
    for sizes in ((0, (3,), 2), (3, (0,), 2), (3, (2.5,), 2), (3, (True,), 2)):
        with pytest.raises(UsageError, match="integers from 1 on"):
            build(*sizes, seed=0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="relu, tanh, sigmoid"):
        build(3, (4,), 2, 0, "gelu")
    with pytest.raises(UsageError, match="choose smaller --hidden"):
        build(10, (10**6, 10**6), 2, 0)


def test_what_cannot_be_loaded(tmp_path):
    path = tmp_path / "m"
    with pytest.raises(FileNotFoundError):
        networks.load_network(path)
    path.write_bytes(b"no network")
    with pytest.raises(DataError, match="safetensors"):
        networks.load_network(path)
    nn.save(path, nn.Linear(2, 2))
    with pytest.raises(DataError, match="no record of a network"):
        networks.load_network(path)
    task = Regression(np.array([1.0, 2.0]))
    record = networks.remembered(build(2, (3,), 1, 0), task)
    for change in ({"sizes": [2, 4, 1]}, {"sizes": []}, {"task": None}, {"sizes": ["2", 3, 1]}):
        text = json.dumps({**json.loads(record["backlit"]), **change})
        nn.save(path, build(2, (3,), 1, 0), {"backlit": text})
        with pytest.raises(DataError, match="m"):
            networks.load_network(path)
    with pytest.raises(UsageError, match=r"bl\.save"):
        networks.remembered(nn.Linear(2, 1), task)


def test_networks_in_words():
    assert networks.describe(build(64, (128,), 10, 0)) == "64-128-10, 9,610 parameters"
    assert networks.describe(nn.Linear(1, 1, bias=False)) == "Linear, 1 parameter"


# ---- the loop against a loop by hand -----------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_it_is_the_loop_that_one_would_write(dropout):
    """Bit for bit: batches in the order of Generator(seed), dropout from Generator(seed)."""
    data = parts()
    fit = go(lambda: build(3, (8,), 2, 0, dropout=dropout), data, epochs=5)
    model = build(3, (8,), 2, 0, dropout=dropout)
    for module in model.modules():  # build() gave it a generator of its own
        if isinstance(module, nn.Dropout):
            assert module.generator
    opt = optim.Adam(model.parameters(), lr=0.02)
    rows = nn.batches(data[0].X, data[0].target, 16, True, bl.Generator(1))
    states = []
    for _ in range(5):
        for x, t in rows:
            loss = F.cross_entropy(model(x), t)
            opt.zero_grad()
            loss.backward()
            opt.step()
        states.append({name: value.numpy() for name, value in model.state_dict().items()})
    assert fit.best == 5 or dropout
    for name, value in fit.weights.items():
        np.testing.assert_array_equal(value, states[fit.best - 1][name])
        np.testing.assert_array_equal(value, fit.model.state_dict()[name].numpy())


def test_histories_are_measured_on_whole_parts():
    data = parts()
    fit = go(data=data, score=accuracy)
    assert [epoch.epoch for epoch in fit.history] == [0, 1, 2, 3, 4]
    for part, loss, score in (
        (data[0], "train_loss", "train_score"),
        (data[1], "validation_loss", "validation_score"),
    ):
        outputs = fit.outputs(part.X)
        logs = scipy.special.log_softmax(outputs.astype(float), axis=1)
        expected = -logs[np.arange(len(logs)), part.truth].mean()
        assert getattr(fit.best_epoch, loss) == pytest.approx(expected, rel=1e-5)
        assert getattr(fit.best_epoch, score) == accuracy(part.truth, outputs)
    assert math.isnan(go().history[0].train_score)
    assert (fit.batches, fit.batch_size, fit.lr, fit.epochs) == (5, 16, 0.02, 4)


def test_the_seed_decides_every_bit_and_nothing_else_does():
    def run(draws: int, threads: int, seed: int = 1) -> Fit:
        bl.manual_seed(draws)
        before = bl.uniform((draws,)) is not None and bl.default_generator().state()
        threads_before = bl.get_num_threads()
        bl.set_num_threads(threads)
        try:
            fit = go(lambda: nn.MLP([3, 8, 2], dropout=0.2), seed=seed)
        finally:
            bl.set_num_threads(threads_before)
        assert bl.default_generator().state() == before  # and what comes after is as it was
        return fit

    first, again = run(3, 1), run(8, 2)
    assert (first.history, first.looks) == (again.history, again.looks) or repr(first) == repr(
        again
    )
    assert repr((first.history, first.looks)) == repr((again.history, again.looks))
    for name, value in first.weights.items():
        np.testing.assert_array_equal(value, again.weights[name])
    assert repr(run(3, 1, seed=2).history) != repr(first.history)


def test_a_model_may_be_given_and_keeps_its_mode():
    model = build(3, (8,), 2, 0)
    fit = go(model)
    assert fit.model is model
    assert model.training
    assert repr(fit.history) == repr(go().history)


# ---- stopping ----------------------------------------------------------------------------


def stops_after(losses: list[float], patience: int, tolerance: float) -> int | None:
    """The rule, written in another way: the last `patience` losses gained nothing on those before
    them, where a gain is counted from the last loss that was one.
    """
    level, at = losses[0], 0
    for epoch, loss in enumerate(losses[1:], 1):
        if loss < level * (1 - tolerance):
            level, at = loss, epoch
        if epoch - at == patience:
            return epoch
    return None


@pytest.mark.parametrize(("patience", "tolerance"), [(1, 0.0), (3, 1e-4), (5, 1e-4), (2, 0.2)])
def test_it_stops_when_validation_gains_no_more(patience, tolerance):
    rng = np.random.default_rng(0)
    train_part, validation = parts()
    noise = rng.integers(0, 2, len(train_part.truth))
    data = Part(train_part.X, noise, noise, train_part.rows), validation
    whole = go(data=data, epochs=40)
    fit = go(data=data, epochs=40, patience=patience, tolerance=tolerance)
    stop = stops_after([e.validation_loss for e in whole.history], patience, tolerance)
    assert stop
    assert fit.status == "early"
    assert len(fit.history) == stop + 1
    assert repr(fit.history) == repr(whole.history[: stop + 1])
    assert fit.best == int(np.argmin([e.validation_loss for e in fit.history]))
    assert f"for {patience} epochs; the best was epoch {fit.best} of {stop}" in fit.message
    part = data[1]
    assert loss_of(Classification("ab", noise), fit.outputs(part.X), part.target) == (
        fit.best_epoch.validation_loss
    )


def test_ctrl_c_ends_it_with_the_best_weights():
    with Interruptible() as ctrl_c:
        fit = go(
            epochs=50,
            on_epoch=lambda epoch: epoch.epoch == 3 and signal.raise_signal(signal.SIGINT),
            should_stop=lambda: ctrl_c.asked,
        )
    assert fit.status == "interrupted"
    assert fit.message == "stopped in epoch 4 of 50"
    assert [epoch.epoch for epoch in fit.history] == [0, 1, 2, 3]
    for name, value in go(epochs=3).weights.items():
        np.testing.assert_array_equal(fit.weights[name], value)


def test_ctrl_c_that_nobody_catches_goes_through_and_gives_the_generator_back():
    before = bl.default_generator().state()
    with pytest.raises(KeyboardInterrupt):
        go(epochs=50, on_epoch=lambda epoch: epoch.epoch and signal.raise_signal(signal.SIGINT))
    assert bl.default_generator().state() == before
    go()


def test_stopping_before_the_first_batch_leaves_the_untrained_network():
    fit = go(should_stop=lambda: True)
    assert (fit.status, fit.best, len(fit.history)) == ("interrupted", 0, 1)
    assert go(epochs=0).status == "finished"
    assert len(go(epochs=0).looks) == 1


def test_a_loss_that_is_no_number_names_epoch_and_batch():
    fit = go(lr=1e38, optimizer="sgd", epochs=50)
    assert fit.status == "diverged"
    assert fit.where
    epoch, batch = fit.where
    assert epoch == len(fit.history)
    assert 1 <= batch <= fit.batches
    assert f"batch {batch} of epoch {epoch}" in fit.message
    assert "such as 0.01" in fit.message
    assert all(epoch.finite for epoch in fit.history)
    assert all(np.isfinite(value).all() for value in fit.weights.values())


def test_the_batch_that_is_named_is_the_one_with_the_nan():
    data = parts()
    steps = []

    class Bomb(nn.Module):
        count: bl.Tensor

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2, generator=bl.Generator(0))
            self.register_buffer("count", bl.tensor(0.0))

        def forward(self, x):
            if not self.training:
                return self.layer(x)
            with bl.no_grad():
                self.count.copy_(self.count + 1)
            steps.append(1)
            return self.layer(x) * bl.where(self.count == 8, math.inf, 1.0)

    fit = go(Bomb, data, epochs=5)
    assert fit.where == (2, 3)  # five batches an epoch; the eighth is the third of the second
    assert len(fit.history) == 2


def test_cells_that_are_no_numbers_end_it_before_the_first_step():
    data = parts()
    data[0].X[5, 1] = np.nan
    fit = go(data=data)
    assert (fit.status, fit.where, fit.best, len(fit.history)) == ("diverged", (0, 0), 0, 1)
    assert "cells that are infinite or NaN" in fit.message
    assert fit.weights


# ---- looks -------------------------------------------------------------------------------


def test_looks_against_numpy():
    """One batch an epoch, so that the update is the difference of the weights."""
    data = parts(rows=90)
    weights: list[dict[str, np.ndarray]] = []
    model = nn.Sequential(
        nn.Linear(3, 40, generator=bl.Generator(0)), nn.ReLU(),
        nn.Linear(40, 6, generator=bl.Generator(1)), nn.Tanh(),
        nn.Linear(6, 2, generator=bl.Generator(2)),
    )  # fmt: skip
    with bl.no_grad():  # some are dead, some saturated
        model[0].bias.copy_(bl.tensor(np.where(np.arange(40) < 7, -100.0, 0.0)))
        model[2].weight.copy_(model[2].weight * 30)

    def remember(epoch: object) -> None:
        weights.append({name: value.numpy() for name, value in model.state_dict().items()})

    fit = go(model, data, batch_size=60, epochs=3, on_epoch=remember, lr=0.01)
    X = data[0].X
    for look, now, before in zip(fit.looks, weights, [None, *weights], strict=False):
        assert look.rows == 60
        assert [layer.name for layer in look.layers] == ["0.weight", "2.weight", "4.weight"]
        hidden = np.maximum(X @ now["0.weight"].T + now["0.bias"], 0)
        squashed = np.tanh(hidden @ now["2.weight"].T + now["2.bias"])
        first, second, third = look.layers
        assert (first.units, second.units, third.units) == (40, 6, None)
        assert first.dead == (hidden == 0).all(axis=0).mean() >= 7 / 40
        assert second.saturated == pytest.approx((abs(squashed) > 0.97).mean(), abs=0.01)
        assert (first.saturated, second.dead, third.dead) == (None, None, None)
        for layer in look.layers:
            assert layer.weight == pytest.approx(np.linalg.norm(now[layer.name]), rel=1e-6)
            assert layer.gradient
            if before is None:
                assert layer.update is None
            else:
                change = now[layer.name] - before[layer.name]
                assert layer.update == pytest.approx(change.std() / now[layer.name].std(), rel=1e-3)
        assert first.gradient
        assert third.gradient
        assert look.first_to_last == pytest.approx(first.gradient / third.gradient)


def gradient_norms(weights: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray) -> list[float]:
    """Of a 3-8-2 network, by hand in float64."""
    W, b, V, c = (
        weights[name].astype(float) for name in ("0.weight", "0.bias", "2.weight", "2.bias")
    )
    before = X @ W.T + b
    hidden = np.maximum(before, 0)
    upstream = scipy.special.softmax(hidden @ V.T + c, axis=1)
    upstream[np.arange(len(y)), y] -= 1
    upstream /= len(y)
    back = (upstream @ V) * (before > 0)
    return [float(np.linalg.norm(g)) for g in (back.T @ X, upstream.T @ hidden)]


def test_gradients_are_of_a_batch():
    """Before the first step of evenly spaced rows, later of the batch that came last."""
    data = parts(rows=90)
    fit = go(data=data, epochs=1, batch_size=60, lr=1e-30)  # the weights stay
    first, later = fit.looks
    weights = fit.weights
    expected = gradient_norms(weights, data[0].X, data[0].truth)
    for look in (first, later):
        assert [layer.gradient for layer in look.layers] == pytest.approx(expected, rel=1e-4)


def test_the_last_batch_is_not_judged_by_where_it_is_tiny():
    data = parts(rows=93)  # 62 training rows: the last batch of 60 has 2
    fit = go(data=data, epochs=1, batch_size=60, lr=1e-30)
    rows = spaced(62, 60)
    expected = gradient_norms(fit.weights, data[0].X[rows], data[0].truth[rows])
    for look in fit.looks:
        assert [layer.gradient for layer in look.layers] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_updates_of_every_optimizer(optimizer):
    weights = []
    model = build(3, (8,), 2, 0)

    def remember(epoch: object) -> None:
        weights.append(model.state_dict()["0.weight"].numpy())

    fit = go(model, batch_size=200, epochs=4, optimizer=optimizer, on_epoch=remember)
    for look, now, before in zip(fit.looks[1:], weights[1:], weights[:-1], strict=True):
        update = look.layers[0].update
        assert update == pytest.approx((now - before).std() / now.std(), rel=2e-3)


def test_looks_change_nothing():
    """Not the run (above, by hand), not the gradients of others, not the modes."""
    other = bl.tensor([1.0], requires_grad=True)
    (other * other).backward()
    fit = go(lambda: nn.MLP([3, 8, 2], dropout=0.5), epochs=2)
    assert all(module.training for module in fit.model.modules())
    assert other.grad
    assert other.grad.item() == 2.0


def test_of_a_large_table_an_even_sample_is_looked_at():
    rows = sample_first(10_000, ROWS)
    assert sorted(rows.tolist()) == list(range(10_000))
    assert (np.diff(rows[:ROWS]) > 0).all()
    assert rows[ROWS - 1] >= 10_000 - 3
    rng = np.random.default_rng(0)
    X = np.sort(rng.normal(size=(9000, 2)).astype(np.float32), axis=0)  # sorted, as tables are
    y = (X[:, 0] > 0).astype(np.int64)
    part = Part(X, y, y, np.arange(9000))
    fit = go(lambda: build(2, (16,), 2, 0), (part, part), epochs=1, batch_size=1000, score=accuracy)
    assert fit.looks[-1].rows == ROWS
    last = fit.history[-1]  # the same rows in another order
    assert last.train_loss == pytest.approx(last.validation_loss, rel=1e-5)
    assert last.train_score == last.validation_score


def test_networks_of_other_kinds_are_looked_at_too():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(bl.ones(3))
            self.inner = nn.Linear(3, 2, generator=bl.Generator(0))
            self.frozen = nn.Linear(2, 2, generator=bl.Generator(1)).requires_grad_(False)

        def forward(self, x):
            return self.frozen(self.inner((x * self.scale).relu()).tanh())

    look = go(Odd, epochs=1).looks[-1]
    assert [layer.name for layer in look.layers] == ["inner.weight", "relu 0 in the model"]
    assert look.layers[0].saturated is not None
    assert look.layers[1].dead == 0
    assert look.first_to_last is None
    whole = nn.Sequential(nn.Identity(), build(3, (8,), 2, 0))
    part = go(whole[1], epochs=1).looks[-1]  # a part of a larger model
    assert [(layer.name, layer.units) for layer in part.layers] == [
        ("0.weight", 8),
        ("2.weight", None),
    ]


def test_a_watch_may_be_open_around_it():
    model = build(3, (8,), 2, 0)
    with bl.watch(model) as seen:
        fit = go(model)
    assert repr(fit.history) == repr(go().history)
    assert not [finding for finding in seen.findings if finding.level == "error"]


# ---- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"epochs": 2.0},
        {"epochs": True},
        {"lr": 0.0},
        {"lr": math.nan},
        {"lr": math.inf},
        {"batch_size": 0},
        {"seed": -1},
        {"patience": 0},
        {"tolerance": 1.0},
        {"tolerance": -0.1},
        {"optimizer": "lion"},
    ],
)
def test_settings_that_make_no_sense(wrong):
    name = {"lr": "learning rate"}.get(next(iter(wrong)), next(iter(wrong)))
    with pytest.raises(UsageError, match=name):
        go(**wrong)


def test_parts_that_cannot_be_trained_on():
    full, _ = parts()
    empty = Part(full.X[:0], full.target[:0], full.truth[:0], full.rows[:0])
    torn = Part(full.X[:-1], full.target, full.truth, full.rows)
    task = Classification("ab", full.truth)
    for data, why in (((full, empty), "validation part has no rows"), ((torn, full), "79 rows")):
        with pytest.raises(DataError, match=why):
            train(build(3, (4,), 2, 0), task, *data, epochs=1, lr=0.1, batch_size=4, seed=0)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 3))
def test_any_number_of_rows_and_any_size_of_batch(rows, batch_size, epochs):
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, 2)).astype(np.float32)
    truth = rng.normal(size=rows + 1)
    task = Regression(truth)
    part = Part(X, task.target(truth[:rows]), truth[:rows], np.arange(rows))
    fit = train(
        lambda: build(2, (3,), 1, 0), task, part, part, epochs=epochs, lr=0.01,
        batch_size=batch_size, seed=0,
    )  # fmt: skip
    assert len(fit.history) == epochs + 1
    assert fit.batches == -(-rows // batch_size)
