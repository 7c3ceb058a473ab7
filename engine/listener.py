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

    def changes(self) -> None:
        """Something is about to be changed in place."""

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
