"""A pass: updates of one kind that follow each other become one, which works out what they share
(the rate, the corrections of Adam) once and lets threads divide all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels import update
from .instructions import Address, Instruction, Table
from .recorder import Op, owner

UPDATES = {
    update.sgd: 2, update.sgd_momentum: 3, update.adam: 4,
    update.accumulate: 2, update.scale: 1, update.clip: 1,
}  # fmt: skip
"""Kernels over rows of arrays, and how many a row has. All but the second are written."""


def merged(items: Sequence[Instruction | Op]) -> list[Instruction | Op]:
    """The instructions, adjacent updates as one."""
    found: list[Instruction | Op] = []
    for item in items:
        before = found[-1] if found else None
        if isinstance(item, Instruction) and isinstance(before, Instruction):
            one = _both(before, item)
            if one is not None:
                found[-1] = one
                continue
        found.append(item)
    return found


def _both(one: Instruction, other: Instruction) -> Instruction | None:
    """Two updates as one, if they are of one kind and neither touches what the other writes."""
    width = UPDATES.get(one.what)  # type: ignore[arg-type]
    if width is None or one.kernel != other.kernel or not _alike(one.words[2:], other.words[2:]):
        return None
    first, second = one.words[0], other.words[0]
    if not isinstance(first, Table) or not isinstance(second, Table):
        return None
    if _written(first, width) & _touched(second) or _written(second, width) & _touched(first):
        return None
    rows = Table(first.words + second.words)
    words = (rows, len(rows.words) // (1 + width), *one.words[2:])
    ops = tuple(dict.fromkeys(one.ops + other.ops))
    return Instruction(one.kernel, words, 0, one.end + other.end, ops)


def _alike(some: tuple, others: tuple) -> bool:
    return len(some) == len(others) and all(
        isinstance(a, Address) and isinstance(b, Address) and a.array is b.array
        for a, b in zip(some, others, strict=True)
    )


def _touched(rows: Table) -> set[int]:
    return {id(owner(word.array)) for word in rows.words if isinstance(word, Address)}


def _written(rows: Table, width: int) -> set[int]:
    """The memory that rows write: words are the count, then the arrays, of which the second (a
    gradient, what is added) is only read."""
    return {
        id(owner(word.array))
        for k, word in enumerate(rows.words)
        if isinstance(word, Address) and k % (1 + width) != 2
    }
