"""The preparation against scikit-learn's steps; it knows the training rows alone, a row's numbers
do not depend on its neighbours, and what is remembered comes back from JSON bit by bit."""

import json
import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from backlit.learn.data.plans import mean_and_scale, time_part
from backlit.learn.data.preparation import Preparation
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError, UsageError
from backlit.learn.problem import Problem

CLASSES = Problem("y", task="classification")
RNG = np.random.default_rng(0)


def people(rows: int = 200, seed: int = 0) -> Table:
    """A table with a column of every kind, and cells missing in most."""
    rng = np.random.default_rng(seed)

    def gaps(values, share):
        return [
            None if gone else v for v, gone in zip(values, rng.random(rows) < share, strict=True)
        ]

    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 600, rows), unit="D")
    return Table.of(
        {
            "row": range(rows),
            "age": gaps(rng.normal(40, 9, rows).round(1), 0.1),
            "income": rng.lognormal(3, 1, rows),
            "member": gaps(rng.choice(["yes", "no"], rows), 0.05),
            "city": gaps(rng.choice(["Rome", "Bonn", "Oslo"], rows, p=[0.6, 0.3, 0.1]), 0.1),
            "shop": [f"shop {i}" for i in rng.integers(0, 70, rows)],
            "since": gaps([day.isoformat() for day in days], 0.05),
            "nothing": [None] * rows,
            "same": ["x"] * rows,
            "key": [f"k{i:04d}" for i in rng.permutation(rows)],
            "comment": [f"this is the comment number {i}" for i in range(rows)],
            "y": rng.choice(["bad", "good"], rows),
        },
        "people",
    )


@pytest.fixture(scope="module")
def table() -> Table:
    return people()


@pytest.fixture(scope="module")
def fitted(table) -> Preparation:
    return Preparation.fit(table, CLASSES, np.arange(120))


def column(fitted: Preparation, table: Table, name: str) -> np.ndarray:
    return fitted.matrix(table)[:, fitted.names.index(name)]


def test_columns_of_each_kind(fitted, table):
    assert dict.fromkeys(fitted.columns) == dict.fromkeys(
        ["age", "income", "member", "city", "shop", "since"]
    )
    assert set(fitted.left_out) == {"row", "nothing", "same", "key", "comment"}
    assert fitted.classes == ("bad", "good")
    X = fitted.matrix(table)
    assert X.dtype == np.float32
    assert X.shape == (table.rows, len(fitted.names)) == (table.rows, len(fitted.columns))
    assert np.isfinite(X).all()
    assert len(set(fitted.names)) == len(fitted.names)


def test_numbers_are_scikit_learns(fitted, table):
    train = np.arange(120)
    for name in ("age", "income"):
        cells = table.column(name).astype(np.float64)[:, None]
        steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(cells[train])
        wanted = np.clip(steps.transform(cells)[:, 0], -10, 10)
        np.testing.assert_allclose(column(fitted, table, name), wanted, rtol=2e-6, atol=2e-6)
    missing = SimpleImputer(add_indicator=True).fit(table.column("age")[train, None])
    marks = np.asarray(missing.transform(table.column("age")[:, None]))[:, 1]
    np.testing.assert_array_equal(column(fitted, table, "age: missing"), marks)


def test_categories_are_scikit_learns(fitted, table):
    train = np.arange(120)
    cells = np.array([["(missing)" if c is None else c] for c in table.column("city")], object)
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(cells[train])
    wanted = encoder.transform(cells)
    order = [*encoder.categories_[0]]
    for level in ("Rome", "Bonn", "Oslo"):
        np.testing.assert_array_equal(
            column(fitted, table, f"city = {level}"), wanted[:, order.index(level)]
        )
    np.testing.assert_array_equal(
        column(fitted, table, "city: missing"), wanted[:, order.index("(missing)")]
    )


def test_many_levels_keep_the_most_frequent(fitted, table):
    shops = [name for name in fitted.names if name.startswith("shop")]
    assert len(shops) == 51
    assert shops[-1] == "shop: other levels"
    counts = Counter(table.column("shop")[:120].tolist())
    kept = {name.removeprefix("shop = ") for name in shops[:-1]}
    assert min(counts[shop] for shop in kept) >= max(counts[shop] for shop in {*counts} - kept)
    at = [fitted.names.index(name) for name in shops]
    np.testing.assert_array_equal(fitted.matrix(table)[:, at].sum(axis=1), 1)


