"""A result as JSON and CSV: strict, complete, read back by other readers than wrote it."""

import csv
import io
import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.learn.report import data

from .samples import disguised, sample
from .test_walk_report import HOSTILE

SAMPLES = ("digits", "moons", "diabetes")


def written(result: Any) -> dict[str, Any]:
    """The JSON of a result, written strictly and read back."""
    text = json.dumps(data.as_json(result), allow_nan=False)
    return json.loads(text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize("name", SAMPLES)
def test_json_holds_what_the_result_holds(name):
    result = sample(name)
    told = written(result)
    exam = result.exam
    assert told["exam"]["score"] == exam.score
    assert told["exam"]["interval_95"] == list(exam.interval)
    assert told["sha256"] == result.sha256
    assert told["settings"]["hidden"] == [32, 32]
    assert [c["score"] for c in told["candidates"]] == [c.score for c in result.context.candidates]
    assert [c["name"] for c in told["candidates"] if c["recommended"]] == [
        result.verdict.recommended.name
    ]
    assert told["verdict"]["headline"] == result.verdict.headline
    fit: Any = result.context.fit
    assert [e["validation_loss"] for e in told["training"]["history"]] == [
        e.validation_loss for e in fit.history
    ]
    for step, of in zip(told["steps"], result.steps, strict=True):
        assert (step["title"], step["found"], step["more"]) == (of.title, list(of.found), of.more)
        assert [f["sentence"] for f in step["findings"]] == [f.sentence for f in of.findings]
    assert told["parts"]["test"] == len(exam.rows)
    assert told["extras"]["importances"][0]["column"] == result.extras["importances"][0]["column"]
    assert "graph" not in told["extras"]


def test_steps_and_findings_alone():
    result = disguised("moons", HOSTILE)
    steps = json.loads(json.dumps(data.steps_json(result.steps), allow_nan=False))
    assert steps == written(result)["steps"]
    findings = data.findings_json(result.findings)
    json.dumps(findings, ensure_ascii=False, allow_nan=False).encode()
    assert [f["level"] for f in findings] == [f.level for f in result.findings]


def test_what_is_no_number_is_null():
    result = sample("moons")
    fit: Any = SimpleNamespace(
        history=[SimpleNamespace(epoch=0, train_loss=math.nan, validation_loss=math.inf,
                                 train_score=-math.inf, validation_score=0.5)],
        best=0, status="diverged", message="",
    )  # fmt: skip
    broken = replace(result, context=replace(result.context, fit=fit),
                     exam=replace(result.exam, interval=(math.nan, 1.0)))  # fmt: skip
    told = written(broken)
    (epoch,) = told["training"]["history"]
    assert list(epoch.values()) == [0, None, None, None, 0.5]
    assert told["exam"]["interval_95"] == [None, 1.0]
    assert data.history_csv(broken).splitlines()[1] == "0,,,,0.5"


def test_hostile_names_come_back():
    told = written(disguised("moons", HOSTILE))
    assert HOSTILE[0] in json.dumps(told)
    json.dumps(told, ensure_ascii=False).encode()


def test_what_is_not_there_is_null():
    result = sample("moons")
    context = replace(result.context, fit=None, parts=None, preparation=None, task=None,
                      candidates=())  # fmt: skip
    told = written(replace(result, context=context, steps=(), extras={"odd": object()}))
    assert told["training"] is None
    assert told["parts"] is None
    assert told["extras"] == {"odd": None}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(VALUES)
def test_anything_becomes_json(value):
    json.dumps(data.strict(value), allow_nan=False).encode()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_arrays_and_tuples_are_lists(values):
    assert data.strict(np.array(values, np.float64)) == values
    assert data.strict(tuple(values)) == values


def test_what_has_no_place_in_json_is_refused():
    with pytest.raises(TypeError, match="no place for Generator"):
        data.strict({"rng": np.random.default_rng(0)})


def test_predictions_of_classes():
    result = sample("digits")
    frame = pd.read_csv(io.StringIO(data.predictions_csv(result)))
    np.testing.assert_array_equal(frame["row"], result.exam.rows)
    np.testing.assert_array_equal(frame["predicted"], result.exam.predicted)
    shares = frame[[f"p({k})" for k in range(10)]].to_numpy()
    np.testing.assert_allclose(shares, result.exam.outputs, atol=6e-7)
    np.testing.assert_allclose(frame["probability"], shares.max(1))
    right = frame["truth"].to_numpy() == frame["predicted"].to_numpy()
    assert right.mean() == result.exam.score


def test_predictions_of_values():
    result = sample("diabetes")
    frame = pd.read_csv(io.StringIO(data.predictions_csv(result)))
    np.testing.assert_allclose(frame["truth"], result.exam.truth, rtol=1e-8)
    np.testing.assert_allclose(frame["error"], frame["predicted"] - frame["truth"], atol=1e-5)


def test_history():
    fit: Any = sample("moons").context.fit
    frame = pd.read_csv(io.StringIO(data.history_csv(sample("moons"))))
    assert list(frame.columns) == list(data.HISTORY)
    np.testing.assert_allclose(frame["train_loss"], [e.train_loss for e in fit.history], rtol=1e-8)


def test_findings_with_any_name_stay_in_their_cells():
    result = disguised("digits", HOSTILE)
    rows = list(csv.reader(io.StringIO(data.findings_csv(result))))
    every = [finding for step in result.steps for finding in step.findings]
    assert len(rows) == 1 + len(every)
    for row, finding in zip(rows[1:], every, strict=True):
        assert len(row) == len(rows[0])
        assert row[4] == finding.sentence.encode("utf-8", "replace").decode()
