"""An instruction: a kernel, the words of its row, its range. Words that say where arrays lie stay
symbols until a program is put together, so that passes can lay results elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..kernels.door import Call
from .recorder import Op


class Address(NamedTuple):
    """So many bytes after where an array's memory begins."""

    array: np.ndarray
    offset: int = 0


class Identity(NamedTuple):
    """The address of a Python object: an array, a tuple of arrays, None."""

    value: Any


class Table(NamedTuple):
    """The address of more words."""

    words: tuple[Word, ...]


Word = int | Address | Identity | Table


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One call of a kernel."""

    kernel: int
    """Its address."""
    words: tuple[Word, ...]
    begin: int
    end: int
    ops: tuple[int, ...]
    """The numbers of the ops that it computes, or is a part of."""

    @classmethod
    def of(cls, call: Call, given: tuple[Any, ...], op: int) -> Instruction:
        """A call through a door, with the words that the door would put into its row."""
        words: list[Word] = list(call.constants)
        for kind, value in zip(call.kinds, given[2:], strict=True):
            words.append(value if kind == "i" else _KINDS[kind](value))
        return cls(call.kernel, tuple(words), given[0], given[1], (op,))

    def arrays(self) -> list[np.ndarray]:
        """The arrays among its words, as often as they stand there."""
        return list(_arrays(self.words))

    def calling(self, kernel: int, words: tuple[Word, ...], begin: int, end: int) -> Instruction:
        """What this one calls instead."""
        return dataclasses.replace(self, kernel=kernel, words=words, begin=begin, end=end)


_KINDS: dict[str, Callable[[Any], Word]] = {"a": Address, "o": Identity}


def _arrays(words: tuple[Word, ...]) -> Iterator[np.ndarray]:
    for word in words:
        if isinstance(word, Address):
            yield word.array
        elif isinstance(word, Table):
            yield from _arrays(word.words)
        elif isinstance(word, Identity):
            for value in word.value if isinstance(word.value, tuple) else (word.value,):
                if isinstance(value, np.ndarray):
                    yield value


def arrays_of(item: Instruction | Op) -> list[np.ndarray]:
    """The arrays that an instruction, or an op in Python, reads or writes."""
    if isinstance(item, Instruction):
        return item.arrays()
    return [*item.arrays] if item.out is None else [*item.arrays, item.out]


class Rows:
    """Puts the words of instructions into memory, where `place` says each array lies now."""

    def __init__(self, place: Callable[[np.ndarray], np.ndarray] = lambda array: array):
        self.place = place
        self.kept: list[Any] = []
        """What the rows point to."""
        self.pointers: list[tuple[Address, np.ndarray, int]] = []
        """Each word that is an address: what of, the row, the place in it."""
        self.objects: list[np.ndarray] = []
        """The arrays that kernels look at as Python's objects."""

    def row(self, words: tuple[Word, ...]) -> np.ndarray:
        """The words in memory."""
        row = np.zeros(max(len(words), 1), np.int64)
        for k, word in enumerate(words):
            row[k] = self._value(word, row, k)
        self.kept.append(row)
        return row

    def _value(self, word: Word, row: np.ndarray, k: int) -> int:
        if isinstance(word, Address):
            self.pointers.append((word, row, k))
            array = self.place(word.array)
            self.kept.append(array)
            return memory_at(array) + word.offset
        if isinstance(word, Table):
            return memory_at(self.row(word.words))
        if isinstance(word, Identity):
            value = word.value
            if isinstance(value, tuple):
                self.objects += value
                value = tuple([self.place(x) for x in value])
            elif isinstance(value, np.ndarray):
                self.objects.append(value)
                value = self.place(value)
            self.kept.append(value)
            return id(value)
        return word


def memory_at(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]
