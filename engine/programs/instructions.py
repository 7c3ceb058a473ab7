"""An instruction: a kernel, the row of its arguments, its range; and what it came from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.door import Call


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One call of a kernel."""

    kernel: int
    """Its address."""
    row: np.ndarray
    begin: int
    end: int
    op: int
    """The number of the op that it is a part of."""
    arrays: tuple[np.ndarray, ...] = ()
    """The arrays among its arguments."""
    kept: tuple[Any, ...] = ()
    """What the row points to."""

    @classmethod
    def of(cls, call: Call, given: tuple[Any, ...], op: int) -> Instruction:
        """A call through a door, with the row that the door would make."""
        words = list(call.constants)
        for kind, value in zip(call.kinds, given[2:], strict=True):
            words.append(value if kind == "i" else memory_at(value) if kind == "a" else id(value))
        kept = tuple(value for value in given[2:] if not isinstance(value, int))
        arrays = tuple(value for value in kept if isinstance(value, np.ndarray))
        row = np.array(words or [0], np.int64)
        return cls(call.kernel, row, given[0], given[1], op, arrays, kept)

    def calling(self, kernel: int, row: np.ndarray, begin: int, end: int) -> Instruction:
        """What this one calls instead."""
        return dataclasses.replace(self, kernel=kernel, row=row, begin=begin, end=end)


def memory_at(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]
