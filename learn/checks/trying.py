"""What checks do with a fresh network: train it for a moment, and count what each row loses.
Nothing of the caller changes: draws come from a stream of their own, modes are put back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ... import nn, optim
from ...engine import (
    Generator,
    NonFiniteLossError,
    Tensor,
    default_generator,
    replay,
)
from .rules import LIMITS

if TYPE_CHECKING:
    from ..models.tasks import Task


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Within this block the default generator (of dropout, say) draws from `seed` on.

    >>> from backlit.engine import uniform
    >>> with drawing(3):
    ...     a = uniform((2,)).numpy()
    >>> with drawing(3):
    ...     bool((uniform((2,)).numpy() == a).all())
    True
    """
    generator = default_generator()
    before = generator.state()
    generator.load_state(Generator(seed).state())
    try:
        yield
    finally:
        generator.load_state(before)


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Within this block all parts of the model train, or none; afterwards each as before."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def row_losses(outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """What each row loses (rows,) float64: cross-entropy where targets are class numbers, else the
    squared error.

    >>> row_losses(np.zeros((2, 4)), np.array([0, 3])).round(4).tolist()  # ln 4
    [1.3863, 1.3863]
    """
    outputs = outputs.astype(np.float64)
    if is_classes(target):
        top = outputs.max(axis=1, keepdims=True)
        total = np.log(np.exp(outputs - top).sum(axis=1)) + top[:, 0]
        return total - outputs[np.arange(len(target)), target]
    return ((outputs - target.reshape(outputs.shape)) ** 2).mean(axis=1)


def value_of(name: str, limits: Mapping[str, float]) -> float:
    """The limit of that name, unless the caller gives another."""
    return limits.get(name, LIMITS[name].value)


def is_classes(target: np.ndarray) -> bool:
    """Whether a part's target holds class numbers."""
    return np.issubdtype(target.dtype, np.integer)


def blind_loss(target: np.ndarray, classes: int = 0) -> float:
    """What the best constant prediction loses: the entropy of the classes, or the variance.

    >>> round(blind_loss(np.array([0, 0, 1, 1])), 4)  # ln 2
    0.6931
    >>> blind_loss(np.array([[-1.0], [1.0]]))
    1.0
    """
    if is_classes(target):
        shares = np.bincount(target, minlength=classes) / len(target)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())
    return float(target.astype(np.float64).var(axis=0).mean())


def descend(
    model: nn.Module, task: Task, X: np.ndarray, target: np.ndarray, *, lr: float, epochs: int,
    batch_size: int, seed: int, enough: Callable[[float], bool] = lambda loss: False,
) -> list[float]:  # fmt: skip
    """Train with Adam for a moment; the mean loss of each epoch, measured before its updates.

    It ends after an epoch whose loss is `enough`, and with an infinite loss where one was not a
    number.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr)
    losses: list[float] = []

    @replay
    def step(x: Tensor, t: Tensor) -> Tensor:
        loss = task.loss(model(x), t)
        if loss.requires_grad:  # else nothing that is trained leads to it
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    def ended(number: int, loss: float) -> bool:
        losses.append(float(loss))
        return not enough(losses[-1])

    try:
        with drawing(seed), np.errstate(all="ignore"):
            step.run(
                X, target, batch_size=min(batch_size, len(X)), epochs=epochs,
                shuffle=batch_size < len(X), generator=Generator(seed), on_epoch=ended,
            )  # fmt: skip
    except NonFiniteLossError:
        losses.append(math.inf)
    return losses
