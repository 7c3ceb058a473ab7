"""Data in batches: `batches` turns arrays into Tensors once and hands out rows epoch after epoch.
The order of a shuffled epoch is drawn from the engine's generator, so a seed fixes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..engine import Generator, ShapeError, Tensor, permutation, tensor


def batches(
    X: Any,
    y: Any = None,
    batch_size: int = 32,
    shuffle: bool = False,
    generator: Generator | None = None,
    drop_last: bool = False,
) -> Batches:
    """The rows of ``X`` (N, ...) and ``y`` (N, ...) in batches, for as many epochs as you like.

    Arrays become Tensors once, here: float data float32, integers class numbers. Each iteration is
    one epoch and yields pairs (rows of X, rows of y), or rows of X alone without ``y``. With
    ``shuffle`` each epoch has a new order, drawn from ``generator`` or the default one. The last
    batch may be smaller; ``drop_last`` leaves it out.

    Raises ShapeError where ``X`` and ``y`` have different lengths, ValueError where there are no
    rows or no batch.

    >>> import numpy as np
    >>> from backlit import nn
    >>> data = nn.batches(np.zeros((10, 2)), np.arange(10), batch_size=4, shuffle=True)
    >>> len(data), [(x.shape, y.shape) for x, y in data]
    (3, [((4, 2), (4,)), ((4, 2), (4,)), ((2, 2), (2,))])
    """
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__"):
        raise TypeError(f"batch_size must be an int, got {batch_size!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    columns = tuple(rows(name, data) for name, data in (("X", X), ("y", y)) if data is not None)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ShapeError(f"batches: X has {lengths[0]} rows and y has {lengths[1]}")
    made = Batches(columns, int(batch_size), shuffle, generator, drop_last)
    if len(made) == 0:
        raise ValueError(
            f"drop_last leaves no batch: {lengths[0]} rows, batch_size {batch_size}"
            if lengths[0]
            else "batches: the data has no rows"
        )
    return made


def rows(name: str, data: Any) -> Tensor:
    """``data`` as a Tensor without a graph and with at least one axis."""
    column = data.detach() if isinstance(data, Tensor) else tensor(data)
    if column.ndim == 0:
        raise ShapeError(f"batches: {name} must have rows, got a single number")
    return column


class Batches:
    """One pass over the data per iteration; made by ``batches``."""

    def __init__(
        self,
        columns: tuple[Tensor, ...],
        batch_size: int,
        shuffle: bool,
        generator: Generator | None,
        drop_last: bool,
    ) -> None:
        self.columns = columns
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = generator
        self.drop_last = drop_last

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(len(self.columns[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        count = len(self.columns[0])
        order = permutation(count, generator=self.generator) if self.shuffle else None
        for begin in range(0, len(self) * self.batch_size, self.batch_size):
            picked = slice(begin, min(begin + self.batch_size, count))
            index = picked if order is None else order[picked]
            batch = tuple(column[index] for column in self.columns)
            yield batch if len(self.columns) > 1 else batch[0]

    def __repr__(self) -> str:
        shapes = ", ".join(str(column.shape) for column in self.columns)
        return f"Batches({shapes}, batch_size={self.batch_size}, shuffle={self.shuffle})"
