"""The split, by hypothesis: every row in one part, classes within one row of their shares, no group
in two parts, no training row later than a test row. And what cannot be split."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.data.splitting import SHARES, Parts, pattern, split
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError, UsageError
from backlit.learn.problem import Problem

class_sizes = st.lists(st.integers(5, 60), min_size=2, max_size=6)
seeds = st.integers(0, 2**32)
CLASSES = Problem("y", task="classification")
VALUES = Problem("y", task="regression")


def classification(sizes: list[int], seed: int = 0, **others) -> Table:
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return Table.of({"y": [f"class {k}" for k in y], **others})


def parts_of(parts: Parts) -> tuple[np.ndarray, ...]:
    return parts.train, parts.validation, parts.test


def assert_partition(parts: Parts, rows: int) -> None:
    assert sorted(np.concatenate(parts_of(parts)).tolist()) == list(range(rows))
    for part in parts_of(parts):
        assert len(part)
        assert (np.diff(part) > 0).all()
    assert parts.sizes == tuple(map(len, parts_of(parts)))


@settings(deadline=None)
@given(class_sizes, seeds)
def test_each_class_and_the_whole_have_their_share_within_one_row(sizes, seed):
    table = classification(sizes, seed)
    parts = split(table, CLASSES, seed)
    assert_partition(parts, table.rows)
    y = np.array([int(text[-1]) for text in table.column("y")])
    for rows, share in zip(parts_of(parts), SHARES, strict=True):
        counts = np.bincount(y[rows], minlength=len(sizes))
        assert (np.abs(counts - share * np.array(sizes)) <= 1).all()
        assert (counts > 0).all()
        assert abs(len(rows) - share * table.rows) <= 1


shares_ = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))


@settings(deadline=None)
@given(shares_, st.integers(1, 300))
def test_every_beginning_of_the_pattern_holds_its_shares_within_one(parts, rows):
    shares = [Fraction(part, sum(parts)) for part in parts]
    dealt = pattern(shares, rows)
    counts = np.cumsum(np.eye(3)[dealt], axis=0)
    wanted = np.outer(np.arange(1, rows + 1), [float(share) for share in shares])
    assert (np.abs(counts - wanted) <= 1 + 1e-9).all()


@settings(deadline=None)
@given(st.lists(st.integers(30, 90), min_size=2, max_size=4), seeds, shares_)
def test_other_shares_are_kept_within_two_rows(sizes, seed, parts):
    shares = [part / sum(parts) for part in parts]
    table = classification(sizes, seed)
    try:
        made = split(table, CLASSES, seed, shares)
    except (DataError, UsageError):  # a share so small that a class has none, or no fraction
        return
    assert_partition(made, table.rows)
    for rows, share in zip(parts_of(made), shares, strict=True):
        assert abs(len(rows) - share * table.rows) <= 1.5


@settings(deadline=None)
@given(st.integers(5, 300), seeds)
def test_a_regression_is_spread_over_the_target(rows, seed):
    y = np.random.default_rng(seed).normal(size=rows)
    parts = split(Table.of({"y": y}), VALUES, seed)
    assert_partition(parts, rows)
    low = np.argsort(y)[: rows // 2]
    for part, share in zip(parts_of(parts), SHARES, strict=True):
        # 1, and a stratum of up to 9 cut in two
        assert abs(np.isin(part, low).sum() - share * len(low)) <= 3.5


@settings(deadline=None)
@given(class_sizes, seeds)
def test_the_same_seed_gives_the_same_split(sizes, seed):
    table = classification(sizes)
    first, again = split(table, CLASSES, seed), split(table, CLASSES, seed)
    for one, other in zip(parts_of(first), parts_of(again), strict=True):
        np.testing.assert_array_equal(one, other)


FIXED = [[2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 17], [0, 12, 13, 19], [1, 9, 16, 18]]


@pytest.mark.parametrize("names", [("a", "b"), (0, 1), (0.5, 0.7), ("9", "10")])
def test_the_split_of_a_seed_is_fixed(names):
    parts = split(Table.of({"y": names * 10}), CLASSES, 7)
    assert [part.tolist() for part in parts_of(parts)] == FIXED


def test_every_row_comes_into_the_test_part_for_some_seed():
    table = classification([30, 20])
    seen = np.unique(np.concatenate([split(table, CLASSES, seed).test for seed in range(60)]))
    assert len(seen) == table.rows


def test_more_rows_of_a_column_that_is_no_target_change_nothing():
    plain = classification([30, 20])
    other = classification([30, 20], z=np.random.default_rng(1).normal(size=50))
    np.testing.assert_array_equal(split(plain, CLASSES).test, split(other, CLASSES).test)


# Groups


@settings(deadline=None)
@given(st.lists(st.integers(1, 8), min_size=12, max_size=80), st.integers(2, 3), seeds)
def test_no_group_stands_in_two_parts(group_sizes, classes, seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(group_sizes)), group_sizes)
    y = rng.integers(0, classes, len(groups))
    y[:classes] = np.arange(classes)
    order = rng.permutation(len(groups))
    table = Table.of({"y": [f"c{k}" for k in y[order]], "g": groups[order]})
    problem = Problem("y", task="classification", groups="g")
    try:
        parts = split(table, problem, seed)
    except DataError as error:
        assert "none of them comes into training" in str(error)  # noqa: PT017
        return
    assert_partition(parts, table.rows)
    inside = [set(table.column("g")[part].tolist()) for part in parts_of(parts)]
    assert not inside[0] & inside[1] | inside[0] & inside[2] | inside[1] & inside[2]
    # One group more or less is what whole groups leave to chance.
    for part, share in zip(parts_of(parts), SHARES, strict=True):
        assert abs(len(part) - share * table.rows) <= 2 * max(group_sizes)


def test_shares_and_classes_of_many_groups_are_near():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), rng.integers(1, 12, 300))
    y = np.where(rng.random(len(groups)) < 0.1, "rare", "common")
    table = Table.of({"y": y, "g": groups})
    parts = split(table, Problem("y", task="classification", groups="g"))
    rare = (y == "rare").mean()
    for part, share in zip(parts_of(parts), SHARES, strict=True):
        assert abs(len(part) / table.rows - share) < 0.005
        assert abs((y[part] == "rare").mean() - rare) < 0.005
    assert "whole groups of 'g'" in parts.how


def test_groups_of_single_rows_are_split_as_rows_are():
    table = Table.of({"y": ["a", "b"] * 50, "g": range(100)})
    parts = split(table, Problem("y", task="classification", groups="g"))
    assert parts.sizes == (60, 20, 20)
    assert all((table.column("y")[part] == "a").mean() == 0.5 for part in parts_of(parts))


def test_three_groups_give_three_parts_whatever_their_sizes():
    table = Table.of({"y": ["a", "b"] * 50, "g": [0] * 96 + [1, 1, 2, 2]})
    parts = split(table, Problem("y", task="classification", groups="g"))
    assert parts.sizes == (96, 2, 2)


def test_a_regression_by_groups_spreads_the_target():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 3)
    y = rng.normal(size=200)[groups] + rng.normal(size=600) / 10
    table = Table.of({"y": y, "g": [f"g{k}" for k in groups]})
    parts = split(table, Problem("y", task="regression", groups="g"))
    assert parts.sizes == (360, 120, 120)
    for part in parts_of(parts):
        assert abs(y[part].mean() - y.mean()) < 0.1


# Time


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=10, max_size=200), seeds)
def test_the_latest_rows_are_the_test_part(times, seed):
    problem = Problem("y", task="regression", time="t")
    table = Table.of({"y": np.random.default_rng(seed).normal(size=len(times)), "t": times})
    if len(set(times)) < 3:
        with pytest.raises(DataError, match=r"time.?; training, validation and test need one"):
            split(table, problem)
        return
    parts = split(table, problem, seed)
    assert_partition(parts, table.rows)
    train, validation, test = (np.array(times)[part] for part in parts_of(parts))
    assert train.max() < validation.min()
    assert validation.max() < test.min()


def test_different_times_are_cut_exactly():
    rng = np.random.default_rng(0)
    order = rng.permutation(100)
    table = Table.of({"y": rng.normal(size=100), "t": order})
    parts = split(table, Problem("y", task="regression", time="t"))
    assert parts.sizes == (60, 20, 20)
    assert sorted(order[parts.test]) == list(range(80, 100))


def test_dates_are_sorted_as_dates_and_borders_are_said():
    days = [f"{day}.{month}.2024" for month in (9, 10, 11) for day in range(1, 31)]
    table = Table.of({"y": np.arange(90.0), "t": days})
    parts = split(table, Problem("y", task="regression", time="t"))
    assert parts.test.tolist() == list(range(72, 90))
    assert parts.how == (
        "by time, 't': training from 2024-09-01 to 2024-10-24, validation from 2024-10-25 to "
        "2024-11-12, test from 2024-11-13 to 2024-11-30"
    )


def test_equal_times_stay_together():
    times = [1] * 50 + [2] * 30 + [3] * 20
    table = Table.of({"y": np.arange(100.0), "t": times})
    assert split(table, Problem("y", task="regression", time="t")).sizes == (50, 30, 20)


# Time and groups


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), min_size=20, max_size=200),
    seeds,
)
def test_with_time_and_groups_parts_follow_each_other_and_share_no_group(rows, seed):
    times, groups = np.array(rows).T
    problem = Problem("y", task="regression", time="t", groups="g")
    table = Table.of({"y": np.arange(len(rows)) * 1.0, "t": times, "g": groups})
    try:
        parts = split(table, problem, seed)
    except DataError:
        return
    by_time = split(table, replace(problem, groups=None), seed)
    for some, whole in zip(parts_of(parts), parts_of(by_time), strict=True):
        assert set(some) <= set(whole)
    together = [set(groups[part]) for part in parts_of(parts)]
    assert sum(map(len, together)) == len(set.union(*together)) == len(set(groups))
    for group in set(groups):  # all of a group's rows in its part are there
        k = next(k for k in range(3) if group in together[k])
        within = parts_of(by_time)[k]
        assert set(within[groups[within] == group]) <= set(parts_of(parts)[k])


def test_groups_that_last_are_dealt_by_their_shares_and_the_rest_is_told():
    times, groups = (each.ravel() for each in np.meshgrid(np.arange(10), np.arange(50)))
    table = Table.of({"y": np.arange(500.0), "t": times, "g": groups})
    parts = split(table, Problem("y", task="regression", time="t", groups="g"))
    assert parts.sizes == (30 * 6, 10 * 2, 10 * 2)
    assert parts.how.endswith(
        "; 50 groups of 'g' that reach over a border are each kept in one part (seed 0), and 280 "
        "rows of theirs in the others (56.0% of all) are left out"
    )
    days = Table.of({"y": np.arange(500.0), "t": times, "g": times})
    parts = split(days, Problem("y", task="regression", time="t", groups="g"))
    assert parts.sizes == (300, 100, 100)
    assert parts.how.endswith("; no group of 'g' reaches over a border")


# What cannot be split


@pytest.mark.parametrize(
    ("columns", "problem", "match"),
    [
        ({"y": [1.0, 2, 3, 4]}, VALUES, "4 rows is too few"),
        ({"y": ["a"] * 50 + ["b"] * 2}, CLASSES, "class 'b' of 'y' has 2 rows, and none"),
        ({"y": ["a", None] * 9}, CLASSES, "missing at row 1"),
        ({"x": [1] * 9}, CLASSES, "has no column 'y'"),
        ({"y": ["a", "b"] * 5, "g": [1, 2] * 5}, CLASSES, "'g' has 2 groups"),
        ({"y": ["a", "b"] * 5, "g": [1, 2, 3, 4, None] * 2}, CLASSES, "'g' is missing in 2 rows"),
        ({"y": ["a", "b"] * 5, "t": [1, 2] * 5}, CLASSES, "'t' has 2 different times"),
        ({"y": ["a", "b"] * 5, "t": [1, None] * 5}, CLASSES, "'t' is missing in 5 rows"),
        ({"y": ["a", "b"] * 5, "t": ["x", "z"] * 5}, CLASSES, "'t' is no column of times"),
        ({"y": ["a"] * 40 + ["b"] * 10, "t": range(50)}, CLASSES, "none of them .* by time"),
    ],
)
def test_what_cannot_be_split(columns, problem, match):
    groups, time = ("g" if "g" in columns else None), ("t" if "t" in columns else None)
    problem = Problem(problem.target, task=problem.task, groups=groups, time=time)
    with pytest.raises(DataError, match=match):
        split(Table.of(columns), problem)


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.6, 0.3, 0.2), (1.0, 0.0, 0.0), (0.8, 0.4, -0.2), (0.5, 0.2, 0.2, 0.1)]
)
def test_shares_that_are_none(shares):
    with pytest.raises(UsageError, match="three numbers above 0"):
        split(classification([20, 20]), CLASSES, shares=shares)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
def test_seeds_that_are_none(seed):
    with pytest.raises(UsageError, match="a seed is a whole number"):
        split(classification([20, 20]), CLASSES, seed)


def test_a_problem_that_is_not_settled():
    with pytest.raises(UsageError, match="not settled"):
        split(classification([20, 20]), Problem("y"))
