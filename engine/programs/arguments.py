"""What a call is given, and what it gives back to the caller's own tensors: a recorded function
works on copies of its arguments, so that a program finds them where it expects them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ReplayError
from ..tape import last_change, tick
from ..tensors import Tensor, to_array, wrap
from .floats import is_float
from .trees import Leaf, flatten_arguments, rebuild


class Arguments:
    """The arguments of one call."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.tree, found = flatten_arguments((args, kwargs))
        self.floats = [x for x in found if is_float(x)]
        self.leaves: list[Leaf] = []
        """Tensors and arrays, and the gradients that tensors have; each once."""
        places: dict[int, int] = {}

        def place(x: Any) -> int:
            if x is None or is_float(x):
                return -1
            if id(x) not in places:
                places[id(x)] = len(self.leaves)
                self.leaves.append(x)
            return places[id(x)]

        self.order = tuple([place(x) for x in found])
        """Of each leaf of the tree its place among the tensors and arrays; -1 for a float."""
        given = list(self.leaves)
        self.grads = tuple([place(x.grad) if isinstance(x, Tensor) else -1 for x in given])
        """The place of the gradient of each of them; -1 where there is none."""

    def key(self) -> Any:
        """All that decides which program they can be given to, but for values of floats."""
        return self.tree, self.order, self.grads, tuple([_kind(x) for x in self.leaves])

    def plain(self) -> bool:
        """Whether no tensor is given twice, has a gradient or asks for one."""
        return len(self.leaves) + len(self.floats) == len(self.order) and not any(
            isinstance(x, Tensor) and x.needs for x in self.leaves
        )


class StandIns:
    """Copies of the arguments that a function is recorded with. Their memory is where a program
    reads the arguments.
    """

    def __init__(self, arguments: Arguments):
        self.arguments = arguments
        self.tensors = [_stand_in(x) for x in arguments.leaves]
        """In the order of the arguments' leaves."""
        self.grads: list[Tensor | None] = [None] * len(self.tensors)
        """The gradients that they begin with."""
        for k, place in enumerate(arguments.grads):
            if place >= 0:
                self.tensors[k].grad = self.grads[k] = self.tensors[place]

    def build(self, numbers: Sequence[Any]) -> Any:
        """(args, kwargs) with the stand-ins, and with these numbers for the floats."""
        floats = iter(numbers)
        row = [self.tensors[k] if k >= 0 else next(floats) for k in self.arguments.order]
        return rebuild(self.arguments.tree, row)

    def refuse(self, leaf: Tensor) -> None:
        """A leaf gets a gradient: an error where it stands for the result of an op."""
        for x, source in zip(self.tensors, self.arguments.leaves, strict=True):
            if leaf is x and isinstance(source, Tensor) and source.primitive is not None:
                raise ReplayError(
                    "backward reaches an argument that was computed outside: a program cannot go "
                    "on into that graph. Give x.detach(), compute it within the function, or "
                    "return gradients(loss, x)"
                )

    def left(self) -> list[np.ndarray]:
        """The memory of what is to be given back: changed arguments, and gradients."""
        grads = [x.grad.data for x in self.tensors if x.grad is not None]
        return [x.data for x in self.tensors if _changed(x)] + grads

    def read_only(self) -> bool:
        """Whether there is nothing to give back."""
        return not any(
            _changed(x)
            or x.grad is not grad
            or x.needs is not (isinstance(source, Tensor) and source.needs)
            for x, grad, source in self._each(self.arguments)
        )

    def give_back(self, arguments: Arguments) -> None:
        """Leave the caller's tensors as an eager run would have left them."""
        for x, grad, source in self._each(arguments):
            if not isinstance(source, Tensor):
                continue
            source.needs = x.needs
            if x.grad is not grad:
                source.grad = None if x.grad is None else wrap(x.grad.data.copy())
            if _changed(x):
                np.copyto(source.data, x.data)
                now = last_change[0] = tick()
                source.cell = source.cell or [now]
                source.cell[0] = now

    def _each(self, arguments: Arguments) -> Any:
        return zip(self.tensors, self.grads, arguments.leaves, strict=True)


def _kind(x: Leaf) -> Any:
    if isinstance(x, Tensor):
        return x.data.shape, x.data.dtype, x.needs, x.primitive is None
    return x.shape, x.dtype


def _stand_in(source: Leaf) -> Tensor:
    if not isinstance(source, Tensor):
        return wrap(np.array(to_array(source)))  # memory of its own, as results have
    x = wrap(source.data.copy(order="C"))
    x.needs, x.name = source.needs, source.name
    return x


def _changed(x: Tensor) -> bool:
    return x.cell is not None and x.cell[0] > 0
