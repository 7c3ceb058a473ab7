"""The learning-rate finder: a hundred steps on a copy of the network, each with a larger rate than
the one before, and the rate at which the loss falls well.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import nn
from ...engine import Generator, NonFiniteLossError, Tensor, default_generator, replay
from ..errors import DataError, UsageError
from ..numerals import typed
from .loop import OPTIMIZERS

if TYPE_CHECKING:
    from ..checks.context import Part
    from .tasks import Task

SOURCE = (
    "L. Smith, Cyclical learning rates for training neural networks, WACV 2017; "
    "the valley: fastai, callback.schedule.valley"
)
SMOOTHING = 0.98
"""The weight of the past in the moving average of losses."""
DIVERGED = 4.0
"""It stops where the smoothed loss is so many times the best one."""
FALL = 0.01
"""The share of the first loss that it must fall by, for a rate to be suggested."""
LEAST = 10
"""Losses that a valley is looked for in."""


@dataclass(frozen=True)
class Rates:
    """What the finder saw: a rate and a smoothed loss for each step, and the rate it suggests."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    """Moving averages; finite."""
    suggestion: float | None
    """None where no stretch of rates made the loss fall."""
    stopped: bool
    """Whether the loss blew up before the last rate."""
    sentence: str
    source: str = SOURCE


def find_rate(
    model: nn.Module | Callable[[], nn.Module],
    task: Task,
    train: Part,
    *,
    batch_size: int,
    seed: int,
    optimizer: str = "adam",
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
) -> Rates:
    """Train a copy for `steps` batches, the rate growing from `low` to `high` by a constant factor.

    The network, its gradients, its modes and all generators stay as they were. The moving average
    of losses (weight 0.98, without bias) is what is judged; the run stops where it is 4 times its
    least. The suggestion is fastai's "valley": the middle of the longest stretch of rates over
    which the loss falls.

    Raises UsageError for a range that is none, DataError for a part without rows.

    >>> from backlit.learn.checks.context import Part
    >>> from backlit.learn.models.tasks import Classification
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2)).astype(np.float32)
    >>> y = (X[:, 0] > 0).astype(np.int64)
    >>> part, task = Part(X, y, y, np.arange(500)), Classification("ab", y)
    >>> found = find_rate(lambda: nn.MLP([2, 8, 2]), task, part, batch_size=32, seed=0)
    >>> len(found.rates) == len(found.losses), 1e-4 < found.suggestion < 1
    (True, True)
    """
    _check(low, high, steps, batch_size, optimizer, train)
    default = default_generator()
    before = default.state()
    default.load_state(Generator(seed).state())
    try:
        twin = copy.deepcopy(model) if isinstance(model, nn.Module) else model()
        for parameter in twin.parameters():
            parameter.grad = None
        factor = (high / low) ** (1 / max(steps - 1, 1))
        rates = [low * factor**step for step in range(steps)]
        losses = _losses(twin.train(), task, train, rates, batch_size, seed, optimizer)
    finally:
        default.load_state(before)
    suggestion = valley(rates[: len(losses)], losses, steps)
    if losses and min(losses) > (1 - FALL) * losses[0]:
        suggestion = None  # what little it fell is noise
    stopped = len(losses) < steps
    return Rates(
        tuple(rates[: len(losses)]), tuple(losses), suggestion, stopped,
        _sentence(rates, losses, suggestion, stopped),
    )  # fmt: skip


def _losses(
    model: nn.Module, task: Task, part: Part, rates: list[float], batch_size: int, seed: int,
    optimizer: str,
) -> list[float]:  # fmt: skip
    """The smoothed losses, until one is too large or not finite."""
    opt = OPTIMIZERS[optimizer](model.parameters(), rates[0])

    @replay
    def step(x: Tensor, t: Tensor) -> Tensor:
        loss = task.loss(model(x), t)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    average, found = 0.0, []
    pairs = zip(rates, _batches(part, batch_size, seed), strict=False)
    for number, (rate, batch) in enumerate(pairs, 1):
        opt.param_groups[0]["lr"] = rate
        try:
            loss = step.guarded_call(list(batch)).item()
        except NonFiniteLossError:
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING**number)
        if not math.isfinite(smoothed) or (found and smoothed > DIVERGED * min(found)):
            break
        found.append(smoothed)
    return found


def _batches(part: Part, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Whole batches, epoch after epoch, without end."""
    size = min(batch_size, len(part.X))
    data = nn.batches(part.X, part.target, size, True, Generator(seed), drop_last=True)
    while True:
        yield from data


def valley(rates: list[float], losses: list[float], steps: int) -> float | None:
    """The rate in the middle of the longest stretch over which losses fall.

    As fastai does it: without the first tenth of the steps and the last five, find the longest
    falling subsequence; of the stretch from its length before its end to its end take the middle.

    >>> rates = [10.0**k for k in range(-20, 0)]
    >>> valley(rates, [2.0] * 5 + [2.0 - k / 10 for k in range(15)], 20) == rates[8]
    True
    >>> valley(rates, [2.0] * 20, 20) is None
    True
    """
    begin = steps // 10
    rates, losses = rates[begin:-5], losses[begin:-5]
    if len(losses) < LEAST:
        return None
    lengths = [1] * len(losses)
    last = 0
    for i in range(1, len(losses)):
        before = [lengths[j] for j in range(i) if losses[i] < losses[j]]
        lengths[i] = 1 + max(before, default=0)
        if lengths[i] > lengths[last]:
            last = i
    if lengths[last] < 3:
        return None
    first = last - lengths[last]
    third = (last - first) / 3
    return rates[first + int(third) + int(third / 2)]


def _sentence(
    rates: list[float], losses: list[float], suggestion: float | None, stopped: bool
) -> str:
    """What was found, in words."""
    if not losses:
        return (
            f"the loss was infinite or NaN at the first rate, {typed(rates[0], 1)}, and no rate "
            f"can mend "
            "that: look at the inputs and the first weights"
        )
    end = (
        f"it blew up at {typed(rates[len(losses)], 2)}"
        if stopped
        else f"it was tried up to {typed(rates[-1], 2)}"
    )
    if suggestion is None:
        return (
            f"no stretch of learning rates made the loss fall; {end}. Either the inputs say "
            "nothing about the target, or the gradients do not reach the weights"
        )
    return (
        f"a learning rate of {typed(suggestion, 2)} is suggested: the middle of the stretch over "
        f"which "
        f"the loss fell; {end}"
    )


def _check(
    low: float, high: float, steps: int, batch_size: int, optimizer: str, train: Part
) -> None:
    if not (0 < low < high < math.inf):
        raise UsageError(f"rates go from one above 0 to a larger one, not from {low!r} to {high!r}")
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise UsageError(f"{name} is an integer from 1 on, not {value!r}")
    if optimizer not in OPTIMIZERS:
        raise UsageError(f"an optimizer is one of {', '.join(OPTIMIZERS)}, not {optimizer!r}")
    if not len(train.X):
        raise DataError("the training part has no rows")
