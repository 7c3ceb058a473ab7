"""A pass: a cross-entropy and its gradient, which both begin with the softmax of the same logits,
are computed together from one. The sums and powers are the same, and so is what is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels.rows import both_kernel, losses_kernel, slope_kernel
from .instructions import Address, Instruction, Word, memories_of, memory_at
from .recorder import Op, owner

KERNELS = losses_kernel, slope_kernel


def softmaxes(items: Sequence[Instruction | Op], ops: Sequence[Op]) -> list[Instruction | Op]:
    """The instructions, a slope done where the loss is computed."""
    found: list[Instruction | Op | None] = list(items)
    losses: dict[tuple[int, int], int] = {}
    """Where a loss stands, by the memory of its logits and targets."""
    for k, item in enumerate(items):
        if not isinstance(item, Instruction) or item.what not in KERNELS:
            continue
        key = _memory(item.words[1]), _memory(item.words[2])
        if item.what is losses_kernel:
            losses[key] = k
            continue
        place = losses.pop(key, None)
        loss = None if place is None else found[place]
        if place is None or not isinstance(loss, Instruction):
            continue
        read = [*key, _memory(item.words[3])]
        between = ops[loss.ops[0] :]
        early = not any(id(owner(a)) in read for op in between for a in op.written())
        mine = _memory(item.words[0])
        fresh = not any(mine in memories_of(other) for other in items[:k])
        if early and fresh and _alike(loss, item):
            out, _, _, upstream, _, ignored, stride, counted = item.words
            words: tuple[Word, ...] = (*loss.words, out, upstream, stride, counted, ignored)
            address = both_kernel.address(item.arrays[0].dtype)
            both = tuple(dict.fromkeys(loss.ops + item.ops))
            found[place] = Instruction(address, words, loss.begin, loss.end, both)
            found[k] = None
    return [item for item in found if item is not None]


def _memory(word: Word) -> int:
    return id(owner(word.array)) if isinstance(word, Address) else 0


def _alike(loss: Instruction, slope: Instruction) -> bool:
    """Whether both look at the same logits and targets."""
    same = all(_at(loss.words[k]) == _at(slope.words[k]) for k in (1, 2))
    return (
        same
        and loss.words[4] == slope.words[4]
        and (loss.begin, loss.end) == (slope.begin, slope.end)
    )


def _at(word: Word) -> tuple[int, int] | None:
    """Where an operand begins, and its bytes."""
    if not isinstance(word, Address):
        return None
    return memory_at(word.array) + word.offset, word.array.nbytes
