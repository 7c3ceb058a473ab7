"""The tape's clock, and the switches of the thread that decide whether ops are remembered. The tape
itself lies in the tensors: each knows the op that made it. Backward, which walks it, is in
backward.py.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Iterator
from typing import Any


class _State(threading.local):
    """Each thread's own: whether ops are remembered, and the path of the module that runs."""

    grad: bool = True
    scope: str = ""


state = _State()

tick = itertools.count(1).__next__
"""The clock of the tape: remembered ops and changes in place take their numbers from it."""

last_change = [0]
"""The clock's number at the last change in place of any tensor."""


def changed_at(cell: list[Any]) -> int:
    """When a tensor's memory was last changed: its cell has the clock's number, then, for each
    program that changes it, a list with that of the program's last run.
    """
    return cell[0] if len(cell) == 1 else max(cell[0], *[stamp[0] for stamp in cell[1:]])


recorders: dict[int, Any] = {}
"""What remembers the ops of a thread for replay, by the thread's number; mostly empty."""


def recorder() -> Any:
    """This thread's recorder, or None."""
    return recorders.get(threading.get_ident())


structure = [0]
"""A fingerprint of what programs take for granted and no array holds: which modules train, which
tensors ask for gradients, which parts a model has. Switching back brings the old one back.
"""


captured: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""The tensors from outside that programs use, by identity; what others ask for changes none."""


def switched(what: object, before: object, after: object) -> None:
    """A switch of `what` went from one value to another."""
    change = hash((id(what), before)) ^ hash((id(what), after))
    structure[0] ^= change
    if recorders and (writer := recorder()):
        writer.structure ^= change


def restructured() -> None:
    """Something changed that cannot be told apart from other changes."""
    structure[0] += 1 << 64
    if recorders and (writer := recorder()):
        writer.structure += 1 << 64


def outdated() -> None:
    """Programs from before are no longer good: an optimizer keeps its state in other tensors now.
    It may happen in a step that is recorded.
    """
    structure[0] += 1 << 64


def is_grad_enabled() -> bool:
    """Whether ops of this thread are remembered for backward."""
    return state.grad


class _GradMode(contextlib.ContextDecorator):
    """Sets grad mode for a block or a function; blocks nest."""

    def __init__(self, enabled: bool):
        self._enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(state.grad)
        state.grad = self._enabled

    def __exit__(self, *error: object) -> None:
        state.grad = self._before.pop()


def no_grad() -> _GradMode:
    """Within this block, or this decorated function, nothing is remembered for backward.

    >>> from backlit.engine import tensor, no_grad
    >>> w = tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     print((w * 2).requires_grad)
    False
    """
    return _GradMode(False)


def enable_grad() -> _GradMode:
    """The opposite of `no_grad`, for use within it."""
    return _GradMode(True)


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Within this block ops carry `name`, after the names of the blocks around, as their path.

    >>> from backlit.engine import scope, tensor
    >>> with scope("encoder"), scope("0"):
    ...     (tensor(1.0, requires_grad=True) * 2).scope
    'encoder.0'
    """
    before = state.scope
    state.scope = f"{before}.{name}" if before and name else before or name
    try:
        yield
    finally:
        state.scope = before
