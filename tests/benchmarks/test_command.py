"""The command line without measuring: the list, the choice of cases, wrong requests, the data."""

import numpy as np
import pytest

from benchmarks import data
from benchmarks.__main__ import main
from benchmarks.cases import GROUPS, choose
from benchmarks.cases.steps import BATCHES, NETWORKS, spec_of
from benchmarks.goals import GOALS
from benchmarks.readme import BEGIN, END
from benchmarks.report import save
from benchmarks.runner import Runner
from benchmarks.systems import SYSTEMS

from .results import result, row


def test_the_list_names_groups_rows_and_systems(capsys):
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    for word in ("steps", "step-784-256-128-10", "script-memory", "torch-compile", "softmax"):
        assert word in printed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nonsense"], "nothing is called 'nonsense'"),
        (["--systems", "backlit,caffe"], "no system 'caffe'"),
        (["--readme", "--json", "missing.json"], "missing.json is not there"),
        (["node", "--update", "--quick"], "--update takes whole rows"),
        (["node-add", "--threads", "1000"], "1000 threads were asked for"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(arguments, reason, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("benchmarks: ")
    assert reason in error


def test_names_choose_groups_rows_and_patterns():
    assert [case.name for case in choose(["node"])] == [
        "node-add",
        "chain-100k",
        "fan-2k",
        "fan-20k",
    ]
    assert [case.name for case in choose(["script-memory"])] == ["script"]
    assert len(choose(["step-64*"])) == 2
    assert len(choose([])) == sum(len(group.cases) for group in GROUPS if group.usual)
    assert {case.name for case in choose(["scaling"])}.isdisjoint(c.name for c in choose([]))


def test_rows_are_named_once_and_every_column_and_goal_exists():
    cases = choose([group.name for group in GROUPS])
    rows = [measure.name for case in cases for measure in case.measures]
    assert len(rows) == len(set(rows))
    assert {name for case in cases for name in case.systems} <= SYSTEMS.keys()
    wanted = {place for goal in GOALS for place in (goal.over, goal.under) if place}
    assert {row for place, _ in wanted for row in names(place)} <= set(rows)
    assert {system for _, place in wanted for system in names(place)} <= SYSTEMS.keys()


def names(place: str | tuple[str, ...]) -> tuple[str, ...]:
    return place if isinstance(place, tuple) else (place,)


def test_the_same_seed_gives_the_same_training_problem(tmp_path):
    spec = spec_of("64-128-10", read=False, replayed=False)
    data.write(spec, tmp_path / "a.npz")
    data.write(spec, tmp_path / "b.npz")
    first, second = data.read_step(tmp_path / "a.npz"), data.read_step(tmp_path / "b.npz")
    sizes, batch = NETWORKS["64-128-10"]
    assert len(first.batches) == BATCHES
    x, y = first.batches[0]
    assert (x.shape, x.dtype, y.shape, y.dtype) == (
        (batch, sizes[0]),
        np.float32,
        (batch,),
        np.int64,
    )
    assert [weight.shape for weight, _ in first.layers] == [(128, 64), (10, 128)]
    np.testing.assert_array_equal(x, second.batches[0][0])
    np.testing.assert_array_equal(first.layers[0][0], second.layers[0][0])


def test_digits_are_cut_once_into_rows_to_train_on_and_rows_kept_aside(tmp_path):
    pytest.importorskip("sklearn")
    data.write({"kind": "digits"}, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        train, valid = file["x_train"], file["x_valid"]
        assert (len(train), len(valid), train.dtype) == (1437, 360, np.float32)
        assert len(file["y_train"]) == 1437
        both = np.concatenate([train, valid])
    assert (both.min(), both.max()) == (0.0, 1.0)
    assert len(np.unique(both, axis=0)) == 1797  # no row stands in both


def test_operands_have_the_shapes_asked_for(tmp_path):
    data.write({"kind": "operation", "shapes": [[3, 4], [4]]}, tmp_path / "a.npz")
    assert [a.shape for a in data.read_operands(tmp_path / "a.npz")] == [(3, 4), (4,)]


def test_the_readme_is_rewritten_from_the_json(tmp_path, monkeypatch, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"top\n{BEGIN}\n{END}\nend\n")
    (tmp_path / "results.svg").write_text("<svg/>")
    save(tmp_path / "results.json", result())
    monkeypatch.setattr("benchmarks.__main__.ROOT", tmp_path)
    monkeypatch.setattr("benchmarks.__main__.HERE", tmp_path)
    assert main(["--readme"]) == 0
    text = page.read_text()
    assert text.startswith("top\n")
    assert text.endswith("\nend\n")
    assert "](results.svg)" in text
    assert "**41.0**" in text
    assert "scaling.svg" not in text
    assert main(["--readme"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "README.md rewritten",
        "README.md was up to date",
    ]
    (tmp_path / "scaling.svg").write_text("<svg/>")
    assert main(["--readme"]) == 0
    assert "](scaling.svg)\n" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ([], {"results.json", "results.svg"}),
        (["scaling"], {"scaling.json", "scaling.svg"}),
        (["scaling", "--quick"], set()),
        (["scaling", "--systems", "backlit"], set()),
        (["scaling", "steps"], set()),
        (["steps"], set()),
    ],
)
def test_only_complete_runs_write_files_unasked(arguments, written, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("benchmarks.__main__.HERE", tmp_path)
    drawn = [row(), row("width-16", "width 16")]
    monkeypatch.setattr(Runner, "run", lambda self, case: [drawn.pop()] if drawn else [])
    assert main(arguments) == 0
    assert {path.name for path in tmp_path.iterdir()} == written
