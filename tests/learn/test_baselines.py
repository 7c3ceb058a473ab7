"""The simple models against scikit-learn, the choice among them against SciPy and simulation."""

import json
import re
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backlit.learn.checks.context import Part
from backlit.learn.errors import DataError
from backlit.learn.models.baselines import (
    candidate_of,
    fit_linear,
    fit_simple,
    fit_tree,
    fit_unpruned,
)
from backlit.learn.models.metrics import METRICS
from backlit.learn.models.recommending import compared, mcnemar, recommend
from backlit.learn.models.simple import Constant, Linear, Tree, as_dict, from_dict
from backlit.learn.models.tree_words import explain_tree, in_own_units
from backlit.learn.problem import Problem

ACCURACY = METRICS["accuracy"]


def part(X, truth):
    X = np.asarray(X, np.float32)
    return Part(X, truth, truth, np.arange(len(truth)))


def drawn(seed=0, n=300, inputs=4, classes=2, signal=1.0):
    """Two parts of a table whose first input tells something of the class."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % classes)
    X = rng.normal(size=(n, inputs)).astype(np.float32)
    X[:, 0] += signal * truth
    cut = n * 2 // 3
    return part(X[:cut], truth[:cut]), part(X[cut:], truth[cut:])


def task(classes=2) -> Any:
    return SimpleNamespace(classes=tuple("abcdefghij"[:classes]))


NUMBERS: Any = SimpleNamespace()
"""The task of a regression."""


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_model_is_scikit_learns(classes):
    from sklearn.linear_model import LogisticRegression

    train, validation = drawn(classes=classes)
    ours = fit_linear(train, classes).outputs(validation.X)
    model = LogisticRegression(max_iter=500).fit(train.X.astype(float), train.truth)
    np.testing.assert_allclose(ours, model.predict_proba(validation.X.astype(float)), atol=1e-12)


def test_the_ridge_is_scikit_learns():
    from sklearn.linear_model import RidgeCV

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5))
    y = X @ rng.normal(size=5) + rng.normal(size=80)
    train = part(X, y)
    model = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(train.X.astype(float), y)
    np.testing.assert_allclose(
        fit_linear(train, 0).outputs(train.X), model.predict(train.X.astype(float))
    )


def test_a_tree_goes_where_scikit_learns_goes():
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    train, validation = drawn(classes=3)
    ours = fit_unpruned(Problem("y"), task(3), train, validation, ACCURACY)
    model = DecisionTreeClassifier(random_state=0).fit(train.X, train.truth)
    assert (ours.model.levels, ours.model.leaves) == (model.get_depth(), model.get_n_leaves())
    np.testing.assert_array_equal(
        ours.outputs(validation.X).argmax(axis=1), model.predict(validation.X)
    )
    assert ours.train_score == 1.0 > ours.score + 0.1
    values = train.X[:, 0] ** 2
    ours = fit_unpruned(Problem("y"), NUMBERS, part(train.X, values), part(train.X, values), "r2")
    model = DecisionTreeRegressor(random_state=0).fit(train.X, values)
    np.testing.assert_allclose(ours.outputs(validation.X), model.predict(validation.X))


def test_probabilities_of_a_leaf_are_not_certain():
    train, validation = drawn()
    tree = fit_unpruned(Problem("y"), task(), train, validation, ACCURACY).model
    given = tree.outputs(validation.X)
    assert given.min() > 0
    np.testing.assert_allclose(given.sum(axis=1), 1)


def test_models_go_to_json_and_back_bit_for_bit():
    train, validation = drawn(classes=3)
    for candidate in fit_simple(Problem("y"), task(3), train, validation, "accuracy"):
        back = from_dict(json.loads(json.dumps(as_dict(candidate.model))))
        np.testing.assert_array_equal(back.outputs(validation.X), candidate.outputs(validation.X))
        assert type(back) is type(candidate.model)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"kind": "forest"},
        {"kind": "linear", "weights": [[1.0]], "bias": [1.0, 2.0]},
        {"kind": "constant", "answer": [float("nan")]},
        {"kind": "constant", "answer": ["x"]},
        {
            "kind": "tree", "feature": [0], "threshold": [0.0], "left": [0], "right": [0],
            "values": [1.0], "rows": [1],
        },
        {
            "kind": "tree", "feature": [], "threshold": [], "left": [], "right": [],
            "values": [], "rows": [],
        },
    ],
)  # fmt: skip
def test_a_broken_description_is_refused(broken):
    with pytest.raises(DataError, match="describes no simple model"):
        from_dict(broken)


def test_candidates_in_order_with_their_scores():
    train, validation = drawn()
    baseline, logistic, tree = fit_simple(
        Problem("y", positive="b"), task(), train, validation, "roc_auc", ["a", "b", "c", "d"]
    )
    assert [c.name for c in (baseline, logistic, tree)] == [
        "baseline", "logistic regression", "decision tree",
    ]  # fmt: skip
    assert baseline.score == 0.5
    assert logistic.score == METRICS["roc_auc"].score(
        validation.truth, logistic.outputs(validation.X), 1
    )
    for candidate in (logistic, tree):
        assert candidate.interval[0] <= candidate.score <= candidate.interval[1]
    assert logistic.loss < baseline.loss
    assert isinstance(baseline.model, Constant)
    assert isinstance(logistic.model, Linear)
    assert isinstance(tree.model, Tree)
    lower = fit_simple(Problem("y"), task(), train, validation, "log_loss")
    assert all(c.score < 0 and c.interval[0] <= c.score <= c.interval[1] for c in lower)


def test_fits_are_the_same_each_time_and_say_nothing():
    train, validation = drawn(classes=3, inputs=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = fit_simple(Problem("y"), task(3), train, validation, "balanced_accuracy", seed=3)
        second = fit_simple(Problem("y"), task(3), train, validation, "balanced_accuracy", seed=3)
    for a, b in zip(first, second, strict=True):
        assert as_dict(a.model) == as_dict(b.model)
        assert a.interval == b.interval


def test_a_tree_of_pure_noise_stays_small():
    leaves = [
        fit_tree(drawn(seed, signal=0.0)[0], 2, ACCURACY, seed=seed).leaves for seed in range(8)
    ]
    assert np.median(leaves) <= 4


def test_a_tree_finds_what_needs_two_questions():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 2)).astype(np.float32)
    truth = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(np.int64)
    tree = fit_tree(part(X, truth), 2, ACCURACY)
    assert np.mean(tree.outputs(X).argmax(axis=1) == truth) > 0.95


@pytest.mark.parametrize("inputs", [0, 1])
def test_tables_of_hardly_anything(inputs):
    for n, classes in ((3, 2), (12, 3)):
        truth = np.arange(n) % classes
        few = part(np.zeros((n, inputs)), truth)
        for candidate in fit_simple(Problem("y"), task(classes), few, few, "accuracy"):
            assert np.isfinite(candidate.outputs(few.X)).all()
    values = np.arange(6.0)
    few = part(np.zeros((6, inputs)), values)
    for candidate in fit_simple(Problem("y"), NUMBERS, few, few, "r2"):
        np.testing.assert_allclose(candidate.outputs(few.X), 2.5)


def test_a_class_without_training_rows():
    train, validation = drawn()
    for candidate in fit_simple(Problem("y"), task(3), train, validation, "accuracy"):
        given = candidate.outputs(validation.X)
        assert given.shape == (100, 3)
        assert (given.argmax(axis=1) < 2).all()
        assert np.isfinite(candidate.loss)


def test_mcnemar_is_scipys():
    from scipy.stats import binomtest

    for b in range(0, 12):
        for c in range(0, 12):
            if b + c:
                assert mcnemar(b, c) == pytest.approx(binomtest(b, b + c, 0.5).pvalue)


def knowing(name, right, truth):
    """A candidate that has exactly those rows right."""
    outputs = np.eye(2)[np.where(right, truth, 1 - truth)] * 0.8 + 0.1
    both = part(np.zeros((len(truth), 1)), truth)
    return candidate_of(name, "", lambda X: outputs[: len(X)], both, both, ACCURACY)


def test_the_simpler_one_is_recommended_within_the_noise():
    truth = np.arange(200) % 2
    rows = np.arange(200)
    baseline = knowing("baseline", truth == 0, truth)
    linear = knowing("logistic regression", rows % 5 > 0, truth)
    tree = knowing("decision tree", (rows % 5 > 0) | (rows < 20), truth)  # 4 rows better
    network = knowing("network", (rows % 5 > 0) | (rows < 160), truth)  # 32 rows better
    validation = part(np.zeros((200, 1)), truth)
    chosen, sentence = recommend([baseline, linear, tree], validation, "accuracy")
    assert chosen is linear
    assert "the logistic regression is recommended" in sentence
    assert "the decision tree, 0.820, is better only within the noise" in sentence
    assert "n = 200" in sentence
    chosen, sentence = recommend([baseline, linear, tree, network], validation, "accuracy")
    assert chosen is network
    assert "beats the 0.800 of the logistic regression" in sentence
    chosen, sentence = recommend([baseline], validation, "accuracy")
    assert chosen is baseline
    assert sentence.startswith("nothing beats the baseline")


def test_of_two_that_have_the_same_rows_right_the_better_probabilities_win():
    truth = np.arange(200) % 2
    right = np.arange(200) % 5 > 0
    both = part(np.zeros((200, 1)), truth)
    given = np.eye(2)[np.where(right, truth, 1 - truth)]
    timid, sure = (
        candidate_of(
            name, "", lambda X, share=share: given[: len(X)] * share + (1 - share) / 2,
            both, both, ACCURACY,
        )
        for name, share in (("timid", 0.1), ("sure", 0.5))
    )  # fmt: skip
    result = compared(timid, sure, both, ACCURACY)
    assert result.difference == 0
    assert result.wins
    assert "standard errors less" in result.by_loss
    assert not compared(sure, timid, both, ACCURACY).wins


def test_the_paired_bootstrap_sees_what_intervals_side_by_side_do_not():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=100)
    first = truth + rng.normal(size=100)
    second = truth + 0.9 * (first - truth)  # a tenth better in every row
    both = part(np.zeros((100, 1)), truth)
    metric = METRICS["rmse"]
    a, b = (
        candidate_of(name, "", lambda X, given=given: given[: len(X)], both, both, metric)
        for name, given in (("a", first), ("b", second))
    )
    assert b.interval[0] < a.score < b.interval[1]
    result = compared(a, b, both, metric)
    assert result.wins
    assert result.difference > 0
    assert "n = 100" in result.words
    assert not compared(b, a, both, metric).wins


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "roc_auc", "log_loss"])
def test_shuffled_labels_are_not_learned(name):
    won = 0
    for seed in range(12):
        train, validation = drawn(seed, signal=0.0, n=240)
        candidates = fit_simple(Problem("y"), task(), train, validation, name, seed=seed)
        chosen, sentence = recommend(candidates, validation, name)
        won += chosen is not candidates[0]
        assert (chosen is candidates[0]) == sentence.startswith("nothing beats the baseline")
    assert won <= 2


def test_a_tree_in_words_and_in_own_units():
    rng = np.random.default_rng(0)
    glucose = rng.integers(60, 200, 300).astype(float)
    car = rng.integers(0, 2, 300).astype(float)
    truth = ((glucose > 127) & (car == 1)).astype(np.int64)
    X = np.column_stack([(glucose - glucose.mean()) / glucose.std(), car])
    train = part(X, truth)
    yes_or_no: Any = SimpleNamespace(classes=("no", "yes"))
    candidate = fit_simple(Problem("y"), yes_or_no, train, train, "f1")[2]
    names = ["glucose", "purpose = car"]
    lines = explain_tree(candidate, names, ("no", "yes"))
    assert not any("glucose is at most 12" in line for line in lines)

    def raw(feature):
        return ("glucose", glucose) if feature == 0 else None

    asked = in_own_units(train.X, raw, names)
    lines = explain_tree(candidate, names, ("no", "yes"), asked)
    text = "\n".join(lines)
    told = float(re.findall(r"glucose is at most ([\d.]+)", text)[0])
    node = int(np.flatnonzero(candidate.model.feature == 0)[0])
    np.testing.assert_array_equal(glucose <= told, train.X[:, 0] <= candidate.model.threshold[node])
    assert "if not purpose = car" in text
    assert sum("training row" in line for line in lines) == candidate.model.leaves
    assert "yes, with probability" in text
    short = explain_tree(candidate, names, ("no", "yes"), asked, most=3)
    assert len(short) == 3
    assert short[-1] == f"… and {len(lines) - 2} lines more"
    with pytest.raises(TypeError, match="is not a tree"):
        explain_tree(candidate_of("network", "", candidate.outputs, train, train, ACCURACY), names)


def test_hostile_names_stay_on_their_line():
    train, validation = drawn()
    tree = fit_simple(Problem("y"), task(), train, validation, "accuracy")[2]
    for line in explain_tree(tree, ["a\nb\x00\u202e"] * 4, ("x\ny", "z")):
        assert line.isprintable()