def test_booleans_and_their_gaps(fitted, table):
    cells = table.column("member")
    fill = 1.0 if [*cells[:120]].count("yes") > [*cells[:120]].count("no") else 0.0
    wanted = [fill if c is None else float(c == "yes") for c in cells]
    np.testing.assert_array_equal(column(fitted, table, "member"), wanted)
    np.testing.assert_array_equal(
        column(fitted, table, "member: missing"), [c is None for c in cells]
    )


def test_dates_are_pandas_parts(fitted, table):
    when = pd.Series(pd.to_datetime(pd.Series(table.column("since"))))
    train = when[:120]
    parts = {
        "year": when.dt.year,
        "month": when.dt.month,
        "day of week": when.dt.day_of_week,
        "days": (when - train.min()) / pd.Timedelta(days=1),
    }
    there = when.notna().to_numpy()
    for part, values in parts.items():
        filled = values.to_numpy(np.float64)
        made = column(fitted, table, f"since: {part}")
        slope, offset = np.polyfit(filled[there], made[there], 1)
        assert slope > 0
        np.testing.assert_allclose(filled[there] * slope + offset, made[there], atol=1e-4)
        assert abs(made[:120].mean()) < 1e-5
        assert abs(made[:120].std() - 1) < 1e-5
    assert "since: hour" not in fitted.names


@settings(deadline=None)
@given(st.datetimes())
def test_parts_of_dates(when):
    seconds = np.array([(when - pd.Timestamp(0).to_pydatetime()).total_seconds()])
    seconds = np.floor(seconds)  # a year of 9999 has no room for microseconds in a float
    for part, wanted in {
        "year": when.year, "month": when.month, "day of week": when.weekday(), "hour": when.hour,
    }.items():  # fmt: skip
        assert time_part(seconds, part, 0.0).tolist() == [wanted]


def test_a_row_does_not_depend_on_others(fitted, table):
    X = fitted.matrix(table)
    for rows in ([7], [3, 3, 199], RNG.permutation(200)[:50]):
        np.testing.assert_array_equal(fitted.matrix(table.take(rows)), X[rows])
        np.testing.assert_array_equal(fitted.matrix(table.frame.iloc[rows]), X[rows])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_fitting_reads_training_rows_alone(seed):
    table, other = people(), people(seed=seed)
    rows = np.random.default_rng(seed).permutation(200)[:120]
    mixed = {
        name: np.where(np.isin(np.arange(200), rows), table.column(name), other.column(name))
        for name in table.names
    }
    first = Preparation.fit(table, CLASSES, rows)
    again = Preparation.fit(Table.of(mixed, "people"), CLASSES, rows)
    assert first == again
    assert first == Preparation.fit(table.take(rows), CLASSES, np.arange(120))
    assert json.dumps(first.as_dict()) == json.dumps(again.as_dict())


def test_what_is_remembered_comes_back_bit_by_bit(fitted, table):
    text = json.dumps(fitted.as_dict(), allow_nan=False)
    back = Preparation.from_dict(json.loads(text))
    assert back == fitted
    assert json.dumps(back.as_dict()) == text
    assert back.matrix(table).tobytes() == fitted.matrix(table).tobytes()
    assert back.warnings(people(seed=5)) == fitted.warnings(people(seed=5))


floats = arrays.arrays(
    np.float64, st.integers(3, 30),
    elements=st.floats(allow_nan=True, allow_infinity=False),
)  # fmt: skip


@settings(deadline=None)
@given(floats, st.booleans())
def test_any_numbers_become_finite_inputs(values, shared):
    table = Table.of({"x": values, "z": np.arange(len(values)) / 7})
    fitted = Preparation.fit(table, None, np.arange(len(values)), shared=shared)
    X = fitted.matrix(table)
    assert np.isfinite(X).all()
    assert shared or (np.abs(X) <= 10).all()
    back = Preparation.from_dict(json.loads(json.dumps(fitted.as_dict(), allow_nan=False)))
    assert back.matrix(table).tobytes() == X.tobytes()
    assert all(isinstance(sentence, str) for sentence in fitted.warnings(table))


def test_huge_numbers_have_a_mean_and_a_deviation():
    values = np.array([1e308, -1e308, 1.5e308])
    mean, scale = mean_and_scale(values)
    assert math.isclose(mean, 0.5e308)
    assert math.isclose(scale, (values / 1e308).std() * 1e308)
    assert mean_and_scale(np.array([5e-324, 0.0]))[1] > 0
    assert mean_and_scale(np.full(3, 0.1)) == (0.1, 1.0)


