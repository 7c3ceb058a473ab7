"""Rows in two parts, and columns that give the answer away: on real data and with faults put in."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.checks.context import Context
from backlit.learn.checks.duplicates import duplicates, row_keys, unseen
from backlit.learn.checks.inputs import input_columns
from backlit.learn.checks.leakage import leakage, strengths, without
from backlit.learn.data.builtin import BUILTIN, load
from backlit.learn.data.inference import settle
from backlit.learn.data.splitting import split
from backlit.learn.data.table import Table
from backlit.learn.problem import Problem

from .contexts import CLINIC, begun, clinic, fitted, only, prepared, told


@pytest.fixture(scope="module")
def wisconsin():
    return fitted(load("wisconsin"), BUILTIN["wisconsin"].problem)


@pytest.fixture(scope="module")
def credit():
    return fitted(load("credit"), BUILTIN["credit"].problem)


# --- duplicates


def test_wisconsins_test_rows_stand_in_training(wisconsin):
    shares = []
    for seed in range(5):
        context = begun(load("wisconsin"), BUILTIN["wisconsin"].problem, seed)
        found = only(duplicates(context), "rows in test")
        assert found.level == "error"
        shares.append(found.statistic)
    assert np.mean(shares) == pytest.approx(0.39, abs=0.04)
    seen = only(duplicates(wisconsin), "rows in validation")
    assert seen.level == "warning"
    assert "that it has not seen" in seen.sentence
    assert "with the same 'diagnosis' too" in seen.sentence
    # the labels of the sealed part are not looked at
    assert "same 'diagnosis'" not in only(duplicates(wisconsin), "rows in test").sentence


@pytest.mark.parametrize("with_preparation", [False, True])
def test_unseen_rows_are_those_without_a_twin_in_training(wisconsin, with_preparation):
    context = wisconsin if with_preparation else replace(wisconsin, preparation=None)
    frame = context.table.frame.drop(columns="diagnosis")
    trained = {tuple(row) for row in frame.to_numpy()[context.parts.train]}
    for part in ("validation", "test"):
        rows = getattr(context.parts, part)
        new = [row for row in rows if tuple(frame.to_numpy()[row]) not in trained]
        np.testing.assert_array_equal(unseen(context, part), new)


def test_the_score_on_unseen_rows_is_the_score_on_unseen_rows(wisconsin):
    best = max(wisconsin.candidates, key=lambda candidate: candidate.score)
    validation = wisconsin.validation
    fresh = np.isin(validation.rows, unseen(wisconsin, "validation"))
    right = best.outputs(validation.X).argmax(axis=1) == validation.truth
    sentence = only(duplicates(wisconsin), "rows in validation").sentence
    assert f"{right[fresh].mean():.3f} on the {fresh.sum()} rows" in sentence
    assert f"{right.mean():.3f} on all of them" in sentence


def test_rows_of_few_values_meet_again_without_being_copies():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (400, 3))
    table = Table.of({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": ["n", "y"] * 200})
    for finding in duplicates(begun(table, Problem("y"))):
        assert finding.level == "warning"
        assert "without being copies" in finding.sentence


def test_missing_cells_and_minus_zero_are_equal_and_other_texts_are_not():
    table = Table.of({"x": [np.nan, np.nan, 0.0, -0.0, 1.0], "t": ["a", "a", "b", "b", None]})
    context = Context(
        Table.of({**{n: table.column(n) for n in table.names}, "y": list("ababa")}),
        Problem("y", task="classification"),
    )
    keys = row_keys(context)
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert len(set(keys.tolist())) == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=6, max_size=40))
def test_keys_are_equal_where_rows_are(rows):
    table = Table.of(
        {
            "n": [r[0] for r in rows],
            "t": [r[1] for r in rows],
            "y": ["u", "v"] * (len(rows) // 2) + ["u"] * (len(rows) % 2),
        }
    )
    keys = row_keys(Context(table, Problem("y", task="classification")))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (keys[i] == keys[j]) == (one == other)


def test_groups_in_two_parts():
    rng = np.random.default_rng(0)
    patient = np.repeat([f"p{k:03d}" for k in range(60)], 5)
    table = Table.of({"patient_id": patient, "x": rng.normal(size=300), "y": ["a", "b"] * 150})
    problem = settle(Problem("y", ignored=("patient_id",)), table)
    context = Context(table, problem, 0, split(table, problem, 0))
    found = only(duplicates(context), "groups")
    assert found.level == "warning"
    assert "--group" in found.advice
    grouped = settle(Problem("y", groups="patient_id"), table)
    wrong = Context(table, grouped, 0, context.parts)
    assert only(duplicates(wrong), "groups").level == "error"
    right = Context(table, grouped, 0, split(table, grouped, 0))
    assert only(duplicates(right), "groups").level == "note"


def test_the_order_of_time():
    table = load("bikes").take(np.arange(0, 8645, 9))
    problem = settle(BUILTIN["bikes"].problem, table)
    right = Context(table, problem, 0, split(table, problem, 0))
    assert only(duplicates(right), "order of time").level == "note"
    shuffled = split(table, replace(problem, time=None), 0)
    wrong = Context(table, problem, 0, shuffled)
    assert only(duplicates(wrong), "order of time").level == "error"


# --- leakage


def test_a_leaked_column_is_found_and_scored_without():
    table = clinic()
    rng = np.random.default_rng(1)
    sick = table.column("sick") == "yes"
    columns = {name: table.column(name) for name in table.names}
    # filled in after the diagnosis, and only for the sick
    columns["days in clinic"] = np.where(sick, rng.integers(1, 9, len(sick)), 0)
    context = fitted(Table.of(columns), CLINIC)
    found = only(leakage(context), "leakage")
    assert found.level == "error"
    assert found.statistic == 1.0
    assert "'days in clinic' alone gives the target away: AUC 1" in found.sentence
    scores = without(context, ["days in clinic"])
    assert scores is not None
    with_it, without_it = scores
    assert with_it > 0.95
    assert 0.7 < without_it < 0.92
    assert f"without it a logistic regression has accuracy {without_it:.3f}" in found.sentence
    clean = fitted(table, CLINIC)
    assert told(leakage(clean), "error", "warning") == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda sick, rng: np.where(sick, "treated", "sent home"),
        lambda sick, rng: np.where(sick, 1.0, np.nan),
        lambda sick, rng: np.where(sick, rng.normal(9, 1, len(sick)), rng.normal(-9, 1, len(sick))),
        lambda sick, rng: np.where(sick, rng.choice([-5, 5], len(sick)), rng.random(len(sick))),
        lambda sick, rng: np.where(sick ^ (rng.random(len(sick)) < 0.005), "1", "0"),
        lambda sick, rng: np.array([f"{'S' if s else 'H'}{k % 12}" for k, s in enumerate(sick)]),
    ],
    ids=["words", "missing", "rank", "both ends", "near copy", "levels"],
)  # fmt: skip
def test_leaks_of_many_kinds(leak):
    table = clinic(3)
    columns = {name: table.column(name) for name in table.names}
    values = leak(columns["sick"] == "yes", np.random.default_rng(2))
    columns["leak"] = values
    found = only(leakage(prepared(Table.of(columns), CLINIC)), "leakage")
    assert found.level == "error"
    assert "'leak'" in found.sentence
    assert "without it" in found.sentence


def test_a_rare_class_that_agrees_by_chance_is_no_copy():
    rng = np.random.default_rng(0)
    rare = rng.random(1000) < 0.02
    other = rng.random(1000) < 0.02
    table = Table.of(
        {
            "x": rng.normal(size=1000),
            "other": np.where(other, "y", "n"),
            "y": np.where(rare, "y", "n"),
        }
    )
    assert np.mean(rare == other) > 0.94
    assert told(leakage(begun(table, Problem("y"))), "error", "warning") == []


def test_leaks_of_a_number():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    price = np.exp(x[:, 0] + rng.normal(size=400))
    for leak in (price * 1.19, np.log(price), np.round(price, 3), -price):
        table = Table.of({"a": x[:, 0], "b": x[:, 1], "leak": leak, "price": price})
        context = fitted(table, Problem("price", task="regression", metric="r2"))
        found = [f for f in leakage(context) if f.code == "leakage"]
        assert [f.level for f in found] == ["error"]
        assert "'leak'" in found[0].sentence
        assert "without it a linear regression has R²" in found[0].sentence
    table = Table.of({"a": x[:, 0], "b": x[:, 1], "price": price})
    context = fitted(table, Problem("price", task="regression", metric="r2"))
    assert told(leakage(context), "error", "warning") == []


def test_a_target_that_is_the_sum_of_two_columns():
    table = load("bikes").take(np.arange(0, 8645, 5))
    problem = replace(BUILTIN["bikes"].problem, ignored=(), time=None, metric="r2")
    found = only(leakage(fitted(table, problem)), "sum of columns")
    assert found.level == "warning"
    assert "sum of other columns" in found.sentence


def test_strong_columns_that_are_known_and_no_leak():
    warned = told(
        leakage(prepared(load("breast_cancer"), BUILTIN["breast_cancer"].problem)), "warning"
    )
    assert len(warned) == 1
    assert "5 columns are strong alone" in warned[0]
    assert "without them" in warned[0]
    iris = told(leakage(prepared(load("iris"), BUILTIN["iris"].problem)), "warning")
    assert all("petal" in sentence for sentence in iris)


def test_an_identifier_that_tells_the_target():
    rng = np.random.default_rng(0)
    table = Table.of(
        {"row id": np.arange(200), "x": rng.normal(size=200), "y": ["a"] * 90 + ["b"] * 110}
    )
    found = only(leakage(begun(table, Problem("y"))), "telling identifier")
    assert found.level == "warning"
    shuffled = Table.of(
        {**{n: table.column(n) for n in ("row id", "x")}, "y": rng.permutation(table.column("y"))}
    )
    assert [f.code for f in leakage(begun(shuffled, Problem("y")))] == ["leakage"]


def test_pure_noise_is_never_strong():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        columns = {f"x{k}": rng.normal(size=120) for k in range(15)}
        columns["c"] = np.array(list("abcdefgh"))[rng.integers(0, 8, 120)]
        table = Table.of({**columns, "y": rng.permutation(["a"] * 90 + ["b"] * 30)})
        context = begun(table, Problem("y"), seed)
        assert strengths(context, context.parts.train)[0].score < 0.9


def test_ignored_columns_groups_and_the_target_are_no_inputs(credit):
    names = input_columns(credit)
    assert "risk" not in names
    assert "sex" not in names
    assert "savings" in names
