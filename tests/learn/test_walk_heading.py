"""What stands first: the model to use before how the network did, each number once, one naming of
metrics, one way to write numbers.
"""

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backlit.learn import Problem, Settings, learn
from backlit.learn.checks.verdict import judge
from backlit.learn.data.table import Table
from backlit.learn.models.metrics import METRICS
from backlit.learn.report.heading import network, reason, recommendation
from backlit.learn.report.html import render
from backlit.learn.report.terminal import Terminal
from backlit.learn.result import Result
from backlit.study.findings import Finding

from .samples import sample
from .test_walk import walked
from .test_walk_report import said


@pytest.fixture(scope="module")
def moons() -> Result:
    return walked("moons")


@pytest.fixture(scope="module")
def credit() -> Result:
    return walked("credit")


def printed(result: Result, **how: bool) -> str:
    stream = io.StringIO()
    terminal = Terminal(stream, **how)
    for step in result.steps:
        terminal.step(step)
    terminal.verdict(result)
    return " ".join(stream.getvalue().split())


def changed(result: Result, code: str, chosen: str, *errors: str) -> Result:
    """The result with another verdict, another recommendation, and an error in steps of these
    keys.
    """
    candidate = next(c for c in result.context.candidates if c.name == chosen)
    wrong = Finding("some-fault", "error", "it is broken", 1.0, 0.5, 10, "", "mend it")
    quiet = tuple(
        replace(
            step,
            findings=(
                *(f for f in step.findings if f.level != "error"),
                *((wrong,) if step.key in errors else ()),
            ),
        )
        for step in result.steps
    )
    verdict = replace(result.verdict, code=code, recommended=candidate)
    return replace(result, verdict=verdict, steps=quiet)


# ---- which comes first --------------------------------------------------------------------------


def test_the_recommendation_comes_before_how_the_network_did(moons):
    text = printed(moons)
    head = text[text.index("Verdict ✓") :]
    assert moons.verdict.recommended.name == "decision tree"
    places = [
        head.index(words)
        for words in ("Use the decision tree", "Test accuracy", "Why accuracy", "Network ✓ The net")
    ]
    assert places == sorted(places)
    page = said(render(moons))
    assert page.index("Use the decision tree") < page.index("The network generalises")


def test_the_reason_names_every_model_with_its_score(moons):
    text = reason(moons)
    assert "accuracy on 200 validation rows" in text
    for candidate in moons.context.candidates:
        assert f"{candidate.name} {candidate.score:.3f}" in text


@pytest.mark.parametrize(
    ("code", "chosen", "errors", "level", "words"),
    [
        ("good", "decision tree", (), "note", "Use the decision tree ("),
        ("good", "network", (), "note", "Use the network ("),
        ("memorising", "decision tree", (), "note", "Use the decision tree ("),
        ("memorising", "network", (), "warning", "with care"),
        ("suspicious", "network", (), "error", "Do not use the network ("),
        ("good", "baseline", (), "warning", "Use no model: none beats the baseline"),
        ("good", "decision tree", ("split",), "error", "yet: the checks found 1 error, some fault"),
        ("suspicious", "network", ("loss",), "error", "yet: the checks found 1 error, some fault"),
        ("suspicious", "decision tree", ("loss",), "note", "Use the decision tree ("),
        ("underfitting", "network", ("optimise", "table"), "error", "2 errors, some fault"),
    ],
)
def test_what_is_recommended(moons, code, chosen, errors, level, words):
    line = recommendation(changed(moons, code, chosen, *errors))
    assert line.level == level
    assert words in line.text


def test_a_test_score_that_may_be_luck_is_used_with_care(moons):
    exam = replace(moons.exam, interval=(0.4, 0.99))
    line = recommendation(replace(moons, exam=exam))
    assert line.level == "warning"
    assert "with care: its test score may be luck" in line.text


