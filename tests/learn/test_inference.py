"""What is inferred of a problem, with its sentences, and each question that cannot be asked."""

import numpy as np
import pytest

from backlit.learn.data.inference import inferred, settle, with_target
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError, UsageError
from backlit.learn.models.metrics import METRICS
from backlit.learn.problem import Problem

RNG = np.random.default_rng(0)


def table(target, **others) -> Table:
    return Table.of({"x": np.arange(len(target)) / 7, "y": target, **others}, "t")


@pytest.mark.parametrize(
    ("target", "task", "metric", "positive"),
    [
        (["no", "no", "yes"] * 10, "classification", "accuracy", "yes"),
        (["b", "a"] * 10, "classification", "accuracy", "b"),
        (["a"] * 81 + ["b"] * 19, "classification", "balanced_accuracy", "b"),
        (["a"] * 80 + ["b"] * 20, "classification", "accuracy", "b"),
        (["a", "b", "c"] * 10, "classification", "accuracy", None),
        (["a"] * 60 + ["b"] * 60 + ["c"] * 15, "classification", "balanced_accuracy", None),
        ([0, 1, 1] * 10, "classification", "accuracy", "0"),
        ([True, False, False] * 10, "classification", "accuracy", "True"),
        ([1.5, 2.5] * 10, "classification", "accuracy", "2.5"),
        (list(range(3)) * 20, "classification", "accuracy", None),
        (list(range(3)) * 19, "regression", "r2", None),
        (list(range(20)) * 20, "classification", "accuracy", None),
        (list(range(21)) * 30, "regression", "r2", None),
        ([0.5, 1, 2] * 30, "regression", "r2", None),
        (RNG.normal(size=50), "regression", "r2", None),
        (np.arange(100), "regression", "r2", None),
    ],
)
def test_task_metric_and_positive_class(target, task, metric, positive):
    settled = settle(Problem("y"), table(target))
    assert (settled.task, settled.metric, settled.positive) == (task, metric, positive)
    assert settle(settled, table(target)) == settled
    (first, *_, last) = inferred(Problem("y"), settled, table(target))
    assert first.startswith(f"{task}, inferred: 'y' has")
    assert last.startswith(f"judged by {METRICS[metric].title}")


def test_what_is_given_stays():
    given = Problem("y", task="classification", metric="f1", positive="no")
    target = ["no", "no", "yes"] * 10
    settled = settle(given, table(target))
    assert settled == given
    assert inferred(given, settled, table(target)) == [
        "classification: 'y' has 2 texts as values: 'no' 66.7 %, 'yes' 33.3 %",
        "the class that is looked for is 'no', given",
        "judged by F1, given",
    ]
    assert settle(Problem("y", task="regression"), table([0, 1] * 20)).metric == "r2"
    assert settle(Problem("y", task="classification"), table([0, 1, 2] * 9)).positive is None


def test_why_a_rare_class_changes_the_metric():
    target = table(["a"] * 90 + ["b"] * 10)
    said = inferred(Problem("y"), settle(Problem("y"), target), target)
    assert "'a' 90 %, 'b' 10 %" in said[0]
    assert "a class is rare" in said[-1]


def test_rows_without_a_target_are_left_out_and_said():
    target = ["a", None, "b", None] + ["a", "b"] * 10
    whole = with_target(Problem("y"), table(target))
    assert whole.rows == 22
    assert whole.column("x")[1] == 2 / 7
    said = inferred(Problem("y"), settle(Problem("y"), table(target)), table(target))
    assert said[0] == "2 rows without a target are left out, the first at row 1"
    numbers = [1.5, np.nan, 2.5] + list(RNG.normal(size=20))
    said = inferred(Problem("y"), settle(Problem("y"), table(numbers)), table(numbers))
    assert said[0] == "1 row without a target is left out, the first at row 1"


def test_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,a\n\n2,\n" + "3,a\n4,b\n" * 9)
    read = Table.read(path)
    said = inferred(Problem("y"), settle(Problem("y"), read), read)
    assert said[0] == "1 row without a target is left out, the first at line 4"