def test_heavy_tails_are_clipped_and_counted():
    values = np.append(RNG.normal(size=400), [1e6, 3e6])
    fitted = Preparation.fit(Table.of({"x": values}), None, np.arange(402))
    beyond = np.abs(values - values.mean()) / values.std() > 10
    (change,) = (change for change in fitted.changes if change.step == "clipped")
    assert change.cells == beyond.sum() == 1
    assert change.columns == ("x",)
    assert "up to 3,000,000" in change.sentence
    assert fitted.matrix({"x": [1e9, -1e9]}).tolist() == [[10.0], [-10.0]]


def test_a_few_gaps_get_no_mark():
    values = [None] + list(RNG.normal(size=199))
    fitted = Preparation.fit(Table.of({"x": values}), None, np.arange(200))
    assert fitted.names == ("x",)
    fitted = Preparation.fit(Table.of({"x": values}), None, np.arange(50))
    assert fitted.names == ("x", "x: missing")


def test_a_number_that_is_there_or_not():
    fitted = Preparation.fit(Table.of({"x": [3.0, None] * 9}), None, np.arange(18))
    assert fitted.names == ("x: missing",)
    assert fitted.matrix({"x": [None, 3.0, 8.0]}).tolist() == [[1.0], [0.0], [0.0]]


def test_pictures_are_scaled_as_one():
    X, y = load_digits(return_X_y=True)
    names = [f"pixel {i // 8},{i % 8}" for i in range(64)]
    table = Table.of({**dict(zip(names, X.T, strict=True)), "y": y})
    rows = np.arange(0, 1797, 2)
    assert (X[rows].max(axis=0) == 0).any()  # never inked: a constant that stays
    fitted = Preparation.fit(table, CLASSES, rows, shared=True)
    assert list(fitted.names) == names
    assert fitted.classes == tuple("0123456789")
    scaler = StandardScaler().fit(X[rows].reshape(-1, 1))
    wanted = np.asarray(scaler.transform(X.reshape(-1, 1))).reshape(X.shape)
    np.testing.assert_allclose(fitted.matrix(table), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(fitted.truth(table), y)
    (change,) = fitted.changes
    assert (change.step, change.cells) == ("standardised", 64 * len(rows))


def test_the_order_of_time_is_no_input_but_its_seasons_are():
    times = [
        f"2024-{month:02d}-{day:02d} {day % 24:02d}:00" for month in (1, 2) for day in range(1, 28)
    ]
    columns = {"t": times, "step": range(54), "x": RNG.normal(size=54), "y": ["a", "b"] * 27}
    by_date = Problem("y", task="classification", time="t")
    fitted = Preparation.fit(Table.of(columns), by_date, np.arange(54))
    assert fitted.names == ("t: day of week", "t: hour", "x")
    assert any("not month, days, which later rows" in change.sentence for change in fitted.changes)
    years = [f"{2020 + i // 12}-{i % 12 + 1:02d}-15" for i in range(54)]
    fitted = Preparation.fit(Table.of({**columns, "t": years}), by_date, np.arange(54))
    assert fitted.names == ("t: month", "t: day of week", "x")
    later = {"t": ["2031-01-01"], "x": [0.0]}
    assert fitted.warnings(later) == []
    by_step = Problem("y", task="classification", time="step", ignored=("t",))
    fitted = Preparation.fit(Table.of(columns), by_step, np.arange(54)[::-1])
    assert fitted.names == ("x",)
    assert set(fitted.left_out) == {"t", "step"}
    assert Preparation.fit(Table.of({"t": times}), None, np.arange(54)).names == (
        "t: month", "t: day of week", "t: hour", "t: days",
    )  # fmt: skip


def test_groups_and_ignored_columns_are_left_out():
    columns = {
        "g": ["p", "q"] * 9,
        "i": RNG.normal(size=18),
        "x": RNG.normal(size=18),
        "y": ["a", "b"] * 9,
    }
    problem = Problem("y", task="classification", groups="g", ignored=("i",))
    fitted = Preparation.fit(Table.of(columns), problem, np.arange(18))
    assert fitted.names == ("x",)
    assert [change.columns for change in fitted.changes] == [("i",), ("g",), ("x",)]


def test_every_step_is_told_with_its_cells(fitted, table):
    told = {(change.step, change.columns): change.cells for change in fitted.changes}
    gone = {
        name: int(table.frame[name][:120].isna().sum())
        for name in ("age", "member", "city", "since")
    }
    assert told["left out", ("nothing",)] == 120
    assert told["left out", ("row", "key")] == 240
    assert told["left out", ("comment",)] == 120
    assert told["filled", ("age",)] == gone["age"]
    assert told["filled", ("member",)] == gone["member"]
    assert told["filled", ("since",)] == gone["since"]
    assert told["marked", ("age", "member", "since")] == sum(gone.values()) - gone["city"]
    assert told["marked", ("city",)] == gone["city"]
    assert told["standardised", ("age", "income")] == 240
    for change in fitted.changes:
        assert change.sentence
        assert change.sentence.isprintable()
        assert change.column


def test_truth(table, fitted):
    wanted = [("bad", "good").index(text) for text in table.column("y")]
    assert fitted.truth(table).dtype == np.int64
    assert fitted.truth(table).tolist() == wanted
    values = Table.of({"x": [1.0, 2, 4], "y": [1, 2, 9]})
    regression = Preparation.fit(values, Problem("y", task="regression"), [0, 1])
    assert regression.truth(values).tolist() == [1.0, 2.0, 9.0]
    assert regression.truth(values).dtype == np.float64
    with pytest.raises(DataError, match=r"row 1: 'ugly' is no class of 'y'.*'bad' and 'good'"):
        fitted.truth({"y": ["bad", "ugly"]})
    with pytest.raises(DataError, match="row 0: the target 'y' is missing"):
        fitted.truth({"y": [None, "bad"]})
    with pytest.raises(DataError, match=r"no column 'y' \(the target\)"):
        fitted.truth({"x": [1]})
    with pytest.raises(DataError, match="'b' is no number"):
        regression.truth({"y": [1, "b"]})
    with pytest.raises(UsageError, match="without a target"):
        Preparation.fit(values, None, [0, 1]).truth(values)


def test_classes_by_number_whatever_their_type():
    fitted = Preparation.fit(Table.of({"x": [1.0, 2, 3], "y": [10, 9, 10]}), CLASSES, [0, 1, 2])
    assert fitted.classes == ("9", "10")
    for y in ([9, 10], [9.0, 10.0], ["9", "10"]):
        assert fitted.truth({"y": y}).tolist() == [0, 1]


NEW = {
    "age": [39.0],
    "income": [20.0],
    "member": ["no"],
    "city": ["Rome"],
    "shop": ["shop 1"],
    "since": ["2023-06-01"],
}


def test_one_new_row_like_the_others_raises_no_eyebrow(fitted):
    assert fitted.warnings(NEW) == []
    assert fitted.warnings({**NEW, "y": ["bad"], "key": ["k1"]}) == []
    assert fitted.matrix(NEW).shape == (1, len(fitted.names))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"extra": [1], "b\n": [2]}, ["training had no such column: 'extra' and 'b '"]),
        ({"age": [300.0]}, ["'age': 1 value above", "the farthest is 300 at row 0", "deviations"]),
        ({"age": [-5]}, ["'age': 1 value below", "the farthest is −5"]),
        ({"income": [None]}, ["'income': 1 cell missing, the first at row 0; in training none"]),
        ({"city": ["Paris"]}, ["'city': 1 cell of 1 level", "no input stands for: 'Paris'"]),
        ({"shop": ["new"]}, ["'shop': 1 cell of 1 level", "taken as other levels: 'new'"]),
        ({"member": ["maybe"]}, ["'member': 1 cell neither yes nor", "('maybe' at row 0)"]),
        ({"since": ["2031-01-01"]}, ["'since': 1 value above 2024", "the farthest is 2031-01-01"]),
    ],
)  # fmt: skip
def test_what_is_unlike_training_is_said(fitted, change, said):
    (sentence,) = fitted.warnings({**NEW, **change})
    for part in said:
        assert part in sentence
    assert sentence.isprintable()
    assert np.isfinite(fitted.matrix({**NEW, **change})).all()


