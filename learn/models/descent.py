"""The descent that models without a target share: whole epochs through replay, stopped when the
validation loss has stopped falling, with the weights that validation liked best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, no_grad, replay, tensor
from ...optim import Adam

Loss = Callable[..., Tensor]
"""A batch to its mean loss, one number."""

LEAST = 1e-4
"""By which share the validation loss must fall to count as better."""

CHUNK = 4096
"""Rows that are measured at a time."""


@dataclass(frozen=True)
class Descent:
    """How training went. `losses` has (training, validation) of each epoch, the untrained model's
    validation loss standing in for both in the first; `best` is the epoch whose weights were kept.
    """

    losses: tuple[tuple[float, float], ...]
    best: int
    stopped: bool
    """Whether validation had stopped gaining before the epochs were over."""

    @property
    def validation(self) -> float:
        """The best validation loss."""
        return self.losses[self.best][1]

    @property
    def sentence(self) -> str:
        """How training went, in words."""
        ended = "validation had stopped gaining" if self.stopped else "the epochs were over"
        return (
            f"Trained {len(self.losses) - 1} epochs, until {ended}; kept epoch {self.best}, where "
            f"the validation loss was {self.validation:.4g}, untrained {self.losses[0][1]:.4g}."
        )


def descend(
    model: nn.Module, loss: Loss, train: tuple[np.ndarray, ...],
    validation: tuple[np.ndarray, ...], *, seed: int, measure: Loss | None = None,
    lr: float = 3e-3, batch_size: int = 32, epochs: int = 200, patience: int = 12,
) -> Descent:  # fmt: skip
    """Train `model` by Adam; leaves it with its best weights, in evaluation mode.

    Parameters
    ----------
    loss : what is made small, of a batch: `loss(*arrays as tensors)`.
    train, validation : arrays (rows, ...) that belong together.
    measure : what validation is judged by; the loss, unless that draws random numbers.
    patience : epochs without a gain of one part in 10,000 after which it stops.

    Same seed, same bits. Ctrl-C is a KeyboardInterrupt between two steps.

    >>> import numpy as np
    >>> import backlit.nn.functional as F
    >>> from backlit import nn
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
    >>> model = nn.Linear(1, 1)
    >>> def loss(x, y):
    ...     return F.mse_loss(model(x), y)
    >>> descend(model, loss, (x, 2 * x), (x, 2 * x), seed=0, lr=0.05).validation < 1e-3
    True
    """
    optimizer = Adam(model.parameters(), lr=lr)

    @replay
    def step(*batch: Tensor) -> Tensor:
        value = loss(*batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    judge = measure or loss
    start = _measured(model, judge, validation)
    losses = [(start, start)]
    best = 0
    kept = _weights(model)

    def look(epoch: int, value: float) -> bool:
        nonlocal best, kept
        now = _measured(model, judge, validation)
        losses.append((float(value), now))
        if now < losses[best][1] - LEAST * abs(losses[best][1]):
            best, kept = epoch, _weights(model)
        return epoch - best < patience

    model.train()
    step.run(*train, batch_size=min(batch_size, len(train[0])), epochs=epochs, shuffle=True,
             generator=Generator(seed), on_epoch=look)  # fmt: skip
    model.load_state_dict(kept)
    model.eval()
    return Descent(tuple(losses), best, len(losses) - 1 - best >= patience)


def _weights(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def _measured(model: nn.Module, loss: Loss, arrays: tuple[np.ndarray, ...]) -> float:
    """The mean loss over all rows, in evaluation mode."""
    model.eval()
    total = 0.0
    rows = len(arrays[0])
    with no_grad():
        for begin in range(0, rows, CHUNK):
            batch = [tensor(x[begin : begin + CHUNK]) for x in arrays]
            total += loss(*batch).item() * len(batch[0].data)
    model.train()
    return total / rows


def halves(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to learn from and row numbers to judge by, ascending; at least one of each.

    >>> [len(part) for part in halves(10, 0.2, 0)]
    [8, 2]
    """
    order = np.random.default_rng(seed).permutation(rows)
    judged = min(max(1, round(share * rows)), rows - 1)
    return np.sort(order[judged:]), np.sort(order[:judged])
