"""docs/study.md and docs/watch.md print what they say: each block of output follows from the code
above it, and the commands answer as they do there.
"""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from backlit.learn.command import main

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "study.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def rounded(text: str) -> list[str]:
    """The words; differences of the size of rounding are another processor's own."""
    return re.sub(r"\de-\d\d", "tiny", text).split()


def test_the_guide_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for kind, text in FENCE.findall(GUIDE.read_text()):
        if kind == "python":
            assert not printed, "what this block printed is not shown"
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(text, space)
            printed = out.getvalue()
        elif kind == "text":
            assert rounded(text) == rounded(printed)
            printed = ""


def test_the_guides_commands_answer_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(
        "import backlit as bl\nw = bl.tensor(1.0, requires_grad=True)\nloss = w * w\n"
    )
    commands = 0
    for kind, text in FENCE.findall(GUIDE.read_text()):
        if kind == "console":
            command, *expected = text.splitlines()
            code = main(shlex.split(command.removeprefix("$ backlit")))
            commands += 1
            said = capsys.readouterr()
            assert code == (2 if expected else 0)
            assert said.err.splitlines() == expected
    assert commands == 3


def masked(line: str) -> str:
    """A line without its numbers, which are another processor's own."""
    return re.sub(r"[-\d.,e+]*\d[-\d.,e+]*", "#", line)


def test_the_guide_of_watch_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Word for word but for numbers, up to the line that says that more follows."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "__main__"}
    printed, compared = "", 0
    for kind, text in FENCE.findall((GUIDE.parent / "watch.md").read_text()):
        if kind == "python":
            Path("train.py").write_text(text)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, "train.py", "exec"), space)
            printed = out.getvalue()
        elif kind == "text":
            *shown, more = text.splitlines()
            assert more == "…"
            given = printed.splitlines()[: len(shown)]
            assert [masked(line).split() for line in given] == [
                masked(line).split() for line in shown
            ]
            compared += len(shown)
    assert compared == 12
