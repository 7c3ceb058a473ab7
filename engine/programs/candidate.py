"""One recording of a function as a program, with what it takes for granted and what it leaves
behind: the fast way through a call.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ..tape import last_change, state, structure, tick
from ..tensors import Tensor, wrap
from . import machine
from .arguments import Arguments, StandIns
from .binding import Binding, Must
from .floats import is_number
from .program import Program
from .recorder import Recorder, owner
from .trees import Leaf, flatten, is_flat, rebuild

MISS = object()
"""What a call gives whose arguments, or the world, are not those of the program."""

LONG = 100e-6
"""Seconds from which on other Python threads may run during a call."""


class _Here(threading.local):
    """What tells threads apart: their numbers are used again."""

    def __init__(self) -> None:
        self.thread = object()


here = _Here()


class Candidate:
    """A program with what it takes for granted and what it leaves behind."""

    program: Program
    binding: Binding

    def __init__(
        self, seen: Recorder, stand_ins: StandIns, result: Any, passes: frozenset[str], stamp: int
    ):
        self.seen: Recorder | None = seen
        """The recording; None once the program is made of it, unless it is verified again."""
        self.stand_ins, self.floats, self.passes = stand_ins, seen.floats, passes
        self.structure, self.grad_mode, self.thread = stamp, state.grad, here.thread
        self.tree, self.outputs = flatten(result)
        self._anew = [
            is_number(x) or not isinstance(x, Tensor) or id(owner(x.data)) in seen.made
            for x in self.outputs
        ]
        self.grads = [(leaf, leaf.grad) for leaf in self._leaves(seen)]
        """Leaves whose `.grad` a call sets, and to what."""
        own = set(stand_ins.tensors)
        self.began = {x: grad is None for x, grad in seen.grads.items() if x not in own}
        """Whether leaves had no gradient when backward first gave them one."""
        self.needed: list[tuple[Tensor, Tensor | None]] = []
        """Leaves whose `.grad` must be what it was when a call begins."""
        self.held: list[tuple[Tensor, np.ndarray]] = []
        """Tensors from outside, and the arrays that they must still have."""
        self.buffers = [x.data for x in stand_ins.tensors]
        self.ready = False
        self.countdown = 0
        """Calls until one runs in full, that one among them, to be verified again or looked at; 0
        for never."""
        changed = dict.fromkeys(x for op in seen.ops for x in op.changed)
        self.cells = [x.cell for x in changed if x.cell is not None]
        self.stamp = [0]
        """The clock's number at the last run, which all tensors that it changes share."""
        given = stand_ins.arguments
        self.quick = is_flat(given.tree) and given.plain() and stand_ins.read_only()
        """Whether `call` knows how to call it."""
        self.count = len(given.order)
        self.places = [k for k, place in enumerate(given.order) if place < 0]
        """Which arguments are floats, if all are given by position."""
        read = self.floats.fixed()
        self.numbers = [
            (type(x), repr(x) if k in read else None) for k, x in enumerate(given.floats)
        ]
        """Of each float its type and, where the program is good for this value alone, the value."""

    def _leaves(self, seen: Recorder) -> list[Tensor]:
        """Tensors from outside that ask for a gradient, in the order in which they were met."""
        own = set(self.stand_ins.tensors)
        found = dict.fromkeys(x for op in seen.ops for x in op.inputs if x.needs)
        found |= dict.fromkeys(seen.grads)
        return [x for x in found if x.primitive is None and x not in own]

    def changes(self) -> list[np.ndarray]:
        """The memory from outside that the recorded ops change."""
        assert self.seen is not None
        found = {}
        for op in self.seen.ops:
            for array in op.arrays if op.primitive.draws else op.written():
                found[id(owner(array))] = owner(array)
        return [array for key, array in found.items() if key not in self.seen.made]

    def build(self, keep: bool = False) -> None:
        """Make the program, and let go of the recording unless it is to be kept."""
        seen = self.seen
        assert seen is not None
        returned = [None if is_number(x) else array_of(x) for x in self.outputs]
        left = [a for a in returned if a is not None] + self.stand_ins.left()
        left += [grad.data for _, grad in self.grads if grad is not None]
        left += [memory for _, memory, _ in self.floats.cells]
        self.program = Program(seen, left, self.buffers, self.passes)
        self.outputs = [
            wrap(x.data) if anew and isinstance(x, Tensor) else x
            for x, anew in zip(self.outputs, self._anew, strict=True)
        ]
        musts: list[Must] = [(x, machine.DATA_SLOT, array) for x, array in self.held]
        musts += [(leaf, machine.GRAD_SLOT, grad) for leaf, grad in self.needed]
        self.binding = Binding(self.program, seen, self.buffers, returned, left, musts)
        self.moves = self.binding.moves
        self.quick = self.quick and self.program.native
        self.single = returned[0] if self.tree is Leaf and self._anew[0] else None
        """The result, where it is one tensor and new."""
        for cell in self.cells:
            cell.append(self.stamp)
        self._enter = machine.caller()
        if not keep:
            self.seen = None

    def forget(self) -> None:
        """The program is given up: what it changed last is remembered without it."""
        for cell in self.cells:
            cell[0] = max(cell[0], self.stamp[0])
            cell[:] = [number for number in cell if number is not self.stamp]

    @property
    def signature(self) -> str:
        """The arguments' types and shapes, and the floats that it is good for alone."""
        words = [f"{a.dtype.name}{list(a.shape)}" for a in self.buffers]
        words += [kind.__name__ if text is None else text for kind, text in self.numbers]
        return f"({', '.join(words)})"

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
            and self.thread is here.thread
            and self.holds()
        )

    def call(self, args: tuple[Any, ...]) -> Any:
        """The results for these arguments, or MISS; tensors and floats only, in a program without
        host ops that only reads them.
        """
        if (
            self.structure != structure[0]
            or self.grad_mode is not state.grad
            or self.thread is not here.thread
            or self.count != len(args)
        ):
            return MISS
        given = args
        if self.places and (args := self._take_floats(args)) is MISS:
            return MISS
        fresh = self.binding.fresh() if self.moves else ()
        begin = 0
        while status := self._enter(begin, self.program.length, args, fresh, self.binding.plan):
            if status == 2:
                return MISS
            for buffer, x in zip(self.buffers, args, strict=True):
                np.copyto(buffer, x.data)
            begin = self.program.after_failure(given)
        return self.finish(fresh)

    def _take_floats(self, args: tuple[Any, ...]) -> Any:
        """Write the floats where the program reads them; the other arguments, or MISS."""
        floats = [args[k] for k in self.places]
        for x, (kind, only) in zip(floats, self.numbers, strict=True):
            if type(x) is not kind or (only is not None and repr(x) != only):
                return MISS
        self.floats.write(floats)
        return tuple([x for k, x in enumerate(args) if k not in self.places])

    def run(self, arguments: Arguments) -> Any:
        """The results for these arguments, whose kinds have been checked."""
        self.load(arguments)
        self.program.run()
        result = self.finish()
        self.stand_ins.give_back(arguments)
        return result

    def load(self, arguments: Arguments) -> None:
        """Write the arguments into the memory that the program reads."""
        for buffer, leaf in zip(self.buffers, arguments.leaves, strict=True):
            np.copyto(buffer, array_of(leaf))
        if self.numbers:
            self.floats.write(arguments.floats)

    def finish(self, fresh: tuple[np.ndarray, ...] = ()) -> Any:
        """What an eager run would have left: gradients, the clock; and results, in memory of their
        own, where they have not been written there already (`fresh`).
        """
        self.leave()
        if self.countdown > 1:
            self.countdown -= 1
        if self.single is not None:
            return wrap(fresh[0] if fresh else self.single.copy())
        results = [self._fresh(k) for k in range(len(self.outputs))]
        for k, array in zip(self.binding.results if fresh else (), fresh, strict=True):
            results[k] = wrap(array) if isinstance(self.outputs[k], Tensor) else array
        return rebuild(self.tree, results)

    def leave(self) -> None:
        """What an eager run would have left behind."""
        for leaf, grad in self.grads:
            leaf.grad = grad
        if self.cells:
            self.stamp[0] = last_change[0] = tick()

    def fresh(self, arguments: Arguments) -> Any:
        """The results of the recorded run, in memory of their own."""
        self.stand_ins.give_back(arguments)
        return rebuild(self.tree, [self._fresh(k) for k in range(len(self.outputs))])

    def _fresh(self, k: int) -> Any:
        x = self.outputs[k]
        if is_number(x):
            return self.floats.now(x)
        if isinstance(x, Tensor):
            return wrap(x.data.copy()) if self._anew[k] else x  # from outside: as it is
        return x.copy()


def array_of(x: Leaf) -> np.ndarray:
    """The numbers of a tensor, or an array itself."""
    return x.data if isinstance(x, Tensor) else x
