"""The whole walk on real tables: what it must find, what it must not claim, and that what it saves
predicts the same.
"""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from backlit import engine, nn
from backlit.learn import BUILTIN, Result, Saved, Settings, Table, learn, load
from backlit.learn.checks.drift import compare
from backlit.learn.checks.reference import Reference
from backlit.learn.checks.rules import LIMITS
from backlit.learn.errors import UsageError
from backlit.learn.files import files_of, record_of
from backlit.learn.models.simple import as_dict
from backlit.learn.rundir import RunFolder

KEYS = ("problem", "table", "split", "models", "untrained", "loss", "optimise", "verdict", "trust")


def walked(name: str, seed: int = 0, table: Table | None = None, **changes) -> Result:
    builtin = BUILTIN[name]
    own = {k: changes.pop(k) for k in ("build", "limits") if k in changes}
    settings = replace(Settings(**builtin.recipe), seed=seed, **changes)
    table = load(name, seed) if table is None else table
    return learn(table, builtin.problem, settings, image_shape=builtin.image_shape, **own)


def codes(result: Result, *levels: str) -> set[str]:
    return {finding.code for finding in result.findings if finding.level in levels}


@pytest.fixture(scope="module")
def digits() -> Result:
    return walked("digits")


@pytest.fixture(scope="module")
def wisconsin() -> Result:
    return walked("wisconsin")


def test_the_steps_come_in_order_and_each_says_why(digits):
    assert tuple(step.key for step in digits.steps) == KEYS
    assert [step.number for step in digits.steps] == list(range(1, 10))
    for step in digits.steps:
        assert step.found
        assert step.did
        assert step.why
        assert step.more


def test_digits_are_learned_and_the_test_part_is_looked_at_once(digits):
    assert digits.verdict.code == "good"
    assert digits.verdict.recommended.name == "network"
    assert digits.exam.looks == 1
    assert digits.exam.score >= 0.96
    assert digits.exam.interval[0] < digits.exam.score < digits.exam.interval[1]
    parts = digits.context.parts
    assert parts is not None
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(1797))
    assert (digits.exam.rows == parts.test).all()
    for part in (digits.context.train, digits.context.validation):
        assert part is not None
        assert not np.isin(part.rows, parts.test).any()


def test_each_finding_has_its_number_its_limit_and_its_source(digits, wisconsin):
    for finding in [*digits.findings, *wisconsin.findings]:
        assert finding.sentence
        assert finding.source
        assert finding.n >= 0
        if finding.level != "note":
            assert finding.advice


def test_wisconsin_stands_in_training_already(wisconsin):
    shared = [f for f in wisconsin.findings if f.level == "error"]
    assert len(shared) == 1
    assert "test part" in shared[0].sentence
    assert 0.3 < shared[0].statistic < 0.5
    assert wisconsin.verdict.code == "suspicious"
    unseen = wisconsin.extras["unseen"]
    assert 60 < unseen["rows"] < 100
    assert unseen["score"] < wisconsin.exam.score
    assert any("the honest number" in sentence for sentence in wisconsin.steps[-1].found)


def test_a_leaked_column_is_found_and_the_score_without_it_given():
    frame = load("credit").frame.copy()
    frame["decision"] = np.where(frame["risk"] == "bad", 1.0, 2.0)
    result = walked("credit", table=Table.of(frame, "credit"), epochs=10)
    leaks = [f for f in result.findings if f.level == "error" and "'decision'" in f.sentence]
    assert leaks
    assert "without it" in leaks[0].sentence
    assert result.verdict.code != "good"


def test_shuffled_labels_are_nothing_to_learn():
    frame = load("breast_cancer").frame.copy()
    target = BUILTIN["breast_cancer"].problem.target
    frame[target] = np.random.default_rng(0).permutation(frame[target].to_numpy())
    result = walked("breast_cancer", table=Table.of(frame, "shuffled"))
    assert result.verdict.code == "nothing to learn"
    assert result.verdict.recommended.name == "baseline"
    assert "generalises" not in result.verdict.headline