def test_other_levels_and_unknown_ones(fitted):
    X = fitted.matrix({**NEW, "shop": ["new"], "city": ["Paris"]})[0]
    assert X[fitted.names.index("shop: other levels")] == 1
    assert not any(X[i] for i, name in enumerate(fitted.names) if name.startswith("city"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"age": ["old"]}, "row 0, column 'age': 'old' is no number"),
        ({"since": ["yesterday"]}, "column 'since': 'yesterday' is no date written as ISO"),
        ({"income": [float("inf")]}, "inf is infinite"),
    ],
)
def test_cells_that_cannot_be_used(fitted, change, match):
    for call in (fitted.matrix, fitted.warnings):
        with pytest.raises(DataError, match=match):
            call({**NEW, **change})


def test_a_missing_column_is_an_error(fitted):
    frame = {("agee" if name == "age" else name): cells for name, cells in NEW.items()}
    for call in (fitted.matrix, fitted.warnings):
        with pytest.raises(DataError, match=r"lacks 1 column .*'age'; did you mean 'agee'"):
            call(frame)


def test_numbers_given_as_texts_are_numbers(fitted):
    as_text = fitted.matrix({**NEW, "age": ["39"], "income": ["2e1"]})
    np.testing.assert_array_equal(as_text, fitted.matrix(NEW))


