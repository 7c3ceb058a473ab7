"""The statistics against NumPy's and by hand."""

import numpy as np
import pytest

from benchmarks import stats


@pytest.mark.parametrize("count", [1, 2, 3, 10, 17])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_percentile_is_numpys(count, fraction):
    values = np.random.default_rng(count).exponential(size=count)
    assert stats.percentile(list(values), fraction) == pytest.approx(
        np.quantile(values, fraction), rel=1e-12
    )


def test_percentile_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        stats.percentile([], 0.5)


def test_spread_of_equal_rounds_is_zero():
    assert stats.spread([5.0] * 4) == 0.0


def test_spread_ignores_a_single_outlier_among_twenty():
    assert stats.spread([1.0] * 19 + [100.0]) == 0.0


def test_spread_does_not_depend_on_the_unit():
    values = [3.0, 4.0, 7.0, 5.0]
    assert stats.spread(values) == pytest.approx(stats.spread([v * 1e6 for v in values]))


def test_ratio_takes_medians_for_the_middle_and_rounds_for_the_range():
    found = stats.ratio([10.0, 30.0, 20.0], [1.0, 2.0, 4.0])
    assert found == {"ratio": 10.0, "low": 5.0, "high": 15.0}


def test_ratio_needs_the_same_rounds():
    with pytest.raises(ValueError, match="longer"):
        stats.ratio([1.0], [1.0, 2.0])


def test_difference_is_relative_to_the_largest_reference():
    assert stats.difference([0.0, 10.1], [0.1, 10.0]) == pytest.approx(0.01)
    assert stats.difference([0.0], [0.0]) == 0.0


def test_difference_of_unequal_lengths_is_an_error():
    with pytest.raises(ValueError, match="1 values against 2"):
        stats.difference([1.0], [1.0, 2.0])


def test_a_nan_is_never_the_same_work():
    assert stats.difference([1.0, float("nan")], [1.0, 1.0]) == 1e9
    assert stats.difference([1.0, 1.0], [1.0, float("nan")]) == 1e9
