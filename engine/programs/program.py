"""A program: the ops of one recording as instructions for the machine, the arrays that they use,
and the stretches that run natively, with what only Python can run between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NoReturn

import numpy as np

from ..kernels import pool
from ..kernels.build import F32, F64
from ..tape import state
from ..tensors import Tensor, wrap
from . import machine
from .chains import chains
from .direct import direct
from .epilogues import epilogues
from .instructions import Address, Instruction, Rows, memory_at
from .merged import merged
from .pointers import Pointers
from .recorder import Op, Recorder, check_finite, owner
from .reuse import Places, lay_out
from .softmaxes import softmaxes
from .unused import used

PASSES = frozenset(
    {"unused", "softmaxes", "chains", "direct", "epilogues", "merged", "reuse", "threads"}
)
"""What is done to a recording before it runs; none changes a result."""

SHARED, CHUNK = 20e-6, 10e-6
"""Seconds from which on an instruction is worth several threads, and of a chunk at least."""


class Program:
    """What a recording does, ready to run again.

    The memory of arguments (`inputs`), of results (`outputs`), and what comes from outside is that
    of the recording; everything else may lie elsewhere.
    """

    def __init__(
        self, seen: Recorder, outputs: Sequence[np.ndarray], inputs: Sequence[np.ndarray] = (),
        passes: frozenset[str] = PASSES,
    ):  # fmt: skip
        self.recorded = len(seen.ops)
        ops = used(seen, outputs) if "unused" in passes else list(seen.ops)
        self.shared: list[np.ndarray] = []
        """Rows that instructions got in the place of their own: for several threads."""
        self.guarded = np.zeros(1, np.int64)
        """Whether a loss that is not finite stops the program before its first update."""
        self.on_stop: Callable[[tuple[Any, ...]], None] | None = None
        """What is called with the arguments when that happens, once; then the program goes on.
        """
        inner = _inner(seen, [*outputs, *inputs])
        items = self._items(seen, ops)
        if "softmaxes" in passes:
            items = softmaxes(items, ops)
        if "chains" in passes:
            items = chains(items, set(inner))
        if "direct" in passes:
            items = [part for item in items for part in _direct(item)]
        if "epilogues" in passes:
            items = epilogues(items, set(inner), ops)
        if "merged" in passes:
            items = merged(items)
        places = lay_out(items, inner if "reuse" in passes else {})
        self.ops = [_moved(op, places, seen) for op in ops]
        self.stretches: list[tuple[int, int, Op | None]] = []
        """Instructions to run natively, then an op for Python, or None."""
        self.failed = np.zeros(2, np.int64)
        self.instructions: list[Instruction] = []
        start = 0
        moved = dict(zip(map(id, ops), self.ops, strict=True))
        for item in items:
            if isinstance(item, Instruction):
                self.instructions.append(item)
            else:
                self.stretches.append((start, len(self.instructions), moved[id(item)]))
                start = len(self.instructions)
        self.length = len(self.instructions)
        if start < self.length:
            self.stretches.append((start, self.length, None))
        self.rows = Rows(places)
        begins = [self.rows.row(one.words) for one in self.instructions]
        at = self.rows.write()
        words = [[one.kernel, at + 8 * begin, one.begin, one.end]
                 for one, begin in zip(self.instructions, begins, strict=True)]  # fmt: skip
        self.code = np.array(words, np.int64).reshape(self.length, 4)
        self.watches = {
            k: places(one.arrays[0])
            for k, one in enumerate(self.instructions)
            if one.what is machine.watch
        }
        """The losses that instructions look at, by the instruction's number."""
        self.native = not any(op.on_host for op in self.ops)
        """Whether Python is not needed while it runs."""
        self.enter = machine.runner()
        self.pointers = Pointers(self.rows, [op for op in ops if op.on_host])
        self._made = {*seen.made, id(owner(places.memory))}
        """The program's own memory, by identity."""
        for one in self.instructions:
            one.settle()
        places.settle()

    def _items(self, seen: Recorder, ops: list[Op]) -> list[Instruction | Op]:
        """The calls of kernels, the ops that need Python, the looks at losses, in order."""
        watched = _watched(seen, ops)
        items: list[Instruction | Op] = []
        for number, op in enumerate(ops):
            for value in watched.get(id(op), ()):
                kernel = machine.watch.address(value.dtype)
                words = (Address(value), Address(self.guarded))
                items.append(Instruction(kernel, words, 0, 1, (number,)))
            items += [Instruction.of(call, given, number) for call, given in op.calls]
            if op.on_host:
                items.append(op)
        return items

    def run(self) -> None:
        """Run all of it once. An op that fails raises its own error."""
        self.pointers.home()
        for begin, end, op in self.stretches:
            while begin < end and self.enter(begin, end, self.code, self.failed):
                begin = self.after_failure()
            if op is not None:
                run_on_host(op)

    def run_timed(self) -> list[float]:
        """Run all of it once; the seconds that each instruction took."""
        self.pointers.home()
        seconds = [0.0] * self.length
        for begin, end, op in self.stretches:
            for k in range(begin, end):
                started = perf_counter()
                if self.enter(k, k + 1, self.code, self.failed):
                    self.fail()
                seconds[k] = perf_counter() - started
            if op is not None:
                run_on_host(op)
        return seconds

    def share_out(self, seconds: list[float]) -> None:
        """Have the pool of threads run the instructions that take long."""
        for k, (one, spent) in enumerate(zip(self.instructions, seconds, strict=True)):
            kernel = one.what
            chunks = min(int(spent / CHUNK), 64, one.end - one.begin)
            if spent < SHARED or chunks < 2 or kernel is None or not kernel.splits:
                continue
            pool.start()
            if not pool.job[pool.SHARE]:
                return
            row = np.array([pool.ADDRESS, one.kernel, self.code[k, 1], chunks], np.int64)
            self.shared.append(row)
            self.code[k, :2] = pool.job[pool.SHARE], memory_at(row)

    def after_failure(self, args: tuple[Any, ...] = ()) -> int:
        """An instruction has failed: where to go on, if it was a look at a loss and `on_stop` wants
        to know of it; else this raises.
        """
        number, tell = int(self.failed[0]), self.on_stop
        if tell is None or number not in self.watches:
            self.fail()
        self.on_stop, self.guarded[0] = None, 0
        tell(args)
        return number + 1

    def fail(self) -> NoReturn:
        """Raise what the op of the failed instruction raises when Python runs it."""
        number = int(self.failed[0])
        if number in self.watches:
            check_finite(self.watches[number])
        op = self.ops[self.instructions[number].ops[0]]
        run_on_host(op)
        raise RuntimeError(f"{op} failed in a program with status {self.failed[1]}, but not alone")

    def arrays(self) -> list[np.ndarray]:
        """The memory of all operands and results, each once."""
        hosted = [a for op in self.ops if op.on_host for a in (*op.arrays, op.out) if a is not None]
        return list({id(a): a for a in map(owner, [*self.rows.arrays, *hosted])}.values())

    @property
    def results(self) -> dict[int, int]:
        """Bytes of each op's result, by the op's number."""
        return {k: op.out.nbytes for k, op in enumerate(self.ops) if op.out is not None}

    @property
    def own(self) -> list[np.ndarray]:
        """The memory that belongs to the program."""
        return [array for array in self.arrays() if id(array) in self._made]

    def groups(self) -> list[int | None]:
        """For each op the number of the first of those that one instruction computes together."""
        found: list[int | None] = [None] * len(self.ops)
        for one in self.instructions:
            if len(one.ops) > 1:
                for op in one.ops:
                    found[op] = one.ops[0]
        return found

    def __str__(self) -> str:
        lines = []
        for number, (op, group) in enumerate(zip(self.ops, self.groups(), strict=True)):
            mark = "host" if op.on_host else "|" if group is not None else ""
            lines.append(f"{number:4} {mark:4} {op}")
        return "\n".join(lines)


