"""What a watch writes down of a run: now and then the sizes of gradients, weights and updates, and
always what is free. A look reads arrays with NumPy alone, so that training never notices it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..engine import Tensor
from ..engine.births import Birth
from ..engine.tape import changed_at, last_change
from ..nn import Module, Parameter
from .units import Units

MOST = 512
"""Looks that are kept: of more, every second one is let go."""


@dataclass
class Size:
    """One parameter at one look; None where it was not seen."""

    weight: float
    """Its Euclidean norm."""
    gradient: float | None = None
    """The norm of its gradient; None where it had none."""
    update: float | None = None
    """std(update) / std(weight) over one step; of matrices only."""
    moved: bool | None = None
    """Whether the step changed it."""


@dataclass
class Look:
    """One step looked at: its number from 1, its loss (None where it was not seen), the sizes."""

    step: int
    loss: float | None
    sizes: dict[str, Size]


@dataclass
class Records:
    """All that a watch has seen, from which findings are made."""

    parameters: dict[str, Parameter]
    flat: dict[str, bool]
    """By parameter, whether all its numbers were the same when the block began."""
    looks: list[Look] = field(default_factory=list)
    units: list[Units] = field(default_factory=list)
    units_at_start: list[Units] = field(default_factory=list)
    """The same with the weights with which the block began, on rows seen later."""
    steps: int = 0
    updates: int = 0
    """Updates between one backward and the next."""
    uncleared: int = 0
    """Updates by a gradient to which that of an earlier update had been added."""
    births: list[tuple[int, float, Birth | None]] = field(default_factory=list)
    """(step, loss, where it came from) of the first loss that is not finite."""
    optimized: set[str] | None = None
    """The names of the parameters that the optimizer has; None where it is not known."""
    trouble: str = ""
    """Why activations could not be sampled, if so."""

    def add(self, look: Look) -> None:
        """Keep a look, the older ones more sparsely."""
        self.looks.append(look)
        if len(self.looks) > MOST:
            del self.looks[MOST // 4 : -1 : 2]


class Snapshot:
    """The weights at one moment, to see what a step makes of them."""

    def __init__(self, parameters: dict[str, Parameter]):
        self.parameters = parameters
        self.before = {name: p.data.copy() for name, p in parameters.items() if p.needs}
        self.clock = last_change[0]

    def updated(self) -> bool:
        """Whether any of them was changed since."""
        return any(changed_since(p, self.clock) for p in self.parameters.values())

    def compare(self, sizes: dict[str, Size]) -> None:
        """Write into the sizes how far each weight went."""
        with np.errstate(all="ignore"):
            for name, before in self.before.items():
                size, now = sizes.get(name), self.parameters[name].data
                if size is None or now.shape != before.shape:
                    continue
                change = now - before
                if change.ndim < 2:  # biases: their spread says little
                    size.moved = bool(change.any())
                    continue
                far, spread = deviation(change), deviation(before)
                size.moved = far > 0 or bool(change.any())
                size.update = far / spread if spread else math.inf


def measure(parameters: dict[str, Parameter]) -> dict[str, Size]:
    """The sizes of weights and gradients now."""
    with np.errstate(all="ignore"):
        return {
            name: Size(norm(p.data), None if p.grad is None else norm(p.grad.data))
            for name, p in parameters.items()
            if p.needs
        }


def parameters_of(model: Module) -> dict[str, Parameter]:
    """The parameters of a model by their dotted names."""
    return dict(model.named_parameters())


def changed_since(x: Tensor, clock: float) -> bool:
    """Whether a tensor was changed in place after the tape's clock showed that number."""
    return x.cell is not None and changed_at(x.cell) > clock


def norm(array: np.ndarray) -> float:
    """The Euclidean norm, without a copy where the numbers lie in a row."""
    flat = array.reshape(-1)
    return math.sqrt(np.dot(flat, flat))


def deviation(array: np.ndarray) -> float:
    """The standard deviation of all numbers."""
    flat = array.reshape(-1)
    if not flat.size:
        return 0.0
    mean = float(np.add.reduce(flat)) / flat.size
    return math.sqrt(max(float(np.dot(flat, flat)) / flat.size - mean * mean, 0.0))
