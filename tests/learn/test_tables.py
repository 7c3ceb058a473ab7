"""Tables from memory and the kinds of their columns: a DataFrame gives the table that its CSV file
would, and each kind is told with its reason."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.data.cells import as_numbers, as_texts, levels_of
from backlit.learn.data.columns import kinds
from backlit.learn.data.dates import FORMS, form_of, seconds_of
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError


def test_any_source_gives_the_same_table():
    columns = {"x": [1.5, 2.0, 3.0], "name": ["a", "b", "c"]}
    from_dict = Table.of(columns, "t")
    from_frame = Table.of(pd.DataFrame(columns, index=[9, 9, 7]), "t")
    from_series = Table.of({k: pd.Series(v, index=[5, 6, 7]) for k, v in columns.items()}, "t")
    for table in (from_frame, from_series):
        pd.testing.assert_frame_equal(table.frame, from_dict.frame)
        assert table.sha256 == from_dict.sha256
    assert Table.of(from_dict) is from_dict
    assert Table.of(np.ones((2, 3))).names == ("x1", "x2", "x3")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pd.Series([1, 2, None], dtype="Int64"), [1.0, 2.0, np.nan]),
        (pd.Series([1, 2], dtype="int8"), [1, 2]),
        (np.array([2**64 - 1], np.uint64), [float(2**64 - 1)]),
        (np.array([1.5, 2], np.float16), [1.5, 2.0]),
        ([True, False, None], ["True", "False", None]),
        (pd.Series([True, None], dtype="boolean"), ["True", None]),
        (np.array([True, False]), ["True", "False"]),
        (pd.Categorical([3, 1, None]), ["3", "1", None]),
        (pd.Categorical([0.5, 2.0]), ["0.5", "2"]),
        (pd.Series(["a", None, pd.NA], dtype="string"), ["a", None, None]),
        (pd.to_datetime(["2024-02-01", None]), ["2024-02-01T00:00:00", None]),
        ([datetime.date(2024, 2, 1), None], ["2024-02-01", None]),
        ([1, "a", 2.0, None], ["1", "a", "2", None]),
        ([1, 2.5, None], [1.0, 2.5, np.nan]),
        ([None, None], [np.nan, np.nan]),
        (range(3), [0, 1, 2]),
    ],
)
def test_every_type_becomes_numbers_or_texts(values, wanted):
    column = Table.of({"x": values}).column("x")
    assert column.dtype in (np.float64, np.int64, object)
    np.testing.assert_array_equal(column, np.array(wanted, column.dtype))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({}, "without columns"),
        ({"x": []}, "without rows"),
        ({"x": [1], " ": [2]}, "column 2 has no name"),
        ({"x": [1, 2], "y": [1]}, "different lengths"),
        ({"x": [1.0, np.inf]}, r"column 'x', row 1: inf is infinite"),
        ({"x": [1, -float("inf"), None, "a"][:3]}, r"row 1: -inf is infinite"),
        ({"x": [10**400, 1]}, "too large"),
        ({"x": [[1], [2]]}, "one number or text, not a list"),
        ({"x": [1j]}, "neither numbers nor texts"),
        ({"x": pd.to_timedelta([1], unit="s")}, "neither numbers nor texts"),
        ({"x": np.ones((2, 2))}, "one-dimensional"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called 'a'"),
        (np.ones(3), r"\(rows, columns\), not \(3,\)"),
        ("table.csv", "made of a DataFrame"),
    ],
)
def test_what_cannot_be_a_table(data, match):
    with pytest.raises(DataError, match=match):
        Table.of(data)


def test_rows_and_columns_are_taken_and_left():
    table = Table.of({"a": [1, 2, 3], "b": ["x", None, "z"]}, "t")
    taken = table.take([2, 0])
    assert taken.column("a").tolist() == [3, 1]
    assert taken.column("b").tolist() == ["z", "x"]
    assert table.take(np.array([False, True, False])).rows == 1
    assert table.without(["a"]).names == ("b",)
    assert table.take(np.array([], int)).rows == 0
    with pytest.raises(DataError, match="has no column 'c'; it has 'a', 'b'"):
        table.column("c")
    with pytest.raises(DataError, match=r"no column 'bee' \(the target\)"):
        table.require("bee", "the target")


def test_a_tables_cells_are_not_those_given():
    values = np.array([1.0, 2.0])
    table = Table.of({"x": values})
    values[0] = 9
    assert table.column("x").tolist() == [1.0, 2.0]


def test_the_sum_of_cells_tells_tables_apart():
    one = Table.of({"a": ["ab", "c"]})
    others = [{"a": ["a", "bc"]}, {"b": ["ab", "c"]}, {"a": ["ab", None]}, {"a": ["c", "ab"]}]
    assert len({one.sha256, *(Table.of(other).sha256 for other in others)}) == 5
    assert Table.of({"a": [1, 2]}).sha256 != Table.of({"a": [2, 1]}).sha256


cell = st.one_of(st.none(), st.integers(-99, 99), st.floats(-1e6, 1e6))
word = st.one_of(st.none(), st.sampled_from(["red", "blue", "a,b", 'q"q', "é"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(cell, word, st.booleans()), min_size=1, max_size=12))
def test_a_frame_is_the_table_of_its_file(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=["x", "w", "b"])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame.to_csv(path, index=False)
    read, made = Table.read(path), Table.of(frame)
    for name in frame.columns:
        left, right = read.column(name), made.column(name)
        if object in (left.dtype, right.dtype):
            assert [c for c in left if c == c] == [c for c in right if c == c]
        else:
            np.testing.assert_array_equal(left, right)


# Kinds


def kind_of(values, name="column"):
    return kinds(Table.of({name: values}))[name]


N = 40
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "name", "kind", "reason"),
    [
        ([None] * N, "x", "empty", "all cells are missing"),
        ([7.0] * N, "x", "constant", "always 7"),
        (["a"] * N, "x", "constant", "always 'a'"),
        (["a", None] * 20, "x", "category", "always 'a'; 20 cells are missing"),
        ([5.0, None] * 20, "x", "number", "always 5; 20 cells are missing"),
        (RNG.normal(size=N), "x", "number", "40 values"),
        (RNG.normal(size=N), "id", "number", "40 values"),
        ([0, 1] * 20, "x", "boolean", "0 or 1"),
        ([1.0, 0.0, None, 1.0] * 10, "x", "boolean", "0 or 1; 10 cells are missing"),
        ([1, 2] * 20, "x", "number", "whole numbers from 1 to 2"),
        (RNG.permutation(N) + 100, "x", "identifier", "the whole numbers from 100 to 139, each"),
        (RNG.permutation(10 * N)[:N], "x", "number", "whole numbers"),
        (RNG.permutation(10 * N)[:N], "customer_id", "identifier", "all different"),
        (np.repeat(RNG.permutation(99)[:30], 4), "userId", "identifier", "many different"),
        ([1, 2, 3, 4] * 10, "region_id", "number", "4 values"),
        (["yes", "no"] * 20, "x", "boolean", "yes or no"),
        (["TRUE", "false", None] * 10, "x", "boolean", "true or false; 10 cells are missing"),
        (["T", "F"] * 20, "x", "boolean", "t or f"),
        (["m", "f"] * 20, "x", "category", "2 levels: 'f', 'm'"),
        ([f"key{i}" for i in range(N)], "x", "identifier", "short texts, all different"),
        ([f"k{i // 4}" for i in range(100)], "customer id", "identifier", "the name says it"),
        ([f"k{i // 4}" for i in range(100)], "model", "category", "25 levels"),
        ([f"I like the number {i} a lot" for i in range(N)], "x", "text", "words"),
        (["good", "bad", "ugly"] * 10, "x", "category", "3 levels: 'bad', 'good', 'ugly'"),
        (["p", "q", "r"], "x", "category", "3 levels"),
        (["2024-01-31", "2023-12-01"] * 9, "x", "time", "from 2023-12-01 to 2024-01-31"),
        (["31.1.2024", "1.12.2023 09:30"], "x", "time", "written as day.month.year"),
        (["03/04/2024", "01/02/2024"], "x", "time", "other way round"),
        (["03/04/2024", "not a date", "1"], "x", "category", "3 levels"),
    ],
)  # fmt: skip
def test_each_kind_has_its_reason(values, name, kind, reason):
    found = kind_of(values, name)
    assert found == kind
    assert str(found) == kind
    assert reason in found.reason


def test_declared_categories_stay_categories():
    assert kind_of(pd.Categorical([1, 2, 3] * 10)) == "category"
    assert kind_of(["1", "2", "3"] * 10) == "category"


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1, max_size=30))
def test_any_texts_have_a_kind(values):
    found = kind_of(values)
    assert found.reason.isprintable()


# Dates


WHEN = datetime.datetime(2024, 2, 9, 13, 45, 30)


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("%Y-%m-%d", "ISO (year-month-day)"),
        ("%Y-%m-%dT%H:%M", "ISO (year-month-day)"),
        ("%Y-%m-%d %H:%M:%S", "ISO (year-month-day)"),
        ("%Y/%m/%d %H:%M", "year/month/day"),
        ("%d.%m.%Y", "day.month.year"),
        ("%d-%m-%Y", "day.month.year"),
        ("%m/%d/%Y %H:%M:%S", "month/day/year"),
        ("%d %B %Y", "day month-name year"),
        ("%d-%b-%Y %H:%M", "day month-name year"),
        ("%b %d, %Y", "month-name day, year"),
    ],
)
def test_forms_of_dates(pattern, form):
    other = datetime.datetime(2023, 7, 28, 1, 2, 3)
    texts = [when.strftime(pattern) for when in (WHEN, other)]
    assert form_of(texts) == (form, False)
    for text in texts:
        wanted = datetime.datetime.strptime(text, pattern).replace(tzinfo=datetime.UTC)
        assert seconds_of(text, form) == wanted.timestamp()


def test_offsets_are_taken_into_account():
    form = "ISO (year-month-day)"
    assert seconds_of("1970-01-01T02:00:00+02:00", form) == 0
    assert seconds_of("1970-01-01 00:00:00Z", form) == 0
    assert seconds_of("1969-12", form) == -31 * 86400


@pytest.mark.parametrize(
    "text",
    ["", "2024-13-01", "2024-02-30", "31/31/2024", "1 foo 2024", "0000-01-01", "2024", "20240101"],
)
def test_no_dates(text):
    assert all(np.isnan(seconds_of(text, form)) for form in FORMS)


@settings(deadline=None)
@given(st.text("0123456789-/.: TZ+abJnu", max_size=20))
def test_any_text_is_a_date_or_none(text):
    for form in FORMS:
        assert isinstance(seconds_of(text, form), float)


@settings(deadline=None)
@given(st.datetimes())
def test_iso_dates_of_all_years(when):
    seconds = seconds_of(when.isoformat(), "ISO (year-month-day)")
    assert seconds == (when - datetime.datetime(1970, 1, 1)) / datetime.timedelta(seconds=1)


# Cells


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(2**53), 2**53),
            st.floats(allow_nan=False, allow_infinity=False),
        )
    )
)
def test_numbers_as_texts_and_back(values):
    column = np.array([np.nan if v is None else float(v) for v in values])
    back, wrong = as_numbers(as_texts(column))
    np.testing.assert_array_equal(back, column)
    assert not len(wrong)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from("abc"), st.integers(0, 30).map(str))))
def test_levels_are_sorted_and_numbered(values):
    column = np.array([*values, None], object)[:-1]
    levels, codes = levels_of(column)
    assert [None if code < 0 else levels[code] for code in codes] == values
    present = {value for value in values if value is not None}
    key = float if all(value.isdigit() for value in present) else str
    assert levels == sorted(present, key=key)
