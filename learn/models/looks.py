"""What is looked at after epochs: how large weights, gradients and updates are, layer by layer, and
which units do nothing. No clock decides anything, so the same seed gives the same looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...engine import gradients, no_grad, tensor
from ...engine.programs.recorder import listening
from ...optim import Group, Optimizer
from ...study.findings import LIMITS
from ...study.looks import deviation, measure, norm, parameters_of
from ...study.units import Activations, Units

if TYPE_CHECKING:
    from ... import nn
    from ...nn import Parameter
    from ..checks.context import Part
    from .tasks import Task

Score = Callable[[np.ndarray, np.ndarray], float]
"""score(truth, probabilities or values): what `Task.probabilities` gives for a part's outputs."""

ROWS = 4096
"""Rows that go through a network at once, and on which units are looked at."""

FEW = 8
"""Rows of a batch below which its gradient says little."""


@dataclass(frozen=True)
class Epoch:
    """Losses and scores after an epoch; epoch 0 is the untrained network, NaN a missing score."""

    epoch: int
    train_loss: float
    validation_loss: float
    train_score: float
    validation_score: float

    @property
    def finite(self) -> bool:
        """Whether both losses are numbers."""
        return math.isfinite(self.train_loss) and math.isfinite(self.validation_loss)


@dataclass(frozen=True)
class Layer:
    """One weight matrix and the units behind it, at one look; None for what was not seen."""

    name: str
    """The weight's dotted name, such as "0.weight"; the activation's place where it has none."""
    weight: float | None
    """The Euclidean norm."""
    gradient: float | None
    """The norm of the gradient, of the epoch's last batch; of a batch of evenly spaced rows, in
    evaluation mode, before the first step, and where the last batch has fewer than 8 rows."""
    update: float | None
    """std(update) / std(weight) of the epoch's last step."""
    units: int | None
    """Units of the relu, tanh or sigmoid behind it."""
    dead: float | None
    """The share of relu units that gave 0 on every row."""
    saturated: float | None
    """The share of a tanh's or sigmoid's values that lie at the ends of its range."""


@dataclass(frozen=True)
class Look:
    """The network after an epoch; epoch 0 is the untrained one."""

    epoch: int
    rows: int
    """Training rows on which the units were looked at."""
    layers: tuple[Layer, ...]

    @property
    def first_to_last(self) -> float | None:
        """The first layer's gradient norm over the last layer's; None where either is 0."""
        seen = [layer.gradient for layer in self.layers if layer.gradient is not None]
        return seen[0] / seen[-1] if len(seen) > 1 and seen[0] and seen[-1] else None


class Watcher:
    """Measures losses and scores of both parts after an epoch, and looks while it is at it.

    The units are heard of in the pass that measures the training loss; norms and updates are read
    off the arrays that are there. A look takes 0.1 to 0.2 ms for a network of this size, beside the
    measuring: 4 to 6 % of the training of some thousand rows, a tenth where an epoch takes 1.5 ms.
    """

    def __init__(
        self, model: nn.Module, task: Task, optimizer: Optimizer, train: Part, validation: Part,
        batch_size: int, score: Score | None,
    ) -> None:  # fmt: skip
        """Choose the rows to look at: evenly spaced, as tables are often sorted."""
        self.model, self.task, self.optimizer = model, task, optimizer
        self.validation, self.score = validation, score
        self.parameters = {name: p for name, p in parameters_of(model).items() if p.needs}
        self.groups = {p: group for group in optimizer.param_groups for p in group.params}
        prefix = f"{model._name}." if model._name else ""  # it may be a part of another model
        self.matrices = {
            name: (p, f"{prefix}{name}".rpartition(".")[0])
            for name, p in self.parameters.items()
            if p.ndim >= 2
        }
        """Each weight with the path of its layer."""
        rows = len(train.X)
        self.X, self.target, self.truth = train.X, train.target, train.truth
        if rows > ROWS:  # the pass that measures the loss begins with those to look at
            order = sample_first(rows, ROWS)
            self.X, self.target, self.truth = (
                array[order] for array in (train.X, train.target, train.truth)
            )
        last = rows % batch_size or batch_size
        size = min(batch_size, rows)
        self.few = last < min(FEW, size)
        """Whether an epoch's last batch has too few rows to judge gradients by."""
        picked = spaced(rows, size)
        self.batch = tensor(train.X[picked]), tensor(train.target[picked])

    def after(self, number: int) -> tuple[Epoch, Look]:
        """Losses, scores and a look; nothing of the training is changed."""
        heard = Activations(LIMITS["saturated"].value)
        with evaluating(self.model):
            trained = self._measured(self._training_outputs(heard), self.target, self.truth)
            part = self.validation
            validated = self._measured(_forward(self.model, part.X), part.target, part.truth)
            epoch = Epoch(number, trained[0], validated[0], trained[1], validated[1])
            return epoch, self._look(number, heard)

    def _measured(
        self, outputs: np.ndarray, target: np.ndarray, truth: np.ndarray
    ) -> tuple[float, float]:
        loss = loss_of(self.task, outputs, target)
        if self.score is None or not math.isfinite(loss):
            return loss, math.nan
        return loss, float(self.score(truth, self.task.probabilities(outputs)))

    def _training_outputs(self, heard: Activations) -> np.ndarray:
        """The network's outputs on the training part, in this object's order of rows."""
        with listening(heard):
            first = _forward(self.model, self.X[:ROWS])
        rest = self.X[ROWS:]
        return np.concatenate([first, _forward(self.model, rest)]) if len(rest) else first

    def _look(self, number: int, heard: Activations) -> Look:
        """What the weights are like now, and what was heard of the units."""
        sizes = measure(self.parameters)
        norms = {name: size.gradient for name, size in sizes.items()}
        if number == 0 or self.few:
            norms = self._gradients()
        found = heard.units()
        behind = {units.module: units for units in reversed(found)}  # the first of each layer
        layers = []
        with np.errstate(all="ignore"):
            for name, (p, path) in self.matrices.items():
                update = self._update(p) if number else None
                own = behind.get(path)
                layers.append(Layer(name, sizes[name].weight, norms[name], update, *_seen(own)))
        paths = {path for _, path in self.matrices.values()}
        for units in found:
            if units.module not in paths or units is not behind[units.module]:
                name = f"{units.kind} {units.number} in {units.module or 'the model'}"
                layers.append(Layer(name, None, None, None, *_seen(units)))
        return Look(number, min(len(self.X), ROWS), tuple(layers))

    def _gradients(self) -> dict[str, float | None]:
        """The gradients' norms on evenly spaced rows."""
        x, t = self.batch
        wanted = self.parameters
        with np.errstate(all="ignore"):
            found = gradients(
                self.task.loss(self.model(x), t), list(wanted.values()), allow_unused=True
            )
            return {
                name: None if grad is None else norm(grad.data)
                for name, grad in zip(wanted, found, strict=True)
            }

    def _update(self, parameter: Parameter) -> float | None:
        """std(update) / std(weight) of the last step."""
        far = last_update(self.optimizer, self.groups[parameter], parameter)
        spread = deviation(parameter.data)
        if far is None:
            return None
        return far / spread if spread else math.inf