def test_a_file_is_read_for_prediction(tmp_path):
    path = tmp_path / "new.csv"
    codes = [f"0{i % 3}" for i in range(30)]
    table = Table.of({"code": codes, "x": RNG.normal(size=30)})
    fitted = Preparation.fit(table, None, np.arange(30))
    path.write_text("code,x\n" + "".join(f"{code},1.5\n" for code in codes[:5]))
    read = Table.read(path, texts=fitted.texts)
    assert fitted.warnings(read) == []
    assert fitted.matrix(read)[:, :3].sum() == 5


@pytest.mark.parametrize("levels", [["a", "b", "missing"], ["other levels", "a", ""]])
def test_levels_named_as_inputs_are(levels):
    cells = [*levels * 10, None]
    table = Table.of({"x": cells, "x = a": ["p", "q"] * 15 + ["p"], "x: missing": range(31)})
    fitted = Preparation.fit(table, None, np.arange(31))
    assert len(set(fitted.names)) == len(fitted.names)


anything = st.one_of(
    st.none(),
    st.sampled_from(["yes", "no", "a", "b", "2024-01-01", "2020-02-29 12:00", "x y z w", ""]),
    st.text(max_size=5),
)
columns = st.one_of(
    st.lists(anything, min_size=25, max_size=25),
    st.lists(st.sampled_from(["2024-01-01", "2020-02-29", None]), min_size=25, max_size=25),
    st.lists(st.sampled_from([0, 1, None]), min_size=25, max_size=25),
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=25, max_size=25),
    st.lists(st.integers(-5, 5), min_size=25, max_size=25),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(columns, min_size=1, max_size=4), st.booleans(), st.permutations(range(25)))
def test_any_table_is_prepared_or_has_no_column_left(made, shared, order):
    table = Table.of({f"c{i}": cells for i, cells in enumerate(made)})
    rows, others = order[:15], order[15:]
    try:
        fitted = Preparation.fit(table, None, rows, shared=shared)
        X = fitted.matrix(table)
    except DataError as error:
        assert re.search("no column left|is no date", str(error))  # noqa: PT017
        return
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(fitted.matrix(table.take(others)), X[others])
    assert Preparation.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted
    assert fitted.warnings(table.take(rows)) == []
    assert all(sentence.isprintable() for sentence in fitted.warnings(table))
    assert all(change.sentence.isprintable() for change in fitted.changes)


def test_nothing_to_fit():
    table = Table.of({"key": [f"k{i}" for i in range(30)], "y": ["a", "b"] * 15})
    with pytest.raises(DataError, match="no column left to predict by: 'key' short texts"):
        Preparation.fit(table, CLASSES, np.arange(30))
    with pytest.raises(DataError, match="needs rows"):
        Preparation.fit(table, CLASSES, [])
    with pytest.raises(UsageError, match="not settled"):
        Preparation.fit(table, Problem("y"), np.arange(30))


def damaged():
    whole = Preparation.fit(people(60), CLASSES, np.arange(60)).as_dict()
    yield None
    yield []
    yield {}
    yield {**whole, "format": 2}
    yield {**whole, "classes": [1, 2]}
    yield {**whole, "task": "clustering"}
    yield {**whole, "target": 3}
    yield {**whole, "plans": [1]}
    yield {**whole, "plans": None}
    yield {**whole, "changes": [{"step": "x"}]}
    yield {**whole, "changes": [{"step": "x", "columns": [1], "cells": 1, "sentence": ""}]}
    number = next(plan for plan in whole["plans"] if plan["kind"] == "number")
    boolean = next(plan for plan in whole["plans"] if plan["kind"] == "boolean")
    time = next(plan for plan in whole["plans"] if plan["kind"] == "time")
    category = next(plan for plan in whole["plans"] if plan["kind"] == "category")
    for plan in (
        {**number, "kind": "pickle"},
        {**number, "mean": "0"},
        {**number, "mean": True},
        {**number, "scale": float("nan")},
        {**number, "marked": 1},
        {**number, "more": 1},
        {**boolean, "true": "maybe"},
        {**time, "form": "by heart"},
        {**time, "parts": ["second"]},
        {**category, "levels": "abc"},
        {**category, "levels": [None]},
    ):
        yield {**whole, "plans": [plan]}


@pytest.mark.parametrize("record", list(damaged()), ids=range(22))
def test_damaged_memory_is_refused(record):
    with pytest.raises(DataError, match="preparation"):
        Preparation.from_dict(record)
