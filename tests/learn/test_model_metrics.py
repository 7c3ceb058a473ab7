"""Scores against scikit-learn, intervals against SciPy and simulation, directions, refusals."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.errors import UsageError
from backlit.learn.models.metrics import METRICS, predicted, redrawn, require_metric, wilson


def drawn(seed, n, classes, coarse=False):
    """Class numbers and probabilities that know something of them; `coarse` ones have ties."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % classes)
    logits = rng.normal(size=(n, classes)) + 1.2 * np.eye(classes)[truth]
    if coarse:
        logits = np.round(logits)
    outputs = np.exp(logits)
    return truth, outputs / outputs.sum(axis=1, keepdims=True)


def theirs(name, truth, outputs, positive):
    from sklearn import metrics

    guess, classes = outputs.argmax(axis=1), outputs.shape[1]
    two = classes == 2
    labels = np.arange(classes)
    column = outputs[:, 1 if positive is None else positive]
    hits = truth == (1 if positive is None else positive)
    return {
        "accuracy": lambda: metrics.accuracy_score(truth, guess),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(truth, guess),
        "f1": lambda: (
            metrics.f1_score(hits, guess == (1 if positive is None else positive))
            if two
            else metrics.f1_score(truth, guess, average="macro")
        ),
        "roc_auc": lambda: (
            metrics.roc_auc_score(hits, column)
            if two
            else metrics.roc_auc_score(truth, outputs, multi_class="ovr", labels=labels)
        ),
        "pr_auc": lambda: (
            metrics.average_precision_score(hits, column)
            if two
            else metrics.average_precision_score(np.eye(classes)[truth], outputs)
        ),
        "log_loss": lambda: metrics.log_loss(truth, outputs, labels=labels),
    }[name]()


CLASSIFYING = [metric.name for metric in METRICS.values() if metric.task == "classification"]
REGRESSING = [metric.name for metric in METRICS.values() if metric.task == "regression"]


@pytest.mark.parametrize("coarse", [False, True], ids=["smooth", "ties"])
@pytest.mark.parametrize(("classes", "positive"), [(2, None), (2, 0), (2, 1), (4, None)])
@pytest.mark.parametrize("name", CLASSIFYING)
def test_scores_of_classes_are_scikit_learns(name, classes, positive, coarse):
    for seed in range(3):
        truth, outputs = drawn(seed, 60, classes, coarse)
        ours = METRICS[name].score(truth, outputs, positive)
        assert ours == pytest.approx(theirs(name, truth, outputs, positive), abs=1e-12)


@pytest.mark.parametrize("name", REGRESSING)
def test_scores_of_values_are_scikit_learns(name):
    from sklearn import metrics

    rng = np.random.default_rng(0)
    truth = rng.normal(50, 3, 80)
    outputs = truth + rng.normal(0, 2, 80)
    oracle = {
        "r2": metrics.r2_score,
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
    }[name]
    assert METRICS[name].score(truth, outputs) == pytest.approx(oracle(truth, outputs))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**20), st.integers(4, 40), st.integers(2, 4), st.sampled_from(CLASSIFYING)
)  # fmt: skip
def test_a_weighted_score_is_the_score_of_repeated_rows(seed, n, classes, name):
    truth, outputs = drawn(seed, n, classes, coarse=True)
    weights = redrawn(truth, 3, np.random.default_rng(seed))
    assert (weights.sum(axis=1) == n).all()
    with np.errstate(all="ignore"):
        ours = METRICS[name].weighted(truth, outputs, weights, None)
    for score, row in zip(ours, weights, strict=True):
        again = np.repeat(np.arange(n), row.astype(int))
        assert score == pytest.approx(
            METRICS[name].score(truth[again], outputs[again]), nan_ok=True
        )


def test_draws_keep_the_size_of_each_class():
    strata = np.array([0] * 5 + [1] * 50)
    weights = redrawn(strata, 20, np.random.default_rng(0))
    np.testing.assert_array_equal(weights[:, :5].sum(axis=1), 5)
    np.testing.assert_array_equal(weights[:, 5:].sum(axis=1), 50)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(pair):
    from scipy.stats import binomtest

    right, rows = pair
    ci = binomtest(right, rows).proportion_ci(0.95, "wilson")
    assert wilson(right, rows) == pytest.approx((ci.low, ci.high), abs=1e-12)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # the long-run value is the score on very many rows; 200 tables give the coverage to 1.5 points
    for name in ("balanced_accuracy", "roc_auc", "pr_auc", "log_loss"):
        metric = METRICS[name]
        level = metric.score(*drawn(99, 40_000, 2))
        held = 0
        for seed in range(200):
            low, high = metric.interval(*drawn(seed, 120, 2), draws=300)
            held += low <= level <= high
        assert 178 <= held <= 199, (name, held)


