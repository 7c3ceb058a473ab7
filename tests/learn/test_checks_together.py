"""All checks of tables on the tables that are brought, and on hostile ones."""

import numpy as np
import pytest

from backlit.learn.checks.calibration import (
    calibration,
)
from backlit.learn.checks.context import Context
from backlit.learn.checks.drift import drift
from backlit.learn.checks.duplicates import duplicates
from backlit.learn.checks.groups import groups
from backlit.learn.checks.imbalance import imbalance
from backlit.learn.checks.importance import importance
from backlit.learn.checks.integrity import integrity
from backlit.learn.checks.leakage import leakage
from backlit.learn.checks.memorising import memorising
from backlit.learn.data.builtin import BUILTIN, load
from backlit.learn.data.table import Table
from backlit.learn.problem import Problem

from .contexts import fitted

TABLES = [name for name in BUILTIN if name not in ("circles", "blobs", "xor", "names")]
LEVELS = ("error", "warning", "note")


@pytest.fixture(scope="module")
def credit():
    return fitted(load("credit"), BUILTIN["credit"].problem)


# --- the whole


@pytest.mark.parametrize("name", TABLES)
def test_no_false_alarm_on_tables_that_are_brought(name):
    table = load(name)
    if name == "bikes":
        table = table.take(np.arange(0, table.rows, 4))
    context = fitted(table, BUILTIN[name].problem)
    findings = integrity(context) + leakage(context) + duplicates(context) + imbalance(context)
    findings += calibration(context) + groups(context) + memorising(context)
    for finding in findings:
        assert finding.sentence.isprintable()
        assert finding.level in LEVELS
        assert np.isfinite(finding.statistic)
        assert finding.n > 0
        assert finding.source
        assert finding.level == "note" or finding.advice
    errors = [f.code for f in findings if f.level == "error"]
    # spam and wisconsin repeat rows: that is known of them
    assert errors == (["rows in test"] if name in ("spam", "wisconsin") else [])


def test_checks_say_nothing_where_what_they_need_is_not_there():
    table = Table.of({"x": [1.0, 2.0, 3.5] * 10, "y": ["a", "b", "a"] * 10})
    context = Context(table, Problem("y", task="classification"))
    assert duplicates(context) == calibration(context) == groups(context) == []
    assert memorising(context) == []
    assert integrity(context)
    assert imbalance(context)


def test_the_same_context_gives_the_same_findings(credit):
    for check in (integrity, leakage, duplicates, imbalance, calibration, groups, memorising):
        assert check(credit) == check(credit)


HOSTILE = [
    "</script><b>",
    "a\nb",
    "\x00\x1b[31m",
    "\u202eabc",
    "'\"`",
    "ключ 漢字",
    "{0}%s",
    "x" * 900,
]


def test_hostile_names_and_cells_stay_on_their_line():
    rng = np.random.default_rng(0)
    columns: dict = {name: rng.normal(size=60) for name in HOSTILE}
    columns["texts\n"] = np.array([HOSTILE[k % 8] + " " * (k % 2) for k in range(60)], object)
    columns["target\x07"] = np.array(["yes\n", "no\x1b"] * 30, object)
    columns[HOSTILE[0]][:20] = 0
    table = Table.of(columns)
    context = fitted(
        table, Problem("target\x07", sensitive=("texts\n",)), limits={"group_share": 0.01}
    )
    checks = (integrity, leakage, duplicates, imbalance, calibration, groups, memorising)
    for check in checks:
        for finding in check(context):
            assert finding.sentence.isprintable(), finding.sentence
            assert len(finding.sentence) < 1500
            assert finding.advice.isprintable()


def adversaries():
    """Tables on the edge of what can be learned from, each with its problem."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 40))
    y = ["a", "b"] * 20
    return {
        "ten rows": ({"x": np.arange(10), "y": ["a", "b"] * 5}, {}),
        "a column of nothing": ({"x": np.full(40, np.nan), "z": z, "y": y}, {}),
        "1e300": ({"x": x * 1e300, "z": z * 1e-300, "y": y}, {}),
        "whole numbers of 62 bits": ({"x": rng.integers(-(2**62), 2**62, 40), "y": y}, {}),
        "nearly constant": ({"x": np.ones(40), "z": np.r_[np.ones(39), 2], "y": y}, {}),
        "spaces": ({"t": ["", " ", "  ", "x"] * 10, "y": y}, {}),
        "booleans": ({"t": ["yes", "no", None, "yes"] * 10, "y": [1, 0] * 20}, {}),
        "five rare rows": ({"x": np.r_[x, z], "y": ["a"] * 75 + ["b"] * 5}, {}),
        "twenty classes": ({"x": np.tile(x, 5), "y": [f"c{k % 20}" for k in range(200)]}, {}),
        "one other value": ({"x": x, "y": np.r_[np.zeros(39), 1]}, {"task": "regression"}),
        "1e150": ({"x": x, "y": z * 1e150}, {"task": "regression"}),
        "exact": ({"x": x, "z": z, "y": 3 * x}, {"task": "regression", "metric": "rmse"}),
        "ages unknown": ({"x": x, "age": np.full(40, np.nan), "y": y}, {"sensitive": ("age",)}),
        "half of the ages": (
            {"x": x, "age": np.r_[np.full(20, np.nan), np.arange(20, 40)], "y": y},
            {"sensitive": ("age",)},
        ),
        "the target itself": ({"x": x, "y": y}, {"sensitive": ("y",)}),
        "three classes": (
            {"x": np.r_[x, x, x], "c": ["u", None, "w"] * 40, "y": ["a", "b", "c"] * 40},
            {"metric": "pr_auc", "sensitive": ("c",)},
        ),
    }


@pytest.mark.parametrize("name", list(adversaries()))
def test_tables_on_the_edge_give_findings_with_finite_numbers(name):
    columns, asked = adversaries()[name]
    table = Table.of(columns)
    context = fitted(table, Problem("y", **asked))
    for check in (
        integrity, leakage, duplicates, imbalance, calibration, groups, importance, memorising,
    ):  # fmt: skip
        for finding in check(context):
            assert np.isfinite(finding.statistic)
            assert np.isfinite(finding.threshold)
    for finding in drift(table.take(context.parts.train), table, limits={"drift_rows": 3}):
        assert np.isfinite(finding.statistic)
