"""What a preparation did to the training rows, step by step: each step with its columns, how many
cells it touched, and one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...study.text import count_text
from .plans import CLIP
from .words import listed, quoted

DETAILS = 5  # columns that a sentence tells numbers of

SENTENCES: dict[str, tuple[str, str, str]] = {
    "left out: ignored": ("left out", "left out, as asked", ""),
    "left out: groups": ("left out", "left out, the groups, of which new rows have others", ""),
    "left out: time": ("left out", "left out, the order of time, as later rows are beyond it", ""),
    "left out: empty": ("left out", "left out, as all cells are missing", ""),
    "left out: constant": ("left out", "left out, as they never change", "{1}"),
    "left out: identifier": (
        "left out", "left out, as they name rows, and new rows have other names", "{1}",
    ),
    "left out: text": ("left out", "left out, as free text is not turned into numbers", "{1}"),
    "filled": ("filled", "missing numbers are filled with the median of their column", "{0}, {1}"),
    "filled booleans": (
        "filled", "missing booleans are filled with the more frequent one", "{0}, {1}",
    ),
    "filled dates": ("filled", "missing dates are filled with the middle one", "{0}, {1}"),
    "marked": ("marked", "an input says where the cell was missing", "{1}"),
    "encoded as 0 and 1": ("encoded", "yes and no become 1 and 0", "{1}"),
    "joined": ("encoded", "rare levels are joined as one, other", "{1}, {0}"),
    "encoded by level": (
        "encoded", "categories become one input for each level, 1 where it is that", "{1}",
    ),
    "missing as a level": ("marked", "missing is a level of its own", "{0}"),
    "dated": ("dated", "dates become numbers, standardised", "{1}"),
    "clipped": ("clipped", f"values beyond {CLIP:.0f} deviations count as {CLIP:.0f}", "{0}, {1}"),
    "standardised": ("standardised", "numbers are brought to mean 0 and deviation 1", "{1}"),
}  # fmt: skip
"""What can be done to a column, in order: the step it belongs to, how the sentence begins, and what
it says of each column: {0} are its cells, {1} the detail."""


@dataclass(frozen=True)
class Change:
    """A step of the preparation, as it was done to the training rows.

    `cells` is how many of their cells it changed, left out or encoded.
    """

    step: str
    """"left out", "filled", "marked", "encoded", "dated", "clipped" or "standardised"."""
    columns: tuple[str, ...]
    cells: int
    sentence: str

    @property
    def column(self) -> str:
        """The columns as a sentence lists them."""
        return listed(self.columns)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Change:
        """The change that `dataclasses.asdict` wrote. Raises TypeError or KeyError otherwise."""
        made = cls(record["step"], tuple(record["columns"]), record["cells"], record["sentence"])
        texts = (made.step, made.sentence, *made.columns)
        if not all(isinstance(text, str) for text in texts) or not isinstance(made.cells, int):
            raise TypeError("a change has texts and a number of cells")
        return made


class Notes:
    """What is taken down while columns are gone through, to be told step by step."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.done: dict[str, list[tuple[str, int, str]]] = {key: [] for key in SENTENCES}

    def add(self, key: str, column: str, cells: int, detail: str = "") -> None:
        """Take down that something of `SENTENCES` was done to a column."""
        self.done[key].append((column, cells, detail))

    def changes(self) -> list[Change]:
        """One change for each thing that was done to any column.

        >>> notes = Notes()
        >>> notes.add("filled", "age", 3, "28.5")
        >>> print(notes.changes()[0].sentence)
        missing numbers are filled with the median of their column: 'age' (3 cells, 28.5)
        """
        made = []
        for key, (step, begin, form) in SENTENCES.items():
            done = self.done[key]
            if not done:
                continue
            shown = done if len(done) <= DETAILS + 1 else done[:DETAILS]
            told = [
                quoted(name) + (form and f" ({form.format(count_text(cells, 'cell'), detail)})")
                for name, cells, detail in shown
            ]
            if len(shown) < len(done):
                told.append(f"and {len(done) - len(shown):,} others")
            columns = tuple(name for name, _, _ in done)
            cells = sum(cells for _, cells, _ in done)
            made.append(Change(step, columns, cells, f"{begin}: {', '.join(told)}"))
        return made
