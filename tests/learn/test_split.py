"""The split, by hypothesis: every row in one part, every class in every part within one row.
And the scaling, which must know nothing of validation and test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.learn import Dataset, Standardiser, load_dataset, split_rows
from backlit.learn.errors import DataError

SHARES = (0.6, 0.2, 0.2)
class_sizes = st.lists(st.integers(5, 60), min_size=2, max_size=6)
seeds = st.integers(0, 2**32)


def classification(sizes: list[int], seed: int = 0) -> Dataset:
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    names = tuple(f"class {k}" for k in range(len(sizes)))
    return Dataset("table", "classification", np.zeros((len(y), 1)), y, ("x",), names)


def regression(y: np.ndarray) -> Dataset:
    return Dataset("table", "regression", np.zeros((len(y), 1)), y, ("x",))


@given(class_sizes, seeds)
def test_parts_are_disjoint_and_complete(sizes, seed):
    data = classification(sizes, seed)
    parts = split_rows(data, seed)
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows.tolist()) == list(range(data.rows))


@given(class_sizes, seeds)
def test_each_class_and_the_whole_have_their_share_within_one_row(sizes, seed):
    data = classification(sizes, seed)
    parts = split_rows(data, seed)
    for rows, share in zip((parts.train, parts.validation, parts.test), SHARES, strict=True):
        counts = np.bincount(data.y[rows], minlength=len(sizes))
        assert (np.abs(counts - share * np.array(sizes)) <= 1).all()
        assert (counts > 0).all()
        assert abs(len(rows) - share * data.rows) <= 1


@given(st.integers(5, 300), seeds)
def test_a_regression_is_spread_over_the_target(rows, seed):
    data = regression(np.random.default_rng(seed).normal(size=rows).astype(np.float32))
    parts = split_rows(data, seed)
    everything = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(everything.tolist()) == list(range(rows))
    low = np.argsort(data.y)[: rows // 2]
    for part, share in zip((parts.train, parts.validation, parts.test), SHARES, strict=True):
        assert (
            abs(np.isin(part, low).sum() - share * len(low)) <= 3.5
        )  # 1, and a stratum of up to 9 cut in two


@given(class_sizes, seeds)
def test_the_same_seed_gives_the_same_split(sizes, seed):
    data = classification(sizes)
    first, again = split_rows(data, seed), split_rows(data, seed)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_another_seed_gives_another_split():
    data = load_dataset("iris")
    assert not np.array_equal(split_rows(data, 0).test, split_rows(data, 1).test)


def test_every_row_comes_into_the_test_part_for_some_seed():
    data = load_dataset("iris")
    seen = np.unique(np.concatenate([split_rows(data, seed).test for seed in range(60)]))
    assert len(seen) == data.rows


def test_too_few_rows():
    with pytest.raises(DataError, match="4 rows are too few"):
        split_rows(regression(np.arange(4.0)))
    with pytest.raises(DataError, match="class 'class 1' has 4 rows"):
        split_rows(classification([50, 4]))


def test_a_class_without_rows():
    data = Dataset(
        "t", "classification", np.zeros((20, 1)), np.arange(20) % 2, ("x",), tuple("abc")
    )
    with pytest.raises(DataError, match="class 'c' has 0 rows"):
        split_rows(data)


def test_standardised_columns_have_mean_0_and_deviation_1():
    X = load_dataset("wine").X
    Z = Standardiser.fit(X).apply(X)
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(Z.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 1e30])
def test_a_constant_column_becomes_0(value):
    X = np.column_stack([np.full(7, value, np.float32), np.arange(7, dtype=np.float32)])
    Z = Standardiser.fit(X).apply(X)
    np.testing.assert_allclose(Z[:, 0], 0, atol=1e-6 * max(1, value))
    assert np.isfinite(Z).all()


def test_pixels_share_one_scale():
    X = load_dataset("digits").X
    scaler = Standardiser.fit(X, shared=True)
    Z = scaler.apply(X)
    assert scaler.mean.shape == ()
    assert abs(Z.mean()) < 1e-5
    assert abs(Z.std() - 1) < 1e-5
    np.testing.assert_allclose(scaler.undo(Z), X, atol=1e-4)


def test_scaling_comes_from_the_training_part_alone(moons):
    prepared = moons.prepared
    train = prepared.dataset.X[prepared.split.train]
    np.testing.assert_array_equal(prepared.scaler.mean, train.astype(np.float64).mean(axis=0))
    np.testing.assert_array_equal(prepared.scaler.scale, train.astype(np.float64).std(axis=0))
