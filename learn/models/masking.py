"""The network that fills in hidden columns: how a table's inputs are hidden, and what it makes of
those that are left.
"""

from __future__ import annotations

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, relu, tensor
from .matrix import Matrix

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows as the model takes them: numbers, truths, which cells are known."""


class Layout:
    """How the inputs of a table are hidden and judged: those with two values as truths, the others
    as numbers in deviations; a column is a category if it has truths alone.
    """

    def __init__(self, matrix: Matrix) -> None:
        X = matrix.X
        two = np.array([len(np.unique(x)) <= 2 for x in X.T])
        self.numbers, self.truths = np.flatnonzero(~two), np.flatnonzero(two)
        self.high = X[:, self.truths].max(0)
        self.columns = tuple(matrix.groups)
        belongs = np.array([[column == own for own in matrix.columns] for column in self.columns])
        self.of_numbers = belongs[:, self.numbers].astype(np.float32)
        self.of_truths = belongs[:, self.truths].astype(np.float32)
        """(columns, inputs): 1 where the input belongs to the column."""
        there = np.ones(X.shape) if matrix.known is None else matrix.known @ belongs
        numbers = np.where(there[:, self.numbers] > 0, X[:, self.numbers], np.nan)
        numbers[:, np.isnan(numbers).all(0)] = 0
        self.mean = np.nanmean(numbers, 0, dtype=np.float64)
        spread = np.nanstd(numbers, 0, dtype=np.float64)
        self.spread = np.where(spread > 1e-12, spread, 1.0)
        self.spread_numbers = tensor(self.of_numbers)
        self.spread_truths = tensor(self.of_truths)
        """The same as tensors, made once: a program wants the same memory at each call."""

    def arrays(self, matrix: Matrix) -> Arrays:
        """Numbers, truths and which cells are known, each float32 and contiguous."""
        numbers = (matrix.X[:, self.numbers] - self.mean) / self.spread
        truths = matrix.X[:, self.truths] >= self.high
        known = matrix.known
        if known is None:
            known = np.ones((len(matrix), len(self.columns)))
        first, second, third = (
            np.ascontiguousarray(x, dtype=np.float32) for x in (numbers, truths, known)
        )
        return first, second, third


class Masked(nn.Module):
    """Numbers and truths of rows, and which columns are hidden (rows, columns), to predictions of
    the numbers and logits of the truths.
    """

    def __init__(self, layout: Layout, width: int, generator: Generator) -> None:
        super().__init__()
        self.layout = layout
        numbers, truths, columns = len(layout.numbers), len(layout.truths), len(layout.columns)

        def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear | None:
            if not inputs or not outputs:
                return None
            return nn.Linear(inputs, outputs, bias, generator=generator)

        self.from_numbers = linear(numbers, width, False)
        self.from_truths = linear(truths, width, False)
        self.from_hidden = nn.Linear(columns, width, generator=generator)
        self.body = nn.Linear(width, width, generator=generator)
        self.to_numbers = linear(width, numbers)
        self.to_truths = linear(width, truths)

    def embed(self, numbers: Tensor, truths: Tensor, hidden: Tensor) -> Tensor:
        """What the last hidden layer makes of rows, (rows, width)."""
        total = self.from_hidden(hidden)
        if self.from_numbers is not None:
            total = total + self.from_numbers(_shown(numbers, hidden, self.layout.spread_numbers))
        if self.from_truths is not None:
            total = total + self.from_truths(_shown(truths, hidden, self.layout.spread_truths))
        return relu(self.body(relu(total)))

    def forward(
        self, numbers: Tensor, truths: Tensor, hidden: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        seen = self.embed(numbers, truths, hidden)
        return (
            None if self.to_numbers is None else self.to_numbers(seen),
            None if self.to_truths is None else self.to_truths(seen),
        )


def _shown(x: Tensor, hidden: Tensor, spread: Tensor) -> Tensor:
    """The inputs of columns that are not hidden, 0 for the others."""
    return x * (1 - hidden @ spread)
