"""The units of a network on rows that it was trained on: a forward pass in evaluation mode without
a graph, during which a listener looks at what each relu, tanh and sigmoid gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np

from ..engine import Primitive, Tensor, no_grad
from ..engine.listener import Undoing
from ..engine.programs.recorder import listening
from ..engine.tape import state
from ..engine.tensors import as_tensor
from ..nn import Module

MIDDLE = {"tanh": (0.0, 1.0), "sigmoid": (0.5, 0.5)}
"""The middle of an activation's range and half its width: saturated is far from the middle."""


@dataclass
class Units:
    """What the units behind one activation gave on `rows` rows."""

    kind: str
    module: str
    """The path of the module that made what the activation was given: the layer."""
    number: int
    """Which of this kind behind that module it is, from 0: mostly the only one."""
    rows: int
    dead: np.ndarray
    """Of each unit, whether it gave 0 on every row."""
    saturated: float
    """The share of all values that lie at the ends of the range."""


class LatestCalls:
    """The arguments of the model's latest calls in training: as many as have `rows` rows."""

    def __init__(self, rows: int):
        self.rows = rows
        self.calls: deque[tuple[tuple[Any, ...], dict[str, Any]]] = deque(maxlen=1)
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether as many calls came as are kept."""
        return self.count >= (self.calls.maxlen or 1)

    def again(self) -> None:
        """From now on others may take their place."""
        self.count = 0

    def add(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember a call, by reference and without the graph of what it was given."""
        args = tuple([_detached(x) for x in args])
        if not self.calls and (rows := rows_of(args)):
            self.calls = deque(maxlen=-(-self.rows // rows) + 1)  # one may be an epoch's rest
        self.calls.append((args, kwargs))
        self.count += 1

    def latest(self) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """The latest calls, until they have enough rows."""
        found, rows = [], 0
        for call in reversed(self.calls):
            found.append(call)
            rows += rows_of(call[0])
            if rows >= self.rows:
                break
        return found


def rows_of(args: tuple[Any, ...]) -> int:
    """The rows of a call: the length of its first tensor or array."""
    for x in args:
        if isinstance(x, (Tensor, np.ndarray)):
            return x.shape[0] if x.ndim else 1
    return 0


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) and x.primitive is not None else x


def look_at_units(
    model: Module, calls: list[tuple[tuple[Any, ...], dict[str, Any]]], level: float
) -> list[Units]:
    """What each activation of the model gives for these calls, in the order in which they run.

    `level` is the size from which on a tanh counts as saturated; a sigmoid accordingly. The model
    and random generators are left as they were.
    """
    listener = Activations(level)
    try:
        with _evaluating(model), no_grad(), listening(listener):
            for args, kwargs in calls:
                listener.begin()
                model(*[as_tensor(x) if isinstance(x, np.ndarray) else x for x in args], **kwargs)
    finally:
        listener.undo()
    return listener.units()


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Within this block dropout and the like are off."""
    training = [module for module in model.modules() if module.training]
    scope, state.scope = state.scope, ""
    try:
        for module in training:
            module.training = False
        yield
    finally:
        state.scope = scope
        for module in training:
            module.training = True


class Activations(Undoing):
    """Hears of each op, and looks at what activations give."""

    def __init__(self, level: float):
        super().__init__()
        self.level = level
        self.found: dict[tuple[str, str, int], Units] = {}
        self.begin()

    def begin(self) -> None:
        """Another call begins."""
        self.makers: dict[int, tuple[ref[Tensor], str]] = {}  # by id, to keep no tensor alive
        self.counts: dict[tuple[str, str], int] = {}

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        """An op ran."""
        super().note(primitive, inputs, params, out, changed)
        if out is None:
            return
        self.makers[id(out)] = ref(out), state.scope
        kind = primitive.name
        if (kind != "relu" and kind not in MIDDLE) or not out.data.size or not out.data.ndim:
            return
        maker, scope = self.makers.get(id(inputs[0]), (None, ""))
        module = scope if maker is not None and maker() is inputs[0] else state.scope
        number = self.counts[kind, module] = self.counts.get((kind, module), -1) + 1
        values = _by_unit(out.data)
        dead, saturated = _judge(kind, values, self.level)
        before = self.found.get((kind, module, number))
        if before is None or before.dead.shape != dead.shape:
            units = Units(kind, module, number, len(values), dead, saturated)
            self.found[kind, module, number] = units
            return
        rows = before.rows + len(values)
        before.saturated = (before.saturated * before.rows + saturated * len(values)) / rows
        before.dead &= dead
        before.rows = rows

    def units(self) -> list[Units]:
        """What was found."""
        return list(self.found.values())


def _by_unit(array: np.ndarray) -> np.ndarray:
    """(rows, units): units are the last axis; of pictures (N, C, H, W) they are the channels."""
    if array.ndim == 4:
        array = np.moveaxis(array, 1, -1)
    return array.reshape(-1, array.shape[-1])


def _judge(kind: str, values: np.ndarray, level: float) -> tuple[np.ndarray, float]:
    """Of each unit whether it gave only 0, and the share of saturated values."""
    if kind == "relu":
        dead = np.logical_not(values[:64].any(axis=0))  # a few rows clear most of the units
        if dead.any():
            dead[dead] = np.logical_not(values[:, dead].any(axis=0))
        return dead, 0.0
    middle, width = MIDDLE[kind]
    far = np.count_nonzero(np.abs(values - middle) > level * width)
    return np.zeros(values.shape[1], bool), far / values.size
