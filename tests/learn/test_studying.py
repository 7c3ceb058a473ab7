"""`backlit draw` and `backlit walk`: expressions and scripts become figures; bad input is one line
with code 2, whatever the script did.
"""

import os
import re
import sys
from pathlib import Path

import pytest

import backlit as bl
from backlit import study
from backlit.learn.command import main

SCRIPT = """\
import sys
import backlit as bl
import helper

x = bl.tensor([[1.0, 2.0]], name="x")
w = bl.tensor([[0.5, -1.0]], requires_grad=True)
loss = bl.linear(x, w).tanh().sum() * helper.SCALE
number = 3
if __name__ == "__main__":
    print("ran", sys.argv)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script beside a module of its own, in a folder that is not the caller's."""
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "helper.py").write_text("SCALE = 2.0\n")
    (folder / "model.py").write_text(SCRIPT)
    sys.modules.pop("helper", None)
    return folder / "model.py"


def fails(capsys, *arguments: str) -> str:
    """The one line of a command that ends with code 2."""
    assert main([*arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("backlit: error: ")
    assert error.count("\n") == 1
    assert error.rstrip("\n").isprintable()
    return error


def test_an_expression_becomes_a_figure_and_a_listing(capsys):
    assert main(["draw", "tanh(w*x + b)", "--at", "w=0.5,x=2,b=-1.5"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert out.startswith("L = tanh(n4) = −0.4621\n")
    assert "→ w  ∂/∂w = x  2 × 0.7864 = 1.573" in out
    assert "\nWrote graph.svg" in out
    assert Path("graph.svg").read_text().startswith("<svg ")


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.dot", "a.json", "a.txt"])
def test_out_says_what_is_written(capsys, name):
    assert main(["draw", "(-x)**2", "--at", "x=-3", "--out", name]) == 0
    assert Path(name).stat().st_size > 100
    assert f"Wrote {name}" in capsys.readouterr().out


def test_a_tensor_of_a_script(capsys, script):
    before = sys.argv, list(sys.path)
    assert main(["draw", f"{script}:loss", "--out", "loss.svg"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert out.startswith(f"ran ['{script}']\nL = loss = n4 · 2")
    assert re.search(r"n2 +linear\(x, w\)", out)
    assert Path("loss.svg").exists()
    assert (sys.argv, sys.path) == before


def test_the_page_where_there_is_one(capsys, monkeypatch, script):
    """With the stepping page, `draw` writes it beside the figure, and `walk` alone."""

    class Page:
        def __init__(self, loss, names=None):
            assert loss.size == 1

        def save(self, path):
            Path(path).write_text("page")

    monkeypatch.setattr(study, "walk", Page, raising=False)
    assert main(["draw", "x*2", "--at", "x=1", "--out", "one.svg"]) == 0
    assert "Wrote one.svg and one-backprop.html" in capsys.readouterr().out
    assert Path("one-backprop.html").read_text() == "page"
    assert main(["walk", f"{script}:loss"]) == 0
    assert "Wrote backprop.html" in capsys.readouterr().out
    assert main(["walk", "x*2", "--at", "x=1", "--out", "two.html"]) == 0
    assert Path("two.html").exists()
    assert "does not end in .html" in fails(capsys, "walk", "x*2", "--at", "x=1", "--out", "a.svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw"], "the following arguments are required: WHAT"),
        (["draw", ""], "the expression is empty"),
        (["draw", "x^2"], r"column 2: '^' is not in the language; a power is **"),
        (["draw", "x*y", "--at", "x=1"], "column 3: 'y' has no value; give one, as y=0.5"),
        (["draw", "x*2"], "column 1: 'x' has no value"),
        (["draw", "x*2", "--at", "x=1,z=2"], "'z' is not in the expression"),
        (["draw", "x*2", "--at", "x"], "--at: 'x' is not of the form w=0.5"),
        (["draw", "x*2", "--at", "x=1,,"], "--at: '' is not of the form"),
        (["draw", "x*2", "--at", "x=1,x=2"], "--at: x has two numbers"),
        (["draw", "x*2", "--at", "x=one"], "--at: 'one', given to x, is not a number"),
        (["draw", "x*2", "--at", "x=nan"], "--at: 'nan', given to x, is not a number"),
        (["draw", "x*2", "--at", "x=1e999"], "'x' is given inf"),
        (["draw", "x*2", "--at", "x=\x1b[31m"], "is not a number"),
        (["draw", "x", "--at", "x=1"], "nothing is computed in 'x'"),
        (["draw", "x*2", "--at", "x=1", "--out", "a.pdf"], "the suffix says what to write"),
        (["draw", "x*2", "--at", "x=1", "--out", "no/a.svg"], "cannot write no/a.svg"),
        (["draw", "x*2", "--at", "x=1", "--out", "."], ". is a folder; name a file in it"),
        (["walk", "x*2", "--at", "x=1", "--out", ".."], "does not end in .html"),
        (["draw", "x*2", "--at", "x=1", "--out", "/proc/a.svg"], "cannot write /proc/a.svg"),
        (["draw", "__import__('os')"], "column 12"),
        (["draw", "model.py"], "say which tensor of which script, as model.py:loss"),
        (["draw", "model.py:"], "say which tensor of which script"),
        (["draw", "model.py:a b"], "say which tensor of which script"),
        (["draw", "model:loss"], "say which tensor of which script"),
        (["draw", "none.py:loss"], "there is no script none.py"),
        (["draw", "a\nb\x1b.py:loss"], "there is no script"),
        (["walk", "none.py:loss"], "there is no script none.py"),
        (["draw", "none.py:loss", "--at", "x=1"], "--at: only an expression has names"),
        (["draw", "x*2", "--theme", "dark"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, arguments, message):
    assert message in fails(capsys, *arguments)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("loss = 3", "loss in bad.py is no tensor but int; it has no tensors"),
        ("import backlit as bl\nlos = bl.tensor(1.0)", "did you mean los?; its tensors: los"),
        ("x = 1\nraise ValueError('two\\nlines')", "bad.py:2: ValueError: two lines"),
        ("def f():\n    1 / 0\n\n\nf()", "bad.py:2: ZeroDivisionError: division by zero"),
        ("x = = 1", "bad.py:1: SyntaxError"),
        ("\x00", "bad.py"),
        ("import nothing_like_this", "bad.py:1: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "bad.py left by sys.exit(3)"),
        ("def f():\n    f()\nf()", "RecursionError"),
        ("import backlit as bl\nloss = bl.tensor(1.0)", "no graph leads to this tensor"),
        ("import backlit as bl\nloss = bl.tensor([1.0, 2.0], requires_grad=True) * 2",
         "backward starts from one number"),
    ],
)  # fmt: skip
def test_errors_of_a_script_are_one_line(capsys, lines, message):
    Path("bad.py").write_text(lines)
    assert message in fails(capsys, "draw", "bad.py:loss")
    assert os.listdir() == ["bad.py"]


STOPS = """\
import backlit as bl

w = bl.tensor([[1.0], [2.0]], requires_grad=True)


def model(x):
    hidden = x @ w
    return STOP


loss = model(bl.tensor([[1.0, 2.0], [3.0, 4.0]])).sum()
"""


def test_an_error_shows_what_was_computed_until_then(capsys):
    """An error of the script's own: the last result is still held by the function that stopped."""
    Path("bad.py").write_text(STOPS.replace("STOP", "1 / 0"))
    assert main(["draw", "bad.py:loss"]) == 2
    out, error = capsys.readouterr()
    assert error == "backlit: error: bad.py:8: ZeroDivisionError: division by zero\n"
    assert out.startswith("computed before the error:\n")
    assert re.search(r"hidden +matmul\(x, w\)", out)
    assert out.count("\n") == 4
    assert os.listdir() == ["bad.py"]


def test_an_op_that_fails_is_shown_with_what_led_to_it(capsys):
    Path("bad.py").write_text(STOPS.replace("STOP", "hidden @ w"))
    assert main(["draw", "bad.py:loss"]) == 2
    out, error = capsys.readouterr()
    assert error.startswith("backlit: error: bad.py:8: ShapeError: matmul: (2, 1) float32 and")
    assert re.search(r"hidden +matmul\(x, w\)", out)


def test_a_figure_of_the_error_is_written_where_there_is_one(capsys, monkeypatch):
    class Partial:
        def __init__(self, error, names=None):
            assert isinstance(error, bl.ShapeError)

        def text(self):
            return "as far as it got\n"

        def save(self, path):
            Path(path).write_text("figure")

    monkeypatch.setattr(study, "draw", Partial)
    Path("bad.py").write_text(STOPS.replace("STOP", "hidden @ w"))
    assert main(["draw", "bad.py:loss", "--out", "part.svg"]) == 2
    assert "Wrote part.svg, as far as it got" in capsys.readouterr().out
    assert Path("part.svg").read_text() == "figure"
    assert main(["walk", "bad.py:loss"]) == 2
    assert sorted(os.listdir()) == ["backprop.html", "bad.py", "part.svg"]


def test_walk_writes_a_page_of_a_script_that_fails(capsys):
    Path("m.py").write_text(
        "import backlit as bl\nx = bl.tensor([1.0, 2.0], requires_grad=True, name='x')\n"
        "loss = (x * 2.0) @ bl.zeros((3, 4))\n"
    )
    assert main(["walk", "m.py:loss", "--out", "failed.html"]) == 2
    out, error = capsys.readouterr()
    assert "Wrote failed.html, as far as it got" in out
    assert error.startswith("backlit: error: m.py:3: ShapeError: matmul")
    page = Path("failed.html").read_text()
    assert "matmul failed" in page
    assert "<b>3  loss = (x * 2.0) @ bl.zeros((3, 4))\n</b>" in page


def test_a_script_that_leaves_in_peace_is_drawn(capsys):
    Path("good.py").write_text(
        "import sys\nimport backlit as bl\n"
        "x = bl.tensor(2.0, requires_grad=True)\nloss = x * x\nsys.exit()\n"
    )
    assert main(["draw", "good.py:loss"]) == 0
    assert "L = loss = x · x = 4" in capsys.readouterr().out


def test_a_freed_graph_is_drawn_with_a_remark(capsys):
    Path("freed.py").write_text(
        "import backlit as bl\nx = bl.tensor(2.0, requires_grad=True)\n"
        "loss = x * x\nloss.backward()\n"
    )
    assert main(["draw", "freed.py:loss"]) == 0
    assert "backward() freed this graph" in capsys.readouterr().out


def test_help_names_the_language(capsys):
    assert main(["draw", "--help"]) == 0
    out = capsys.readouterr().out
    assert "model.py:loss" in out
    assert "tanh" in out
    assert main(["walk", "--help"]) == 0


def test_ctrl_c_in_a_script_is_130(capsys):
    Path("slow.py").write_text("raise KeyboardInterrupt\n")
    assert main(["draw", "slow.py:loss"]) == 130
    assert capsys.readouterr().err == "backlit: interrupted\n"


def test_as_a_process(backlit):
    process = backlit("draw", "w*x", "--at", "w=1,x=2")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "Wrote graph.svg" in out
