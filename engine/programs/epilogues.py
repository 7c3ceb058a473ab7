"""A pass: a relu, or the gate that is its gradient, which alone reads the result of a product of
matrices, is done by the product, on sums that are still in registers. The sums are the same, and so
is what becomes of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..kernels.tiles import GATED, POSITIVE, tiles
from .instructions import Address, Instruction, memories_of
from .recorder import Op, owner

ENDINGS = {"relu": POSITIVE, "gate": GATED}
"""The kernels that a product can do in the end, and what it calls them."""

ENDING = 18
"""The word of a product's row that says what is done in the end; then comes the gate."""


def epilogues(
    items: Sequence[Instruction | Op], inner: set[int], ops: Sequence[Op]
) -> list[Instruction | Op]:
    """The instructions, products with what ends them as one, where the product stood. `inner` has
    the memory, by identity, that nobody but these instructions needs.
    """
    touched: dict[int, list[int]] = {}
    for k, item in enumerate(items):
        for memory in memories_of(item):
            places = touched.setdefault(memory, [])
            if not places or places[-1] != k:
                places.append(k)
    found: list[Instruction | Op | None] = list(items)
    products: dict[int, int] = {}
    """Where the product stands that made some memory."""
    for k, item in enumerate(items):
        if not isinstance(item, Instruction):
            continue
        ending = item.what
        if ending is tiles and isinstance(made := item.words[0], Address):
            products[id(owner(made.array))] = k
            continue
        if ending is None or ending.name not in ENDINGS:
            continue
        place = products.get(_memory(item.words[1]))
        product = None if place is None else found[place]
        if place is None or not isinstance(product, Instruction):
            continue
        x, out = _memory(item.words[1]), _memory(item.words[0])
        gate = item.words[2] if ending.name == "gate" else 0
        alone = x in inner and touched[x] == [place, k] and touched[out][0] == k
        if alone and _fits(product, item, gate):
            between = ops[product.ops[0] : item.ops[0]]
            gates = _memory(gate)
            if gates and any(id(owner(a)) == gates for op in between for a in op.written()):
                continue
            words = item.words[0], *product.words[1:ENDING], ENDINGS[ending.name], gate
            both = tuple(dict.fromkeys(product.ops + item.ops))
            found[place] = Instruction(product.kernel, words, product.begin, product.end, both)
            found[k] = None
    return [item for item in found if item is not None]


def _memory(word: object) -> int:
    return id(owner(word.array)) if isinstance(word, Address) else 0


def _fits(product: Instruction, item: Instruction, gate: object) -> bool:
    """Whether the ending reads and writes, element by element, just what the product makes."""
    made, out, x = product.words[0], *item.words[:2]
    if not (isinstance(made, Address) and isinstance(out, Address) and isinstance(x, Address)):
        return False
    arrays: list[np.ndarray] = [out.array, x.array]
    if gate != 0:
        if not isinstance(gate, Address) or item.words[3] != 0:
            return False  # one number for all
        arrays.append(gate.array)
    same = all(a.flags.c_contiguous and a.nbytes == made.array.nbytes for a in arrays)
    return same and x.offset == 0 and x.array is made.array and not product.words[ENDING]
