"""Batches: every row once an epoch, rows of X and y together, an order that a seed fixes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit import nn
from backlit.engine import Generator, ShapeError, manual_seed, tensor


@settings(deadline=None)
@given(
    count=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_an_epoch_is_every_row_once_in_batches_of_one_size(count, batch_size, shuffle, drop_last):
    if drop_last and batch_size > count:
        with pytest.raises(ValueError, match="drop_last leaves no batch"):
            nn.batches(np.zeros((count, 2)), None, batch_size, drop_last=True)
        return
    X = np.arange(2.0 * count).reshape(count, 2)
    data = nn.batches(X, np.arange(count), batch_size, shuffle, Generator(0), drop_last)
    for _ in range(2):
        parts = list(data)
        assert len(parts) == len(data)
        rows = np.concatenate([x.numpy() for x, _ in parts])
        labels = np.concatenate([y.numpy() for _, y in parts])
        assert (rows == X[labels]).all()
        assert all(len(x) == batch_size for x, _ in parts[:-1])
        whole = count - count % batch_size if drop_last else count
        assert len(set(labels)) == len(labels) == whole
        if not shuffle:
            assert labels.tolist() == list(range(whole))


def labels(data):
    return [label for _, y in data for label in y.tolist()]


def test_each_epoch_has_a_new_order_and_a_seed_fixes_all_of_them():
    def epochs():
        manual_seed(4)
        data = nn.batches(np.zeros((50, 1)), np.arange(50), 7, shuffle=True)
        return [labels(data), labels(data)]

    one, two = epochs()
    assert one != two
    assert one != sorted(one)
    assert epochs() == [one, two]


def test_a_generator_of_its_own_leaves_the_default_one_alone():
    def order(seed):
        return labels(nn.batches(np.zeros(20), np.arange(20), 4, True, Generator(seed)))

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_two_loops_at_once_do_not_disturb_each_other():
    data = nn.batches(np.zeros(6), np.arange(6), 2)
    assert [(a.tolist(), b.tolist()) for (_, a), (_, b) in zip(data, data, strict=True)] == [
        ([0, 1], [0, 1]),
        ([2, 3], [2, 3]),
        ([4, 5], [4, 5]),
    ]


def test_arrays_are_converted_once_and_tensors_are_taken_as_they_are():
    X = np.ones((10, 3))
    data = nn.batches(X, np.arange(10, dtype=np.int32), 5)
    x, y = next(iter(data))
    assert x.dtype == np.float32
    assert y.dtype.kind == "i"
    X[:] = 7
    assert (next(iter(data))[0].numpy() == 1).all()
    source = tensor(np.ones((10, 3)), dtype=np.float64, requires_grad=True)
    (x, *_) = nn.batches(source, batch_size=5)
    assert x.dtype == np.float64
    assert not x.requires_grad


def test_without_y_rows_come_alone():
    assert [x.tolist() for x in nn.batches(np.arange(3), batch_size=2)] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((3, 1)), np.zeros(2)), ShapeError, "X has 3 rows and y has 2"),
        ((np.zeros((0, 4)),), ValueError, "no rows"),
        ((np.array(3.0),), ShapeError, "single number"),
        ((np.zeros(3), None, 0), ValueError, "at least 1"),
        ((np.zeros(3), None, 2.0), TypeError, "int"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        nn.batches(*arguments)


def test_repr():
    data = nn.batches(np.zeros((10, 3)), np.arange(10), 5)
    assert repr(data) == "Batches((10, 3), (10,), batch_size=5, shuffle=False)"