def test_nothing_to_learn_is_said_once(moons):
    nothing = changed(moons, "nothing to learn", "decision tree")
    assert recommendation(nothing).level == "error"
    assert network(nothing) is None
    assert network(changed(moons, "suspicious", "network", "split")) is None
    assert network(changed(moons, "memorising", "decision tree")) is not None


# ---- each number once ---------------------------------------------------------------------------


def test_reasons_are_said_once(moons, credit):
    for result in (moons, credit):
        sentences = [each for step in result.steps for each in (*step.found, *step.did)]
        sentences += [f.sentence for step in result.steps for f in step.findings]
        for wanted in result.verdict.reasons:
            assert sentences.count(wanted) == 1, wanted
        text = printed(result)
        assert all(text.count(reason) == 1 for reason in result.verdict.reasons)
        page = said(render(result)).lower()
        assert all(page.count(" ".join(r.lower().split())) == 1 for r in result.verdict.reasons)


# ---- one naming ---------------------------------------------------------------------------------


def test_people_read_titles_of_metrics_and_machines_their_names(credit):
    text = printed(credit, explain=True)
    page = said(render(credit))
    page = page[: page.rindex("Do it again")]  # the command and the settings stand there as typed
    for shown in (text, page):
        assert "ROC AUC" in shown
        assert not re.search(r"roc_auc|balanced_accuracy|\br2\b", shown)
    assert {m.title for m in METRICS.values()} >= {"ROC AUC", "R²", "balanced accuracy", "PR AUC"}


def test_regressions_too():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    table = Table.of({"a": x[:, 0], "b": x[:, 1], "y": x[:, 0] + rng.normal(size=300) / 4})
    for metric in ("r2", "rmse"):
        result = learn(table, Problem("y", metric=metric), Settings((8,), epochs=5, lr=0.01))
        text = printed(result, explain=True) + said(render(replace(result, settings={})))
        assert not re.search(r"\br2\b|\brmse\b", text)
        odd = r"\de[-+−]0\d|\b\d\.\d+e\d|[ (]-\d|= 0\.000\b|\bnan\b|\binf\b"
        assert not re.findall(odd, text)


def test_errors_of_a_small_unit_keep_their_digits():
    result = sample("diabetes")
    problem = replace(result.context.problem, metric="rmse")
    exam: Any = replace(
        result.exam, score=-0.000321, interval=(-0.00041, -0.00025), baseline_score=-0.0009
    )
    context = replace(result.context, problem=problem)
    text = printed(replace(result, context=context, exam=exam))
    assert "root mean square error 0.0003210" in text
    assert "0.0002500 to 0.0004100" in text


# ---- a network that says the same of every row --------------------------------------------------


def test_a_constant_network_is_called_the_same_as_the_baseline(moons):
    context = moons.context
    baseline = context.candidates[0]
    constant = replace(
        context.candidates[-1],
        outputs=baseline.outputs,
        score=baseline.score,
        train_score=baseline.train_score,
        interval=(baseline.score, baseline.score),
    )
    verdict = judge(replace(context, candidates=(*context.candidates[:-1], constant)))
    (gain,) = [finding for finding in verdict.findings if finding.code == "gain"]
    assert gain.sentence.endswith("the baseline 0.500: the same")
    assert gain.statistic == 0
    assert "over 100" not in " ".join(verdict.reasons)


def test_rows_that_lose_less_at_the_same_score_are_something_learned(moons):
    """As where one class is so frequent that nobody says another, but one knows how likely."""
    context = moons.context
    baseline, tree = context.candidates[0], context.candidates[2]
    surer = replace(tree, score=baseline.score)
    lost = replace(
        context.candidates[-1],
        score=baseline.score,
        train_score=baseline.score,
        outputs=baseline.outputs,
    )
    assert judge(replace(context, candidates=(baseline, surer, lost))).code == "underfitting"
    assert judge(replace(context, candidates=(baseline, lost))).code == "nothing to learn"
