"""A program: the ops of one recording as instructions for the machine, the arrays that they use,
and the stretches that run natively, with what only Python can run between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.door import Call
from .machine import address, runner
from .recorder import Op, owner


class Program:
    """What a recording does, ready to run again on the same memory."""

    def __init__(self, ops: list[Op]):
        self.ops = ops
        self.kept: list[Any] = []
        """What rows point to."""
        self.code: np.ndarray
        self.source: list[int] = []
        """The op that each instruction belongs to."""
        self.stretches: list[tuple[int, int, Op | None]] = []
        """Instructions to run natively, then an op for Python, or None."""
        self.failed = np.zeros(2, np.int64)
        words: list[list[int]] = []
        start = 0
        for number, op in enumerate(ops):
            for call, given in op.calls:
                row = self._row(call, given)
                self.kept.append(row)
                words.append([call.kernel, address(row), given[0], given[1]])
                self.source.append(number)
            if op.on_host:
                self.stretches.append((start, len(words), op))
                start = len(words)
        if start < len(words):
            self.stretches.append((start, len(words), None))
        self.enter = runner()
        self.code = np.array(words, np.int64).reshape(len(words), 4)

    def _row(self, call: Call, given: tuple[Any, ...]) -> np.ndarray:
        """The row of a kernel's arguments, as the door would make it."""
        words = list(call.constants)
        for kind, value in zip(call.kinds, given[2:], strict=True):
            if kind == "i":
                words.append(value)
                continue
            self.kept.append(value)
            words.append(address(value) if kind == "a" else id(value))
        return np.array(words or [0], np.int64)

    def run(self) -> None:
        """Run all of it once. An op that fails raises its own error."""
        for begin, end, op in self.stretches:
            if begin < end and self.enter(begin, end, self.code, self.failed):
                self.fail()
            if op is not None:
                run_on_host(op)

    def fail(self) -> None:
        """Raise what the op of the failed instruction raises when Python runs it."""
        op = self.ops[self.source[self.failed[0]]]
        op.primitive.forward(*op.inputs, **op.params)
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


def run_on_host(op: Op) -> None:
    """Run an op in Python, into the memory that its result has."""
    result = op.primitive.forward(*op.inputs, **op.params)
    if op.out is not None:
        np.copyto(op.out, result)
