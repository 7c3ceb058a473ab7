"""`backlit learn --unsupervised` under attack: options that it has no use for, and tables without
structure to look for, end with one clear line and exit code 2.
"""

from pathlib import Path

import pytest

from backlit.learn.command import main

from .walking import GOOD, ROWS, complaint


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(GOOD)


SUPERVISED = (
    "--task regression", "--metric r2", "--positive yes", "--group c", "--time a",
    "--sensitive c", "--limit leak_error=1", "--hidden 8", "--epochs 3", "--lr 0.1",
    "--batch-size 8", "--out run", "--overwrite", "--resume",
)  # fmt: skip


@pytest.mark.parametrize("words", SUPERVISED)
def test_what_unsupervised_has_no_use_for_is_refused(words, capsys):
    assert main(["learn", "good.csv", "--unsupervised", *words.split()]) == 2
    assert f"--unsupervised has no use for {words.split()[0]}:" in complaint(capsys)
    assert [file.name for file in Path().iterdir()] == ["good.csv"]


UNLABELLED = {
    "no such column to ignore": ("good", "--ignore q", "no column 'q' (to leave out)"),
    "no such target": ("good", "--target q", "no column 'q' (to leave out)"),
    "no such text": ("good", "--text q", "no column 'q' (to read as text)"),
    "all ignored": ("good", "--ignore a,b,c,y", "no column of good.csv is left"),
    "three rows": ("a,b\n1,2\n3,4\n5,6\n", "", "has 3 rows"),
    "constant": ("a,b\n" + "1,2\n" * 50, "", "no column left to look at: 'a' always 1"),
    "all missing": ("a,b\n" + "NA,\n" * 50, "", "no column left to look at"),
    "an infinite word": ("a,b\n" + "1,2\n" * 50 + "-inf,1\n", "", "line 52, column 'a': '-inf'"),
    "empty": ("", "", "is empty"),
}


@pytest.mark.parametrize("name", UNLABELLED)
def test_a_table_without_structure_to_look_for_is_one_line(name, capsys):
    content, options, told = UNLABELLED[name]
    if content != "good":
        Path("good.csv").write_text(content)
    assert main(["learn", "good.csv", "--unsupervised", *options.split()]) == 2
    assert told in complaint(capsys)


def test_unsupervised_tells_what_it_leaves_out_and_one_column_is_no_error(capsys):
    assert main(["learn", "good.csv", "--unsupervised", "--target", "y", "--ignore", "c"]) == 0
    assert "left out, and not looked at: 'y' and 'c'" in capsys.readouterr().out
    Path("good.csv").write_text(ROWS[["a"]].to_csv(index=False))
    assert main(["learn", "good.csv", "--unsupervised", "--quiet"]) == 0
    assert "A single column" in capsys.readouterr().out
