"""A walk over a file of 200 MB, and predictions for all of it, stay within a gigabyte: of large
tables rows are drawn, and said to be.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backlit.learn import BUILTIN, Problem, Settings, Table, learn, load, saved
from backlit.learn.checks.memory import FEWEST_DRAWN, within_memory
from backlit.learn.errors import DataError
from backlit.learn.files import files_of, record_of
from backlit.learn.rundir import RunFolder

KINDS = ("yes", "no", "rare")
PROBLEM = Problem("y", task="classification", metric="accuracy")


def large(rows: int = 40_000) -> Table:
    rng = np.random.default_rng(0)
    y = np.array(KINDS, object)[rng.choice(3, rows, p=[0.6, 0.3995, 0.0005])]
    y[:5] = "rare"
    towns = np.array([f"town {k}" for k in range(30)], object)
    return Table.of({"when": np.arange(rows), "town": towns[rng.integers(0, 30, rows)], "y": y})


def test_of_each_class_its_share_and_rows_stay_in_order():
    table = large()
    drawn = within_memory(table, PROBLEM, limits={"memory": 445})
    assert FEWEST_DRAWN <= drawn.rows < table.rows
    assert (np.diff(drawn.column("when")) > 0).all()
    share = drawn.rows / table.rows
    for kind in KINDS:
        before, now = (int((one.column("y") == kind).sum()) for one in (table, drawn))
        assert abs(now - max(5, before * share)) <= 1 + 0.01 * before * share, kind
    whole = table.frame.loc[drawn.column("when")]
    assert (whole["town"].to_numpy() == drawn.column("town")).all()
    assert f"{drawn.rows:,} of 40,000 rows were drawn" in drawn.notes[-1]
    assert drawn.sha256 == table.sha256


def test_a_seed_draws_its_rows_and_a_larger_limit_draws_none():
    table = large()
    few = {"memory": 445}
    first, again, other = (within_memory(table, PROBLEM, seed, few) for seed in (0, 0, 1))
    assert first.frame.equals(again.frame)
    assert not first.frame.equals(other.frame)
    assert within_memory(table, PROBLEM) is table


def test_of_a_regression_any_rows_are_drawn():
    table = large().without(["y"])
    drawn = within_memory(table, Problem("when", task="regression"), limits={"memory": 0})
    assert drawn.rows == FEWEST_DRAWN
    middle = np.median(drawn.column("when"))
    assert 17_000 < middle < 23_000


@pytest.mark.parametrize("name", BUILTIN)
def test_tables_that_are_brought_are_learned_from_whole(name):
    table, problem = load(name), BUILTIN[name].problem
    task = problem.task or "classification"
    assert within_memory(table, replace(problem, task=task)) is table


def test_the_walk_says_what_it_drew():
    result = learn(large(), PROBLEM, Settings((8,), epochs=2, lr=0.01), limits={"memory": 445})
    parts = result.context.parts
    assert parts is not None
    rows = result.context.table.rows
    assert sum(parts.sizes) == rows < 40_000
    told = next(step for step in result.steps if step.key == "table").found
    assert told[0].startswith(f"{rows:,} rows")
    assert any("of 40,000 rows were drawn at random (seed 0)" in sentence for sentence in told)


def test_a_file_is_predicted_block_by_block_to_the_same_numbers(tmp_path, monkeypatch):
    table = large(400)
    result = learn(table, PROBLEM, Settings((8,), epochs=2, lr=0.01))
    with RunFolder(tmp_path / "run") as folder:
        folder.finish(files_of(result), record_of(result))
    run, new = saved.Saved.load(tmp_path / "run"), tmp_path / "new.csv"
    table.frame.to_csv(new, index=False)
    whole = run.predict(table)
    monkeypatch.setattr(saved, "BLOCK", 7)
    pd.testing.assert_frame_equal(run.predict(Table.read(new)), whole, rtol=1e-12)
    lines = new.read_text().splitlines()
    lines[60] = "abc,town 1,no"
    new.write_text("\n".join(lines))
    with pytest.raises(DataError, match="line 61, column 'when': 'abc' is no number"):
        run.predict(Table.read(new, texts=["when"]))


COMMAND = """
import re, sys
from backlit.learn.command import main
code = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(code, peak, file=sys.stderr)
"""


def write(path: Path, kind: str, size: int) -> None:
    """A CSV file of that size: 20 numbers a row, 20 short whole ones, or texts and a date."""
    rng = np.random.default_rng(0)
    head = ",".join(f"c{k}" for k in range(20)) if kind != "texts" else "town,shop,x,day"
    lines = []
    for _ in range(20_000):
        if kind == "texts":
            town, shop, x = rng.integers(300), rng.integers(20), rng.normal()
            cells = (
                f'"Town {town}, county {town % 7}",shop {shop},{x:.3f},2024-{1 + town % 12:02d}-01'
            )
            y = x + town / 100 > 1.5
        elif kind == "numbers":
            values = rng.normal(size=20)
            cells, y = ",".join(f"{value:.4f}" for value in values), values[0] > 0
        else:
            whole = rng.integers(0, 100, 20)
            cells, y = ",".join(map(str, whole)), whole[0] > 50
        lines.append(f"{cells},{'yes' if y else 'no'}\n")
    block = "".join(lines)
    with path.open("w") as file:
        file.write(f"{head},y\n")
        for _ in range(size // len(block) + 1):
            file.write(block)


def command(*words: str | Path) -> tuple[int, int, str]:
    """A command in a process of its own: its exit code, its peak in bytes, its complaints."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    told, _, last = done.stderr.rstrip().rpartition("\n")
    code, kilobytes = last.split()
    return int(code), 1024 * int(kilobytes), told


def walk(file: Path, out: Path) -> tuple[int, int, str]:
    return command("learn", file, "--target", "y", "--epochs", "2", "--quiet", "--out", out)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "size"),
    [("numbers", 200_000_000), ("texts", 200_000_000), ("whole numbers", 160_000_000)],
)
def test_200_megabytes_are_learned_from_and_predicted_within_a_gigabyte(kind, size, tmp_path):
    file, run = tmp_path / "big.csv", tmp_path / "run"
    write(file, kind, size)
    for code, bytes_, _ in (walk(file, run), command("predict", run, file)):
        assert code == 0
        assert bytes_ < 1_000_000_000
    assert "rows were drawn" in (run / "report.html").read_text()


@pytest.mark.long
def test_a_table_that_leaves_no_room_to_learn_says_what_to_do(tmp_path):
    write(tmp_path / "big.csv", "whole numbers", 200_000_000)
    code, bytes_, told = walk(tmp_path / "big.csv", tmp_path / "run")
    assert code == 2
    assert bytes_ < 1_000_000_000
    assert "take a sample of its rows" in told
    assert not (tmp_path / "run").exists()
