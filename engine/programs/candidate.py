"""One recording of a function as a program, with what it takes for granted and what it leaves
behind: the fast way through a call.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tape import last_change, state, structure, tick
from ..tensors import Tensor, wrap
from . import machine
from .arguments import Arguments, StandIns
from .floats import is_number
from .instructions import memory_at
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

    def __init__(
        self, seen: Recorder, stand_ins: StandIns, result: Any, passes: frozenset[str], stamp: int
    ):
        self.seen, self.stand_ins, self.result = seen, stand_ins, result
        self.made, self.floats = seen.made, seen.floats
        self.structure, self.grad_mode, self.thread = stamp, state.grad, here.thread
        self.tree, self.outputs = flatten(result)
        self.grads = [(leaf, leaf.grad) for leaf in self._leaves()]
        """Leaves whose `.grad` a call sets, and to what."""
        own = set(stand_ins.tensors)
        self.began = {x: grad is None for x, grad in seen.grads.items() if x not in own}
        """Whether leaves had no gradient when backward first gave them one."""
        self.needed: list[tuple[Tensor, Tensor | None]] = []
        """Leaves whose `.grad` must be what it was when a call begins."""
        self.held: list[tuple[Tensor, np.ndarray]] = []
        """Tensors from outside, and the arrays that they must still have."""
        left = [array_of(x) for x in self.outputs if not is_number(x)]
        left += [grad.data for _, grad in self.grads if grad is not None]
        self.program = Program(seen, left + stand_ins.left(), passes)
        self.buffers = [x.data for x in stand_ins.tensors]
        self.kinds = np.array([_kind(a) for a in self.buffers], np.int64)
        self.ready = False
        self.release = 0
        self.countdown = 0
        """Calls until it is verified again, that one among them; 0 for never."""
        changed = dict.fromkeys(x for op in seen.ops for x in op.changed)
        self.cells = [x.cell for x in changed if x.cell is not None]
        self.single = isinstance(result, Tensor) and id(owner(result.data)) in self.made
        given = stand_ins.arguments
        self.quick = (
            self.program.native and is_flat(given.tree) and given.plain() and stand_ins.read_only()
        )
        """Whether `call` knows how to call it."""
        self.count = len(given.order)
        self.places = [k for k, place in enumerate(given.order) if place < 0]
        """Which arguments are floats, if all are given by position."""
        read = self.floats.fixed()
        self.numbers = [
            (type(x), repr(x) if k in read else None) for k, x in enumerate(given.floats)
        ]
        """Of each float its type and, where the program is good for this value alone, the value."""
        self._enter = machine.caller()

    def _leaves(self) -> list[Tensor]:
        """Tensors from outside that ask for a gradient, in the order in which they were met."""
        own = set(self.stand_ins.tensors)
        found = dict.fromkeys(x for op in self.seen.ops for x in op.inputs if x.needs)
        found |= dict.fromkeys(self.seen.grads)
        return [x for x in found if x.primitive is None and x not in own]

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

    def call(self, args: Sequence[Any]) -> Any:
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
        if self.places and (args := self._take_floats(args)) is MISS:
            return MISS
        for x in args:
            if x.__class__ is not Tensor or x.needs or x.grad is not None:
                return MISS
        if not self.holds():
            return MISS
        program = self.program
        arrays = tuple([x.data for x in args])
        status = self._enter(
            0, program.length, arrays, self.kinds, len(arrays), program.code, program.failed,
            self.release,
        )  # fmt: skip
        if status:
            if status == 2:
                return MISS
            program.fail()
        return self.finish()

    def _take_floats(self, args: Sequence[Any]) -> Any:
        """Write the floats where the program reads them; the other arguments, or MISS."""
        floats = [args[k] for k in self.places]
        for x, (kind, only) in zip(floats, self.numbers, strict=True):
            if type(x) is not kind or (only is not None and repr(x) != only):
                return MISS
        self.floats.write(floats)
        return [x for k, x in enumerate(args) if k not in self.places]

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

    def finish(self) -> Any:
        """What an eager run would have left: gradients, the clock; and fresh results."""
        self.leave()
        if self.countdown > 1:
            self.countdown -= 1
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

    def fresh(self, arguments: Arguments) -> Any:
        """The results of the recorded run, in memory of their own."""
        self.stand_ins.give_back(arguments)
        return rebuild(self.tree, [self._fresh(x) for x in self.outputs])

    def _fresh(self, x: Any) -> Any:
        if is_number(x):
            return self.floats.now(x)
        array = array_of(x)
        if isinstance(x, Tensor) and id(owner(array)) not in self.made:
            return x  # a tensor from outside, as it is
        return wrap(array.copy()) if isinstance(x, Tensor) else array.copy()


def array_of(x: Leaf) -> np.ndarray:
    """The numbers of a tensor, or an array itself."""
    return x.data if isinstance(x, Tensor) else x


def _kind(array: np.ndarray) -> list[int]:
    """What an argument must be, for the machine."""
    padding = [0] * (machine.KIND_WORDS - 5 - array.ndim)
    head = [id(array.dtype), array.ndim, memory_at(array), array.nbytes, array.itemsize]
    return [*head, *array.shape, *padding]
