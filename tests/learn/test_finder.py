"""The learning-rate finder: its valley against fastai's rule written down independently, rates that
are right on real digits, and that nothing of the caller changes.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import backlit as bl
from backlit import nn
from backlit.learn.checks.context import Part
from backlit.learn.errors import DataError, UsageError
from backlit.learn.models.finder import Rates, find_rate, valley
from backlit.learn.models.loop import train
from backlit.learn.models.networks import build
from backlit.learn.models.tasks import Classification, Regression


def digits() -> tuple[Part, Classification]:
    X, y = (np.asarray(column)[:1000] for column in load_digits(return_X_y=True))
    X, y = (X / 16).astype(np.float32), y.astype(np.int64)
    return Part(X, y, y, np.arange(1000)), Classification("0123456789", y)


def find(model=None, part=None, **how) -> Rates:
    found, task = digits()
    model = model or (lambda: build(64, (64,), 10, 0))
    return find_rate(model, task, part or found, **{"batch_size": 32, "seed": 0, **how})


def longest_fall(losses: list[float]) -> int:
    """The length of the longest strictly falling subsequence, by patience sorting."""
    piles: list[float] = []
    for loss in losses:
        at = next((k for k, top in enumerate(piles) if top <= loss), len(piles))
        piles[at : at + 1] = [loss]
    return len(piles)


@given(st.lists(st.floats(0, 10), min_size=15, max_size=60))
def test_the_valley_is_fastais(losses):
    steps = len(losses)
    rates = [float(k) for k in range(steps)]  # the rate is its own position
    found = valley(rates, losses, steps)
    begin = steps // 10
    kept = losses[begin:-5]
    length = longest_fall(kept) if len(kept) >= 10 else 0
    if length < 3:
        assert found is None
        return
    ends = [k for k in range(len(kept)) if longest_fall(kept[: k + 1]) == length]
    first = ends[0] - length  # the first of equals
    third = (ends[0] - first) / 3
    assert found == rates[begin + first + int(third) + int(third / 2)]


def test_the_first_longest_fall_counts():
    falling = [5.0 - k / 10 for k in range(20)]
    losses = [6.0] * 10 + falling + [9.0] * 70
    rates = [10.0 ** (k / 10) for k in range(100)]
    assert valley(rates, losses, 100) == rates[10 - 1 + 20 // 3 + 3]  # from the step before it


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_for_digits(seed):
    part, task = digits()
    found = find(lambda: build(64, (64,), 10, seed), seed=seed)
    assert found.suggestion
    assert 5e-4 < found.suggestion < 2e-2
    assert f"a learning rate of {found.suggestion:.2g} is suggested" in found.sentence
    assert "Smith" in found.source
    fit = train(
        lambda: build(64, (64,), 10, seed), task, part, part, epochs=3, lr=found.suggestion,
        batch_size=32, seed=seed,
    )  # fmt: skip
    assert fit.best_epoch.validation_loss < 0.8


def test_rates_grow_by_one_factor_from_end_to_end():
    found = find(high=1e-3)
    rates = np.array(found.rates)
    assert len(rates) == len(found.losses) == 100
    assert rates[[0, -1]] == pytest.approx([1e-7, 1e-3])
    np.testing.assert_allclose(rates[1:] / rates[:-1], 1e4 ** (1 / 99))
    assert not found.stopped
    assert "tried up to 0.001" in found.sentence


def test_the_smoothed_loss_begins_with_the_loss_of_the_first_batch():
    part, task = digits()
    model = build(64, (64,), 10, 0)
    x, t = next(iter(nn.batches(part.X, part.target, 32, True, bl.Generator(0))))
    assert find(steps=20).losses[0] == pytest.approx(task.loss(model(x), t).item(), rel=1e-6)


def test_it_stops_when_the_loss_blows_up():
    found = find(high=1e6, optimizer="sgd")
    assert found.stopped
    assert len(found.rates) == len(found.losses) < 100
    assert max(found.losses) <= 4 * min(found.losses)
    assert np.isfinite(found.losses).all()
    assert "blew up at" in found.sentence


def test_nothing_of_the_caller_changes():
    part, task = digits()
    own = bl.Generator(5)
    model = nn.Sequential(
        nn.Linear(64, 16), nn.Dropout(0.3), nn.ReLU(), nn.Dropout(0.3, own), nn.Linear(16, 10)
    )
    model[1].eval()
    task.loss(model(bl.tensor(part.X[:4])), bl.tensor(part.target[:4])).backward()

    def everything() -> list[object]:
        return [
            [p.numpy().tobytes() for p in model.parameters()],
            [p.grad.numpy().tobytes() for p in model.parameters() if p.grad is not None],
            [module.training for module in model.modules()],
            own.state(),
            bl.default_generator().state(),
            part.X.tobytes(),
        ]

    before = everything()
    first, again = find(model), find(model)
    assert everything() == before
    assert first == again
    assert find(model, seed=1) != first


def test_where_no_gradient_reaches_the_weights_no_rate_is_suggested():
    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(bl.ones((64, 10)))

        def forward(self, x):
            return (x @ self.weight) * 0.0

    found = find(Deaf)
    assert found.suggestion is None
    assert "no stretch of learning rates made the loss fall" in found.sentence


def test_inputs_that_are_no_numbers():
    part, _ = digits()
    X = np.full_like(part.X, np.nan)
    found = find(part=Part(X, part.target, part.truth, part.rows))
    assert (found.rates, found.suggestion, found.stopped) == ((), None, True)
    assert "infinite or NaN at the first rate" in found.sentence


def test_a_table_smaller_than_a_batch_and_a_few_steps():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=5)
    task = Regression(truth)
    part = Part(rng.normal(size=(5, 2)).astype(np.float32), task.target(truth), truth, np.arange(5))
    found = find_rate(lambda: build(2, (4,), 1, 0), task, part, batch_size=32, seed=0, steps=3)
    assert len(found.rates) == 3
    assert found.suggestion is None  # too few


@pytest.mark.parametrize(
    "wrong",
    [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": float("inf")}, {"low": float("nan")},
     {"steps": 0}, {"batch_size": 0}, {"batch_size": 1.5}, {"optimizer": "lion"}],
)  # fmt: skip
def test_a_range_that_is_none(wrong):
    with pytest.raises(UsageError):
        find(**wrong)


def test_no_rows():
    part, _ = digits()
    with pytest.raises(DataError, match="no rows"):
        find(part=Part(part.X[:0], part.target[:0], part.truth[:0], part.rows[:0]))
