"""One column while its file is read, block by block: numbers as they are, texts by number, so that
a text that occurs a million times is held once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from .notation import is_number, other_notation

TEXT_BYTES = 170  # of a text that was not met before: itself, its places in a list and a dict
EXAMPLES = 3


@dataclass
class Column:
    """The cells so far, and how many of them are texts that are no numbers."""

    pieces: list[np.ndarray] = field(default_factory=list)
    worded: list[bool] = field(default_factory=list)
    """Which pieces hold numbers of texts (-1 where missing) instead of values."""
    codes: dict[str, int] = field(default_factory=dict)
    """The texts by number."""
    numeric: list[bool] = field(default_factory=list)
    """Which of the texts are numbers."""
    filled: int = 0
    texts: int = 0
    """Cells that are there; those of them that are no numbers."""
    examples: list[tuple[int, str]] = field(default_factory=list)
    """The first few of these, with their lines."""
    rounded: tuple[int, str] | None = None
    """The first whole number, with its line, that a float64 does not hold to its last digit."""
    bytes: int = 0
    """About what the column takes in memory."""

    def add_numbers(self, values: np.ndarray) -> None:
        """Add numbers, float64 (NaN where missing) or int64."""
        self.pieces.append(_narrowed(values))
        self.worded.append(False)
        self.filled += int(np.count_nonzero(values == values))
        self.bytes += values.nbytes

    def add_texts(self, values: np.ndarray, lines: Sequence[int], missing: Collection[str]) -> None:
        """Add texts, object (NaN where missing), with the lines they stand in."""
        import pandas as pd

        local, uniques = pd.factorize(values)
        table = np.empty(len(uniques) + 1, np.int32)
        table[-1] = -1  # where missing, by pandas' own -1
        for k, unique in enumerate(uniques):
            text = unique.strip()
            code = self.codes.get(text)
            if code is None:
                if text in missing:
                    code = -1
                else:
                    code = len(self.numeric)
                    self.codes[text] = code
                    self.numeric.append(is_number(text))
                    self.bytes += TEXT_BYTES + len(text)
            table[k] = code
        codes = table[local]
        self.pieces.append(codes)
        self.worded.append(True)
        self.bytes += 8 * len(codes)
        there = codes >= 0
        textual = there.copy()
        textual[there] = ~np.array(self.numeric, bool)[codes[there]]
        self.filled += int(there.sum())
        self.texts += int(textual.sum())
        for row in np.flatnonzero(textual)[: EXAMPLES - len(self.examples)]:
            self.examples.append((lines[row], str(values[row])))

    @property
    def mostly_other_notation(self) -> bool:
        """Whether nearly all of the texts are numbers, in one notation or another."""
        other = sum(other_notation(text) != "" for text in self.codes)
        return other + sum(self.numeric) >= 0.95 * len(self.codes)

    def finished(self, as_text: bool) -> np.ndarray:
        """All cells in one array: object (None where missing), or float64 or int64. The pieces
        are let go."""
        if as_text:
            values = np.array([*self.codes, None], object)
        else:
            values = np.array([*map(float, self.codes), np.nan])
        while self.worded:  # one piece after the other, so that few are there twice
            at = len(self.worded) - 1
            if self.worded.pop():
                self.pieces[at] = values[self.pieces[at]]
        made = np.concatenate(self.pieces)
        self.pieces.clear()
        self.codes.clear()
        return made.astype(np.int64) if made.dtype.kind == "i" else made


def _narrowed(values: np.ndarray) -> np.ndarray:
    """Integers in the smallest type that holds them all, so that the pieces take little; floats
    as they are.

    >>> _narrowed(np.array([3, -200])).dtype, _narrowed(np.array([0.5])).dtype
    (dtype('int16'), dtype('float64'))
    """
    if values.dtype.kind != "i" or not len(values):
        return values
    low, high = int(values.min()), int(values.max())
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
