"""All checks of tables on the tables that are brought, and on hostile ones."""

import numpy as np
import pytest

from backlit.learn.checks.calibration import (
    calibration,
)
from backlit.learn.checks.context import Context
from backlit.learn.checks.duplicates import duplicates
from backlit.learn.checks.groups import groups
from backlit.learn.checks.imbalance import imbalance
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
