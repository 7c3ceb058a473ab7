"""The training loop: predict, measure, update; it stops when validation has stopped gaining, keeps
the weights that validation liked best, and goes on after a kill as if there had been none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ... import nn
from ...engine import Generator, NonFiniteLossError, Tensor, default_generator, replay
from ...optim import SGD, Adam, Optimizer
from ..errors import DataError, UsageError
from .checkpoints import (
    Checkpoint,
    CheckpointError,
    generators_of,
    go_on_from,
    identity_of,
    state_of,
)
from .looks import Epoch, Layer, Look, Score, Watcher, loss_of, outputs_of

if TYPE_CHECKING:
    from ..checks.context import Part
    from .tasks import Task

__all__ = ["Epoch", "Fit", "Layer", "Look", "loss_of", "outputs_of", "train"]

Status = Literal["finished", "early", "interrupted", "diverged"]

OPTIMIZERS: dict[str, Callable[[Any, float], Optimizer]] = {
    "adam": lambda parameters, lr: Adam(parameters, lr=lr),
    "sgd": lambda parameters, lr: SGD(parameters, lr=lr),
    "momentum": lambda parameters, lr: SGD(parameters, lr=lr, momentum=0.9),
}


@dataclass
class Fit:
    """How training went: every epoch, the best one, why it stopped, and the trained network."""

    model: nn.Module = field(repr=False)
    """With the weights of the best epoch, in training mode."""
    history: list[Epoch] = field(default_factory=list)
    """Epoch 0 is the untrained network; the last one is the last that came to its end."""
    looks: list[Look] = field(default_factory=list)
    """One for each epoch of the history."""
    best: int = 0
    """The epoch of the lowest validation loss, the earliest of equals."""
    status: Status = "finished"
    """"finished": all epochs; "early": validation stopped gaining; "interrupted"; "diverged"."""
    message: str = ""
    """Why it stopped, as a sentence."""
    where: tuple[int, int] | None = None
    """Of a run that diverged the epoch and the batch, both from 1; epoch 0 had no batch yet."""
    weights: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    """Of the best epoch."""
    epochs: int = 0
    """As many as were asked for."""
    lr: float = 0.0
    batch_size: int = 0
    batches: int = 0
    """Steps of an epoch."""

    @property
    def best_epoch(self) -> Epoch:
        """The epoch whose weights were kept."""
        return self.history[self.best]

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """The network's outputs (rows, outputs) for X (rows, inputs) float32."""
        return outputs_of(self.model, X)


