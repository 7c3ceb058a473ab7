"""The progress bar of a training run: epochs done, loss and score for training and validation.
It is drawn by rich, which is optional and imported only when a bar is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from .loop import Epoch


def rich_bar(
    stream: TextIO, epochs: int, score: str
) -> AbstractContextManager[Callable[[Epoch], None]] | None:
    """A bar on a terminal, as a context manager that gives the function to call after each epoch.

    None where rich is not installed.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        return None

    @contextmanager
    def bar() -> Iterator[Callable[[Epoch], None]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[numbers]}"),
        )
        console = Console(file=stream, force_terminal=True, highlight=False)
        with Progress(*columns, console=console, expand=True) as progress:
            task = progress.add_task("Training  ", total=epochs, numbers="")

            def advance(epoch: Epoch) -> None:
                numbers = (
                    f"loss {epoch.train_loss:.3f} (val {epoch.validation_loss:.3f})  "
                    f"{score} {epoch.train_score:.3f} (val {epoch.validation_score:.3f})"
                )
                progress.update(task, completed=epoch.epoch, numbers=numbers)

            yield advance

    return bar()
