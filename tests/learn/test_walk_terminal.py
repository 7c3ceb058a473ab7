"""What a walk says in the terminal: in colour on one, plain off it, in the width there is, and
nothing from a name that could move the cursor.
"""

import io
import os
import pty
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len

from backlit.learn.report.terminal import Terminal

from .disguises import disguised
from .samples import sample
from .test_walk_report import HOSTILE

ESCAPE = "\x1b"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def told(result: Any, stream: Any = None, **how: bool) -> str:
    """All that is said of a result."""
    stream = io.StringIO() if stream is None else stream
    terminal = Terminal(stream, **how)
    for step in result.steps:
        terminal.step(step)
    terminal.verdict(result)
    terminal.wrote("runs/sample/", ["report.html", "result.json"])
    return stream.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_steps_in_order_with_found_did_and_findings():
    result = sample("digits")
    text = flat(told(result))
    places = [text.index(f"{step.number} {step.title}") for step in result.steps]
    assert places == sorted(places)
    for step in result.steps:
        for sentence in (*step.found, *step.did, *(f.sentence for f in step.findings)):
            assert sentence in text
    assert "✗ error: 'pixel 0,0' alone" in text
    assert "Try: Leave it out, or say when it is known." in text
    assert "! warning: layer 0" in text
    assert "✓ No duplicate was found." in text


def test_the_verdict_with_the_score_its_interval_and_the_baseline():
    result = sample("digits")
    exam = result.exam
    text = flat(told(result))
    assert result.verdict.headline in text
    assert (f"accuracy {exam.score:.3f} on {len(exam.rows)} rows, 95 % interval "
    f"{exam.interval[0]:.3f} to "
            f"{exam.interval[1]:.3f}; baseline {exam.baseline_score:.3f}: the whole interval lies "
            "above the baseline") in text  # fmt: skip
    assert f"Verdict ✗ Do not use the {result.verdict.recommended.name} (C = 1" in text
    assert f"Network ✓ {result.verdict.headline}" in text
    assert "Checks 1 error, 1 warning, 7 notes" in text
    assert f"Next {result.verdict.next[0]}" in text
    assert "Wrote runs/sample/: report.html, result.json" in text


def test_looks_at_the_test_part_are_counted():
    result = sample("moons")
    assert "by now" not in flat(told(result))
    again = replace(result, exam=replace(result.exam, looks=3))
    assert "looked at 3 times by now" in flat(told(again))


def test_explain_says_why_and_by_what_it_was_judged():
    result = sample("digits")
    short, long = flat(told(result)), flat(told(result, explain=True))
    step = result.steps[1]
    for more in (step.why, "A model is only worth what it adds.", "limit 0.999",
                 "(measured on handwritten digits)"):  # fmt: skip
        assert more in long
        assert more not in short


@pytest.mark.parametrize("explain", [False, True])
def test_what_is_found_and_judged_is_said_once(explain):
    """An exploration tells its claims as what was found, and judges them too."""
    step = sample("moons").steps[1]
    note, warning = (
        replace(step.findings[0], level=level, sentence=f"this is a {level}", advice="")
        for level in ("note", "warning")
    )
    found = (note.sentence, warning.sentence, "and this is not judged")
    twice = replace(step, found=found, findings=(note, warning))
    stream = io.StringIO()
    Terminal(stream, explain=explain).step(twice)
    text = flat(stream.getvalue())
    assert [text.count(sentence) for sentence in found] == [1, 1, 1]
    assert "! warning: this is a warning" in text
    assert ("✓ this is a note" in text) == explain


def test_quiet_says_the_verdict_and_the_score_alone():
    result = sample("digits")
    lines = told(result, quiet=True).splitlines()
    assert lines[0].startswith("Verdict")
    assert lines[1].startswith("Test")
    assert len(lines) <= 3


def test_no_colour_off_a_terminal():
    assert ESCAPE not in told(sample("digits"))


def test_colours_on_a_terminal_unless_they_are_not_wanted(monkeypatch):
    assert f"{ESCAPE}[1;31m" in told(sample("digits"), Screen())
    monkeypatch.setenv("NO_COLOR", "1")
    bare = told(sample("digits"), Screen())
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", bare) is None
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert ESCAPE not in told(sample("digits"), Screen())


