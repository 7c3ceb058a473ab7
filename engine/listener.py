"""What may stand in a recorder's place and hear of each op: it is asked all that the engine asks a
recorder and does nothing; who listens for something overrides that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .primitives import Primitive
    from .tensors import Tensor


class Listener:
    """Hears of each op of a thread, within `listening(it)`; replayed functions then run eagerly."""

    structure: int = 0
    """What the thread changed meanwhile of the tape's `structure`."""

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        """An op ran; one that changed tensors in place has no `out`."""

    def hear(self, row: np.ndarray, *given: Any) -> None:
        """A kernel ran."""

    def root(self, x: Tensor) -> None:
        """Backward is about to start here."""

    def changes(self, changed: tuple[Tensor, ...]) -> None:
        """Tensors are about to be changed in place."""

    def gradient(self, leaf: Tensor) -> None:
        """Backward is about to give a leaf a gradient."""

    def array(self, value: np.ndarray, dtype: Any, copy: bool) -> Tensor | None:
        """An array becomes a tensor: which one, if not a new one."""
        return None

    def operand(self, value: Any, like: Tensor) -> Tensor | None:
        """What is no tensor becomes an operand beside `like`: which one, if not a new one."""
        return None

    def knows(self, x: Tensor) -> bool:
        """Whether a tensor belongs to what is recorded."""
        return False

    def refuse(self, x: Tensor, how: str) -> None:
        """Python reads a value."""


class Undoing(Listener):
    """Hears of changes in place and of random draws, and takes them back: for a look at what a
    function would do.
    """

    def __init__(self) -> None:
        self._before: dict[int, tuple[Tensor, np.ndarray, list[Any] | None]] = {}
        self._draws: dict[int, tuple[Tensor, int]] = {}

    def changes(self, changed: tuple[Tensor, ...]) -> None:
        """Tensors are about to be changed in place."""
        for x in changed:
            if id(x) not in self._before:
                self._before[id(x)] = x, x.data.copy(), x.cell and list(x.cell)

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        """An op ran: a draw moves its generator, the first operand, on by one."""
        if primitive.draws:
            cell = inputs[0]
            self._draws[id(cell)] = cell, self._draws.get(id(cell), (cell, 0))[1] + 1

    def undo(self) -> None:
        """Tensors and generators are as they were, from the last change to the first."""
        for x, data, cell in reversed(self._before.values()):
            x.data[...] = data
            if cell is None or x.cell is None:
                x.cell = cell
            else:
                x.cell[:] = cell
        for cell, draws in self._draws.values():
            cell.data[1] -= np.uint64(draws)
        self._before, self._draws = {}, {}
