"""The progress bar of training: epochs done, loss and score of both parts. It is drawn by rich, and
only where somebody watches a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from ..models.loop import Epoch

WIDE = 88  # columns from which on both scores fit beside a bar
NARROW = 64  # columns below which there is no room for a bar


def numbers(epoch: Epoch, score: str = "") -> str:
    """Losses, and scores where they have a name, as training/validation."""
    text = f"loss {epoch.train_loss:.3f}, validation {epoch.validation_loss:.3f}"
    if score and epoch.train_score == epoch.train_score:
        text += f"; {score} {epoch.train_score:.3f}, validation {epoch.validation_score:.3f}"
    return text


@contextmanager
def progress_bar(console: Console, epochs: int, score: str) -> Iterator[Callable[[Epoch], None]]:
    """Show a bar while the block runs; gives the function to call after each epoch."""
    from rich.progress import BarColumn, Progress, TextColumn

    wide, narrow = console.width >= WIDE, console.width < NARROW
    columns = (
        TextColumn("    epoch {task.completed:.0f}/{task.total:.0f}", markup=False),
        *(() if narrow else (BarColumn(bar_width=None if wide else 12),)),
        TextColumn("{task.fields[numbers]}", markup=False),
    )
    with Progress(*columns, console=console, expand=wide, transient=True) as bar:
        task = bar.add_task("training", total=epochs, numbers="")

        def advance(epoch: Epoch) -> None:
            words = (
                f"loss {epoch.train_loss:.3f}" if narrow else numbers(epoch, score if wide else "")
            )
            bar.update(task, completed=epoch.epoch, numbers=words)

        yield advance
