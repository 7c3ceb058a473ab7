"""Calibration, groups, the memorising tree; and all checks of tables together on real data."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backlit.learn.checks.calibration import (
    calibration,
    chance_error,
    reliability,
    spiegelhalter,
)
from backlit.learn.checks.context import Context, Part
from backlit.learn.checks.groups import by_group, groups
from backlit.learn.checks.memorising import memorising
from backlit.learn.data.builtin import BUILTIN, load
from backlit.learn.data.table import Table
from backlit.learn.models.baselines import candidate_of
from backlit.learn.models.metrics import require_metric, wilson
from backlit.learn.models.recommending import recommend
from backlit.learn.numerals import percent
from backlit.learn.problem import Problem

from .contexts import CLINIC, clinic, fitted, only, prepared, told


@pytest.fixture(scope="module")
def credit():
    return fitted(load("credit"), BUILTIN["credit"].problem)


# --- calibration


def test_reliability_by_hand():
    truth = np.array([0, 0, 1, 1])
    found = reliability(
        truth, np.column_stack([[0.9, 0.7, 0.4, 0.2], [0.1, 0.3, 0.6, 0.8]]), bins=2
    )
    np.testing.assert_allclose(found.said, [0.2, 0.7])
    np.testing.assert_allclose(found.came, [0, 1])
    np.testing.assert_array_equal(found.count, [2, 2])
    assert found.ece == pytest.approx(0.25)
    same = reliability(truth, np.tile([0.5, 0.5], (4, 1)))
    assert (same.count.tolist(), same.ece, same.z) == ([4], 0.0, 0.0)
    other = reliability(truth, np.column_stack([[0.9, 0.7, 0.4, 0.2], [0.1, 0.3, 0.6, 0.8]]), 0, 2)
    assert other.ece == pytest.approx(0.25)


def test_spiegelhalters_z_is_normal_where_probabilities_are_right():
    rng = np.random.default_rng(0)
    zs = []
    for _ in range(400):
        p = rng.uniform(0.02, 0.98, 150)
        zs.append(spiegelhalter(p, (rng.random(150) < p).astype(float)))
    assert abs(np.mean(zs)) < 0.15
    assert np.std(zs) == pytest.approx(1, abs=0.1)


def test_certain_and_wrong_is_finite():
    found = reliability(np.array([0, 1] * 50), np.tile([0.0, 1.0], (100, 1)))
    assert np.isfinite(found.z)
    assert found.ece == 0.5


def judged_by(p, said, seed=0):
    """A context whose network says `said` of rows that come true with probability p."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(len(p)) < p).astype(np.int64)
    part = Part(np.zeros((len(p), 1), np.float32), truth, truth, np.arange(len(p)))
    outputs = np.column_stack([1 - said, said])
    network = candidate_of(
        "network", "", lambda X: outputs[: len(X)], part, part, require_metric("log_loss")
    )
    preparation: Any = SimpleNamespace(classes=("no", "yes"))
    problem = Problem("y", task="classification", metric="log_loss")
    table = Table.of({"y": ["no", "yes"]})
    return Context(
        table, problem, preparation=preparation, validation=part, candidates=(network,)
    )  # fmt: skip


def test_calibrated_probabilities_pass_and_sure_ones_do_not():
    alarms = 0
    for seed in range(40):
        p = np.random.default_rng(100 + seed).uniform(size=300)
        alarms += calibration(judged_by(p, p, seed))[0].level == "warning"
        sure = 1 / (1 + ((1 - p) / p) ** 3)
        found = calibration(judged_by(p, sure, seed))[0]
        assert found.level == "warning"
        assert "too sure" in found.sentence
        timid = 1 / (1 + ((1 - p) / p) ** 0.2)
        assert "not sure enough" in calibration(judged_by(p, timid, seed))[0].sentence
    assert alarms <= 6  # 5 % of z, and hardly any of ECE
    few = calibration(judged_by(np.full(40, 0.5), np.full(40, 0.9)))[0]
    assert few.level == "note"
    assert "too few" in few.sentence


def test_chance_makes_few_rows_look_uncalibrated():
    assert chance_error(np.full(150, 0.5)) > 0.1
    assert chance_error(np.full(20_000, 0.5)) < 0.016
    assert chance_error(np.ones(10)) == 0


def test_naive_bayes_on_spam_is_too_sure():
    from sklearn.naive_bayes import GaussianNB

    context = prepared(load("spam"), BUILTIN["spam"].problem)
    model = GaussianNB().fit(context.train.X, context.train.truth)
    bayes = candidate_of(
        "network", "", lambda X: model.predict_proba(X), context.train, context.validation,
        require_metric("accuracy"),
    )  # fmt: skip
    found = calibration(replace(context, candidates=(bayes,)))[0]
    assert found.level == "warning"


# --- groups


