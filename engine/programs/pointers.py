"""Where rows point: big arguments are read where the caller has them, big results are written into
the array that the caller gets, instead of being copied.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from .instructions import Rows, memory_at
from .recorder import Op, owner


class Pointers:
    """The words of a program's rows that are addresses, by the memory that they lie in."""

    def __init__(self, rows: Rows, hosted: Sequence[Op]):
        self._rows, self._hosted = rows, hosted
        self._homes: list[tuple[np.ndarray, np.ndarray]] = []
        self.away = False
        """Whether words point to somewhere else than to the program's own memory."""

    def to(self, memory: np.ndarray) -> np.ndarray | None:
        """Where the addresses within some memory stand, and each one's distance from its beginning;
        None where it cannot be read elsewhere."""
        fixed = [*self._rows.objects]
        for op in self._hosted:
            fixed += [*op.arrays] if op.out is None else [*op.arrays, op.out]
        if any(owner(array) is memory for array in fixed):
            return None
        begin = memory_at(memory)
        words = [
            (at, memory_at(address.array) + address.offset - begin)
            for address, at in self._rows.pointers
            if owner(address.array) is memory
        ]
        table = np.array(words, np.int64).reshape(-1, 2)
        self._homes.append((memory, table))
        return table

    def settle(self) -> None:
        """No more memory will be asked for."""
        self._rows.pointers, self._rows.objects, self._hosted = [], [], ()

    def home(self) -> None:
        """Have all words point to the program's own memory again."""
        if not self.away:
            return
        for memory, table in self._homes:
            begin = memory_at(memory)
            for place, offset in table.tolist():
                ctypes.c_int64.from_address(place).value = begin + offset
        self.away = False
