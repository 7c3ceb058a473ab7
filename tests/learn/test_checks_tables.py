"""The checks of a table by itself: what is found in it, and what is left alone."""

import numpy as np
import pytest

from backlit.learn.checks.context import Context
from backlit.learn.checks.imbalance import imbalance
from backlit.learn.checks.integrity import integrity
from backlit.learn.checks.leakage import leakage
from backlit.learn.checks.odd_cells import zero_spike
from backlit.learn.data.builtin import BUILTIN, load
from backlit.learn.data.table import Table
from backlit.learn.problem import Problem

from .contexts import CLINIC, begun, clinic, only, told

# --- integrity


def test_zeros_that_hide_missing_values_are_named():
    hidden = []
    for seed in range(5):
        context = Context(clinic(seed), CLINIC)
        hidden = [f for f in integrity(context) if f.code == "hidden zeros"]
        names = [f.sentence.split("'")[1] for f in hidden]
        assert sorted(names) == ["bmi", "glucose", "insulin", "pressure"]  # not pregnancies
        assert all(f.level == "warning" for f in hidden)
    bmi = next(f for f in hidden if "'bmi'" in f.sentence)
    assert "0 in 11 rows (1.4 %)" in bmi.sentence


def test_zeros_of_counts_pixels_words_and_of_what_is_really_0_are_left_alone():
    for name in ("digits", "spam", "breast_cancer", "credit", "diabetes", "wine"):
        context = Context(load(name), BUILTIN[name].problem)
        assert only(integrity(context), "hidden zeros").level == "note"
    humidity = only(integrity(Context(load("bikes"), BUILTIN["bikes"].problem)), "hidden zeros")
    assert "'humidity' is 0 in 22 rows" in humidity.sentence


def test_a_spike_of_zeros_by_its_numbers():
    values = np.array([0.0] * 5 + list(range(40, 90)))
    spike = zero_spike(values)
    assert spike is not None
    zeros, least, gap, height = spike
    assert (zeros, least, gap) == (5, 40, 40)
    assert height == pytest.approx(40 / 64.5)
    assert zero_spike(values - 1) is None  # negative values
    assert zero_spike(values[3:]) is None  # two zeros
    assert zero_spike(np.array([0.0] * 5 + [1.0, 2.0, 3.0])) is None
    assert zero_spike(np.array([])) is None
    assert zero_spike(np.full(9, np.nan)) is None


def test_missing_cells_are_counted_by_column():
    context = Context(load("penguins"), BUILTIN["penguins"].problem)
    found = only(integrity(context), "missing cells")
    assert "336 cells missing" in found.sentence
    assert "'comments' 84.3 %" in found.sentence
    assert found.level == "warning"
    assert found.statistic == pytest.approx(290 / 344)
    context = Context(load("iris"), BUILTIN["iris"].problem)
    assert only(integrity(context), "missing cells").statistic == 0


@pytest.mark.parametrize(("name", "count"), [("spam", 391), ("wisconsin", 234), ("iris", 1)])
def test_repeated_rows_are_pandas_own(name, count):
    table = load(name)
    assert int(table.frame.duplicated().sum()) == count
    found = only(integrity(Context(table, BUILTIN[name].problem)), "repeated rows")
    assert found.sentence.startswith(f"{count} row")
    assert found.level == ("note" if name == "iris" else "warning")


def test_a_typed_error_stands_alone_and_a_long_tail_does_not():
    rng = np.random.default_rng(0)
    age = rng.normal(40, 10, 500).round()
    age[17] = 9999
    money = rng.lognormal(3, 1.5, 500)
    table = Table.of({"age": age, "money": money, "y": ["a", "b"] * 250})
    findings = integrity(Context(table, Problem("y", task="classification")))
    found = only(findings, "outliers")
    assert found.level == "warning"
    assert "'age' is 9,999 in 1 row, while all other rows are between" in found.sentence
    assert "'money'" in only(findings, "long tails").sentence


def test_texts_among_numbers_and_spellings_that_differ_by_a_space():
    rng = np.random.default_rng(0)
    price = np.array([str(v) for v in rng.integers(1, 500, 90)] + ["free"] * 10, object)
    town = np.array(["Rome", "rome ", "Bonn", "Bonn", "Paris"] * 20, object)
    bought = np.array(["yes", "no", "Yes", "no"] * 25, object)
    rooms = np.array(["1", "2 to 3", "4 or more", "1"] * 25, object)  # levels, no numbers
    table = Table.of({"price": price, "town": town, "rooms": rooms, "bought": bought})
    findings = integrity(Context(table, Problem("bought", task="classification")))
    assert "'price' holds 90 numbers and 10 texts: 'free'" in only(findings, "mixed cells").sentence
    spelled = told([f for f in findings if f.code == "spellings"])
    assert len(spelled) == 2
    assert "'town' spells 1 level in several ways" in spelled[0]
    assert "'Rome' and 'rome '" in spelled[0]
    assert "'bought'" in spelled[1]


def test_columns_that_say_nothing():
    rng = np.random.default_rng(0)
    table = Table.of(
        {
            "always": np.ones(400), "hardly": np.eye(1, 400)[0], "id": np.arange(400),
            "street": np.array([f"street {k}" for k in rng.integers(0, 120, 400)], object),
            "x": rng.normal(size=400), "y": ["a", "b"] * 200,
        }
    )  # fmt: skip
    findings = integrity(Context(table, Problem("y", task="classification")))
    assert "'always'" in only(findings, "constant").sentence
    assert "'hardly'" in only(findings, "nearly constant").sentence
    assert "'id' names rows" in only(findings, "identifiers").sentence
    assert "'street'" in only(findings, "many levels").sentence
    assert "no column gives" in leakage(begun(table, Problem("y")))[0].sentence


def test_limits_can_be_given():
    context = Context(load("iris"), BUILTIN["iris"].problem, limits={"repeated_share": 0.001})
    found = only(integrity(context), "repeated rows")
    assert (found.level, found.threshold, found.source) == ("warning", 0.001, "given")


# --- imbalance


def test_a_rare_class():
    rng = np.random.default_rng(0)
    table = Table.of({"x": rng.normal(size=1000), "fraud": ["yes"] * 30 + ["no"] * 970})
    found = imbalance(begun(table, Problem("fraud", metric="accuracy")))[0]
    assert found.level == "warning"
    assert "always says 'no' gets accuracy 0.970 and balanced accuracy 0.500" in found.sentence
    assert "PR AUC 0.030" in found.sentence
    assert "judge by balanced accuracy or PR AUC (--metric balanced_accuracy" in found.advice
    assert "18 rows of it are few" in found.sentence
    many = Table.of({"x": rng.normal(size=9000), "fraud": ["yes"] * 900 + ["no"] * 8100})
    assert imbalance(begun(many, Problem("fraud", metric="pr_auc")))[0].level == "note"


def test_ten_classes_of_a_tenth_each_are_no_imbalance():
    assert imbalance(begun(load("digits"), BUILTIN["digits"].problem))[0].level == "note"
    assert imbalance(begun(load("diabetes"), BUILTIN["diabetes"].problem)) == []
