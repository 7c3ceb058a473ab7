"""Scores and intervals against scikit-learn, SciPy and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.learn.metrics import accuracy, bootstrap_r2, confusion, r2, rmse, wilson


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(pair):
    from scipy.stats import binomtest

    right, rows = pair
    theirs = binomtest(right, rows).proportion_ci(0.95, "wilson")
    assert wilson(right, rows) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_holds_the_share_it_starts_from():
    for rows in (1, 5, 30, 360):
        for right in range(rows + 1):
            low, high = wilson(right, rows)
            assert 0 <= low <= right / rows <= high <= 1


def test_scores_are_scikit_learns():
    from sklearn.metrics import accuracy_score, confusion_matrix, r2_score, root_mean_squared_error

    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    assert accuracy(truth, guess) == accuracy_score(truth, guess)
    np.testing.assert_array_equal(confusion(truth, guess, 4), confusion_matrix(truth, guess))
    y, z = rng.normal(size=50), rng.normal(size=50)
    assert r2(y, z) == pytest.approx(r2_score(y, z))
    assert rmse(y, z) == pytest.approx(root_mean_squared_error(y, z))


def test_r2_of_a_constant_truth():
    assert r2(np.ones(3), np.ones(3)) == 1
    assert r2(np.ones(3), np.zeros(3)) == 0


def test_the_bootstrap_is_seeded_and_holds_the_score():
    rng = np.random.default_rng(0)
    y = rng.normal(size=80)
    z = y + rng.normal(0, 0.7, 80)
    low, high = bootstrap_r2(y, z, seed=1)
    assert low < r2(y, z) < high
    assert (low, high) == bootstrap_r2(y, z, seed=1)
    assert (low, high) != bootstrap_r2(y, z, seed=2)
