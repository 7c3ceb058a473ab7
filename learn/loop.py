"""The training loop: predict, measure, update, and keep the weights that validation liked best.
Training and validation are measured alike, after each epoch, on whole parts, with dropout off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import nn, optim
from ..engine import Generator, NonFiniteLossError, Tensor, no_grad, replay, tensor
from .tasks import Task

Status = Literal["finished", "interrupted", "diverged"]


@dataclass(frozen=True)
class Part:
    """The rows of one part: inputs as the network sees them, targets, and the truth to score."""

    X: np.ndarray
    target: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """Losses and scores after an epoch; epoch 0 is the untrained network."""

    epoch: int
    train_loss: float
    train_score: float
    validation_loss: float
    validation_score: float

    @property
    def finite(self) -> bool:
        """Whether both losses are numbers."""
        return math.isfinite(self.train_loss) and math.isfinite(self.validation_loss)


@dataclass
class Fit:
    """How training went: every epoch, the best one (lowest validation loss), why it stopped."""

    history: list[Epoch] = field(default_factory=list)
    best: int = 0
    status: Status = "finished"
    message: str = ""
    weights: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def best_epoch(self) -> Epoch:
        """The epoch whose weights were kept."""
        return self.history[self.best]

    def add(self, epoch: Epoch, model: nn.Module) -> None:
        """Remember an epoch, and the weights if validation never lost less."""
        self.history.append(epoch)
        if epoch.epoch == 0 or epoch.validation_loss < self.best_epoch.validation_loss:
            self.best = epoch.epoch
            self.weights = model.state_dict()


class _Stopped(Exception):
    """Ends the loops of `train` from inside a batch."""

    def __init__(self, status: Status, message: str) -> None:
        """Keep what Fit will say."""
        super().__init__(message)
        self.status: Status = status


def outputs_of(model: nn.Module, X: np.ndarray, rows: int = 4096) -> np.ndarray:
    """The network's outputs (rows, outputs) in evaluation mode, without a graph."""
    model.eval()
    with no_grad():
        blocks = [model(tensor(X[i : i + rows])).numpy() for i in range(0, len(X), rows)]
    model.train()
    return np.concatenate(blocks)


def loss_of(task: Task, outputs: np.ndarray, target: np.ndarray) -> float:
    """The loss of outputs that are there already."""
    with no_grad():
        return task.loss(tensor(outputs), tensor(target)).item()


def measure(model: nn.Module, task: Task, part: Part) -> tuple[float, float]:
    """Loss and score of a part."""
    outputs = outputs_of(model, part.X)
    return loss_of(task, outputs, part.target), task.score(part.truth, task.predict(outputs))


def train(
    model: nn.Module,
    task: Task,
    parts: tuple[Part, Part],
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fit:
    """Fit a model with Adam on parts = (training, validation); it ends with its best weights.

    Best is the lowest validation loss, the earliest of equals; epoch 0, untrained, counts.
    `should_stop` is asked before the first batch and all 20 ms; yes ends the run as "interrupted".
    So does a loss that is inf or NaN, as "diverged", with a message that names the epoch. Either
    way the model ends with the best weights so far.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr)
    fit = Fit()

    @replay
    def step(x: Tensor, t: Tensor) -> Tensor:
        loss = task.loss(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def look(number: int, loss: float | None = None) -> None:
        epoch = Epoch(number, *measure(model, task, parts[0]), *measure(model, task, parts[1]))
        if not epoch.finite:
            raise _diverged(f"epoch {number}", lr)
        fit.add(epoch, model)
        on_epoch(epoch)

    try:
        look(0)
        if epochs:
            step.run(
                parts[0].X, parts[0].target, batch_size=batch_size, epochs=epochs, shuffle=True,
                generator=Generator(seed), on_epoch=look, should_stop=should_stop,
            )  # fmt: skip
        if (done := len(fit.history) - 1) < epochs:
            raise _Stopped("interrupted", f"stopped in epoch {done + 1} of {epochs}")
    except NonFiniteLossError as problem:
        number, batch = problem.place or (0, 0)
        stop = _diverged(f"batch {batch} of epoch {number}", lr)
        fit.status, fit.message = stop.status, str(stop)
    except _Stopped as stop:
        fit.status, fit.message = stop.status, str(stop)
    model.load_state_dict(fit.weights)
    return fit


def _diverged(place: str, lr: float) -> _Stopped:
    return _Stopped(
        "diverged",
        f"the loss became infinite or NaN in {place}; "
        f"try a smaller learning rate, such as --lr {lr / 10:g}",
    )
