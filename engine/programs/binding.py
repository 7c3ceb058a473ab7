"""How a call hands its arrays to a program: small arguments are copied into the program's memory,
big ones are read where they lie, and big results are written where the caller gets them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from sys import getrefcount

import numpy as np

from ..tensors import Tensor
from . import machine
from .instructions import memory_at
from .program import Program
from .recorder import Recorder, owner

Must = tuple[object, int, object]
"""An object, the place of a word in it, and the object whose address must stand there."""

KEPT = 2
"""Arrays of each big result that are kept for later calls, once nobody else has them: their memory
is there already, and near."""

ALONE = 3
"""References to an array that only `Binding._array` has: its list, its variable, the question."""

BIG = 16384
"""Bytes from which on an array is not copied."""


class Binding:
    """What the machine has to know of a call's arguments and results."""

    def __init__(
        self, program: Program, seen: Recorder, inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray | None], left: Sequence[np.ndarray], musts: Sequence[Must],
    ):  # fmt: skip
        self._tables: list[np.ndarray] = []
        changed = {id(owner(x.data)) for op in seen.ops for x in op.changed}
        times = Counter(id(owner(a)) for a in left)
        kinds = []
        for a in inputs:
            stays = id(a) in changed or id(a) in times
            kinds.append(_kind(a, None if stays else self._moves(program, a)))
        self.results: list[int] = []
        """The numbers of the results that are written where the caller gets them."""
        self._fresh: list[tuple[tuple[int, ...], np.dtype]] = []
        arguments = {id(owner(a)) for a in inputs}
        for k, a in enumerate(outputs):
            if a is None or owner(a).nbytes != a.nbytes or not a.flags.c_contiguous:
                continue
            memory = id(owner(a))
            if memory in seen.made and memory not in arguments and times[memory] == 1:
                table = self._moves(program, owner(a))
                if table is not None:
                    kinds.append(_kind(a, table))
                    self.results.append(k)
                    self._fresh.append((a.shape, a.dtype))
        program.pointers.settle()
        self.program = program
        self._kept: list[list[np.ndarray]] = [[] for _ in self._fresh]
        self.moves = any(kind[5] for kind in kinds)
        outside = [owner(x.data) for op in seen.ops for x in op.changed
                   if id(owner(x.data)) not in seen.made]  # fmt: skip
        spans = {np.lib.array_utils.byte_bounds(a) for a in outside} if self.moves else set()
        # an argument that lies in memory which the program changes is copied
        written = np.array(sorted(spans), np.int64).reshape(-1, 2)
        table = np.array(kinds, np.int64).reshape(-1, machine.KIND_WORDS)
        self._musts = musts
        must = np.array([[id(x), at, id(y)] for x, at, y in musts], np.int64).reshape(-1, 3)
        self._tables += [written, table, must]
        words = [
            memory_at(table), len(inputs), len(self.results), memory_at(program.code),
            memory_at(program.failed), 0, memory_at(written), len(written), memory_at(must),
            len(must), id(Tensor), id(False), id(None),
        ]  # fmt: skip
        self.plan = np.array(words, np.int64)
        """What the machine reads; see `machine.caller`."""

    def let_others_run(self, flag: bool) -> None:
        """Whether other Python threads may run during a call."""
        self.plan[5] = flag

    def _moves(self, program: Program, memory: np.ndarray) -> np.ndarray | None:
        if memory.nbytes < BIG:
            return None
        table = program.pointers.to(memory)
        if table is not None:
            self._tables.append(table)
        return table

    def fresh(self) -> tuple[np.ndarray, ...]:
        """New arrays for the results that are written where they will stay, or those of earlier
        calls that nobody has any more. The program's rows are about to point to them."""
        self.program.pointers.away = True
        return tuple([self._array(k) for k in range(len(self._fresh))])

    def _array(self, k: int) -> np.ndarray:
        kept = self._kept[k]
        for array in kept:
            if getrefcount(array) == ALONE:
                return array
        array = np.empty(*self._fresh[k])
        kept.append(array)
        if len(kept) > KEPT:
            del kept[0]
        return array


def _kind(array: np.ndarray, moves: np.ndarray | None) -> list[int]:
    """What an argument must be, for the machine, and what happens to it."""
    padding = [0] * (machine.KIND_WORDS - 7 - array.ndim)
    head = [id(array.dtype), array.ndim, memory_at(array), array.nbytes, array.itemsize]
    bound = [0, 0] if moves is None else [memory_at(moves), len(moves)]
    return [*head, *bound, *array.shape, *padding]
