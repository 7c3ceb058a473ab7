"""A pass: results that nobody needs any more give their memory to later ones. What the program
reads and writes is the same; only where it lies changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from .instructions import Instruction, memories_of, memory_at
from .recorder import Op, owner

BORDER = 64
"""Bytes on whose multiples results begin."""


class Places:
    """Where arrays lie: `places(array)` shows the array's elements in its new memory."""

    def __init__(self, starts: Mapping[int, int], total: int, gone: Collection[int] = ()):
        whole = np.empty(total + BORDER, np.uint8)
        begin = -memory_at(whole) % BORDER
        self.memory = whole[begin : begin + total]
        """What all moved arrays share."""
        self._starts = starts
        self._gone = gone
        """Memory that no instruction needs any more: what lay there never goes to memory."""
        self._moved: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, array: np.ndarray) -> np.ndarray:
        known = self._moved.get(id(array))
        if known is not None:
            return known[1]
        memory = owner(array)
        start = self._starts.get(id(memory))
        if start is not None:
            start += memory_at(array) - memory_at(memory)
            moved = np.ndarray(array.shape, array.dtype, self.memory, start, array.strides)
        elif id(memory) in self._gone:
            moved = np.broadcast_to(np.zeros((), array.dtype), array.shape)
        else:
            moved = array
        self._moved[id(array)] = array, moved
        return moved

    def settle(self) -> None:
        """No more arrays will be asked for: let go of the memory where they lay."""
        self._moved.clear()
        self._starts, self._gone = {}, ()


def lay_out(items: Sequence[Instruction | Op], inner: Mapping[int, np.ndarray]) -> Places:
    """Places for the memory in `inner` (by identity), which only these instructions need: two
    results lie in the same place if the one is last read before the other is made.
    """
    lives: dict[int, list[int]] = {}
    for k, item in enumerate(items):
        for memory in memories_of(item):
            if memory in inner:
                lives.setdefault(memory, [k, k])[1] = k
    ends: dict[int, list[int]] = {}
    for memory, (_, last) in lives.items():
        ends.setdefault(last, []).append(memory)
    starts: dict[int, int] = {}
    sizes = {memory: -(-inner[memory].nbytes // BORDER) * BORDER or BORDER for memory in lives}
    gaps = _Gaps()
    beginning = {}
    for memory, (first, _) in lives.items():
        beginning.setdefault(first, []).append(memory)
    for k in range(len(items)):
        for memory in beginning.get(k, ()):
            starts[memory] = gaps.take(sizes[memory])
        for memory in ends.get(k, ()):
            gaps.give(starts[memory], sizes[memory])
    return Places(starts, gaps.end, inner.keys() - lives.keys())


class _Gaps:
    """Free stretches of memory in order, which grows at its end."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []
        self.end = 0

    def take(self, size: int) -> int:
        """The start of the smallest stretch that is long enough."""
        fitting = [gap for gap in self.free if gap[1] - gap[0] >= size]
        if fitting:
            start, stop = gap = min(fitting, key=lambda gap: (gap[1] - gap[0], gap[0]))
            self.free.remove(gap)
            if start + size < stop:
                self._insert(start + size, stop)
            return start
        if self.free and self.free[-1][1] == self.end:
            start, _ = self.free.pop()
        else:
            start = self.end
        self.end = start + size
        return start

    def give(self, start: int, size: int) -> None:
        """A stretch is free again; it joins its neighbours."""
        self._insert(start, start + size)

    def _insert(self, start: int, stop: int) -> None:
        for gap in [gap for gap in self.free if gap[1] == start or gap[0] == stop]:
            self.free.remove(gap)
            start, stop = min(start, gap[0]), max(stop, gap[1])
        self.free.append((start, stop))
        self.free.sort()
