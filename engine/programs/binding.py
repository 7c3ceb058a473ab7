"""How a call hands its arrays to a program: small arguments are copied into the program's memory,
big ones are read where they lie, and big results are written where the caller gets them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import machine
from .instructions import memory_at
from .program import Program
from .recorder import Recorder, owner

BIG = 16384
"""Bytes from which on an array is not copied."""


class Binding:
    """What the machine has to know of a call's arguments and results."""

    def __init__(
        self, program: Program, seen: Recorder, inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ):  # fmt: skip
        self._tables: list[np.ndarray] = []
        changed = {id(owner(x.data)) for op in seen.ops for x in op.changed}
        grads = {id(owner(gradient)) for gradient in seen.left}
        returned = [id(owner(a)) for a in outputs]
        kinds = []
        for a in inputs:
            stays = id(a) in changed or id(a) in returned
            kinds.append(_kind(a, None if stays else self._moves(program, a)))
        self.results: list[int] = []
        """The numbers of the results that are written where the caller gets them."""
        self._fresh: list[tuple[tuple[int, ...], np.dtype]] = []
        arguments = {id(owner(a)) for a in inputs}
        for k, a in enumerate(outputs):
            whole = owner(a).nbytes == a.nbytes and a.flags.c_contiguous
            mine = id(owner(a)) in seen.made and id(owner(a)) not in arguments | grads
            if whole and mine and returned.count(id(owner(a))) == 1:
                table = self._moves(program, owner(a))
                if table is not None:
                    kinds.append(_kind(a, table))
                    self.results.append(k)
                    self._fresh.append((a.shape, a.dtype))
        program.pointers.settle()
        self.program = program
        self.kinds = np.array(kinds, np.int64).reshape(-1, machine.KIND_WORDS)
        self.moves = any(kind[5] for kind in kinds)
        outside = [owner(x.data) for op in seen.ops for x in op.changed
                   if id(owner(x.data)) not in seen.made]  # fmt: skip
        spans = {np.lib.array_utils.byte_bounds(a) for a in outside} if self.moves else set()
        self.written = np.array(sorted(spans), np.int64).reshape(-1, 2)
        """Memory from outside that the program changes: an argument that lies there is copied."""
        self.spans = len(spans)

    def _moves(self, program: Program, memory: np.ndarray) -> np.ndarray | None:
        if memory.nbytes < BIG:
            return None
        table = program.pointers.to(memory)
        if table is not None:
            self._tables.append(table)
        return table

    def fresh(self) -> list[np.ndarray]:
        """New arrays for the results that are written where they will stay."""
        if self.moves:
            self.program.pointers.away = True
        return [np.empty(shape, dtype) for shape, dtype in self._fresh]


def _kind(array: np.ndarray, moves: np.ndarray | None) -> list[int]:
    """What an argument must be, for the machine, and what happens to it."""
    padding = [0] * (machine.KIND_WORDS - 7 - array.ndim)
    head = [id(array.dtype), array.ndim, memory_at(array), array.nbytes, array.itemsize]
    bound = [0, 0] if moves is None else [memory_at(moves), len(moves)]
    return [*head, *bound, *array.shape, *padding]
