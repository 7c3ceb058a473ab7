"""The walk's command under attack: tables, options and folders that cannot work end with one clear
line and exit code 2, and nothing is overwritten or lost.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backlit.learn import Saved, Settings, Table, learn
from backlit.learn.command import main

from .walking import GOOD, LINES, ROWS, A, B, complaint, walk

HOSTILE = ("<script>alert(1)</script>", 'q"uo\nte', "\x1b[31mred", "x" * 10240, "\u202egnp")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(GOOD)


def without_last(lines: list[str]) -> str:
    return "\n".join([lines[0], *(line.rsplit(",", 1)[0] + "," for line in lines[1:])])


BAD = {
    "empty": ("", "is empty"),
    "header": ("a,b,y\n", "no rows"),
    "one column": ("y\n1\n2\n", "one column"),
    "one class": (GOOD.replace(",yes", ",no"), "nothing to learn"),
    "no target": (without_last(LINES), "missing in each of 120 rows"),
    "ragged": (GOOD.replace(LINES[50], LINES[50] + ",7"), "line 51: 5 cells"),
    "short": (GOOD.replace(LINES[50], "1,2"), "line 51: 2 cells"),
    "latin": (GOOD.replace("x", "é").encode("latin-1"), "is not utf-8"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-16"),
    "a text": (GOOD.replace(LINES[60].split(",")[0], "abc"), "line 61, column 'a': 'abc'"),
    "infinite": (GOOD.replace(LINES[60].split(",")[0], "1e999"), "line 61, column 'a': '1e999'"),
    "no name": (GOOD.replace("a,b,c", "a,,c", 1), "column 2 has no name"),
    "two names": (GOOD.replace("a,b,c", "a,a,c", 1), "both called 'a'"),
    "NUL": (GOOD.replace(LINES[50], "\0" + LINES[50]), "line 51: a NUL byte"),
    "open quote": (GOOD.replace(LINES[50], '"' + LINES[50]), "line 51: a quote opens"),
    "decimal commas": (GOOD.replace(",", ";").replace(".", ","), "decimal point"),
    "rare class": (GOOD + "0.1,0.2,x,rare\n", "class 'rare' of 'y' has 1 row"),
    "few rows": ("\n".join(LINES[:5]), "each class needs 5"),
    "constants": ("a,y\n" + "1,p\n1,n\n" * 30, "no column left"),
    "dates": ("a,y\n" + "".join(f"{i}.5,2024-01-{1 + i % 28:02d}\n" for i in range(60)), "dates"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_table_that_cannot_work_is_one_line(name, capsys):
    content, told = BAD[name]
    Path("bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert walk("bad.csv") == 2
    assert told in complaint(capsys)
    assert not Path("run").exists()


OPTIONS = {
    "--metric r2": "does not judge a classification",
    "--metric nope": "no metric 'nope'",
    "--positive maybe": "no class 'maybe'",
    "--group q": "no column 'q'",
    "--group y": "is the target",
    "--time q": "no column 'q'",
    "--time c": "no column of times",
    "--sensitive q": "no column 'q'",
    "--ignore a,b,c": "no column left",
    "--ignore y": "cannot be ignored",
    "--limit foo=1": "no limit 'foo'; known are",
    "--limit leak_eror=1": "did you mean 'leak_error'? known are",
    "--limit leak_error=x": "NAME=X",
    "--limit leak_error=nan": "cannot be nan",
    "--limit leak_error=-inf": "cannot be -inf",
    "--task regression": "needs numbers",
    "--encoding base64": "no encoding",
    "--seed -1": "whole number",
    "--batch-size 99999999999": "--batch-size: '99999999999' is above 2**31 - 1",
    "--lr nan": "--lr: 'nan' is not a number above 0",
    "--hidden 8,0": "not a whole number of 1 or more",
    "--resume": "no run in run",
}


@pytest.mark.parametrize("words", OPTIONS)
def test_an_option_that_cannot_work_is_one_line(words, capsys):
    assert walk("good.csv", *words.split()) == 2
    assert OPTIONS[words] in complaint(capsys)
    assert not Path("run").exists()


BIG = 2**53 + 1


def big(name: str, values: Sequence[object], more: dict[str, object]) -> str:
    return pd.DataFrame({"a": A, name: pd.Series(values, dtype=object), **more}).to_csv(index=False)


def test_whole_numbers_beyond_2_to_the_53_are_told_or_exact(capsys):
    note = "whole numbers beyond 2^53 ('9007199254740993' in line 2)"
    for values in (
        [BIG + 2 * i for i in range(120)],  # within 64 bits
        [BIG, None, *range(118)],  # floats, as one is missing
        [BIG, 2**64 + 1, *range(118)],  # beyond 64 bits
    ):
        Path("big.csv").write_text(big("q", values, {"y": ROWS["y"]}))
        assert any(note in each for each in Table.read("big.csv").notes), values[:2]
        assert not Table.read("big.csv", texts=["q"]).notes[1:]
    exact = [2**53 + 2, 1e300, None, *range(117)]
    Path("big.csv").write_text(big("q", exact, {"y": ROWS["y"]}))
    assert len(Table.read("big.csv").notes) == 1  # the separator: nothing was rounded


def test_big_whole_numbers_as_classes_are_exact_or_refused(capsys):
    classes = [str(BIG + (kind == "yes")) for kind in ROWS["y"]]
    Path("big.csv").write_text(big("y", [*classes], {}))
    assert walk("big.csv") == 0
    told = set(pd.read_csv("run/predictions.csv", dtype=str)["truth"])
    assert told == {str(BIG), str(BIG + 1)}
    capsys.readouterr()
    Path("big.csv").write_text(big("y", [None, *classes[1:]], {"c": ROWS["c"]}))
    assert walk("big.csv", "--overwrite") == 2
    assert "the target 'y' holds numbers beyond 2^53" in complaint(capsys)
    assert walk("big.csv", "--overwrite", "--group", "y", target="c") == 2
    assert "the column of groups 'y' holds numbers beyond 2^53" in complaint(capsys)


def test_what_is_in_the_way_stays(capsys):
    stranger = Path("stranger")
    stranger.mkdir()
    (stranger / "mine.txt").write_text("mine")
    for out in ("good.csv", "good.csv/under", "stranger"):
        assert walk("good.csv", "--overwrite", out=out) == 2
        assert out in complaint(capsys)
    assert Path("good.csv").read_text() == GOOD
    assert [f.name for f in stranger.iterdir()] == ["mine.txt"]


def table_of(columns: dict[str, object]) -> str:
    return pd.DataFrame(columns).to_csv(index=False)


ODD = {
    "booleans": {"a": ["true", "false"] * 30, "b": ["no", "yes", "yes"] * 20, "y": [*"ppn"] * 20},
    "1e300": {"a": A * 1e300, "b": B, "y": A + B},
    "1e-300": {"a": A * 1e-300, "b": B, "y": A + B},
    "target 1e30": {"a": A, "b": B, "y": 1e30 * (A + B)},
    "target 1e-30": {"a": A, "b": B, "y": 1e-30 * (A + B)},
    "outliers": {"a": A, "y": np.where(np.arange(120) % 33, A, 1e6 * A)},
    "int64": {"a": 2**60 + np.arange(120), "b": B, "y": ROWS["y"]},
    "names of the output": {"probability": A, "predicted y": B, "p(yes)": A * B, "y": ROWS["y"]},
    "a copy of the target": {"a": A, "y2": ROWS["y"], "y": ROWS["y"]},
    "an empty column": {"a": A, "q": [None] * 120, "y": ROWS["y"]},
    "hostile names": {**{name: B * (k + A) for k, name in enumerate(HOSTILE)}, "y": ROWS["y"]},
    "hostile classes": {"a": A, "y": [HOSTILE[i % 5] for i in range(120)]},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_table_is_walked_and_predicts(name, capfd):
    Path("odd.csv").write_text(table_of(ODD[name]), encoding="utf-8")
    assert walk("odd.csv", "--json") == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out.count("\n") == 1
    assert isinstance(json.loads(said.out), dict)
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\x1b" not in page
    for command in ("predict", "drift"):
        assert main([command, "run", "odd.csv"]) == 0
    said = capfd.readouterr()
    assert "\x1b" not in said.err


@pytest.mark.parametrize("change", ["bom", "crlf", "semicolons"])
def test_ways_of_writing_a_table_do_not_matter(change, finished):
    written = {
        "bom": "\ufeff" + GOOD,
        "crlf": GOOD.replace("\n", "\r\n"),
        "semicolons": GOOD.replace(",", ";"),
    }[change]
    Path("good.csv").write_bytes(written.encode())
    assert walk("good.csv") == 0
    for name in ("prepared.json", "model.safetensors", "predictions.csv"):
        assert Path("run", name).read_bytes() == (finished / name).read_bytes()


def test_the_same_seed_gives_the_same_files_with_any_number_of_threads(finished):
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
    command = [sys.executable, "-m", "backlit", "learn", "good.csv", "--target", "y"]
    command += ["--epochs", "3", "--hidden", "8", "--lr", "0.01", "--quiet", "--out", "run"]
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=60)
    names = {f.name for f in finished.iterdir()}
    assert names == {f.name for f in Path("run").iterdir()}
    for name in names - {"run.json", "report.html"}:  # these hold the command, with its path
        assert Path("run", name).read_bytes() == (finished / name).read_bytes()


def test_after_an_absurd_learning_rate_the_advice_is_a_usual_one(capsys):
    assert walk("good.csv", "--lr", "1e30") == 1
    said = complaint(capsys)
    assert said.endswith("try a smaller learning rate, such as 0.01\n")


def test_groups_and_time_together():
    table = ROWS.assign(month=np.arange(120) // 10)
    table.to_csv("both.csv", index=False)
    assert walk("both.csv", "--group", "id", "--time", "month") == 0
    tested = pd.read_csv("run/predictions.csv")["row"].to_numpy()
    record = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert "are left out" in json.dumps(record["steps"][2])
    levels = {f["code"]: f["level"] for f in record["steps"][2]["findings"]}
    assert levels["groups"] == levels["order of time"] == "note"
    assert table["month"].to_numpy()[tested].min() >= 9  # of 0 to 11: the latest fifth
    assert sum(record["parts"][name] for name in ("train", "validation", "test")) < 120


def test_a_group_stays_in_one_part():
    Path("groups.csv").write_text(ROWS.to_csv(index=False))
    result = learn(Table.of(ROWS), "y", Settings((8,), epochs=2, lr=0.01))
    assert result.context.problem.target == "y"
    assert walk("groups.csv", "--group", "id") == 0
    tested = pd.read_csv("run/predictions.csv")
    rows = tested[next(c for c in tested.columns if c in ("row", "line"))].to_numpy()
    at = rows - 2 if "line" in tested.columns else rows
    inside = set(ROWS["id"].iloc[at])
    assert inside
    assert not inside & set(ROWS["id"].drop(index=at))


def test_python_and_the_command_predict_the_same(finished, capsys):
    table = Table.read("good.csv")
    result = learn(table, "y", Settings((8,), epochs=3, lr=0.01))
    assert main(["predict", str(finished), "good.csv"]) == 0
    here = result.predict(table).to_csv(index=False, float_format="%.6g")
    assert capsys.readouterr().out == here
    assert isinstance(result.verdict.headline, str)
    result.report.save("page.html")
    assert "</html>" in Path("page.html").read_text(encoding="utf-8")
    assert all(f.level != "error" for f in Saved.load(finished).drift(table))


NEW = {
    "empty": ("", "is empty"),
    "header": ("a,b,c\n", "no rows"),
    "lacking a category": ("a,b\n1,2\n", "lacks 1 column that training had: 'c'"),
    "lacking numbers": ("c\nx\n", "lacks 2 columns that training had"),
}


@pytest.mark.parametrize("name", NEW)
def test_new_rows_that_cannot_be_predicted_are_one_line(name, finished, capsys):
    content, told = NEW[name]
    Path("new.csv").write_text(content)
    assert main(["predict", str(finished), "new.csv"]) == 2
    assert told in complaint(capsys)


def test_unseen_categories_and_extra_columns_are_warned_of(finished, capsys):
    Path("new.csv").write_text("a,b,c,more\n0.5,0.5,unseen,1\n0.1,0.2,x,2\n")
    assert main(["predict", str(finished), "new.csv"]) == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 3
    assert "unseen" in said.err
    assert "more" in said.err


@pytest.mark.parametrize(
    ("place", "value"),
    [(["preparation", "plans"], {}), (["preparation", "classes"], []), (["format"], "other"),
     (["recommended"], None), (["reference"], 3), (["preparation"], [])],
)  # fmt: skip
def test_a_damaged_record_is_one_line(place, value, finished, capsys):
    shutil.copytree(finished, "run")
    path = Path("run/prepared.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(record))
    for command in ("predict", "drift"):
        assert main([command, "run", "good.csv"]) == 2
        said = complaint(capsys)
        assert "learn again" in said
        assert "run" in said


@pytest.mark.parametrize("command", ["predict", "drift", "learn", "--help"])
def test_a_closed_output_is_one_line(command, finished):
    words = {
        "predict": f"predict {finished} good.csv",
        "drift": f"drift {finished} good.csv",
        "learn": "learn good.csv --target y --out run",
    }.get(command, command)
    line = f"{sys.executable} -m backlit {words} >&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == (
        "backlit: error: standard output is closed; send it to a file, or to /dev/null\n"
    )
    assert not Path("run").exists()


def test_warnings_do_not_come_among_predictions_where_standard_error_is_closed(finished):
    Path("new.csv").write_text("a,b,c\n1e9,0.5,unseen\n")
    line = f"{sys.executable} -m backlit predict {finished} new.csv 2>&-"
    done = subprocess.run(line, shell=True, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.startswith("predicted y,")
    assert done.stdout.count("\n") == 2


def test_a_file_whose_name_begins_with_a_dash(capsys):
    Path("good.csv").rename("-rf.csv")
    assert main(["learn", "-rf.csv", "--target", "y"]) == 2
    assert "write ./-rf.csv" in complaint(capsys)
    assert walk("./-rf.csv") == 0
    assert json.loads(Path("run/run.json").read_text())["command"].startswith(
        "backlit learn ./-rf.csv "
    )


def test_a_full_disk_and_a_full_output_are_one_line(finished):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "backlit", "drift", finished, "good.csv"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


SLOW = ["learn", "digits", "--hidden", "200,200", "--lr", "1e-4", "--epochs", "12", "--json"]


def started(out: str) -> subprocess.Popen[str]:
    """A training on its way, with a checkpoint written."""
    process = subprocess.Popen(
        [sys.executable, "-m", "backlit", *SLOW, "--out", out],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not Path(out, "checkpoint.safetensors").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    "name", ["sp ace.csv", "üñí.csv", "new\nline.csv", "...csv", "'$(id)'.csv"]
)
def test_hostile_file_names(name, capsys):
    Path("good.csv").rename(name)
    given = ["--target", "y", "--epochs", "1", "--hidden", "4", "--lr", "0.01", "--quiet"]
    assert main(["learn", name, *given]) == 0
    (run,) = Path("runs").iterdir()
    words = shlex.split(json.loads((run / "run.json").read_text())["command"])
    assert words[:3] == ["backlit", "learn", name]
    assert main(["predict", str(run), name]) == 0


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(capsys):
    process = started("killed")
    process.kill()
    process.communicate()
    assert main([*SLOW, "--out", "killed"]) == 2
    assert "--resume goes on with it" in complaint(capsys)
    assert main([*SLOW, "--out", "killed", "--resume", "--seed", "3"]) == 2
    assert "seed: 0 there, 3 here" in complaint(capsys)
    assert Path("killed/checkpoint.safetensors").exists()
    assert main([*SLOW, "--out", "killed", "--resume"]) == 0
    assert main([*SLOW, "--out", "whole"]) == 0
    for file in Path("whole").iterdir():
        assert file.read_bytes() == Path("killed", file.name).read_bytes(), file.name
    assert len(list(Path("whole").iterdir())) == len(list(Path("killed").iterdir()))


def test_a_folder_deleted_during_training_is_one_line():
    process = started("run")
    shutil.rmtree("run")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("backlit: error: ")
    assert "Traceback" not in said


def test_ctrl_c_keeps_the_best_weights_and_predicts(capsys):
    process = started("run")
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complained == ""
    assert isinstance(json.loads(said), dict)
    assert json.loads(Path("run/run.json").read_text())["finished"]
    assert not Path("run/checkpoint.safetensors").exists()
