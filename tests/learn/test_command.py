"""The `backlit` command: bad input in one line with code 2, Ctrl-C with 130, closed pipes, quiet.
Most tests call main(); those about processes start one."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backlit.learn.command import main
from backlit.learn.rundir import read_record

FILES = {
    "report.html", "graph.svg", "backprop.html", "model.safetensors", "prepared.json",
    "predictions.csv", "history.csv", "findings.csv", "run.json",
}  # fmt: skip
SHORT = ("--hidden", "4", "--epochs", "2")
ENDLESS = ("--hidden", "4", "--epochs", "20000", "--lr", "0.000001")  # gains a little, for long


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["learn"], "learn from what? A CSV file and its --target, or one of the tables"),
        (["learn", "mons"], "unknown table 'mons'; did you mean 'moons'?"),
        (["learn", "\x1b[31mred\nline"], "unknown table '\\x1b[31mred\\nline'"),
        (["learn", "gone.csv"], "which column of gone.csv is to be predicted?"),
        (["learn", "gone.csv", "--target", "y"], "gone.csv"),
        (["learn", "moons", "--target", "clas"], "'class'"),
        (["learn", "moons", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        (["learn", "moons", "--limit", "gap"], "--limit is NAME=X"),
        (["learn", "moons", "--limit", "gapp=1"], "there is no limit 'gapp'"),
        (["learn", "moons", "--resume"], "there is no run in runs/moons to go on with"),
        (["predict", "runs/gone", "new.csv"], "runs/gone is no run of backlit's"),
        (["drift", "runs/gone", "new.csv"], "runs/gone is no run of backlit's"),
        (["learn", "moons", "--hidden", "a,b"], "--hidden: 'a' is not a whole number"),
        (["learn", "moons", "--hidden", ""], "--hidden: '' is not a whole number"),
        (["learn", "moons", "--hidden", "16,,16"], "--hidden: '' is not a whole number"),
        (["learn", "moons", "--hidden", "16,0"], "--hidden: '0' is not a whole number of 1"),
        (["learn", "moons", "--hidden", "1000000,1000000"], "choose smaller --hidden"),
        (["learn", "moons", "--epochs", "-1"], "--epochs: '-1' is not a whole number of 1"),
        (["learn", "moons", "--epochs", "0"], "--epochs: '0' is not a whole number of 1"),
        (["learn", "moons", "--epochs", "1.5"], "--epochs: '1.5' is not a whole number"),
        (["learn", "moons", "--lr", "0"], "--lr: '0' is not a number above 0"),
        (["learn", "moons", "--lr", "nan"], "--lr: 'nan' is not a number above 0"),
        (["learn", "moons", "--lr", "inf"], "--lr: 'inf' is not a number above 0"),
        (["learn", "moons", "--lr", "fast"], "--lr: 'fast' is not a number above 0"),
        (["learn", "moons", "--batch-size", "0"], "--batch-size: '0' is not a whole number"),
        (["learn", "moons", "--seed", "-1"], "--seed: '-1' is not a whole number from 0"),
        (["learn", "moons", "--seed", str(2**63)], "is not a whole number from 0 to 2**63 - 1"),
        (["learn", "moons", "--out", "file"], "file is a file, not a folder"),
        (["learn", "moons", "--out", "file/below"], "cannot write file/below"),
        (["learn", "moons", "--out", "/proc/backlit"], "cannot write /proc/backlit"),
        (["learn", "moons", "circles"], "unrecognized arguments: circles"),
        (["learn", "moons", "--depth", "3"], "unrecognized arguments: --depth 3"),
        (["learn", "moons", "--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (["teach"], "invalid choice: 'teach'"),
        (["doctor", "now"], "unrecognized arguments: now"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, arguments, message):
    Path("file").write_text("")
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("backlit: error: ")
    assert error.count("\n") == 1
    assert message in error
    assert error.rstrip("\n").isprintable()
    assert os.listdir() == ["file"]


def test_a_run_and_its_files(capsys):
    assert main(["learn", "moons", *SHORT, "--seed", "1"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    for number in range(1, 10):
        assert len(re.findall(f"^ {number}  [A-Z]", out, re.M)) == 1
    assert len(re.findall("^Test ", out, re.M)) == 1
    assert "600 training · 200 validation · 200 test" in out
    assert "ln 2 = 0.6931" in out
    assert re.search("^Wrote +runs/moons/: report.html", out, re.M)
    assert set(os.listdir("runs/moons")) == FILES
    record = json.loads(Path("runs/moons/run.json").read_text())
    assert record["finished"] is True
    assert record["settings"]["seed"] == 1
    assert record["settings"]["hidden"] == [4]
    assert record["test_looks"]["count"] == 1


def test_the_weights_can_be_loaded_again():
    from backlit import nn
    from backlit.learn.models.networks import load_network

    main(["learn", "moons", *SHORT, "--quiet"])
    model = nn.MLP([2, 4, 2])
    nn.load("runs/moons/model.safetensors", model)
    again, task, _ = load_network("runs/moons/model.safetensors")
    for name, value in again.state_dict().items():
        assert (value.numpy() == model.state_dict()[name].numpy()).all()
    assert task.outputs == 2


def test_an_existing_run_is_refused_unless_overwrite(capsys):
    assert main(["learn", "xor", *SHORT, "--quiet"]) == 0
    before = {file.name: file.read_bytes() for file in Path("runs/xor").iterdir()}
    assert main(["learn", "xor", *SHORT]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert Path("runs/xor/run.json").read_bytes() == before["run.json"]
    assert main(["learn", "xor", *SHORT, "--overwrite", "--quiet"]) == 0
    after = {file.name: file.read_bytes() for file in Path("runs/xor").iterdir()}
    same = {name for name in FILES if after[name] == before[name]}
    assert same == FILES - {"run.json", "report.html"}, "same seed, same bytes"
    looks = json.loads(after["run.json"])["test_looks"]
    assert looks["count"] == 2, "the same rows have been looked at twice"
    assert "looked at twice" in after["report.html"].decode()
    assert main(["learn", "xor", *SHORT, "--out", "elsewhere", "--quiet"]) == 0
    anew = {file.name: file.read_bytes() for file in Path("elsewhere").iterdir()}
    assert anew == before, "same seed, same bytes"


def test_quiet_prints_the_result_only(capsys):
    main(["learn", "moons", *SHORT, "--quiet"])
    out = capsys.readouterr().out
    assert re.findall(r"^\w+", out, re.M) == ["Verdict", "Test"]


def test_off_a_terminal_at_most_ten_progress_lines_without_escape_codes(capsys):
    main(["learn", "iris", "--epochs", "37", "--lr", "0.001"])
    out = capsys.readouterr().out
    lines = re.findall("^Training.*", out, re.M)
    assert 5 <= len(lines) <= 11
    assert "37/37" in lines[-1]
    assert "\x1b" not in out
    assert "\r" not in out


def test_divergence_is_code_1_with_a_report(capsys):
    assert main(["learn", "diabetes", "--lr", "1e18", "--epochs", "50"]) == 1
    assert "infinite or NaN in" in capsys.readouterr().err
    assert "Stopped: the loss became" in Path("runs/diabetes/report.html").read_text()


def test_without_a_command_the_help(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "learn" in out
    assert "doctor" in out


@pytest.mark.parametrize("arguments", [["--help"], ["learn", "--help"], ["doctor", "--help"]])
def test_help(capsys, arguments):
    assert main(arguments) == 0
    assert "exit codes" in capsys.readouterr().out


def test_help_names_every_dataset(capsys):
    from backlit.learn import BUILTIN

    main(["learn", "--help"])
    out = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", out) for name in BUILTIN)


def test_version_imports_neither_numpy_nor_numba_by_itself():
    code = (
        "import sys, types; "
        "package = types.ModuleType('backlit'); "
        f"package.__path__ = [{str(Path(sys.modules['backlit'].__file__ or '').parent)!r}]; "
        "sys.modules['backlit'] = package; "
        "from backlit.learn.command import main; "
        "assert main(['--version']) == 0; "
        "heavy = {'numpy', 'numba', 'scipy', 'sklearn', 'rich'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"backlit \d+\.\d+\S*\n", done.stdout)


def test_python_m_backlit_is_the_command(backlit):
    out, error = backlit("learn", "nowhere").communicate(timeout=60)
    assert out == ""
    assert error.startswith("backlit: error: unknown table 'nowhere'")
    assert "Traceback" not in error


def test_an_ascii_terminal_is_no_reason_to_fail(backlit):
    process = backlit("learn", "diabetes", *SHORT, PYTHONIOENCODING="ascii")
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert out.isascii()


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Send Ctrl-C when the first progress line has come, and wait for the end."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Training"):
            break
    process.send_signal(signal.SIGINT)
    rest, error = process.communicate(timeout=60)
    return "".join(lines) + rest, error


def test_ctrl_c_keeps_the_best_weights_and_exits_with_130(backlit):
    process = backlit("learn", "moons", *ENDLESS)
    out, error = interrupted(process)
    assert process.returncode == 130
    assert error == ""
    assert re.search(r"stopped in epoch \d+ of 20000", out)
    assert re.search(r"^Test +accuracy 0\.\d+", out, re.M)
    assert set(os.listdir("runs/moons")) == FILES
    record = read_record(Path("runs/moons"))
    assert record is not None
    assert record["finished"] is True
    assert record["training"]["status"] == "interrupted"
    report = Path("runs/moons/report.html").read_text()
    assert "Interrupted: stopped in epoch" in report


def test_ctrl_c_before_training_leaves_nothing(monkeypatch, capsys):
    from backlit.learn import walk

    def pressed(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(walk, "learn", pressed)
    assert main(["learn", "moons", *SHORT]) == 130
    assert capsys.readouterr().err == "backlit: interrupted\n"
    assert os.listdir() == []


def test_a_killed_run_is_marked_unfinished(backlit):
    process = backlit("learn", "moons", *ENDLESS)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Training"):
        pass
    process.kill()
    process.communicate(timeout=60)
    record = read_record(Path("runs/moons"))
    assert record is not None
    assert record["finished"] is False
    assert main(["learn", "moons", *SHORT, "--quiet"]) == 2
    assert main(["learn", "moons", *SHORT, "--quiet", "--overwrite"]) == 0
    assert set(os.listdir("runs/moons")) == FILES


def test_a_closed_pipe_ends_the_run_without_a_traceback(backlit):
    process = backlit("learn", "moons", *ENDLESS)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as error:
        assert error.read() == ""
    assert process.wait(timeout=60) == 141
    assert not Path("runs").exists()


def on_a_terminal(arguments: list[str], **environment: str) -> str:
    """What the command writes to a terminal of 100 columns."""
    controller, terminal = pty.openpty()
    settings = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    settings |= {"TERM": "xterm-256color", "COLUMNS": "100", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "backlit", *arguments],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env=settings,
    )
    os.close(terminal)
    out, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([controller], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(controller, 65536)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not piece:
            break
        out += piece
    os.close(controller)
    assert process.wait(timeout=60) == 0
    return out.decode()


COLOUR = re.compile(r"\x1b\[[\d;]*(3\d|4\d|9\d)[\d;]*m")


def test_a_bar_with_loss_and_accuracy_on_a_terminal():
    pytest.importorskip("rich")
    out = on_a_terminal(["learn", "moons", *SHORT])
    assert "2/2" in out
    numbers = r"loss \d\.\d+, validation \d\.\d+; accuracy \d\.\d+, validation \d\.\d+"
    assert re.search(numbers, out)
    assert COLOUR.search(out)
    assert "epoch 1/2" not in out


def test_no_color():
    out = on_a_terminal(["learn", "moons", *SHORT], NO_COLOR="1")
    assert "2/2" in out
    assert not COLOUR.search(out)


def test_a_dumb_terminal_gets_lines():
    out = on_a_terminal(["learn", "moons", *SHORT], TERM="dumb")
    assert "epoch 2/2" in out
    assert "\x1b" not in out