def test_age_and_sex_in_german_credit(credit):
    scores = by_group(credit, ["age group", "sex"])
    assert {one.column for one in scores} == {"age group", "sex"}
    assert sum(one.n for one in scores if one.column == "sex") == 200
    best = max(credit.candidates[1:], key=lambda candidate: candidate.score)
    right = best.outputs(credit.validation.X).argmax(axis=1) == credit.validation.truth
    for one in scores:
        rows = credit.table.column(one.column)[credit.validation.rows] == one.group
        assert one.n == rows.sum()
        assert one.score == right[rows].mean()
        assert (one.low, one.high) == wilson(int(right[rows].sum()), one.n)
    sentences = told(groups(credit))
    assert any("no group of 'age group' is worse off" in s and "n = 41" in s for s in sentences)
    assert any("'sex'" in s and "'female' 0.762 (0.549 to 0.894, n = 21)" in s for s in sentences)


def test_a_ratio_that_may_be_chance_is_told_once_for_a_column(credit):
    chances = [f for f in groups(credit) if f.code == "selection"]
    assert [f.level for f in chances] == ["note", "note"]
    assert all("which may be chance" in f.sentence for f in chances)
    scores = [one for one in by_group(credit, ["sex"]) if one.selected is not None]
    shares = [one.selected or 0.0 for one in scores]
    assert chances[1].statistic == pytest.approx(min(shares) / max(shares))


def failing(rows=1000, seed=0):
    """A table where the model must fail for one of two groups, and favours the other."""
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(rows) < 0.3, "f", "m")
    age = rng.integers(18, 90, rows)
    x = rng.normal(size=rows)
    y = np.where(sex == "m", x > 0, rng.random(rows) < 0.5)
    x = np.where(sex == "m", x, -np.abs(x))
    return Table.of({"x": x, "sex": sex, "age": age, "hired": np.where(y, "yes", "no")})


def test_a_group_that_is_failed_is_named():
    problem = Problem(
        "hired", metric="accuracy", positive="yes", sensitive=("sex",), ignored=("sex",)
    )
    findings = groups(fitted(failing(), problem))
    worse = only(findings, "groups")
    assert worse.level == "warning"
    assert "less accurate for 'sex' = 'f' than for all" in worse.sentence
    chosen_less = only(findings, "selection")
    assert chosen_less.level == "warning"
    assert "'sex' = 'f'" in chosen_less.sentence
    assert chosen_less.statistic < 0.2
    quiet = groups(fitted(failing(), replace(problem, sensitive=(), ignored=())))
    assert all(finding.level == "note" for finding in quiet)


def test_numbers_are_cut_into_ranges():
    context = fitted(failing(), Problem("hired", metric="accuracy", sensitive=("age", "x")))
    ages = by_group(context, ["age"])
    assert [one.group for one in ages] == ["under 25", "25 to 39", "40 to 59", "60 and more"]
    at = by_group(context, ["age"], cuts={"age": (30, 50)})
    assert [one.group for one in at] == ["under 30", "30 to 49", "50 and more"]
    quarters = by_group(context, ["x"])
    assert len(quarters) == 4
    assert sum(one.n for one in quarters) == 200
    assert min(one.n for one in quarters) > 25


def test_groups_of_a_regression_are_told_by_their_error():
    rng = np.random.default_rng(0)
    region = np.array(["north", "south"])[rng.integers(0, 2, 800)]
    x = rng.normal(size=800)
    y = x + rng.normal(size=800) * np.where(region == "south", 4.0, 0.3)
    table = Table.of({"x": x, "region": region, "y": y})
    context = fitted(table, Problem("y", task="regression", metric="r2", sensitive=("region",)))
    found = only(groups(context), "groups")
    assert "further off for 'region' = 'south'" in found.sentence
    assert all(one.selected is None for one in by_group(context, ["region"]))


# --- simple models on a hard table


def test_the_logistic_regression_is_recommended_over_the_tree_on_the_clinic():
    for seed in range(3):
        context = fitted(clinic(seed), CLINIC, seed)
        best, sentence = recommend(context.candidates, context.validation, "accuracy", 1, seed)
        assert best.name == "logistic regression", sentence
        assert "the decision tree" in sentence
        found = memorising(context)[0]
        assert "memorises: accuracy 1.000 in training" in found.sentence
        assert found.statistic > 0.2


def test_with_shuffled_labels_nothing_beats_the_baseline():
    won = 0
    for name in ("iris", "wine", "credit", "wisconsin"):
        table = load(name)
        target = BUILTIN[name].problem.target
        columns = {n: table.column(n) for n in table.names}
        columns[target] = np.random.default_rng(5).permutation(columns[target])
        context = fitted(Table.of(columns), BUILTIN[name].problem)
        best, sentence = recommend(
            context.candidates, context.validation, context.problem.metric or "accuracy"
        )
        won += best.name != "baseline"
        assert best.name != "baseline" or sentence.startswith("nothing beats the baseline")
    assert won == 0


def test_shares_in_words():
    assert percent(0, 0) == "0 %"
    assert percent(1, 3) == "33.3 %"