def test_intervals_of_r2_cover_too():
    def table(seed, n=150):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=n)
        return truth, truth + rng.normal(0, 0.7, n)

    level = METRICS["r2"].score(*table(5, 100_000))
    held = 0
    for seed in range(100):
        low, high = METRICS["r2"].interval(*table(seed), draws=300)
        held += low <= level <= high
    assert held >= 86


@pytest.mark.parametrize("name", list(METRICS))
def test_intervals_are_seeded_and_hold_the_score(name):
    metric = METRICS[name]
    if metric.task == "classification":
        truth, outputs = drawn(1, 80, 3)
    else:
        rng = np.random.default_rng(1)
        truth = rng.normal(size=80)
        outputs = truth + rng.normal(size=80)
    low, high = metric.interval(truth, outputs, seed=1)
    assert low <= metric.score(truth, outputs) <= high
    assert (low, high) == metric.interval(truth, outputs, seed=1)
    assert low < high
    if name != "accuracy":
        assert (low, high) != metric.interval(truth, outputs, seed=2)
    assert metric.signed_interval(metric.signed_interval((low, high))) == (low, high)
    assert metric.greater(low, high) is (metric.better == "lower")
    assert metric.signed(metric.signed(0.3)) == 0.3
    assert not metric.greater(float("nan"), 0.0)


def test_a_perfect_score_on_few_rows_is_not_certain():
    truth = np.array([0] * 10 + [1] * 30)
    for name in ("balanced_accuracy", "f1", "roc_auc", "pr_auc"):
        low, high = METRICS[name].interval(truth, np.eye(2)[truth])
        assert (low, high) == wilson(10, 10)


def test_the_level_of_knowing_nothing():
    train = np.array([0] * 90 + [1] * 10)
    guess = {name: METRICS[name].guess(train) for name in CLASSIFYING}
    assert guess["accuracy"] == 0.9
    assert guess["balanced_accuracy"] == 0.5
    assert guess["roc_auc"] == 0.5
    assert guess["pr_auc"] == pytest.approx(0.1)
    assert guess["f1"] == pytest.approx(2 * 0.1 / 1.1)  # who always says yes
    assert guess["log_loss"] == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1))
    values = np.array([0.0, 0.0, 0.0, 8.0])
    assert METRICS["r2"].guess(values) == 0
    assert METRICS["rmse"].guess(values) == pytest.approx(values.std())
    assert METRICS["mae"].guess(values) == 2.0  # the median's, the mean's is 3


def test_edges():
    one = np.zeros(4, np.int64)
    outputs = np.tile([0.7, 0.3], (4, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(METRICS["roc_auc"].score(one, outputs))
        assert np.isnan(METRICS["roc_auc"].interval(one, outputs)).all()
        assert np.isnan(METRICS["pr_auc"].score(one, outputs))
        assert METRICS["f1"].score(one, outputs) == 0
        assert METRICS["balanced_accuracy"].score(one, outputs) == 1
        assert METRICS["log_loss"].score(one, np.tile([0.0, 1.0], (4, 1))) == pytest.approx(
            34.54, 1e-3
        )
    assert METRICS["r2"].score(np.ones(3), np.ones(3)) == 1
    assert METRICS["r2"].score(np.ones(3), np.zeros(3)) == 0
    assert METRICS["r2"].score(np.array([5.0]), np.array([4.0])) == 0
    big = np.array([1e9, 1e9 + 1, 1e9 + 2])
    assert METRICS["r2"].score(big, big + 0.5) == pytest.approx(1 - 0.75 / 2)


def test_many_rows_are_scored_quickly_enough_to_be_tested():
    truth, outputs = drawn(0, 50_000, 2)
    low, high = METRICS["roc_auc"].interval(truth, outputs)
    assert high - low < 0.02


def test_what_is_no_pair_is_refused():
    with pytest.raises(UsageError, match="row with row"):
        METRICS["accuracy"].score(np.zeros(3, int), np.ones((2, 2)))
    with pytest.raises(UsageError, match="probabilities"):
        METRICS["accuracy"].score(np.zeros(3, int), np.ones(3))
    with pytest.raises(UsageError, match="values"):
        METRICS["r2"].score(np.zeros(3), np.ones((3, 1)))
    with pytest.raises(UsageError, match="0 rows"):
        METRICS["r2"].score(np.zeros(0), np.zeros(0))


def test_metrics_by_name():
    assert require_metric("r2", "regression").name == "r2"
    with pytest.raises(UsageError, match="did you mean 'roc_auc'"):
        require_metric("roc-auc")
    with pytest.raises(UsageError, match="take one of r2, rmse, mae"):
        require_metric("accuracy", "regression")
    with pytest.raises(UsageError, match="no metric"):
        require_metric("zzz", "classification")


def test_the_first_of_equals_is_predicted():
    np.testing.assert_array_equal(predicted(np.array([[0.5, 0.5], [0.2, 0.8]])), [0, 1])
