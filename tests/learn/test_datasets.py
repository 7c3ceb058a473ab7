"""The tables: their sizes, their names, the cells as scikit-learn's loaders read them.
And what is said about a name that is not known, a missing package, a cell that is no number."""

import builtins
import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from backlit.learn import DATASETS, load_dataset
from backlit.learn.errors import DataError, MissingPackageError, UsageError
from backlit.learn.synthetic import GENERATORS

SIZES = {
    "digits": (1797, 64, 10),
    "moons": (1000, 2, 2),
    "circles": (1000, 2, 2),
    "spirals": (1000, 2, 3),
    "blobs": (1000, 2, 4),
    "xor": (1000, 2, 2),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 0),
}


def test_there_are_ten():
    assert set(SIZES) == set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_sizes_types_and_facts(name):
    data = load_dataset(name)
    assert (*data.X.shape, len(data.class_names)) == SIZES[name]
    assert data.X.dtype == np.float32
    assert data.y.dtype == (np.float32 if data.task == "regression" else np.int64)
    assert len(data.feature_names) == data.inputs == len(set(data.feature_names))
    assert data.source
    assert data.licence
    data.check()


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_real_tables_are_what_scikit_learn_loads(name):
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    theirs = getattr(datasets, f"load_{name}")(**options)
    ours = load_dataset(name)
    np.testing.assert_array_equal(ours.X, theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours.y, theirs.target.astype(ours.y.dtype))
    if name != "digits":  # their pixels are called pixel_0_0
        assert list(ours.feature_names) == list(theirs.feature_names)
    if ours.class_names:
        assert list(ours.class_names) == [str(name) for name in theirs.target_names]


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_synthetic_points_follow_the_seed(name):
    first, again, other = (load_dataset(name, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.X, again.X)
    assert not np.array_equal(first.X, other.X)
    counts = np.bincount(first.y)
    assert counts.min() > 0.8 * counts.max()


@pytest.mark.parametrize(
    ("wrong", "right"), [("mons", "moons"), ("Iris", "iris"), ("brest_cancer", "breast_cancer")]
)
def test_unknown_name_suggests_the_nearest(wrong, right):
    with pytest.raises(UsageError, match=f"did you mean '{right}'.*Known: digits, moons"):
        load_dataset(wrong)


def test_unknown_name_far_from_all_lists_them():
    with pytest.raises(UsageError) as caught:
        load_dataset("mnist-like")
    assert "did you mean" not in str(caught.value)
    assert all(name in str(caught.value) for name in DATASETS)


def test_without_scikit_learn_the_command_that_installs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name)
    )
    with pytest.raises(MissingPackageError, match=r'pip install "backlit\[learn\]"'):
        load_dataset("digits")
    load_dataset("moons")


def test_real_tables_do_not_import_scikit_learn(monkeypatch):
    load = builtins.__import__

    def refuse(name, *rest):
        assert not name.startswith("sklearn"), "importing sklearn takes two seconds"
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert load_dataset("wine").rows == 178


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_cell_that_is_no_number_is_named(value):
    data = load_dataset("iris")
    X = data.X.copy()
    X[7, 2] = value
    with pytest.raises(DataError, match=r"iris: row 7, column 'petal length \(cm\)' is"):
        replace(data, X=X).check()


def test_a_target_that_is_no_number_is_named():
    data = load_dataset("diabetes")
    y = data.y.copy()
    y[5] = np.nan
    with pytest.raises(DataError, match="row 5, column 'disease progression' is nan"):
        replace(data, y=y).check()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"X": np.zeros(6, np.float32)}, "X must be"),
        ({"X": np.zeros((0, 2), np.float32), "y": np.zeros(0, int)}, "X must be"),
        ({"y": np.zeros(7, int)}, "X has 60 rows"),
        ({"feature_names": ("x",)}, "1 names for 2 inputs"),
        ({"class_names": ("only",)}, "two classes"),
        ({"y": np.zeros(60)}, "class numbers, not float64"),
        ({"y": np.full(60, 2)}, "from 2 to 2, but there are 2"),
        ({"y": np.full(60, -1)}, "from -1 to -1"),
    ],
)
def test_parts_that_do_not_fit_together(table, facts, message):
    with pytest.raises(DataError, match=message):
        table(**facts)
