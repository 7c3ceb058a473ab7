"""A walk over a file of 200 MB stays within a gigabyte: of large tables rows are drawn, and said to
be.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backlit.learn import BUILTIN, Problem, Settings, Table, learn, load
from backlit.learn.checks.memory import FEWEST_DRAWN, within_memory

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


WALK = """
import re, sys
from backlit.learn.command import main
file, out = sys.argv[1:]
code = main(["learn", file, "--target", "y", "--epochs", "2", "--quiet", "--out", out])
print(code, re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
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


def walk(path: Path, out: Path) -> tuple[int, int, str]:
    """The exit code of a walk in a process of its own, its peak in bytes, what it complained of."""
    command = [sys.executable, "-c", WALK, str(path), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, kilobytes = done.stdout.splitlines()[-1].split()
    return int(code), 1024 * int(kilobytes), done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "size"),
    [("numbers", 200_000_000), ("texts", 200_000_000), ("whole numbers", 160_000_000)],
)
def test_200_megabytes_are_learned_from_within_a_gigabyte(kind, size, tmp_path):
    write(tmp_path / "big.csv", kind, size)
    code, bytes_, _ = walk(tmp_path / "big.csv", tmp_path / "run")
    assert code == 0
    assert bytes_ < 1_000_000_000
    assert "rows were drawn" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.long
def test_a_table_that_leaves_no_room_to_learn_says_what_to_do(tmp_path):
    write(tmp_path / "big.csv", "whole numbers", 200_000_000)
    code, bytes_, told = walk(tmp_path / "big.csv", tmp_path / "run")
    assert code == 2
    assert bytes_ < 1_000_000_000
    assert "take a sample of its rows" in told
    assert not (tmp_path / "run").exists()