class TwiceSoftmax(nn.Module):
    """A network with a softmax at its end, before a loss that has one too."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.MLP([inputs, 64, outputs], generator=engine.Generator(0))

    def forward(self, x):
        return engine.softmax(self.body(x), axis=1)


def test_a_softmax_applied_twice_is_named():
    result = walked("digits", build=TwiceSoftmax, epochs=5)
    named = [f for f in result.findings if f.level == "error" and "softmax" in f.sentence]
    assert named
    assert result.verdict.code != "good"


def standard_normal(inputs: int, outputs: int) -> nn.Module:
    model = nn.MLP([inputs, 128, outputs])
    generator = engine.Generator(0)
    with engine.no_grad():
        for parameter in model.parameters():
            parameter.copy_(engine.normal(parameter.shape, generator=generator))
    return model


def test_weights_from_a_standard_normal_are_named():
    result = walked("digits", build=standard_normal, epochs=5)
    assert any(f.level == "error" and f.code == "untrained-loss" for f in result.findings)


@pytest.mark.parametrize("lr", [1e-5, 10.0])
def test_a_learning_rate_that_does_not_fit_is_named(lr):
    result = walked("digits", lr=lr, epochs=8)
    named = codes(result, "error", "warning")
    assert any(code.startswith(("rate", "learning-rate")) for code in named), named
    assert result.verdict.code != "good"


def test_units_that_a_high_rate_kills_are_named():
    result = walked("digits", lr=0.1, epochs=8)
    assert any(code.startswith(("units", "dead")) for code in codes(result, "error"))


def test_credit_tells_groups_of_age_and_sex_with_intervals():
    result = walked("credit")
    groups = result.extras["groups"]
    assert {group["column"] for group in groups} == {"age group", "sex"}
    for group in groups:
        assert group["low"] <= group["score"] <= group["high"]
        assert group["n"] >= 0.05 * 200
    assert result.exam.score > 0.7
    (told,) = [sentence for sentence in result.steps[-1].did if "costs" in sentence]
    validation, chosen = result.context.validation, result.verdict.recommended
    assert validation is not None
    assert result.context.preparation is not None
    given = chosen.outputs(validation.X).argmax(axis=1)
    bad = list(result.context.preparation.classes).index("bad")
    five = np.mean((validation.truth == bad) & (given != bad)) * 5
    one = np.mean((validation.truth != bad) & (given == bad))
    assert f"costs {five + one:.3g} with it" in told


KNOWN = {"spam": {"rows in test"}, "wisconsin": {"rows in test"}}
"""What is really wrong with a table that is brought: rows that repeat an earlier one."""


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("iris", 0), ("wine", 0), ("breast_cancer", 0), ("diabetes", 0), ("xor", 0), ("circles", 0),
        ("names", 3), ("names", 9),  # of 8 units 4 and 5 are dead before training
    ],
)  # fmt: skip
def test_no_error_on_healthy_tables(name, seed):
    assert not codes(walked(name, seed), "error")


@pytest.mark.long
@pytest.mark.parametrize("name", BUILTIN)
def test_no_false_alarm_on_ten_runs_of_each_table_that_is_brought(name):
    for seed in range(10):
        result = walked(name, seed)
        assert codes(result, "error") == KNOWN.get(name, set()), seed


def test_nothing_is_fitted_to_validation_or_test_rows():
    """With other test rows only the exam is another; with other validation rows all that was
    fitted is the same, but for the epoch that was kept."""
    frame, target = load("breast_cancer").frame, BUILTIN["breast_cancer"].problem.target
    given = {"epochs": 8, "lr": 0.003, "patience": None}

    def with_others(rows: np.ndarray | None) -> Result:
        changed = frame.copy()
        if rows is not None:  # the cells of each column change places among these rows
            rng = np.random.default_rng(1)
            for name in changed.columns.drop(target):
                cells = changed[name].to_numpy(copy=True)
                cells[rows] = rng.permutation(cells[rows])
                changed[name] = cells
        return walked("breast_cancer", table=Table.of(changed, "changed"), **given)

    whole = with_others(None)
    parts = whole.context.parts
    assert parts is not None
    test, validation = with_others(parts.test), with_others(parts.validation)

    def fitted(result: Result) -> list[str]:
        assert result.context.preparation is not None
        simple = [json.dumps(as_dict(one.model)) for one in result.context.candidates[:3]]
        return [json.dumps(result.context.preparation.as_dict()), *simple]

    assert fitted(whole) == fitted(test) == fitted(validation)
    fits = [result.context.fit for result in (whole, test, validation)]
    assert all(fit is not None for fit in fits)
    losses = [[epoch.train_loss for epoch in fit.history] for fit in fits if fit is not None]
    assert losses[0] == losses[1] == losses[2]
    first, other, _ = (fit.weights for fit in fits if fit is not None)
    assert all((first[name] == other[name]).all() for name in first)
    assert whole.verdict.recommended.name == test.verdict.recommended.name
    assert whole.verdict.headline == test.verdict.headline
    assert whole.exam.score > test.exam.score
    scores = [result.context.candidates[-1].score for result in (whole, validation)]
    assert scores[0] > scores[1]


def test_what_is_saved_predicts_the_same(tmp_path, digits, wisconsin):
    tree = walked("moons", limits={name: limit.value for name, limit in LIMITS.items()})
    for k, result in enumerate((digits, wisconsin, tree)):
        with RunFolder(tmp_path / str(k)) as folder:
            folder.finish(files_of(result), record_of(result))
        rows = result.context.table.take(result.exam.rows[:50])
        saved = Saved.load(tmp_path / str(k))
        pd.testing.assert_frame_equal(saved.predict(rows), result.predict(rows), check_exact=True)
        given = result.predict(rows)
        assert result.context.preparation is not None
        predicted = np.asarray(result.context.preparation.classes, object)[
            result.exam.predicted[:50]
        ]
        assert (given.iloc[:, 0].to_numpy() == predicted).all()
        assert np.allclose(given.filter(like="p(").sum(axis=1), 1)


def test_a_model_of_winter_drifts_in_june(tmp_path):
    table = load("bikes")
    months = pd.to_datetime(table.frame["time"]).dt.month.to_numpy()
    winter, june = table.take(np.flatnonzero(months <= 3)), table.take(np.flatnonzero(months == 6))
    result = walked("bikes", table=winter, epochs=5)
    with RunFolder(tmp_path / "run") as folder:
        folder.finish(files_of(result), record_of(result))
    saved = Saved.load(tmp_path / "run")
    found = saved.drift(june)
    assert {finding.level for finding in found} - {"note"}
    assert any("temperature" in finding.sentence for finding in found)
    assert result.context.parts is not None
    learned = result.context.parts.train
    half = winter.take(np.random.default_rng(0).permutation(learned)[: len(learned) // 2])
    assert not {finding.level for finding in saved.drift(half)} - {"note"}


@pytest.mark.long
def test_halves_of_the_year_at_random_raise_no_drift_in_95_of_100_seeds():
    """Each column and all of them together, as `backlit drift` looks at them."""
    bikes = load("bikes")
    inputs = [n for n in bikes.names if n not in ("time", "bikers", "casual", "registered")]
    alarms = 0
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(bikes.rows)
        first, second = (bikes.take(np.sort(half)) for half in np.array_split(order, 2))
        alarms += compare(Reference.of(first, inputs, seed), second, seed=seed).drifted
    assert alarms <= 5


def test_the_same_walk_twice_gives_the_same_bytes(wisconsin):
    again = walked("wisconsin")
    assert files_of(again) == files_of(wisconsin)
    assert record_of(again) == record_of(wisconsin)


def test_the_record_is_strict_json_of_all_of_it(digits):
    text = json.dumps(record_of(digits), allow_nan=False)
    record = json.loads(text)
    assert record["test_looks"]["count"] == 1
    assert len(text) < 2_000_000


def test_the_report_shows_itself_and_is_saved(tmp_path, wisconsin):
    wisconsin.report.save(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text == wisconsin.report.html == wisconsin.report._repr_html_()
    assert "honest number" in text


def test_a_data_frame_and_a_target_are_enough():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["y"] = np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")
    result = learn(Table.of(frame), "y", Settings((8,), epochs=40))
    assert result.exam.score > 0.85
    given = result.predict({"a": [3.0, -3.0], "b": [3.0, -3.0], "c": [0.0, 0.0]})
    assert given["predicted y"].tolist() == ["yes", "no"]
    assert result.warnings({"a": [300.0], "b": [0.0], "c": [0.0]})


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (partial(learn, problem="nowhere"), "nowhere"),
        (partial(learn, problem="class", settings=Settings((10**6, 10**6))), "smaller --hidden"),
        (partial(learn, problem="class", limits={"gap": 1.0}), "there is no limit"),
    ],
)
def test_what_cannot_be_walked_is_said_before_anything_is_computed(broken, words):
    with pytest.raises((UsageError, ValueError), match=words):
        broken(load("moons"))