def last_update(optimizer: Optimizer, group: Group, parameter: Parameter) -> float | None:
    """The standard deviation of what the latest step took from a parameter: worked out from what
    the optimizer remembers, or from the gradient where it remembers nothing; None before a step.
    """
    state = optimizer.state.get(parameter, {})
    lr = float(group["lr"])
    if "exp_avg" in state:
        first, second = group["betas"]
        steps = float(state["step"].data)
        scale = math.sqrt(1 - second**steps)
        step = np.sqrt(state["exp_avg_sq"].data)
        step += step.dtype.type(group["eps"] * scale)
        np.divide(state["exp_avg"].data, step, out=step)
        return lr * scale / (1 - first**steps) * deviation(step)
    if "momentum_buffer" in state:
        return lr * deviation(state["momentum_buffer"].data)
    return None if parameter.grad is None else lr * deviation(parameter.grad.data)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within this block dropout and the like are off; afterwards modes are what they were."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def outputs_of(model: nn.Module, X: np.ndarray) -> np.ndarray:
    """A network's outputs (rows, outputs) for X (rows, inputs), with dropout off, without a graph.

    >>> from backlit import nn
    >>> outputs_of(nn.MLP([2, 3]), np.zeros((5, 2), np.float32)).shape
    (5, 3)
    """
    with evaluating(model):
        return _forward(model, X)


def _forward(model: nn.Module, X: np.ndarray) -> np.ndarray:
    with no_grad():
        blocks = [model(tensor(X[i : i + ROWS])).numpy() for i in range(0, max(len(X), 1), ROWS)]
    return np.concatenate(blocks) if len(blocks) > 1 else blocks[0]


def loss_of(task: Task, outputs: np.ndarray, target: np.ndarray) -> float:
    """The mean loss of outputs that are there already."""
    with no_grad():
        return task.loss(tensor(outputs), tensor(target)).item()


def spaced(rows: int, count: int) -> np.ndarray:
    """`count` row numbers, evenly spaced over all.

    >>> spaced(10, 4).tolist()
    [0, 2, 5, 7]
    """
    return np.arange(count) * rows // max(count, 1)


def sample_first(rows: int, count: int) -> np.ndarray:
    """All row numbers: first an evenly spaced sample of `count`, then the others.

    >>> sample_first(5, 2).tolist()
    [0, 2, 1, 3, 4]
    """
    if rows <= count:
        return np.arange(rows)
    sample = spaced(rows, count)
    return np.concatenate([sample, np.setdiff1d(np.arange(rows), sample)])


def _seen(units: Units | None) -> tuple[int | None, float | None, float | None]:
    """(units, share of dead ones, share of saturated values) of an activation, if there is one."""
    if units is None:
        return None, None, None
    if units.kind == "relu":
        return len(units.dead), float(units.dead.mean()), None
    return len(units.dead), None, float(units.saturated)
