"""Summaries of arrays: every number while they are few, extremes when they are many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backlit.study.values import BINS, cells_of, reduce_to_tile, summarise


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (1, 1), (7,), (8, 8), (65,), (5, 40, 3)])
def test_statistics(dtype, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 2).astype(dtype)
    values = summarise(array)
    assert values.shape == shape
    assert values.dtype == dtype
    assert values.low == array.min()
    assert values.high == array.max()
    assert values.norm == pytest.approx(np.linalg.norm(array.astype(np.float64)))
    assert values.zeros == pytest.approx(np.mean(array == 0))
    assert (values.nans, values.infs) == (0, 0)
    assert (values.data is None) == (array.size > 64)
    assert (values.tile is None) == (array.size <= 64)
    if values.data is not None:
        np.testing.assert_array_equal(np.array(values.data, dtype).reshape(shape), array)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_nan_and_infinity_are_counted_and_kept_out_of_statistics(odd, size):
    array = np.arange(size, dtype=np.float64)
    array[0] = odd
    values = summarise(array)
    assert values.nans == int(np.isnan(odd))
    assert values.infs == int(np.isinf(odd))
    assert values.high == (size - 1 if size > 1 else None)


def test_an_array_of_nan_has_no_range():
    values = summarise(np.full(100, np.nan))
    assert (values.low, values.high, values.norm, values.nans) == (None, None, None, 100)


def test_an_empty_array():
    values = summarise(np.zeros((0, 3), np.float32))
    assert (values.size, values.data, values.low, values.zeros) == (0, (), None, 0.0)


def test_a_tile_keeps_the_element_of_largest_magnitude():
    array = np.zeros((320, 640))
    array[100, 200] = -7.0
    tile = reduce_to_tile(array)
    cells = cells_of(tile)
    assert cells.shape == (32, 32)
    assert tile.scale == 7.0
    assert cells[10, 10] == -127
    assert np.count_nonzero(cells) == 1


def test_a_tile_marks_nan_and_cuts_infinity_to_the_scale():
    array = np.ones((100, 3))
    array[0, 0], array[99, 2] = np.nan, -np.inf
    cells = cells_of(reduce_to_tile(array))
    assert cells[0, 0] == -128
    assert cells[-1, -1] == -127
    assert cells[5, 1] == 127


def test_leading_axes_are_folded_into_rows():
    tile = reduce_to_tile(np.ones((2, 3, 5)))
    assert (tile.rows, tile.cols) == (6, 5)


@settings(max_examples=200, deadline=None)
@given(
    arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(65, 200),
        elements=st.floats(allow_nan=True, allow_infinity=True, width=32),
    )
)
def test_histograms_count_every_finite_element_once(array):
    found = summarise(array).histogram
    finite = array[np.isfinite(array)].astype(np.float64)
    if not found:
        assert finite.size == 0 or finite.min() == finite.max()
        return
    assert sum(found) == finite.size
    assert found[0] >= 1
    assert found[-1] >= 1
    expected, _ = np.histogram(finite, BINS)
    # at the borders of steps rounding decides: compare the sums from the left, one border each way
    ours, theirs = np.cumsum(found), np.cumsum(expected)
    edges = np.linspace(finite.min(), finite.max(), BINS + 1)[1:]
    close = 1e-9 * (finite.max() - finite.min()) + 1e-12 * np.abs(finite).max()
    near = [(np.abs(finite - edge) <= close).sum() for edge in edges]
    assert (np.abs(ours - theirs) <= near).all()


def test_histograms_of_extremes():
    wide = np.array([-1.7e308, 1.7e308] * 40)
    assert sum(summarise(wide).histogram) == 80
    assert summarise(np.full(100, 1e300)).histogram == ()
    narrow = np.linspace(1e300, np.nextafter(1e300, np.inf), 100)
    assert sum(summarise(narrow).histogram) in (0, 100)
    assert sum(summarise(np.linspace(0, 5e-324, 100)).histogram) in (0, 100)
    assert summarise(np.arange(100) % 2 == 0).histogram[0] == 50
    assert summarise(np.zeros((0, 3))).histogram == ()
