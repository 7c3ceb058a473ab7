"""What a walk says in the terminal: a short section for each step, findings with sign and colour,
a bar while it trains, the verdict. Off a terminal there are neither colours nor bars.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ...study.findings import Finding
from ...study.text import clean
from ..errors import UsageError
from .heading import Line, network, reason, recommendation
from .words import (
    SYMBOLS,
    advice,
    against_baseline,
    counted,
    judged_by,
    metric_name,
    plain_interval,
    scored,
    shown_interval,
    sign_of,
    times,
    unseen_words,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ..models.loop import Epoch
    from ..result import Result, Step

LINES = 10  # at most that many progress lines off a terminal
WIDEST, NARROWEST = 100, 40
COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "green"}
ASCII = {
    "✗": "x", "✓": "+", "−": "-", "–": "-", "…": "...", "·": ".", "²": "2", "×": "x", "±": "+-",
}  # fmt: skip
"""What is written where a stream's encoding lacks the sign."""


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody watches who can be shown a line that changes."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Terminal:
    """Speaks to a stream.

    `quiet` leaves the verdict and the test score alone standing; `explain` adds to each step why it
    is done and the idea behind it, and to each finding what it was judged by.

    >>> Terminal().say("Wrote", "runs/moons")
    Wrote      runs/moons
    """

    def __init__(
        self, stream: TextIO | None = None, quiet: bool = False, explain: bool = False
    ) -> None:
        """Speak to standard output unless told otherwise."""
        self.stream = sys.stdout if stream is None else stream
        self.quiet, self.explain = quiet, explain
        self.shown = 0

    def console(self) -> Console:
        """rich's console for this stream, as wide as the terminal is now."""
        try:
            from rich.console import Console
        except ImportError:
            raise UsageError(
                "the walk speaks through rich, which is not installed: pip install backlit[learn]"
            ) from None
        watched = is_terminal(self.stream)
        columns = shutil.get_terminal_size((WIDEST, 24)).columns

        class Plain(Console):
            """A console that leaves a reader who has gone to who runs the command."""

            def on_broken_pipe(self) -> None:
                raise  # rich would leave with code 1

        return Plain(
            file=_Forgiving(self.stream),  # pyright: ignore[reportArgumentType]
            force_terminal=watched,
            no_color=bool(os.environ.get("NO_COLOR")),
            width=max(NARROWEST, min(WIDEST, columns)),
            highlight=False,
            markup=False,
            emoji=False,
            force_jupyter=False,
            legacy_windows=False,
        )

    def say(self, name: str, text: str) -> None:
        """A short name, then words, folded to the width of the terminal."""
        self._row(self.console(), clean(name), text, 0, 11)

    def step(self, step: Step) -> None:
        """A finished step: its number and title, what was found and done, the findings."""
        if self.quiet:
            return
        console = self.console()
        if self.shown:
            console.print()
        self.shown += 1
        console.print(self._text((f"{step.number:>2}  ", "bold blue"), (clean(step.title), "bold")))
        if self.explain:
            for part in filter(str.strip, step.more.split("\n\n")):
                self._row(console, "", part.strip(), label=0, style="italic")
        told = {f.sentence for f in step.findings if f.level != "note" or self.explain}
        self._rows(console, "Found", [each for each in step.found if each not in told])
        self._rows(console, "Did", step.did)
        if self.explain and step.why:
            self._row(console, "Why", step.why)
        once = [f for f in step.findings if f.sentence in told or f.sentence not in step.found]
        self.findings(once, indent=4)

    def findings(self, findings: Sequence[Finding], indent: int = 0) -> None:
        """Findings, the worst first."""
        console, order = self.console(), list(SYMBOLS)
        for finding in sorted(findings, key=lambda each: order.index(each.level)):
            self._finding(console, finding, indent)

    def _finding(self, console: Console, finding: Finding, indent: int) -> None:
        """A sign, the sentence; what to try where it is no note; all of it under --explain."""
        colour = COLOURS[finding.level]
        urgent = finding.level != "note"
        words = f"{finding.level}: {finding.sentence}" if urgent else finding.sentence
        style = colour if finding.level == "error" else ""
        self._row(console, sign_of(finding), words, indent, 2, colour, style)
        if (found := advice(finding)) and (urgent or self.explain):
            self._row(console, "", f"Try: {found}", indent, 2)
        if self.explain and (by := judged_by(finding)):
            self._row(console, "", "; ".join(by), indent, 2, style="dim")

    @contextmanager
    def progress(self, epochs: int, score_name: str = "") -> Iterator[Callable[[Epoch], None]]:
        """A function to call after each epoch: moves a bar, or prints a line now and then."""
        if self.quiet:
            yield lambda epoch: None
        elif is_terminal(self.stream):
            from .bar import progress_bar

            with progress_bar(self.console(), epochs, score_name) as advance:
                yield advance
        else:
            yield self._lines(epochs, score_name)

    def _lines(self, epochs: int, score_name: str) -> Callable[[Epoch], None]:
        from .bar import numbers

        every = -(-epochs // (LINES - 1)) or 1
        console = self.console()
        if self.shown:
            console.print()

        def line(epoch: Epoch) -> None:
            number = epoch.epoch
            if number == 1 or number == epochs or (number and number % every == 0):
                place = f"epoch {number:>{len(str(epochs))}}/{epochs}"
                words = f"{place}  {numbers(epoch, score_name)}"
                self._row(console, "Training", words, 0, 11)

        return line

    def verdict(self, result: Result) -> None:
        """The last word: which model to use, its test score, how the network did, what to do."""
        console, exam = self.console(), result.exam
        if not self.quiet:
            console.print()
        self._line(console, "Verdict", recommendation(result), "bold")
        ends = shown_interval(result, plain_interval(result, exam.interval))
        self._row(
            console, "Test",
            f"{metric_name(result)} {scored(result, exam.score)} on {len(exam.rows):,} rows, 95 % "
            f"interval {ends}; baseline {scored(result, exam.baseline_score)}: "
            f"{against_baseline(result)}",
            0, 11, "bold",
        )  # fmt: skip
        if self.quiet:
            return
        if honest := unseen_words(result):
            self._row(console, "", honest, 0, 11)
        if exam.looks > 1:
            self._row(
                console,
                "Mind",
                f"the test part was looked at {times(exam.looks)} by now; each look makes its "
                "score a little less honest",
                0,
                11,
            )
        if why := reason(result):
            self._row(console, "Why", why, 0, 11)
        if line := network(result):
            self._line(console, "Network", line)
        self._row(console, "Checks", counted(result.findings), 0, 11)
        for k, sentence in enumerate(result.verdict.next):
            self._row(console, "" if k else "Next", sentence, 0, 11)

    def _line(self, console: Console, name: str, line: Line, name_style: str = "") -> None:
        words = f"{SYMBOLS[line.level]} {clean(line.text)}"
        self._row(console, name, words, 0, 11, name_style, COLOURS[line.level])

    def wrote(self, path: Path | str, files: Iterable[str]) -> None:
        """Which files lie where now."""
        if not self.quiet:
            folder = str(path).rstrip("/\\")
            self.say("Wrote", f"{folder}{os.sep}: {', '.join(files)}")

    def first_run(self) -> None:
        """Why it takes longer this time: there are no compiled kernels yet."""
        from ...engine.kernels import cache

        if self.quiet or any(cache.directory().rglob("*.nbc")):
            return
        if cache.is_kept():
            self.say("First run", "compiling kernels for this machine; later runs start at once")
        else:
            self.say("Kernels", "compiled anew in every run: `backlit doctor` says why")

    def _rows(self, console: Console, name: str, sentences: Sequence[str]) -> None:
        for k, sentence in enumerate(sentences):
            self._row(console, "" if k else name, sentence)

    def _row(
        self, console: Console, name: str, text: str, indent: int = 4, label: int = 7,
        name_style: str = "dim", style: str = "",
    ) -> None:  # fmt: skip
        """A label, and a sentence folded beside it."""
        room = max(20, console.width - indent - label)
        lines = self._text((clean(text), style)).wrap(console, room, no_wrap=False)
        for k, folded in enumerate(lines):
            lead = f"{name:<{label}}" if not k else " " * label
            folded.rstrip()
            line = self._text((" " * indent, ""), (lead, name_style if name else ""))
            line.append_text(folded)
            line.rstrip()
            console.print(line, soft_wrap=True)

    @staticmethod
    def _text(*pieces: tuple[str, str]) -> Any:
        from rich.text import Text

        return Text.assemble(*pieces)


class _Forgiving:
    """A stream that writes what its encoding lacks as something near, and never fails over it."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this one."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            for sign, near in ASCII.items():
                text = text.replace(sign, near)
            text = text.encode(encoding, "replace").decode(encoding)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
