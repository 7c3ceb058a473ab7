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
        self._fixed = {id(owner(a)) for a in rows.objects}
        for op in hosted:
            self._fixed.update(id(owner(a)) for a in (*op.arrays, op.out) if a is not None)
        self._words: dict[int, list[tuple[int, int]]] = {}
        for address, at in rows.pointers:
            memory = owner(address.array)
            offset = memory_at(address.array) + address.offset - memory_at(memory)
            self._words.setdefault(id(memory), []).append((at, offset))
        rows.pointers, rows.objects = [], []
        self._homes: list[tuple[np.ndarray, np.ndarray]] = []
        self.away = False
        """Whether words point to somewhere else than to the program's own memory."""

    def to(self, memory: np.ndarray) -> np.ndarray | None:
        """Where the addresses within some memory stand, and each one's distance from its beginning;
        None where it cannot be read elsewhere."""
        if id(memory) in self._fixed:
            return None
        table = np.array(self._words.get(id(memory), []), np.int64).reshape(-1, 2)
        self._homes.append((memory, table))
        return table

    def settle(self) -> None:
        """No more memory will be asked for."""
        self._words.clear()
        self._fixed.clear()

    def home(self) -> None:
        """Have all words point to the program's own memory again."""
        if not self.away:
            return
        for memory, table in self._homes:
            begin = memory_at(memory)
            for place, offset in table.tolist():
                ctypes.c_int64.from_address(place).value = begin + offset
        self.away = False