GOOD = ["a", "b"] * 10


@pytest.mark.parametrize(
    ("problem", "target", "match"),
    [
        (Problem("Y1"), GOOD, r"'t' has no column 'Y1' \(the target\); did you mean 'y'\?"),
        (Problem("y", groups="ex"), GOOD, r"no column 'ex' \(of groups\)"),
        (Problem("y", time="when"), GOOD, r"no column 'when' \(of times\)"),
        (Problem("y", sensitive=("age",)), GOOD, r"no column 'age' \(sensitive\)"),
        (Problem("y", ignored=("id",)), GOOD, r"no column 'id' \(to be ignored\)"),
        (Problem("y", ignored=("x",)), GOOD, "no column left to predict by"),
        (Problem("y", groups="x"), GOOD, "no column left to predict by"),
        (Problem("y"), [None] * 9, "'y' is missing in each of 9 rows"),
        (Problem("y"), ["a"] * 9, "is 'a' in each of 9 rows; there is nothing to learn"),
        (Problem("y"), [3.5] * 9, "is 3.5 in each of 9 rows; there is nothing to learn"),
        (Problem("y"), GOOD + ["c"] * 4, "class 'c' of 'y' has 4 rows, the first at row 20;"),
        (Problem("y"), GOOD + ["c"], "class 'c' of 'y' has 1 row, the first at row 20"),
        (Problem("y"), GOOD + ["c", "d"], "and 1 other class"),
        (Problem("y"), [3, 4] * 100 + [10] * 3, r"class '10'.* 3 rows.*\(--task regression\)"),
        (Problem("y"), [1.5, 2.5, 3.5, 4.5], "4 rows with a target"),
        (Problem("y"), [f"key{i}" for i in range(40)], "short texts, all different"),
        (Problem("y"), [f"2024-01-{i + 10}" for i in range(20)], "dates from 2024-01-10"),
        (Problem("y", task="classification"), np.arange(99) / 7, "--task regression"),
    ],
)
def test_tables_that_cannot_answer(problem, target, match):
    with pytest.raises(DataError, match=match):
        settle(problem, table(target))


def test_classes_that_are_words_are_not_to_be_predicted_as_numbers():
    with pytest.raises(DataError, match=r"its rows out$"):
        settle(Problem("y"), table(GOOD + ["c"]))


@pytest.mark.parametrize(
    ("problem", "target", "match"),
    [
        (Problem("y", task="regression"), GOOD, "'y' holds texts such as 'a'.*--task class"),
        (Problem("y", positive="A"), GOOD, "no class 'A' to look for; did you mean 'a'"),
        (Problem("y", positive="a"), ["a", "b", "c"] * 9, "has 3 classes"),
        (Problem("y", positive="1"), np.arange(99) / 7, "a regression has no positive class"),
        (Problem("y", cost={("a", "c"): 3}), GOOD, "costs speak of a class 'c'"),
        (Problem("y", cost={("a", "b"): 3}), np.arange(99) / 7, "a regression has none"),
        (Problem("y", metric="acuracy"), GOOD, "did you mean 'accuracy'.*known: .*roc_auc"),
        (Problem("y", metric="r2"), GOOD, "r2 does not judge a classification; take one of acc"),
        (Problem("y", metric="f1"), np.arange(99) / 7, "f1 does not judge a regression.*rmse"),
        (Problem("y", groups="x", ignored=("x",)), GOOD, "need not be ignored"),
    ],
)
def test_questions_that_contradict_the_table(problem, target, match):
    with pytest.raises(UsageError, match=match):
        settle(problem, table(target, z=target))


def test_hostile_names_are_cleaned():
    target = ["a\x1b[31m\n", "b\u202e"] * 10
    hostile = Table.of({"x": range(20), "y\n\x07": target}, "t")
    problem = Problem("y\n\x07")
    for sentence in inferred(problem, settle(problem, hostile), hostile):
        assert sentence.isprintable()