def _inner(seen: Recorder, outer: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """The memory of results that nobody but the program reads, by identity."""
    inner = dict(seen.made)
    for array in outer:
        inner.pop(id(owner(array)), None)
    return inner


def _direct(item: Instruction | Op) -> Sequence[Instruction | Op]:
    return direct(item) if isinstance(item, Instruction) else [item]


def _moved(op: Op, places: Places, seen: Recorder) -> Op:
    """An op on the memory of the program, without the graph that it was recorded with."""
    arrays = tuple([places(a) for a in op.arrays])
    inputs: tuple[Tensor, ...] = ()
    if op.on_host:
        made = seen.made
        inputs = tuple([
            _named(place, x.name) if id(owner(a)) in made else x
            for x, a, place in zip(op.inputs, op.arrays, arrays, strict=True)
        ])  # fmt: skip
    out = None if op.out is None else places(op.out)
    return Op(op.primitive, inputs, (), arrays, op.params, out, (), op.on_host, op.scope,
              op.grad_mode)  # fmt: skip


def _named(array: np.ndarray, name: str | None) -> Tensor:
    x = wrap(array)
    x.name = name
    return x


def _watched(seen: Recorder, ops: list[Op]) -> dict[int, list[np.ndarray]]:
    """The losses to look at, by the op before which: the first change in place after backward
    began."""
    found: dict[int, list[np.ndarray]] = {}
    for value, begin in seen.roots:
        later = {id(op) for op in seen.ops[begin:]}
        for op in ops if value.dtype in (F32, F64) else ():
            if op.changed and id(op) in later:
                found.setdefault(id(op), []).append(value)
                break
    return found


def run_on_host(op: Op) -> None:
    """Run an op in Python, in the mode it was recorded in, into the memory that its result has."""
    before = state.grad
    state.grad = op.grad_mode
    try:
        inputs = op.inputs or [wrap(array) for array in op.arrays]
        result = op.primitive.forward(*inputs, **op.params)
    finally:
        state.grad = before
    if op.out is not None:
        np.copyto(op.out, result)
