"""Importance by shuffling against scikit-learn and closed forms; integrated gradients add up."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backlit import nn
from backlit.engine import Generator, no_grad, tensor
from backlit.learn.checks.context import Part
from backlit.learn.checks.importance import (
    importance,
    integrated_gradients,
    permutation_importance,
)
from backlit.learn.data.builtin import BUILTIN, load
from backlit.learn.data.table import Table
from backlit.learn.models.baselines import candidate_of
from backlit.learn.models.metrics import METRICS
from backlit.learn.problem import Problem

from .contexts import fitted

R2 = METRICS["r2"]


def linear(weights, rows=600, seed=0):
    """A part whose target is a weighted sum, and the candidate that knows the weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, len(weights))).astype(np.float32)
    truth = X @ np.asarray(weights, np.float64)
    part = Part(X, truth, truth, np.arange(rows))
    outputs = lambda X: X @ np.asarray(weights, np.float64)  # noqa: E731
    return part, candidate_of("linear regression", "", outputs, part, part, R2)


def test_shuffling_a_column_costs_twice_its_share_of_the_variance():
    part, candidate = linear([3.0, 2.0, 0.0])
    found = permutation_importance(candidate, part, R2, ["a", "b", "c"], repeats=40)
    assert [one.column for one in found] == ["a", "b", "c"]
    for one, weight in zip(found, (3.0, 2.0, 0.0), strict=True):
        assert one.mean == pytest.approx(2 * weight**2 / 13, abs=0.12)
    assert (found[2].mean, found[2].se) == (0, 0)
    assert 0 < found[0].se < 0.05


def test_it_is_scikit_learns_to_within_the_noise():
    from sklearn.inspection import permutation_importance as theirs
    from sklearn.linear_model import LogisticRegression

    context = fitted(load("wine"), BUILTIN["wine"].problem)
    part = context.train
    model = LogisticRegression(max_iter=500).fit(part.X.astype(float), part.truth)
    candidate = candidate_of(
        "logistic regression", "", lambda X: model.predict_proba(X.astype(float)), part, part,
        METRICS["accuracy"],
    )  # fmt: skip
    names = context.preparation.columns
    ours = permutation_importance(candidate, part, METRICS["accuracy"], names, repeats=60)
    reference: Any = theirs(model, part.X.astype(float), part.truth, n_repeats=60, random_state=0)
    by_name = {one.column: one for one in ours}
    for name, mean, deviation in zip(
        names, reference.importances_mean, reference.importances_std, strict=True
    ):
        error = np.hypot(by_name[name].se, deviation / np.sqrt(60))
        assert abs(by_name[name].mean - mean) <= 4.5 * error + 1e-12


def test_inputs_of_one_column_are_shuffled_together():
    rng = np.random.default_rng(0)
    city = rng.integers(0, 3, 300)
    X = np.column_stack([np.eye(3)[city], rng.normal(size=300)]).astype(np.float32)
    part = Part(X, city, city, np.arange(300))
    seen = []

    def outputs(X):
        seen.append(X[:, :3].sum(axis=1))
        return X[:, :3] * 0.9 + 0.05

    candidate = candidate_of("network", "", outputs, part, part, METRICS["accuracy"])
    found = permutation_importance(
        candidate, part, METRICS["accuracy"], ["city", "city", "city", "x"]
    )
    assert [one.column for one in found] == ["city", "x"]
    assert found[0].mean == pytest.approx(2 / 3, abs=0.05)
    assert all((sums == 1).all() for sums in seen)  # each row is in one city


def test_lower_is_better_and_importance_is_still_a_loss():
    part, candidate = linear([3.0, 0.0])
    found = permutation_importance(candidate, part, METRICS["rmse"], ["a", "b"])
    assert found[0].mean == pytest.approx(3 * np.sqrt(2), rel=0.1)


def test_it_is_seeded_and_leaves_the_part_alone():
    part, candidate = linear([3.0, 1.0])
    before = part.X.copy()
    first = permutation_importance(candidate, part, R2, ["a", "b"], seed=1)
    assert first == permutation_importance(candidate, part, R2, ["a", "b"], seed=1)
    assert first != permutation_importance(candidate, part, R2, ["a", "b"], seed=2)
    np.testing.assert_array_equal(part.X, before)


def test_columns_that_say_the_same_are_said_to_share():
    (found,) = importance(fitted(load("iris"), BUILTIN["iris"].problem))
    assert "'petal width (cm)' goes with 'petal length (cm)'" in found.sentence
    assert "so they share what they are worth" in found.sentence


def test_one_column_that_decides_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = np.where(x[:, 0] + 0.2 * rng.normal(size=400) > 0, "yes", "no")
    table = Table.of({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})
    (found,) = importance(fitted(table, Problem("y", metric="accuracy")))
    assert "'a' alone decides" in found.sentence
    assert found.statistic > 0.9
    noise = Table.of({"a": x[:, 1], "b": x[:, 2], "y": rng.permutation(y)})
    context = fitted(noise, Problem("y", metric="accuracy"))
    assert len(importance(context)) == 1
    assert importance(replace(context, candidates=())) == []


# --- integrated gradients


def network(inputs=4, outputs=3, seed=0, activation=nn.ReLU):
    return nn.MLP([inputs, 16, 16, outputs], activation, generator=Generator(seed))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_what_inputs_added_adds_up(activation):
    model = network(activation=activation)
    X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    found = integrated_gradients(model, X)
    with no_grad():
        here = model(tensor(X)).data.astype(np.float64)
        there = model(tensor(np.zeros((1, 4), np.float32))).data.astype(np.float64)
    which = here.argmax(axis=1)
    change = here[np.arange(20), which] - there[0, which]
    np.testing.assert_allclose(found.values.sum(axis=1), change, atol=0.011 * np.abs(change).max())
    assert found.gap <= 0.01


def test_of_a_linear_model_it_is_weight_times_way():
    model = nn.Linear(3, 2, generator=Generator(0))
    weight = np.asarray(model.state_dict()["weight"])
    X = np.array([[1.0, -2.0, 0.5]], np.float32)
    baseline = np.array([0.5, 0.5, 0.5], np.float32)
    for k in range(2):
        found = integrated_gradients(model, X, np.array([k]), baseline)
        row = weight[:, k] if weight.shape == (3, 2) else weight[k]
        np.testing.assert_allclose(found.values[0], (X[0] - baseline) * row, atol=1e-6)
        assert found.steps == 32


def test_an_input_that_is_not_read_adds_nothing():
    model = network()
    first = dict(model.named_parameters())["0.weight"]
    axis = 0 if first.shape[0] == 4 else 1
    with no_grad():
        data = first.data.copy()
        data[(2,) if axis == 0 else (slice(None), 2)] = 0
    state = {**model.state_dict(), "0.weight": data}
    model.load_state_dict(state)
    X = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    assert np.abs(integrated_gradients(model, X).values[:, 2]).max() == 0


def test_the_model_is_left_as_it_was():
    model = nn.MLP([4, 8, 2], dropout=0.5, generator=Generator(0))
    model.train()
    X = np.ones((3, 4), np.float32)
    first = integrated_gradients(model, X)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    np.testing.assert_array_equal(first.values, integrated_gradients(model, X).values)


def test_a_rough_function_says_that_it_does_not_add_up():
    def steep(x):
        return (x * 400.0).tanh().sum(axis=1, keepdims=True)

    X = np.full((1, 1), 1.0, np.float32)
    found = integrated_gradients(steep, X, most=32)
    assert found.gap > 0.01
    assert integrated_gradients(steep, X, most=4096).gap <= 0.01
