"""One recording of a function as a program, with what it takes for granted and what it leaves
behind: the fast way through a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import get_ident
from typing import Any

import numpy as np

from ..tape import last_change, state, structure, tick
from ..tensors import Tensor, wrap
from . import machine
from .instructions import memory_at
from .program import Program
from .recorder import Recorder, owner
from .trees import Leaf, flatten, rebuild

MISS = object()
"""What a call gives whose arguments, or the world, are not those of the program."""

LONG = 100e-6
"""Seconds from which on other Python threads may run during a call."""


class Candidate:
    """A program with what it takes for granted and what it leaves behind."""

    def __init__(
        self,
        seen: Recorder,
        inputs: list[Tensor],
        result: Any,
        passes: frozenset[str],
        stamp: int,
    ):
        self.tree, self.outputs = flatten(result)
        returned = [x.data if isinstance(x, Tensor) else x for x in self.outputs]
        self.program = Program(seen, returned, passes)
        self.seen = seen
        self.structure, self.grad_mode, self.thread = stamp, state.grad, get_ident()
        self.buffers = [x.data for x in inputs]
        self.needs = [x.needs for x in inputs]
        self.result = result
        self.made = seen.made
        self.grads = [(leaf, leaf.grad) for leaf in seen.grads]
        """Leaves that get a gradient, and it."""
        self.needed: list[tuple[Tensor, Tensor | None]] = []
        """Leaves whose `.grad` must be what it was when a call begins."""
        self.held = self._outside()
        self.ready = False
        self.release = 0
        changed = dict.fromkeys(x for op in seen.ops for x in op.changed)
        self.cells = [x.cell for x in changed if x.cell is not None]
        self.single = isinstance(result, Tensor) and id(owner(result.data)) in self.made
        self.count = len(inputs)
        self.kinds = np.array([_kind(a) for a in self.buffers], np.int64)
        self._enter = machine.caller()

    def _outside(self) -> list[tuple[Tensor, np.ndarray]]:
        """Tensors from outside, and the arrays that they must still have."""
        found = {}
        for op in self.seen.ops:
            for x, array in zip(op.inputs, op.arrays, strict=True):
                if id(owner(array)) not in self.made and x.needs:
                    found[x] = array
        return list(found.items())

    @property
    def signature(self) -> str:
        """The arguments' types and shapes."""
        return f"({', '.join(f'{a.dtype.name}{list(a.shape)}' for a in self.buffers)})"

    def holds(self) -> bool:
        """Whether what the program takes for granted is so."""
        for x, array in self.held:
            if x.data is not array:
                return False
        return not self.needed or all(leaf.grad is grad for leaf, grad in self.needed)

    def current(self) -> bool:
        """Whether the program can run now, in this thread, on arguments of its kinds."""
        return (
            self.structure == structure[0]
            and self.grad_mode is state.grad
            and self.thread == get_ident()
            and self.holds()
        )

    def call(self, args: tuple[Any, ...]) -> Any:
        """The results for these arguments, or MISS; tensors only, in a program without host ops."""
        if (
            self.structure != structure[0]
            or self.grad_mode is not state.grad
            or self.thread != get_ident()
            or self.count != len(args)
        ):
            return MISS
        for x, needs in zip(args, self.needs, strict=True):
            if x.__class__ is not Tensor or x.needs is not needs:
                return MISS
        if not self.holds():
            return MISS
        program = self.program
        arrays = tuple([x.data for x in args])
        status = self._enter(
            0, program.length, arrays, self.kinds, self.count, program.code, program.failed,
            self.release,
        )  # fmt: skip
        if status:
            if status == 2:
                return MISS
            program.fail()
        return self.finish()

    def run(self, leaves: Sequence[Leaf]) -> Any:
        """The results for these arguments, whose kinds have been checked."""
        self.load(leaves)
        self.program.run()
        return self.finish()

    def load(self, leaves: Sequence[Leaf]) -> None:
        """Write the arguments into the memory that the program reads."""
        for buffer, leaf in zip(self.buffers, leaves, strict=True):
            np.copyto(buffer, leaf.data if isinstance(leaf, Tensor) else leaf)

    def finish(self) -> Any:
        """What an eager run would have left: gradients, the clock; and fresh results."""
        self.leave()
        if self.single:
            return wrap(self.result.data.copy())
        return rebuild(self.tree, [self._fresh(x) for x in self.outputs])

    def leave(self) -> None:
        """What an eager run would have left behind."""
        for leaf, grad in self.grads:
            leaf.grad = grad
        if self.cells:
            now = last_change[0] = tick()
            for cell in self.cells:
                cell[0] = now

    def fresh(self) -> Any:
        """The results of the recorded run, in memory of their own."""
        return rebuild(self.tree, [self._fresh(x) for x in self.outputs])

    def _fresh(self, x: Leaf) -> Leaf:
        array = x.data if isinstance(x, Tensor) else x
        if isinstance(x, Tensor) and id(owner(array)) not in self.made:
            return x  # a tensor from outside, as it is
        return wrap(array.copy()) if isinstance(x, Tensor) else array.copy()


def _kind(array: np.ndarray) -> list[int]:
    """What an argument must be, for the machine."""
    padding = [0] * (machine.KIND_WORDS - 5 - array.ndim)
    head = [id(array.dtype), array.ndim, memory_at(array), array.nbytes, array.itemsize]
    return [*head, *array.shape, *padding]
