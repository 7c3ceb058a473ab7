"""One run from a name to a tested network: load, check, split, scale, build, train, test once.
It only computes; the terminal, the report and the run folder take their numbers from here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .. import nn
from ..engine import manual_seed, softmax, tensor
from .datasets import Dataset, load_dataset
from .errors import DataError, UsageError
from .loop import Epoch, Fit, Part, loss_of, measure, outputs_of, train
from .scaling import Standardiser
from .settings import Settings
from .split import Split, split_rows
from .tasks import Task, task_of


@dataclass
class Prepared:
    """Everything before the first update."""

    settings: Settings
    dataset: Dataset
    split: Split
    scaler: Standardiser
    task: Task
    model: nn.Module
    sizes: tuple[int, ...]
    parameters: int
    untrained_loss: float

    def part(self, rows: np.ndarray) -> Part:
        """The scaled inputs and targets of some rows."""
        return Part(
            self.scaler.apply(self.dataset.X[rows]), self.task.target(rows), self.dataset.y[rows]
        )


@dataclass
class Exam:
    """The one look at the test part; `probabilities` is (rows, classes), () for a regression."""

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    loss: float
    score: float
    interval: tuple[float, float]
    baseline_score: float

    @property
    def wrong(self) -> np.ndarray:
        """Positions of the wrong rows of a classification, the most confident mistake first."""
        wrong = np.flatnonzero(self.truth != self.predicted)
        sure = self.probabilities[wrong, self.predicted[wrong]]
        return wrong[np.argsort(-sure, kind="stable")]


@dataclass
class Outcome:
    """A finished run: what was asked, how it went, what the exam said."""

    prepared: Prepared
    fit: Fit
    exam: Exam


def prepare(settings: Settings, dataset: Dataset | None = None) -> Prepared:
    """Load and check the table, split and scale it, build the network, measure it untrained.

    `dataset` takes the place of the one that the settings name. Raises LearnError for data that
    cannot be learned from and for a network that does not fit into memory.
    """
    if dataset is None:
        dataset = load_dataset(settings.dataset, settings.seed)
    dataset.check()
    split = split_rows(dataset, settings.seed)
    task = task_of(dataset, split)
    scaler = Standardiser.fit(dataset.X[split.train], shared=dataset.image_shape is not None)
    sizes = (dataset.inputs, *settings.hidden, task.outputs)
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    _refuse_giants(parameters)
    manual_seed(settings.seed)
    model = nn.MLP(list(sizes))
    prepared = Prepared(settings, dataset, split, scaler, task, model, sizes, parameters, 0.0)
    prepared.untrained_loss, _ = measure(model, task, prepared.part(split.train))
    if not np.isfinite(prepared.untrained_loss):
        raise DataError(f"{dataset.name}: the untrained network's loss is not a number")
    return prepared


def carry_out(
    prepared: Prepared,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train what was prepared, then look at the test part, once."""
    settings, split = prepared.settings, prepared.split
    fit = train(
        prepared.model,
        prepared.task,
        (prepared.part(split.train), prepared.part(split.validation)),
        epochs=settings.epochs,
        lr=settings.lr,
        batch_size=settings.batch_size,
        seed=settings.seed,
        on_epoch=on_epoch,
        should_stop=should_stop,
    )
    return Outcome(prepared, fit, _examine(prepared))


def run(settings: Settings, dataset: Dataset | None = None) -> Outcome:
    """Prepare and carry out, silently.

    >>> outcome = run(Settings("moons", hidden=(8,), epochs=2))
    >>> len(outcome.fit.history), outcome.exam.predicted.shape
    (3, (200,))
    """
    return carry_out(prepare(settings, dataset))


def _examine(prepared: Prepared) -> Exam:
    task, rows = prepared.task, prepared.split.test
    part = prepared.part(rows)
    outputs = outputs_of(prepared.model, part.X)
    predicted = task.predict(outputs)
    classify = prepared.dataset.task == "classification"
    return Exam(
        rows=rows,
        truth=part.truth,
        predicted=predicted,
        probabilities=softmax(tensor(outputs)).numpy() if classify else np.empty(0),
        loss=loss_of(task, outputs, part.target),
        score=task.score(part.truth, predicted),
        interval=task.interval(part.truth, predicted, prepared.settings.seed),
        baseline_score=task.score(part.truth, task.baseline_predictions(len(rows))),
    )


def _refuse_giants(parameters: int) -> None:
    """Weights, gradients and Adam's two moments must fit into memory before any is allocated."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not known on this system
        return
    need = parameters * 4 * 4
    if need > memory // 2:
        raise UsageError(
            f"a network of {parameters:,} parameters needs {need / 2**30:,.0f} GB to train; "
            f"this machine has {memory / 2**30:,.0f} GB; choose smaller --hidden"
        )
