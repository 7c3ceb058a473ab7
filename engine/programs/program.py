"""A program: the ops of one recording as instructions for the machine, the arrays that they use,
and the stretches that run natively, with what only Python can run between them.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from ..kernels import pool
from ..kernels.build import F32, F64, kernel_at
from ..tape import state
from . import machine
from .direct import direct
from .instructions import Instruction, memory_at
from .recorder import Op, Recorder, check_finite, owner
from .unused import used

PASSES = frozenset({"unused", "direct", "threads"})
"""What is done to a recording before it runs; none changes a result."""

SHARED, CHUNK = 20e-6, 10e-6
"""Seconds from which on an instruction is worth several threads, and of a chunk at least."""


class Program:
    """What a recording does, ready to run again on the same memory."""

    def __init__(self, seen: Recorder, outputs: list[np.ndarray], passes: frozenset[str] = PASSES):
        self.recorded = len(seen.ops)
        self.ops = ops = used(seen, outputs) if "unused" in passes else list(seen.ops)
        watched = _watched(seen, ops)
        self.guarded = np.zeros(1, np.int64)
        """Whether a loss that is not finite stops the program before its first update."""
        self.stretches: list[tuple[int, int, Op | None]] = []
        """Instructions to run natively, then an op for Python, or None."""
        self.failed = np.zeros(2, np.int64)
        self.kept: list[np.ndarray] = []
        """Rows that instructions got instead of their own."""
        self.watches: dict[int, np.ndarray] = {}
        """The losses that instructions look at, by the instruction's number."""
        made: list[Instruction] = []
        start = 0
        for number, op in enumerate(ops):
            for value in watched.get(id(op), ()):
                self.watches[len(made)] = value
                made.append(self._watch(value, number))
            new = [Instruction.of(call, given, number) for call, given in op.calls]
            made += direct(new) if "direct" in passes else new
            if op.on_host:
                self.stretches.append((start, len(made), op))
                start = len(made)
        if start < len(made):
            self.stretches.append((start, len(made), None))
        self.instructions = made
        words = [[i.kernel, memory_at(i.row), i.begin, i.end] for i in made]
        self.code = np.array(words, np.int64).reshape(len(words), 4)
        self.length = len(words)
        self.native = not any(op.on_host for op in ops)
        """Whether Python is not needed while it runs."""
        self.enter = machine.runner()

    def _watch(self, value: np.ndarray, op: int) -> Instruction:
        row = np.array([memory_at(value), memory_at(self.guarded)], np.int64)
        kernel = machine.watch.address(value.dtype)
        return Instruction(kernel, row, 0, 1, op, (value,))

    def run(self) -> None:
        """Run all of it once. An op that fails raises its own error."""
        for begin, end, op in self.stretches:
            if begin < end and self.enter(begin, end, self.code, self.failed):
                self.fail()
            if op is not None:
                run_on_host(op)

    def run_timed(self) -> list[float]:
        """Run all of it once; the seconds that each instruction took."""
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
            kernel = kernel_at.get(one.kernel)
            chunks = min(int(spent / CHUNK), 64, one.end - one.begin)
            if spent < SHARED or chunks < 2 or kernel is None or not kernel.splits:
                continue
            pool.start()
            if not pool.job[pool.SHARE]:
                return
            row = np.array([pool.ADDRESS, one.kernel, memory_at(one.row), chunks], np.int64)
            self.kept.append(row)
            self.code[k, :2] = pool.job[pool.SHARE], memory_at(row)

    def fail(self) -> None:
        """Raise what the op of the failed instruction raises when Python runs it."""
        number = int(self.failed[0])
        if number in self.watches:
            check_finite(self.watches[number])
        op = self.ops[self.instructions[number].op]
        run_on_host(op)
        raise RuntimeError(f"{op} failed in a program with status {self.failed[1]}, but not alone")

    def arrays(self) -> list[np.ndarray]:
        """The memory of all operands and results, each once."""
        found = {id(owner(a)): owner(a) for op in self.ops for a in (*op.arrays, op.out)
                 if a is not None}  # fmt: skip
        return list(found.values())

    def __str__(self) -> str:
        lines = []
        for number, op in enumerate(self.ops):
            lines.append(f"{number:4} {'host' if op.on_host else '    '} {op}")
        return "\n".join(lines)


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
        result = op.primitive.forward(*op.inputs, **op.params)
    finally:
        state.grad = before
    if op.out is not None:
        np.copyto(op.out, result)