@pytest.mark.parametrize("columns", [40, 57, 80, 100, 300])
def test_lines_keep_to_the_width(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for line in told(sample("digits"), explain=True).splitlines():
        assert cell_len(line) <= min(columns, 100)
        assert line == line.rstrip()


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_hostile_names_move_nothing(stream):
    text = told(disguised("digits", HOSTILE), stream(), explain=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert not set("\x00\x1b\u202e\ud800\r\t") & set(plain)
    assert "[31m" in plain  # the rest of a name that held an escape, as text
    assert HOSTILE[0] in plain
    text.encode()


def test_markup_in_a_name_is_text():
    step = replace(sample("moons").steps[0], title="[bold red]x[/] :smile:")
    assert "[bold red]x[/] :smile:" in told(replace(sample("moons"), steps=(step,)))


def test_a_stream_that_knows_ascii_alone():
    raw = io.BytesIO()
    told_to = io.TextIOWrapper(raw, encoding="ascii")
    terminal = Terminal(told_to)
    terminal.step(sample("digits").steps[1])
    terminal.say("Mind", "漢字 − ² ✓")
    told_to.flush()
    text = raw.getvalue().decode("ascii")
    assert "x error: 'pixel 0,0'" in text
    assert "Mind       ?? - 2 +" in text


def epochs(many: int) -> list[Any]:
    same = {"validation_loss": 0.5, "train_score": 0.9, "validation_score": 0.8}
    return [SimpleNamespace(epoch=k, train_loss=1 / (1 + k), **same) for k in range(many + 1)]


@pytest.mark.parametrize("many", [1, 3, 10, 97, 1000])
def test_some_lines_of_progress_off_a_terminal(many):
    stream = io.StringIO()
    with Terminal(stream).progress(many, "accuracy") as advance:
        for epoch in epochs(many):
            advance(epoch)
    lines = stream.getvalue().splitlines()
    assert 1 <= len(lines) <= 11
    assert f"epoch {many}/{many}" in lines[-1]
    assert "accuracy 0.900, validation 0.800" in lines[-1]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_bar_on_a_terminal_and_nothing_left_of_it(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Screen()
    with Terminal(stream).progress(5, "[accuracy]") as advance:
        for epoch in epochs(5):
            advance(epoch)
    text = stream.getvalue()
    assert "5/5" in text
    assert f"{ESCAPE}[?25h" in text  # the cursor is shown again
    assert text.endswith(f"{ESCAPE}[2K") or text.rstrip().endswith(("K", "h"))


def test_the_cursor_comes_back_after_ctrl_c():
    stream = Screen()
    with pytest.raises(KeyboardInterrupt), Terminal(stream).progress(5, "accuracy"):
        raise KeyboardInterrupt
    assert f"{ESCAPE}[?25h" in stream.getvalue()


def test_findings_alone_the_worst_first():
    stream = io.StringIO()
    every = [finding for step in sample("digits").steps for finding in step.findings]
    Terminal(stream).findings(every)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("✗ error: ")
    assert lines[2].startswith("! warning: ")
    assert len([line for line in lines if line[0] != " "]) == len(every)


def test_quiet_has_no_progress():
    stream = io.StringIO()
    with Terminal(stream, quiet=True).progress(5, "accuracy") as advance:
        advance(epochs(5)[-1])
    Terminal(stream, quiet=True).wrote("runs", ["x"])
    Terminal(stream, quiet=True).first_run()
    assert stream.getvalue() == ""


def test_a_real_terminal():
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        Terminal(stream).step(sample("digits").steps[1])
        stream.flush()
        seen = b""
        while b"alone tells the target" not in seen:  # what a terminal gives comes in pieces
            seen += os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b[1;31m" in seen


def test_the_first_run_says_why_it_takes_longer(monkeypatch, tmp_path):
    from backlit.engine.kernels import cache

    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    stream = io.StringIO()
    Terminal(stream).first_run()
    assert stream.getvalue().startswith(("First run", "Kernels"))