def train(
    model: nn.Module | Callable[[], nn.Module],
    task: Task,
    train: Part,
    validation: Part,
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    seed: int,
    patience: int | None = 5,
    tolerance: float = 1e-4,
    optimizer: str = "adam",
    score: Score | None = None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Fit:
    """Train a network; it ends with the weights of its best epoch.

    The same arguments give the same bits, however often the run was killed on its way and whatever
    random numbers were drawn before. A loss that is NaN or infinite ends the run as "diverged",
    with its place in `Fit.where`; no update is made by it.

    Parameters
    ----------
    model : a network, or a function that makes one.
    train, validation : rows to learn from, and rows that say when to stop and which epoch was best.
    epochs, lr, batch_size, seed : how to learn; the last batch of an epoch may be smaller.
    patience : stop when validation has not lost less, by a share of `tolerance`, for so many epochs
        in a row (Prechelt 1998); None: never.
    optimizer : "adam", "sgd", or "momentum" (SGD with momentum 0.9).
    score : score(truth, probabilities or values), noted for both parts after each epoch; it has no
        say in the training.
    on_epoch : is told of each epoch, 0 first.
    should_stop : is asked before the first batch and all 20 ms; True ends the run as "interrupted".
    checkpoint : a file that is written all 2 seconds and at the end, and gone on from if it is
        there and of this run; more epochs than it has may be asked for.

    Raises UsageError for settings that make no sense, DataError for parts without rows or rows that
    do not belong together, CheckpointError for a file that is of another run or damaged.

    >>> from backlit.learn.checks.context import Part
    >>> from backlit.learn.models.tasks import Classification
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2)).astype(np.float32)
    >>> y = (X[:, 0] > 0).astype(np.int64)
    >>> parts = [Part(X[i], y[i], y[i], i) for i in np.split(np.arange(300), [200])]
    >>> fit = train(
    ...     lambda: nn.MLP([2, 8, 2]), Classification("ab", y), *parts,
    ...     epochs=20, lr=0.01, batch_size=32, patience=None, seed=0,
    ... )
    >>> fit.status, fit.history[0].validation_loss > 0.5 > fit.best_epoch.validation_loss
    ('finished', True)
    """
    _check_settings(epochs, lr, batch_size, seed, patience, tolerance, optimizer)
    _check_parts(train, validation)
    default = default_generator()
    before = default.state()
    default.load_state(Generator(seed).state())
    try:
        network = model if isinstance(model, nn.Module) else model()
        settings = {
            "lr": float(lr), "batch_size": batch_size, "seed": seed, "patience": patience,
            "tolerance": tolerance, "optimizer": optimizer,
        }  # fmt: skip
        run = _Run(
            network, task, train, validation, epochs, settings, score, on_epoch, should_stop,
            checkpoint,
        )  # fmt: skip
        return run.carry_out()
    finally:
        default.load_state(before)


class _Run:
    """One call of `train`."""

    def __init__(
        self, model: nn.Module, task: Task, train: Part, validation: Part, epochs: int,
        settings: dict[str, Any], score: Score | None, on_epoch: Callable[[Epoch], object],
        should_stop: Callable[[], bool], checkpoint: str | os.PathLike[str] | None,
    ) -> None:  # fmt: skip
        self.model, self.task, self.part = model, task, train
        self.settings, self.on_epoch, self.should_stop = settings, on_epoch, should_stop
        rows, size = len(train.X), settings["batch_size"]
        self.fit = Fit(
            model, epochs=epochs, lr=settings["lr"], batch_size=size, batches=-(-rows // size)
        )
        self.level: float | None = None
        """The validation loss at the last gain, and the epochs since."""
        self.waited = 0
        self.shuffler = Generator(settings["seed"])
        self.generators = generators_of(model, [default_generator(), self.shuffler])
        self.file = None
        if checkpoint is not None:
            identity = identity_of(model, task, train, validation, **settings)
            self.file = Checkpoint(checkpoint, identity)
        self.optimizer = OPTIMIZERS[settings["optimizer"]](model.parameters(), settings["lr"])
        self.watcher = Watcher(model, task, self.optimizer, train, validation, size, score)

    def carry_out(self) -> Fit:
        """Begin, or go on; train; leave the best weights."""
        fit = self.fit
        self.model.train()
        if not self._went_on():
            self._after(0)
        done = len(fit.history) - 1
        if fit.status == "finished" and done < fit.epochs and not self._gave_up():
            self._train(done)
        self._conclude()
        if self.file is not None:
            self.file.write()
        self.model.load_state_dict(fit.weights)
        return fit

    def _train(self, done: int) -> None:
        """The epochs after `done`."""
        task, model, optimizer = self.task, self.model, self.optimizer

        @replay
        def step(x: Tensor, t: Tensor) -> Tensor:
            loss = task.loss(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        try:
            step.run(
                self.part.X, self.part.target, batch_size=self.fit.batch_size,
                epochs=self.fit.epochs - done, shuffle=True, generator=self.shuffler,
                on_epoch=lambda number, loss: self._after(done + number),
                should_stop=self.should_stop,
            )  # fmt: skip
        except NonFiniteLossError as problem:
            number, batch = problem.place or (1, 1)
            self._diverged(done + number, batch)

    def _after(self, number: int) -> bool:
        """Measure, remember; whether to go on."""
        fit = self.fit
        epoch, look = self.watcher.after(number)
        if number == 0 or epoch.finite:
            fit.history.append(epoch)
            fit.looks.append(look)
        if not epoch.finite:
            if number == 0:
                fit.weights = self._weights()
            self._diverged(number, fit.batches if number else 0)
            return False
        if number == 0 or epoch.validation_loss < fit.best_epoch.validation_loss:
            fit.best, fit.weights = number, self._weights()
        self._note(epoch.validation_loss)
        if self.file is not None:
            self.file.keep(
                state_of(
                    self.model, self.optimizer, self.generators, fit.weights, fit.history, fit.looks
                )
            )
        self.on_epoch(epoch)
        return not self._gave_up()

    def _note(self, loss: float) -> None:
        """Count the epochs since validation last gained."""
        if self.level is None or loss < self.level - self.settings["tolerance"] * abs(self.level):
            self.level, self.waited = loss, 0
        else:
            self.waited += 1

    def _gave_up(self) -> bool:
        """Whether validation has not gained for so long that the run ends."""
        patience = self.settings["patience"]
        return patience is not None and self.waited >= patience

    def _conclude(self) -> None:
        """Say why it stopped."""
        fit, settings = self.fit, self.settings
        done = len(fit.history) - 1
        if fit.status != "finished":
            return
        if self._gave_up():
            fit.status = "early"
            fit.message = (
                f"the validation loss has not fallen by {100 * settings['tolerance']:g} % for "
                f"{settings['patience']} epochs; the best was epoch {fit.best} of {done}"
            )
        elif done < fit.epochs:
            fit.status = "interrupted"
            fit.message = f"stopped in epoch {done + 1} of {fit.epochs}"

    def _diverged(self, epoch: int, batch: int) -> None:
        """The loss is NaN or infinite."""
        fit = self.fit
        fit.status, fit.where = "diverged", (epoch, batch)
        if epoch == 0:
            fit.message = (
                "the loss of the untrained network is infinite or NaN: look for cells that are "
                "infinite or NaN, or far too large"
            )
        else:
            fit.message = (
                f"the loss became infinite or NaN in batch {batch} of epoch {epoch}; "
                f"try a smaller learning rate, such as {min(fit.lr / 10, 0.01):g}"
            )

    def _went_on(self) -> bool:
        """Put everything where the checkpoint says; whether there was one."""
        state = self.file.load() if self.file is not None else None
        if state is None or self.file is None:
            return False
        fit = self.fit
        if len(state.history) - 1 > fit.epochs:
            raise CheckpointError(
                f"the checkpoint {self.file.path} has {len(state.history) - 1} epochs, and "
                f"{fit.epochs} were asked for; ask for at least as many, or name another file"
            )
        try:
            fit.weights = go_on_from(state, self.model, self.optimizer, self.generators)
        except (nn.StateError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint {self.file.path} does not fit: {error}"
            ) from None
        fit.history, fit.looks = state.history, state.looks
        fit.best = min(range(len(fit.history)), key=lambda i: fit.history[i].validation_loss)
        for epoch in fit.history:
            self._note(epoch.validation_loss)
            self.on_epoch(epoch)
        return True

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.model.state_dict().items()}


def _check_settings(
    epochs: int, lr: float, batch_size: int, seed: int, patience: int | None, tolerance: float,
    optimizer: str,
) -> None:  # fmt: skip
    """Refuse what cannot be trained with."""
    counts = {"epochs": (epochs, 0), "batch_size": (batch_size, 1), "seed": (seed, 0)}
    if patience is not None:
        counts["patience"] = (patience, 1)
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise UsageError(f"{name} is an integer from {least} on, not {value!r}")
    if not (math.isfinite(lr) and lr > 0):
        raise UsageError(f"the learning rate is a number above 0, not {lr!r}")
    if not 0 <= tolerance < 1:
        raise UsageError(f"the tolerance is a share from 0 to below 1, not {tolerance!r}")
    if optimizer not in OPTIMIZERS:
        raise UsageError(f"an optimizer is one of {', '.join(OPTIMIZERS)}, not {optimizer!r}")


def _check_parts(train: Part, validation: Part) -> None:
    """Refuse parts that cannot be trained on, before anything is computed."""
    for name, part in (("training", train), ("validation", validation)):
        lengths = {len(part.X), len(part.target), len(part.truth)}
        if len(lengths) > 1:
            raise DataError(
                f"the {name} part has {len(part.X)} rows of inputs, {len(part.target)} targets and "
                f"{len(part.truth)} truths; each row needs one of each"
            )
        if not len(part.X):
            raise DataError(f"the {name} part has no rows")
