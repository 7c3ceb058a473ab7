"""The loop: it keeps the best weights, stops when asked, and says so when the loss is no number.
And the whole run: what it learns, what it refuses, that a seed fixes every bit."""

import math
from dataclasses import replace

import numpy as np
import pytest

from backlit import nn
from backlit.learn import DATASETS, Settings, load_dataset, run
from backlit.learn.errors import DataError, UsageError
from backlit.learn.experiment import carry_out, prepare
from backlit.learn.loop import measure
from backlit.learn.settings import RECIPES


def test_the_model_ends_with_the_weights_of_the_best_epoch(moons):
    prepared, fit = moons.prepared, moons.fit
    loss, score = measure(prepared.model, prepared.task, prepared.part(prepared.split.validation))
    assert loss == fit.best_epoch.validation_loss == min(e.validation_loss for e in fit.history)
    assert score == fit.best_epoch.validation_score


def test_later_epochs_that_are_worse_are_not_kept(table):
    noise = table(60, y=np.random.default_rng(0).integers(0, 2, 60))
    outcome = run(Settings("table", hidden=(64,), epochs=60, lr=0.03), noise)
    fit = outcome.fit
    assert fit.history[-1].validation_loss > fit.best_epoch.validation_loss
    loss, _ = measure(
        outcome.prepared.model,
        outcome.prepared.task,
        outcome.prepared.part(outcome.prepared.split.validation),
    )
    assert loss == fit.best_epoch.validation_loss


def test_epoch_0_is_the_untrained_network(moons):
    first = moons.fit.history[0]
    assert first.epoch == 0
    assert first.train_loss == moons.prepared.untrained_loss
    assert abs(first.train_loss - math.log(2)) < 0.2


def test_an_untrained_regression_loses_about_the_variance(diabetes):
    assert diabetes.prepared.task.theory.value == pytest.approx(1, abs=1e-4)
    assert 0.7 < diabetes.prepared.untrained_loss < 1.6


def test_the_same_seed_gives_the_same_bits():
    settings = Settings("xor", hidden=(8,), epochs=2, seed=5)
    first, again = run(settings), run(settings)
    assert first.fit.history == again.fit.history
    np.testing.assert_array_equal(first.exam.probabilities, again.exam.probabilities)
    assert first.fit.history != run(replace(settings, seed=6)).fit.history


def test_stopping_keeps_what_there_is():
    prepared = prepare(Settings("moons", hidden=(8,), epochs=50))
    done = []
    outcome = carry_out(prepared, done.append, should_stop=lambda: len(done) == 4)
    assert outcome.fit.status == "interrupted"
    assert outcome.fit.message == "stopped in epoch 4 of 50"
    assert [epoch.epoch for epoch in outcome.fit.history] == [0, 1, 2, 3]
    assert len(outcome.exam.predicted) == 200


def test_stopping_before_the_first_epoch_keeps_the_untrained_network():
    outcome = carry_out(prepare(Settings("moons", epochs=3)), should_stop=lambda: True)
    assert outcome.fit.best == 0
    assert outcome.fit.status == "interrupted"


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_epoch():
    outcome = run(Settings("diabetes", hidden=(32, 32), epochs=50, lr=1e18))
    assert outcome.fit.status == "diverged"
    assert "infinite or NaN" in outcome.fit.message
    assert f"epoch {len(outcome.fit.history)}" in outcome.fit.message
    assert "--lr 1e+17" in outcome.fit.message
    assert np.isfinite(outcome.exam.predicted).all()


def test_bad_cells_are_found_before_training():
    data = load_dataset("wine")
    X = data.X.copy()
    X[100, 0] = np.nan
    with pytest.raises(DataError, match="wine: row 100, column 'alcohol' is nan"):
        prepare(Settings("wine"), replace(data, X=X))


def test_a_constant_target_is_refused():
    data = load_dataset("diabetes")
    with pytest.raises(DataError, match="nothing to learn"):
        prepare(Settings("diabetes"), replace(data, y=np.ones_like(data.y)))


def test_a_network_larger_than_memory_is_refused():
    with pytest.raises(UsageError, match="choose smaller --hidden"):
        prepare(Settings("moons", hidden=(10**6, 10**6)))


def test_parameters_are_counted_as_the_model_has_them(digits):
    model = digits.prepared.model
    assert digits.prepared.parameters == sum(p.size for p in model.parameters())
    assert isinstance(model, nn.Module)


def test_the_baseline_is_the_most_frequent_class_of_training(moons, diabetes):
    assert moons.exam.baseline_score == pytest.approx(0.5, abs=0.01)
    assert diabetes.exam.baseline_score == pytest.approx(0, abs=0.05)


def test_wrong_rows_are_all_of_them_the_most_confident_first(digits):
    exam = digits.exam
    assert set(exam.wrong) == set(np.flatnonzero(exam.truth != exam.predicted))
    sure = exam.probabilities[exam.wrong, exam.predicted[exam.wrong]]
    assert len(sure) > 3
    assert (np.diff(sure) <= 0).all()
    np.testing.assert_allclose(exam.probabilities.sum(axis=1), 1, atol=1e-5)


def test_every_dataset_has_settings():
    assert set(RECIPES) == set(DATASETS)
    assert Settings.default("moons", epochs=7, lr=None).epochs == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": ()},
        {"hidden": (4, 0)},
        {"epochs": 0},
        {"lr": 0.0},
        {"lr": math.nan},
        {"batch_size": 0},
        {"seed": -1},
    ],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(UsageError, match="must be"):
        Settings("moons", **wrong)


@pytest.mark.parametrize(
    ("name", "least"),
    [("digits", 0.96), ("moons", 0.95), ("circles", 0.97), ("xor", 0.88), ("spirals", 0.93)],
)
def test_the_tuned_settings_learn(name, least):
    assert run(Settings.default(name)).exam.score >= least


def test_a_batch_larger_than_the_table():
    outcome = run(Settings("iris", hidden=(4,), epochs=2, batch_size=10**6))
    assert len(outcome.fit.history) == 3
