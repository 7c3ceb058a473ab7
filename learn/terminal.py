"""What a run says in the terminal: a few lines of plain words, and a bar while it trains.
Off a terminal, or without rich, the bar gives way to ten lines; NO_COLOR is respected."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import numpy as np

from .bar import rich_bar
from .experiment import Outcome, Prepared
from .loop import Epoch
from .metrics import rmse
from .verdict import gap_words, interval_words, untrained_words

LINES = 10  # at most that many progress lines off a terminal


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody watches who can be shown a line that changes."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Terminal:
    """Speaks to a stream; `quiet` leaves the result alone standing."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        """Speak to standard output unless told otherwise."""
        self.stream = sys.stdout if stream is None else stream
        self.quiet = quiet

    def say(self, name: str, text: str) -> None:
        """A short name, then words, folded to the width of the terminal."""
        width = min(100, shutil.get_terminal_size((100, 24)).columns)
        lines = textwrap.fill(
            text,
            width,
            initial_indent=f"{name:<11}",
            subsequent_indent=" " * 11,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(lines, file=self.stream, flush=True)

    def first_run(self) -> None:
        """Why it takes longer this time: there are no compiled kernels yet."""
        from ..engine.kernels import cache

        if self.quiet or any(cache.directory().rglob("*.nbc")):
            return
        if cache.is_kept():
            self.say("First run", "compiling kernels for this machine; later runs start at once")
        else:
            self.say("Kernels", "compiled anew in every run: `backlit doctor` says why")

    def prepared(self, prepared: Prepared) -> None:
        """The data, the model, and how it does before it has learned anything."""
        if self.quiet:
            return
        data, settings = prepared.dataset, prepared.settings
        train, validation, test = prepared.split.sizes
        kind = f"{len(data.class_names)} classes" if data.class_names else data.target_name
        self.say("Data", f"{data.name}: {data.rows:,} rows, {data.inputs} inputs, {kind}")
        self.say(
            "Split", f"{train:,} training · {validation:,} validation · {test:,} test, kept apart"
        )
        sizes = "-".join(map(str, prepared.sizes))
        self.say(
            "Model",
            f"{sizes}, {prepared.parameters:,} parameters; Adam at {settings.lr:g}, "
            f"batches of {settings.batch_size}, seed {settings.seed}",
        )
        theory = prepared.task.theory
        self.say(
            "Untrained",
            f"loss {prepared.untrained_loss:.3f}, theory {theory.text} = {theory.value:.3f}: "
            f"{untrained_words(prepared.untrained_loss, theory)}",
        )

    @contextmanager
    def progress(self, epochs: int, score: str) -> Iterator[Callable[[Epoch], None]]:
        """A function to call after each epoch: moves a bar, or prints a line now and then."""
        if self.quiet:
            yield lambda epoch: None
            return
        bar = rich_bar(self.stream, epochs, score) if is_terminal(self.stream) else None
        if bar is None:
            yield self._lines(epochs, score)
        else:
            with bar as advance:
                yield advance

    def _lines(self, epochs: int, score: str) -> Callable[[Epoch], None]:
        every = -(-epochs // (LINES - 1))

        def line(epoch: Epoch) -> None:
            number = epoch.epoch
            if number == 1 or number == epochs or (number and number % every == 0):
                place = f"epoch {number:>{len(str(epochs))}}/{epochs}"
                self.say("Training", f"{place}  {_numbers(epoch, score)}")

        return line

    def outcome(self, outcome: Outcome) -> None:
        """What came out: the epoch kept, the baseline, the test part, the gap."""
        prepared, fit, exam = outcome.prepared, outcome.fit, outcome.exam
        score = prepared.task.score_name
        low, high = exam.interval
        if not self.quiet:
            best = fit.best_epoch
            kept = f"epoch {best.epoch}" if best.epoch else "the untrained weights"
            self.say("Kept", f"{kept}, lowest validation loss {best.validation_loss:.4f}")
            self.say("Learned", gap_words(fit, prepared.task, prepared.split.sizes[1]))
            self.say("Baseline", f"{score} {exam.baseline_score:.3f} ({prepared.task.baseline})")
        if prepared.dataset.task == "classification":
            right = int(np.sum(exam.truth == exam.predicted))
            detail = f"{right:,} of {len(exam.rows):,} right"
        else:
            detail = f"root mean square error {rmse(exam.truth, exam.predicted):.4g}"
        words = interval_words(exam.score, exam.baseline_score, exam.interval)
        self.say(
            "Test",
            f"{score} {exam.score:.3f} ({detail}), 95 % interval {low:.3f} to {high:.3f}; {words}",
        )


def _numbers(epoch: Epoch, score: str) -> str:
    return (
        f"loss {epoch.train_loss:.4f} (validation {epoch.validation_loss:.4f})  "
        f"{score} {epoch.train_score:.3f} (validation {epoch.validation_score:.3f})"
    )
