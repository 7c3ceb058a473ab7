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
from .binding import Binding, Must
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
        self.passes = passes
        self._anew = [
            not isinstance(x, Tensor) or id(owner(x.data)) in seen.made for x in self.outputs
        ]
        self.seen: Recorder | None = seen
        """The recording; None once the program is made of it."""
        self.structure, self.grad_mode, self.thread = stamp, state.grad, get_ident()
        self.buffers = [x.data for x in inputs]
        self.needs = [x.needs for x in inputs]
        self.grads = [(leaf, leaf.grad) for leaf in seen.grads]
        """Leaves that get a gradient, and it."""
        self.needed: list[tuple[Tensor, Tensor | None]] = []
        """Leaves whose `.grad` must be what it was when a call begins."""
        self.held = _held(seen)
        """Tensors from outside, and the arrays that they must still have."""
        self.ready = False
        changed = dict.fromkeys(x for op in seen.ops for x in op.changed)
        self.cells = [x.cell for x in changed if x.cell is not None]
        self.stamp = [0]
        """The clock's number at the last run, which all tensors that it changes share."""
        self.count = len(inputs)

    def snapshot(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The memory from outside that the recorded ops touch, and what it holds now."""
        assert self.seen is not None
        found = {id(owner(a)): owner(a) for op in self.seen.ops for a in op.arrays}
        return [(a, a.copy()) for key, a in found.items() if key not in self.seen.made]

    def build(self) -> None:
        """Make the program, and let go of the recording."""
        seen = self.seen
        assert seen is not None
        self.seen = None
        returned = [x.data if isinstance(x, Tensor) else x for x in self.outputs]
        self.program = Program(seen, returned, self.buffers, self.passes)
        self.outputs = [
            wrap(x.data) if isinstance(x, Tensor) and anew else x
            for x, anew in zip(self.outputs, self._anew, strict=True)
        ]
        musts: list[Must] = [(x, machine.DATA_SLOT, array) for x, array in self.held]
        musts += [(leaf, machine.GRAD_SLOT, grad) for leaf, grad in self.needed]
        self.binding = Binding(self.program, seen, self.buffers, self.needs, returned, musts)
        self.moves = self.binding.moves
        self.single = returned[0] if self.tree is Leaf and self._anew[0] else None
        """The result, where it is one tensor and new."""
        for cell in self.cells:
            cell.append(self.stamp)
        self._enter = machine.caller()

    def forget(self) -> None:
        """The program is given up: what it changed last is remembered without it."""
        for cell in self.cells:
            cell[0] = max(cell[0], self.stamp[0])
            cell[:] = [number for number in cell if number is not self.stamp]

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
        fresh = self.binding.fresh() if self.moves else ()
        status = self._enter(0, self.program.length, args, fresh, self.binding.plan)
        if status:
            if status == 2:
                return MISS
            self.load(args)
            self.program.fail()
        return self.finish(fresh)

    def run(self, leaves: Sequence[Leaf]) -> Any:
        """The results for these arguments, whose kinds have been checked."""
        self.load(leaves)
        self.program.run()
        return self.finish()

    def load(self, leaves: Sequence[Leaf]) -> None:
        """Write the arguments into the memory that the program reads."""
        for buffer, leaf in zip(self.buffers, leaves, strict=True):
            np.copyto(buffer, leaf.data if isinstance(leaf, Tensor) else leaf)

    def finish(self, fresh: tuple[np.ndarray, ...] = ()) -> Any:
        """What an eager run would have left: gradients, the clock; and results, in memory of their
        own, where they have not been written there already (`fresh`).
        """
        self.leave()
        if self.single is not None:
            return wrap(fresh[0] if fresh else self.single.copy())
        if not fresh:
            return self.fresh()
        results = [self._fresh(k) for k in range(len(self.outputs))]
        for k, array in zip(self.binding.results, fresh, strict=True):
            results[k] = wrap(array) if isinstance(self.outputs[k], Tensor) else array
        return rebuild(self.tree, results)

    def leave(self) -> None:
        """What an eager run would have left behind."""
        for leaf, grad in self.grads:
            leaf.grad = grad
        if self.cells:
            self.stamp[0] = last_change[0] = tick()

    def fresh(self) -> Any:
        """The results of the last run, in memory of their own."""
        return rebuild(self.tree, [self._fresh(k) for k in range(len(self.outputs))])

    def _fresh(self, k: int) -> Leaf:
        x = self.outputs[k]
        if isinstance(x, Tensor):
            return wrap(x.data.copy()) if self._anew[k] else x  # from outside: as it is
        return x.copy()


def _held(seen: Recorder) -> list[tuple[Tensor, np.ndarray]]:
    found = {}
    for op in seen.ops:
        for x, array in zip(op.inputs, op.arrays, strict=True):
            if x.needs and id(owner(array)) not in seen.made:
                found[x] = array
    return list(found.items())
