"""An instruction: a kernel, the words of its row, its range. Words that say where arrays lie stay
symbols until a program is put together, so that passes can lay results elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..kernels.build import I64, Kernel, kernel_at
from ..kernels.door import Call, door
from .recorder import Op, owner


@dataclass(slots=True, eq=False)
class Address:
    """So many bytes after where an array's memory begins."""

    array: np.ndarray
    offset: int = 0


@dataclass(slots=True, eq=False)
class Identity:
    """The address of a Python object: an array, a tuple of arrays, None."""

    value: Any


@dataclass(slots=True, eq=False)
class Table:
    """The address of more words."""

    words: tuple[Word, ...]


Word = int | Address | Identity | Table


class Instruction:
    """One call of a kernel: its address, the words of its row, its range, and the numbers of the
    ops that it computes, or is a part of."""

    __slots__ = ("_memories", "arrays", "begin", "end", "kernel", "ops", "what", "words")

    def __init__(
        self, kernel: int, words: tuple[Word, ...], begin: int, end: int, ops: tuple[int, ...],
        arrays: list[np.ndarray] | None = None,
    ):  # fmt: skip
        self.kernel = kernel
        self.what = kernel_at.get(kernel)
        """The kernel as it is known by name; None for one that is not."""
        self.words: tuple[Word, ...] = words
        self.begin = begin
        self.end = end
        self.ops = ops
        self.arrays: list[np.ndarray] = [] if arrays is None else arrays
        """The arrays among its words, as often as they stand there."""
        if arrays is None:
            _collect(words, self.arrays)
        self._memories: list[int] | None = None

    @property
    def memories(self) -> list[int]:
        """Whose memory each of the arrays shows, by identity."""
        if self._memories is None:
            self._memories = [
                id(array) if array.base is None else id(owner(array)) for array in self.arrays
            ]
        return self._memories

    @classmethod
    def of(cls, call: Call, given: tuple[Any, ...], op: int) -> Instruction:
        """A call through a door, with the words that the door would put into its row."""
        words: list[Word] = list(call.constants)
        arrays: list[np.ndarray] = []
        for kind, value in zip(call.kinds, given[2:], strict=True):
            if kind == "i":
                words.append(value)
            elif kind == "a":
                words.append(Address(value))
                arrays.append(value)
            else:
                words.append(Identity(value))
                _collect(words[-1:], arrays)
        return cls(call.kernel, tuple(words), given[0], given[1], (op,), arrays)

    def calling(self, kernel: int, words: tuple[Word, ...], begin: int, end: int) -> Instruction:
        """What this one calls instead."""
        return Instruction(kernel, words, begin, end, self.ops)

    def settle(self) -> None:
        """The row is made: let go of the arrays."""
        self.words = ()
        self.arrays = []
        self._memories = []


def _collect(words: Sequence[Word], found: list[np.ndarray]) -> None:
    for word in words:
        kind = word.__class__
        if kind is Address:
            found.append(word.array)  # type: ignore[union-attr]
        elif kind is Table:
            _collect(word.words, found)  # type: ignore[union-attr]
        elif kind is Identity:
            value = word.value  # type: ignore[union-attr]
            if isinstance(value, tuple):
                found += value
            elif isinstance(value, np.ndarray):
                found.append(value)


def arrays_of(item: Instruction | Op) -> list[np.ndarray]:
    """The arrays that an instruction, or an op in Python, reads or writes."""
    if isinstance(item, Instruction):
        return item.arrays
    return [*item.arrays] if item.out is None else [*item.arrays, item.out]


def memories_of(item: Instruction | Op) -> list[int]:
    """Whose memory each of them shows, by identity."""
    if isinstance(item, Instruction):
        return item.memories
    return [id(owner(array)) for array in arrays_of(item)]


class Rows:
    """Puts the words of instructions into memory, where `place` says each array lies now."""

    def __init__(self, place: Callable[[np.ndarray], np.ndarray] = lambda array: array):
        self.place = place
        self.kept: list[Any] = []
        """The objects that rows point to."""
        self.arrays: list[np.ndarray] = []
        """The arrays that they point to."""
        self.pointers: list[tuple[Address, int]] = []
        """Each word that is an address: what of, and where the word stands."""
        self.objects: list[np.ndarray] = []
        """The arrays that kernels look at as Python's objects."""
        self.memory = np.empty(0, np.int64)
        """All rows, once they are written."""
        self._numbers: list[int] = []
        self._tables: list[tuple[int, int]] = []
        """Words that are addresses of rows here: where the word, where the row stands."""

    def row(self, words: tuple[Word, ...]) -> int:
        """Take the words of a row; the number of its first one among all."""
        numbers: list[int] = []
        addresses: list[tuple[Address, int]] = []
        tables: list[tuple[int, int]] = []
        for k, word in enumerate(words):
            kind = word.__class__
            if kind is Address:
                addresses.append((word, k))  # type: ignore[arg-type]
                array = self.place(word.array)  # type: ignore[union-attr]
                self.arrays.append(array)
                numbers.append(_reader()(0, 0, array) + word.offset)  # type: ignore[union-attr]
            elif kind is Table:
                tables.append((k, self.row(word.words)))  # type: ignore[union-attr]
                numbers.append(0)
            elif kind is Identity:
                numbers.append(self._object(word.value))  # type: ignore[union-attr]
            else:
                numbers.append(word)  # type: ignore[arg-type]
        begin = len(self._numbers)
        self._numbers += numbers
        self.pointers += [(address, begin + k) for address, k in addresses]
        self._tables += [(begin + k, table) for k, table in tables]
        return begin

    def write(self) -> int:
        """Put all rows into memory; the address of the first word."""
        self.memory = np.array(self._numbers or [0], np.int64)
        start = memory_at(self.memory)
        for k, table in self._tables:
            self.memory[k] = start + 8 * table
        self.pointers = [(address, start + 8 * k) for address, k in self.pointers]
        self._numbers, self._tables = [], []
        return start

    def _object(self, value: Any) -> int:
        if isinstance(value, tuple):
            self.objects += value
            value = tuple([self.place(x) for x in value])
            self.arrays += value
        elif isinstance(value, np.ndarray):
            self.objects.append(value)
            value = self.place(value)
            self.arrays.append(value)
        self.kept.append(value)
        return id(value)


_where = Kernel("where", lambda suffix: "def kernel(args, begin, end):\n    return args[0]\n")


@cache
def _reader() -> Callable[..., int]:
    return door(_where.address(I64), "a")


def memory_at(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return _reader()(0, 0, array)
