"""The walk on the Pima table, for who has it: it may not be shipped. BACKLIT_PIMA names the file
that `python docs/make_data.py PACKAGES . pima` makes.
"""

import os

import pytest

from backlit.learn import Result, Settings, Table, learn

FILE = os.environ.get("BACKLIT_PIMA", "")

pytestmark = pytest.mark.skipif(not FILE, reason="BACKLIT_PIMA does not name the Pima table")


@pytest.fixture(scope="module")
def pima() -> Result:
    return learn(Table.read(FILE), "diabetes", Settings((32,), epochs=60, lr=0.003))


def test_zeros_that_hide_missing_values_are_pointed_out(pima):
    found = [f for f in pima.findings if f.code == "hidden zeros" and f.level == "warning"]
    columns = ("glucose", "blood pressure", "skin fold", "insulin", "body mass index")
    assert len(found) == len(columns)
    for column, finding in zip(columns, found, strict=True):
        assert finding.sentence.startswith(f"'{column}")


def test_the_unpruned_tree_is_called_memorising(pima):
    found = [f for f in pima.findings if "memorises" in f.sentence]
    assert found
    assert "1.000 in training" in found[0].sentence


def test_the_logistic_model_is_recommended(pima):
    assert pima.verdict.recommended.name == "logistic regression"
    tree = next(c for c in pima.context.candidates if c.name == "decision tree")
    assert tree.score < pima.verdict.recommended.score
    assert pima.exam.score > pima.exam.baseline_score
